"""Events to HTML, JSON, JUnit and console lines. Reads events; never a cluster or a clock."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rundrill.errors import MachineError
from rundrill.events import Event
from rundrill.model import Verdict
from rundrill.report import html, json_report, junit
from rundrill.report.console import Console

__all__ = ["Console", "ReportPaths", "write"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPaths:
    """Where the reports of one run are."""

    html: Path
    json: Path
    junit: Path


def write(folder: Path, events: Sequence[Event], verdict: Verdict) -> ReportPaths:
    """Writes report.html, report.json and junit.xml into `folder`, each whole or not at all.

    Raises `RundrillError` when the run holds no `DrillStarted`, `MachineError` when a file
    cannot be written; the earlier report, if there is one, then stays.
    """
    paths = ReportPaths(
        html=folder / "report.html", json=folder / "report.json", junit=folder / "junit.xml"
    )
    rendered = {
        paths.html: html.render(events, verdict),
        paths.json: json_report.render(events, verdict),
        paths.junit: junit.render(events, verdict),
    }
    for path, text in rendered.items():
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
