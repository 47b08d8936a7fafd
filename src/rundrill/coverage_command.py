"""`rundrill coverage`: reads run folders and the runbook, says what is proven of it."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rundrill import events
from rundrill.base import out
from rundrill.base.options import number
from rundrill.coverage import Coverage, RunRecord, badge, measure, page, to_json, to_text
from rundrill.errors import RundrillError
from rundrill.plan import read_experiment
from rundrill.runbook import load, load_bindings

BELOW: Final = 1
_EVENTS: Final = "events.jsonl"
EPILOG: Final = """\
exit codes: 0 as asked, 1 below --fail-under, 2 bad input

examples:
  rundrill coverage runs/20260101-120000-crash-loop
  rundrill coverage runs                          every run there is: the history
  rundrill coverage runs --html coverage.html     the runbook itself, each claim marked in place
  rundrill coverage runs --badge coverage.svg --fail-under 60

Of each experiment the newest run counts. docs/coverage.md says what counts as exercised.
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "coverage",
        help="say which claims of a runbook were exercised by runs, and which held",
        description="Of a runbook's testable claims: exercised, held, broken, section by section.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "run", type=Path, nargs="+", help="folders of runs, of game days, or one with many of them"
    )
    parser.add_argument(
        "--runbook", type=Path, help="default: the one that the runs name, as it is now"
    )
    parser.add_argument(
        "--fail-under",
        type=_percent,
        metavar="PCT",
        help="end with 1 when fewer of the testable claims were exercised",
    )
    parser.add_argument("--badge", type=Path, metavar="FILE.svg", help="write a badge")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> int:
    """Gives the exit code. Raises the `RundrillError` of whatever cannot be read or written."""
    records = _records(options.run)
    runbook = load(_runbook(options.runbook, records))
    coverage = measure(runbook, records)
    if options.badge is not None:
        out.write_file(options.badge, badge(coverage.total))
    if options.html is not None:
        out.write_file(options.html, page(coverage, _hrefs(coverage, options.html)))
    out.write(to_json(coverage) if options.json else to_text(coverage))
    below = options.fail_under is not None and coverage.total.percent < options.fail_under
    if below:
        sys.stderr.write(
            f"rundrill: {coverage.total.percent:.1f} % of the testable claims were exercised,"
            f" less than {options.fail_under:g} %\n"
        )
    return BELOW if below else 0


def _records(given: Sequence[Path]) -> list[RunRecord]:
    folders: dict[Path, Path] = {}
    for path in given:
        found = list(_folders(path))
        if not found:
            raise RundrillError(
                "there are no events of a run", path=path, fix="name a folder of runs/, or runs/"
            )
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    return [record for folder in folders.values() if (record := _record(folder)) is not None]


def _folders(path: Path) -> Iterator[Path]:
    """A run, the drills of a game day, or everything below a folder of runs. No control arms."""
    if (path / _EVENTS).is_file():
        yield path
        return
    if path.is_dir():
        for below in sorted(path.iterdir()):
            if below.is_dir() and not below.is_symlink() and below.name != "control":
                yield from _folders(below)


def _record(folder: Path) -> RunRecord | None:
    """None for a run that was cut off before it began."""
    told = events.read(folder / _EVENTS)
    started = next((event for event in told if isinstance(event, events.DrillStarted)), None)
    if started is None:
        return None
    report = folder / "report.html"
    day = folder.resolve().parent.name if folder.resolve().name[:2].isdigit() else ""
    name = folder.resolve().name
    return RunRecord(
        name=f"{day}/{name}" if day and not name.startswith("20") else name,
        events=told,
        report=report if report.is_file() else None,
        bound_alerts=_bound_alerts(Path(started.plan.experiment_path)),
    )


def _bound_alerts(experiment: Path) -> Mapping[str, str]:
    """As the experiment binds them now; nothing where it is no longer there, or is another."""
    try:
        return load_bindings(read_experiment(experiment).bindings).alerts
    except RundrillError:
        return {}


def _runbook(named: Path | None, records: Sequence[RunRecord]) -> Path:
    if named is not None:
        return named
    paths = {Path(record.plan.runbook_path).resolve() for record in records}
    if len(paths) > 1:
        raise RundrillError(
            f"the runs are of {len(paths)} runbooks: {', '.join(sorted(map(str, paths)))}",
            fix="name the runs of one, or say with --runbook which document to hold them against",
        )
    if not paths:
        raise RundrillError("no drill began in these folders", fix="see runs/")
    (path,) = paths
    if not path.is_file():
        raise RundrillError(
            "the runbook of the runs is not there",
            path=path,
            fix="say with --runbook where it is now",
        )
    return path


def _hrefs(coverage: Coverage, page_path: Path) -> Mapping[str, str]:
    """From the page to the report of each run."""
    start = page_path.resolve().parent
    return {
        run.name: Path(os.path.relpath(Path(run.report).resolve(), start)).as_posix()
        for run in coverage.runs
        if run.report is not None
    }


def _percent(text: str) -> float:
    return number(text, low=0, high=100, what="a number from 0 to 100")
