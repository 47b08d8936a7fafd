"""Starting a process: what cannot be recorded does not run."""

import os
from pathlib import Path

import pytest

from localcluster.journal import Journal, start_mark
from localcluster.runtime.process import Streams, spawn


def test_a_process_that_the_journal_cannot_record_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, seen = Journal(tmp_path / "journal", "id"), []

    def full(pid: int, _role: str) -> None:
        seen.append(pid)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal, "started", full)
    with pytest.raises(OSError, match="No space left"):
        spawn(
            ["sleep", "60"],
            env={"PATH": os.defpath},
            cwd=tmp_path,
            role="pod",
            journal=journal,
            streams=Streams(),
        )
    assert start_mark(seen[0]) is None
    journal.close()
