"""`rundrill show`: what each line of a runbook was taken for."""

import argparse
import sys
from typing import Final

from rundrill.base.options import file
from rundrill.runbook import load
from rundrill.show import as_json, as_text

EPILOG: Final = """\
exit codes: 0 the document was read, 2 it cannot be read

examples:
  rundrill show runbook.md                      each line, with the claims on it
  rundrill show runbook.md | grep ' ? '         the lines that were not understood
  rundrill show --json runbook.md > claims.json

In brackets behind a claim: what can test it. "drill": a drill by itself; "lint": the linter;
"human": a drill with people. docs/runbook-reading.md tells what is read, and how to write it.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "show",
        help="what each line of a runbook was taken for, and which were not understood",
        description="Reads a runbook and shows every claim in it, line by line.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runbook", type=file, help="a Markdown file")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises `RunbookError` when the document cannot be read."""
    runbook = load(options.runbook)
    sys.stdout.write(as_json(runbook) if options.json else as_text(runbook))
    return 0
