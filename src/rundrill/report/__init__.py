"""Events to HTML, JSON, JUnit and console lines. Reads events; never a cluster or a clock."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rundrill.errors import MachineError
from rundrill.events import Event
from rundrill.model import Verdict
from rundrill.report import game_day, html, json_report, junit
from rundrill.report.arms import Comparison, compare
from rundrill.report.console import Console
from rundrill.report.game_day import GameDayEntry, is_game_day, outcome_of, read_game_day

__all__ = [
    "Comparison",
    "Console",
    "GameDayEntry",
    "ReportPaths",
    "compare",
    "is_game_day",
    "outcome_of",
    "read_game_day",
    "write",
    "write_game_day",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where the reports of one run are."""

    html: Path
    json: Path
    junit: Path


def write(
    folder: Path,
    events: Sequence[Event],
    verdict: Verdict,
    *,
    control: Sequence[Event] | None = None,
) -> ReportPaths:
    """Writes report.html, report.json and junit.xml into `folder`, each whole or not at all.

    `control` holds the events of the control arm, empty when it was asked for and not run. Raises
    `RundrillError` when the run holds no `DrillStarted`, `MachineError` when a file cannot be
    written; the earlier report, if there is one, then stays.
    """
    comparison = None if control is None else compare(events, control)
    return _write_all(
        folder,
        html=html.render(events, verdict, comparison),
        json=json_report.render(events, verdict, comparison),
        junit=junit.render(events, verdict, comparison),
    )


def write_game_day(folder: Path, entries: Sequence[GameDayEntry]) -> ReportPaths:
    """The same three files for a game day. Raises `MachineError` when one cannot be written."""
    outcome = outcome_of(entries)
    return _write_all(
        folder,
        html=game_day.render_html(entries, outcome),
        json=game_day.render_json(entries, outcome),
        junit=game_day.render_junit(entries, outcome),
    )


def _write_all(folder: Path, *, html: str, json: str, junit: str) -> ReportPaths:
    paths = ReportPaths(
        html=folder / "report.html", json=folder / "report.json", junit=folder / "junit.xml"
    )
    for path, text in ((paths.html, html), (paths.json, json), (paths.junit, junit)):
        _write_whole(path, text)
    return paths


def _write_whole(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(
            f"the report cannot be written: {error.strerror or error}",
            path=path,
            fix="make room or give write access, then run `rundrill report` on the run's folder",
        ) from error
