"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from rundrill import events as e
from rundrill import report
from rundrill.errors import MachineError, RundrillError


def test_three_files_are_written_and_nothing_else(tmp_path: Path, sample) -> None:
    paths = report.write(tmp_path, sample.events, sample.verdict)
    assert [paths.html.name, paths.json.name, paths.junit.name] == [
        "report.html",
        "report.json",
        "junit.xml",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["junit.xml", "report.html", "report.json"]
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())


def test_the_same_events_give_the_same_files(tmp_path: Path, runs) -> None:
    held = runs.held()
    first = [p.read_bytes() for p in _paths(report.write(tmp_path, held.events, held.verdict))]
    second = [p.read_bytes() for p in _paths(report.write(tmp_path, held.events, held.verdict))]
    assert first == second


def test_events_read_back_from_their_file_give_the_same_report(tmp_path: Path, sample) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(e.to_line(event) + "\n" for event in sample.events), encoding="utf-8")
    live = _paths(report.write(tmp_path, sample.events, sample.verdict))
    before = [p.read_bytes() for p in live]
    again = _paths(report.write(tmp_path, e.read(path), sample.verdict))
    assert before == [p.read_bytes() for p in again]


def test_a_folder_that_is_not_there_is_one_message(tmp_path: Path, runs) -> None:
    held = runs.held()
    with pytest.raises(MachineError, match="cannot be written") as caught:
        report.write(tmp_path / "gone", held.events, held.verdict)
    assert caught.value.fix


def test_a_failed_write_leaves_the_earlier_report(
    tmp_path: Path, runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = runs.held()
    paths = report.write(tmp_path, held.events, held.verdict)
    before = paths.html.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    broken = runs.broken()
    with pytest.raises(MachineError, match="No space left"):
        report.write(tmp_path, broken.events, broken.verdict)
    assert paths.html.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["junit.xml", "report.html", "report.json"]


def test_nothing_is_written_of_a_run_that_never_began(tmp_path: Path, runs) -> None:
    with pytest.raises(RundrillError, match="no DrillStarted"):
        report.write(tmp_path, [e.DrillEnded(at=1.0)], runs.held().verdict)
    assert list(tmp_path.iterdir()) == []


def _paths(paths: report.ReportPaths) -> list[Path]:
    return [paths.html, paths.json, paths.junit]
