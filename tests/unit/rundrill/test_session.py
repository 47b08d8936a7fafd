"""A conclusion that was refused stays refused."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from rundrill.errors import MachineError
from rundrill.session import Session, require_room


def test_a_refused_conclusion_never_becomes_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chaos Toolkit swallows what its hypothesis raises; the second call must say the same."""
    session = Session.__new__(Session)
    session._verdict, session._refusal = None, None

    def refuse(self: Session) -> None:
        raise MachineError("the events of this run are gone")

    monkeypatch.setattr(Session, "_conclude", refuse)
    for _ in range(2):
        with pytest.raises(MachineError, match="are gone"):
            session.conclude()


def test_an_events_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("w", encoding="utf-8") as file:
        session = SimpleNamespace(folder=tmp_path, _file=file)
        assert not Session._events_lost(session)  # type: ignore[arg-type]
        path.rename(tmp_path / "old")
        assert Session._events_lost(session)  # type: ignore[arg-type]
        path.touch()
        assert Session._events_lost(session)  # type: ignore[arg-type]


def test_runs_that_cannot_be_written_are_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="run folders cannot be made here"):
        require_room(tmp_path / "file" / "runs")
