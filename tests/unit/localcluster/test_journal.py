"""The journal and the reaper, with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster.journal import ID_VARIABLE, Entry, Journal, living, read, reap, start_mark

CLUSTER = "0123456789abcdef"
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def run(
        code: str = SLEEP, *, marked: bool = False, session: bool = True
    ) -> subprocess.Popen[bytes]:
        env = {**os.environ, **({ID_VARIABLE: CLUSTER} if marked else {})}
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code],
            env=env,
            start_new_session=session,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_what_is_in_the_journal_is_ended(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    journal = Journal(tmp_path / "journal", CLUSTER)
    process = start()
    journal.started(process.pid, "pod a/b/c")
    journal.close()
    found = reap(tmp_path / "journal")
    assert [(entry.pid, entry.role) for entry in found] == [(process.pid, "pod a/b/c")]
    assert process.wait(5) == -signal.SIGKILL


def test_a_process_that_only_has_the_same_pid_is_a_stranger(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    stranger = start()
    path = tmp_path / "journal"
    path.write_text(
        json.dumps({"cluster": CLUSTER})
        + "\n"
        + json.dumps({"pid": stranger.pid, "start": "another-boot:1", "role": "pod"})
        + "\n"
    )
    assert reap(path) == []
    assert stranger.poll() is None


def test_a_child_in_the_group_goes_with_its_leader(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", {SLEEP!r}])
print(child.pid, flush=True)
child.wait()
"""
    leader = start(code)
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    journal = Journal(tmp_path / "journal", CLUSTER)
    journal.started(leader.pid, "pod")
    journal.close()
    assert {entry.pid for entry in reap(tmp_path / "journal")} == {leader.pid, child}
    assert start_mark(child) is None


def test_one_that_left_its_group_and_the_journal_is_known_by_the_clusters_id(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    Journal(tmp_path / "journal", CLUSTER).close()
    hidden, stranger = start(marked=True), start()
    assert _soon(lambda: bool(Path(f"/proc/{hidden.pid}/environ").read_bytes()))
    assert {entry.pid for entry in reap(tmp_path / "journal")} == {hidden.pid}
    assert stranger.poll() is None


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, CLUSTER)
    journal.started(os.getpid(), "me")
    journal.close()
    with path.open("a") as file:
        file.write('{"pid": 12')
    cluster, entries = read(path)
    assert cluster == CLUSTER
    assert [entry.pid for entry in entries] == [os.getpid()]


def test_what_a_full_disk_has_torn_does_not_spoil_the_next_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, CLUSTER)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:9]))
    with pytest.raises(OSError, match="No space left"):
        journal.started(os.getpid(), "lost")
    monkeypatch.undo()
    journal.started(os.getpid(), "kept")
    journal.close()
    cluster, entries = read(path)
    assert (cluster, [entry.role for entry in entries]) == (CLUSTER, ["kept"])


def test_a_journal_that_cannot_be_made_shorter_stays_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcluster.journal._COMPACT_AFTER_LINES", 2)
    path = tmp_path / "journal"
    journal = Journal(path, CLUSTER)
    journal.started(os.getpid(), "one")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, data: 0)
        with pytest.raises(OSError, match="No space left"):
            journal.started(os.getpid(), "lost")
    journal.started(os.getpid(), "two")
    journal.close()
    cluster, entries = read(path)
    assert (cluster, [entry.role for entry in entries]) == (CLUSTER, ["one", "two"])


def test_a_missing_journal_has_nothing_to_reap(tmp_path: Path) -> None:
    assert reap(tmp_path / "none") == []


def test_a_long_journal_forgets_the_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcluster.journal._COMPACT_AFTER_LINES", 3)
    journal = Journal(tmp_path / "journal", CLUSTER)
    for _ in range(10):
        ended = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE
        )
        journal.started(ended.pid, "short")
        ended.communicate(b"\n")
    journal.started(os.getpid(), "me")
    journal.close()
    cluster, entries = read(tmp_path / "journal")
    assert cluster == CLUSTER
    assert len(entries) <= 4
    assert [entry.pid for entry in living(entries)] == [os.getpid()]


def test_a_mark_is_the_same_for_the_life_of_a_process() -> None:
    assert start_mark(os.getpid()) == start_mark(os.getpid()) is not None
    assert living([Entry(pid=os.getpid(), start="x", role="r")]) == []


def _soon(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if check():
            return True
    return False
