"""`rundrill export`: a past drill in the form of another tool."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from rundrill.backtest import UnitTest, read_past, render, unit_test
from rundrill.base import out
from rundrill.base.options import file
from rundrill.detection import load_rules
from rundrill.errors import RulesError, RundrillError

EPILOG: Final = """\
exit codes: 0 written, 2 bad input

examples:
  rundrill export promtool runs/20260101-120000-crash-loop -o alerts_test.yml
  promtool test rules alerts_test.yml

The test has the samples that the rules need, in the time that they were written for, so that it
tests your rules file as it is: each expected alert fires at its time and not before, and no other
fires. docs/backtest.md says what is exact.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="write a drill as a unit test of `promtool test rules`",
        description="Writes a past drill in the form of another tool.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("form", choices=("promtool",), help="what it is written for")
    parser.add_argument("run", type=file, help="the folder of a drill or of a game day")
    parser.add_argument("-o", "--output", type=file, metavar="FILE", help="default: to stdout")
    parser.add_argument(
        "--rules", type=file, metavar="FILE", help="default: the rules file of the drill"
    )


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises the `RundrillError` of whatever cannot be read or written."""
    drills = read_past([options.run])
    path = _rules_path(options.rules, Path(drills[0].recording.rules_path))
    rules = load_rules(path, drills[0].recording.dialect)
    made: list[UnitTest] = []
    for drill in drills:
        try:
            made.append(unit_test(drill, rules))
        except RulesError as error:
            # Of a game day what can be exported is.
            if len(drills) == 1:
                raise
            sys.stderr.write(f"rundrill: {drill.name} is left out: {error}\n")
    if not made:
        raise RundrillError(
            "no drill of it can be exported", path=options.run, fix="see the messages above"
        )
    here = Path.cwd() if options.output is None else options.output.resolve().parent
    text = render(made, Path(os.path.relpath(path.resolve(), here)).as_posix())
    if options.output is None:
        out.write(text)
        return 0
    out.write_file(options.output, text)
    return 0


def _rules_path(named: Path | None, of_the_run: Path) -> Path:
    if named is not None:
        return named
    if not of_the_run.is_file():
        raise RulesError(
            "the rules file of the drill is not there",
            path=of_the_run,
            fix="say with --rules where it is now",
        )
    return of_the_run
