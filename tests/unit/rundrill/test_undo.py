"""The journal on disk: what a killed runner leaves in it, and what is no entry."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rundrill.undo import UndoEntry, UndoJournal

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(run_id: str = "run", **more: Any) -> UndoEntry:
    return UndoEntry(
        run_id=run_id, kubeconfig="here", fault="f", parameters={}, original={}, **more
    )


def test_the_newest_fault_is_undone_first(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "undo")
    for hour, run_id in ((10, "b"), (12, "a"), (11, "c")):
        journal.write(entry(run_id, written=NOON.replace(hour=hour).isoformat()))
    assert [one.run_id for one in journal.leftovers()] == ["a", "c", "b"]


def test_only_its_owner_may_read_what_an_undo_needs(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "undo")
    (tmp_path / "undo").mkdir(mode=0o755)
    left = tmp_path / "undo" / "run.partial"
    left.write_text("of a killed runner", encoding="utf-8")
    left.chmod(0o644)
    held = {"metadata": {"name": "c"}, "data": {"password": "hunter2"}}
    path = journal.write(entry(snapshot={"configmap/production/c": held}))
    assert path.stat().st_mode & 0o777 == 0o600
    assert journal.leftovers()[0].snapshot == {"configmap/production/c": held}  # as it was


def test_a_file_that_is_no_entry_hides_none_of_the_others(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path)
    journal.write(entry())
    (tmp_path / "cut.json").write_text('{"run_id": "c', encoding="utf-8")
    (tmp_path / "new.json").write_text(json.dumps({**asdict(entry()), "x": 1}), encoding="utf-8")
    assert journal.leftovers() == [entry()]
    (cut, _), (new, why) = journal.unreadable()
    assert (cut.name, new.name, why) == ("cut.json", "new.json", "has a strange x")


def test_what_a_runner_left_that_died_while_it_wrote_goes(tmp_path: Path) -> None:
    journal = UndoJournal(tmp_path / "undo")
    kept = journal.write(entry())
    kept.with_suffix(".partial").touch()
    journal.sweep()
    assert list(kept.parent.iterdir()) == [kept]
    journal.remove(entry())
    journal.sweep()
    assert not kept.parent.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        {"fault": 3},
        {"namespaces": "shop"},
        {"snapshot": {"pod": {"metadata": {}}}},
        {"snapshot": {"pod/a/b": {}}},
    ],
)
def test_what_is_no_entry_is_refused(wrong: Any) -> None:
    data = {**asdict(entry()), **wrong} if wrong else wrong
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        UndoEntry.read(data)


@pytest.mark.parametrize(
    ("expires", "outlived"),
    [
        (NOON.isoformat(), True),
        (NOON.replace(hour=13).isoformat(), False),
        ("2026-01-01T13:00:00", False),
        ("", True),
        ("soon", True),
    ],
)
def test_an_entry_that_does_not_say_until_when_is_as_one_long_over(
    expires: str, outlived: bool
) -> None:
    assert entry(expires=expires).outlived(NOON) is outlived
