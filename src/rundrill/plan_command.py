"""`rundrill plan`: what drills will do, touch and need; nothing is started, no cluster is asked."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rundrill import timing_options
from rundrill.base import out
from rundrill.inputs import plans_on, read_inputs
from rundrill.permissions import as_role, merged
from rundrill.preview import Preview, as_json, as_text, preview_of
from rundrill.redaction import BY_PATTERN
from rundrill.target import choice

EPILOG: Final = """\
exit codes: 0 the drills would start, 2 bad input, or a drill that would not start

examples:
  rundrill plan experiments/crash-loop.yaml
  rundrill plan --json experiments/*.yaml | jq .permissions
  rundrill plan --rbac experiments/*.yaml > deploy/rbac.yaml    the role that allows exactly that

What becomes of a command: "run"; "if needed", a remedy, until the service has recovered; "watch",
the drill itself; "manual", nobody does it; "refused", and why. docs/permissions.md tells more.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "plan",
        help="say what drills will do, touch and need, without starting anything",
        description="Shows drills before they run: fault, procedure, windows, permissions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiment", type=Path, nargs="+", help="files of experiments/")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument(
        "--rbac",
        action="store_true",
        help="as an account and roles that allow exactly what the drills need",
    )
    timing_options.add_options(parser)
    choice.add_option(parser)


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises the `RundrillError` of what is wrong, also after the plan of a
    drill that would not start."""
    read = [read_inputs(path) for path in options.experiment]
    plans = plans_on(
        options.target,
        read,
        compression=options.compress,
        wall_s=timing_options.wall_s_of(options),
    )
    # An edit or a placeholder may hold a password, and its name is what tells.
    previews = [BY_PATTERN.value(preview_of(plan, inputs.service)) for inputs, plan in plans]
    refusals = [preview.refusal for preview in previews if preview.refusal is not None]
    if options.rbac and refusals:
        raise refusals[0]
    out.write(_told(options, previews))
    if refusals:
        raise refusals[0]
    return 0


def _told(options: argparse.Namespace, previews: Sequence[Preview]) -> str:
    if options.json:
        return as_json(previews)
    if not options.rbac:
        return as_text(previews)
    needs = merged(preview.needs for preview in previews)
    return _head(options.experiment, [one.command for one in needs.unknown]) + as_role(
        need.access for need in needs.needs
    )


def _head(experiments: Sequence[Path], unknown: Sequence[str]) -> str:
    """Which drills these are, and what is missing."""
    folders = ", ".join(dict.fromkeys(f"{path.parent}/" for path in experiments))
    count = len(experiments)
    drills = f"{count} drills of {folders} need" if count > 1 else f"{experiments[0]} needs"
    lines = [
        f"What {drills}, and no more: `rundrill plan --rbac` made it.",
        "For the account `rundrill` in the namespace `rundrill`; docs/permissions.md says more.",
        *(f"Not in it, since nobody can tell what it asks for: {text}" for text in unknown),
    ]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)
