"""`rundrill init`: writes the first files of a service's drills, and overwrites nothing."""

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rundrill.base import out
from rundrill.detection import load_rules
from rundrill.errors import MachineError, TargetError
from rundrill.manifests import read_manifests
from rundrill.plan import read_experiment, read_service
from rundrill.responder import find_kubectl
from rundrill.runbook import load, load_bindings
from rundrill.starter import Paths, Starter, StarterError, find_facts, starter

LOCUSTFILE: Final = "load/locustfile.py"
EPILOG: Final = """\
exit codes: 0 written, 2 bad input or a file that is there already

examples:
  rundrill init --runbook docs/runbook.md --manifests deploy/overlays/prod
  rundrill init --runbook docs/runbook.md --manifests deploy --service shop --output drills/shop

It writes bindings.yaml, alerts.yml, service.yaml, images.yaml, and an experiment for each failure
mode that a known fault makes. What is left to decide is marked TODO, and listed at the end.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "init",
        help="begin the drills of your own service",
        description="Writes what drills of a runbook need, as far as it and the manifests tell.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runbook", type=Path, required=True, help="a Markdown file; it stays")
    parser.add_argument("--manifests", type=Path, required=True, help="what is deployed")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="default: runbooks/ and the service's name"
    )
    parser.add_argument(
        "--service", metavar="NAME", help="its Deployment (default: the runbook's commands tell)"
    )


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises a `RundrillError` before anything is written."""
    runbook = load(options.runbook)
    resources = read_manifests(options.manifests, _kubectl())
    draft = find_facts(runbook, resources, _paths(options, Path()), options.service)
    output = options.output or Path("runbooks") / draft.name
    facts = find_facts(runbook, resources, _paths(options, output), options.service)
    made = starter(facts)
    _require_free(output, made.files)
    for name, text in made.files.items():
        _write(output / name, text)
    _check(output, made, has_load=facts.paths.locustfile is not None)
    out.write("".join(f"{line}\n" for line in _told(output, made)))
    return 0


def _kubectl() -> Path | None:
    try:
        return find_kubectl()
    except TargetError:
        return None


def _paths(options: argparse.Namespace, output: Path) -> Paths:
    return Paths(
        runbook=_relative(options.runbook, output / "experiments"),
        runbook_name=options.runbook.name,
        manifests=_relative(options.manifests, output),
        locustfile=_relative(Path(LOCUSTFILE), output) if Path(LOCUSTFILE).is_file() else None,
        experiments=(output / "experiments").as_posix(),
    )


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()


def _require_free(output: Path, files: Mapping[str, str]) -> None:
    for name in files:
        if (output / name).exists():
            raise StarterError(
                "is there already, and is not overwritten",
                path=output / name,
                fix="name another folder with --output, or move it away",
            )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise MachineError(
            f"cannot be written: {error.strerror or error}",
            path=path,
            fix="name a folder with --output in which you may write",
        ) from error


def _check(output: Path, made: Starter, *, has_load: bool) -> None:
    """What was written can be read, or it is our mistake and not the user's."""
    if has_load:  # the path of one that is still to decide is none
        read_service(output / "service.yaml")
    load_bindings(output / "bindings.yaml")
    load_rules(output / "alerts.yml")
    for name in made.files:
        if name.startswith("experiments/"):
            read_experiment(output / name)


def _left(text: str) -> Iterator[tuple[int, str]]:
    """The lines with something to decide; the value below its comment is not told twice."""
    before = ""
    for number, line in enumerate(text.splitlines(), start=1):
        told = line.strip()
        if "TODO" in told and "marked TODO" not in told and "# TODO" not in before:
            yield number, told
        before = told


def _told(output: Path, made: Starter) -> Iterator[str]:
    for name in made.files:
        yield f"wrote {output / name}"
    for procedure in made.unmatched:
        yield (
            f"no experiment for `{procedure.title}` (line {procedure.line}): no known fault makes"
            " it; docs/adding-a-fault.md tells how to add one"
        )
    places = [
        f"{output / name}:{number}: {line}"
        for name, text in made.files.items()
        for number, line in _left(text)
    ]
    yield f"left to decide, in {len(places)} places:"
    yield from (f"  {place}" for place in places)
