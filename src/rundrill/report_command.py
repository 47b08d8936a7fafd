"""`rundrill report`: the reports of a run, built again from its events."""

import argparse
from pathlib import Path

from rundrill import events, report, verdict
from rundrill.errors import RundrillError
from rundrill.report import Console


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("report", help="build the reports of a run from its events")
    parser.add_argument("run", type=Path, help="a folder of runs/")


def run(options: argparse.Namespace) -> int:
    """Gives the exit code of the run. Raises the `RundrillError` of what is wrong."""
    return tell(options.run)


def tell(folder: Path) -> int:
    """Writes the reports of a run folder from its events, says the answer, gives the exit code."""
    return _tell_game_day(folder) if report.is_game_day(folder) else _tell_drill(folder)


def _tell_game_day(folder: Path) -> int:
    entries = report.read_game_day(folder)
    for entry in entries:
        if entry.verdict is not None:
            report.write(folder / entry.folder, entry.events, entry.verdict, control=entry.control)
    paths = report.write_game_day(folder, entries)
    outcome = report.outcome_of(entries)
    Console().game_day(entries, outcome, paths.html)
    return outcome.exit_code


def _tell_drill(folder: Path) -> int:
    path = folder / "events.jsonl"
    if not path.is_file():
        raise RundrillError("there are no events of a run", path=path, fix="see runs/")
    told = events.read(path)
    started = next((event for event in told if isinstance(event, events.DrillStarted)), None)
    if started is None:
        raise RundrillError("no drill began here", path=path, fix="the run was cut off at once")
    judged = verdict.judge(told)
    beside = folder / "control" / "events.jsonl"
    control = events.read(beside) if beside.is_file() else None
    comparison = None if control is None else report.compare(told, control)
    paths = report.write(folder, told, judged, control=control)
    compression = started.plan.compression
    Console().summary(judged, paths.html, compression=compression, comparison=comparison)
    return verdict.exit_code(judged, None if comparison is None else comparison.verdict)
