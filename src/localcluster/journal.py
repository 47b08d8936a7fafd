"""What was started, so that whatever a killed server left behind can be found and ended.

Each line is one process: pid, start mark, role. A pid alone proves nothing, as it is used again;
pid and start mark together name one process for ever. Besides, every process of a cluster
carries the cluster's random id in its environment, which finds those that left their group or
were started in the instant before the journal knew of them.
"""

import contextlib
import errno
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from localcluster import cgroups

ID_VARIABLE: Final = "LOCALCLUSTER_ID"
_COMPACT_AFTER_LINES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One process that was started: `start` is its `start_mark`."""

    pid: int
    start: str
    role: str


def start_mark(pid: int) -> str | None:
    """What tells this process from a later one of the same pid; None when it is gone.

    On Linux it is the boot id and the start in clock ticks since boot, which no change of the
    wall clock can move.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (OSError, ValueError):
            return None
        fields = stat[stat.rindex(")") + 2 :].split()
        if fields[0] in "ZX":
            return None
        return f"{_boot_id()}:{fields[19]}"
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return repr(process.create_time())
    except psutil.Error:
        return None


@functools.cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown-boot"


class Journal:
    """Appends an entry for every process started; small writes that survive a SIGKILL."""

    def __init__(self, path: Path, cluster_id: str) -> None:
        self._path = path
        self._cluster_id = cluster_id
        self._lines = 0
        self._fd = -1
        self._torn = False
        self._groups: list[Path] = []
        self._rewrite([])

    def started(self, pid: int, role: str) -> None:
        """Records a process that was just started. One that has already ended is not written.

        Raises `OSError` when the disk is full: then nobody would find the process again.
        """
        mark = start_mark(pid)
        if mark is None:
            return
        if self._lines >= _COMPACT_AFTER_LINES:
            self._rewrite(living(read(self._path)[1]))
        self._write(Entry(pid=pid, start=mark, role=role))

    def has_group(self, path: Path) -> None:
        """Records the cluster's control group, before it is made."""
        self._groups.append(path)
        self._write_group(path)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, entry: Entry) -> None:
        self._append({"pid": entry.pid, "start": entry.start, "role": entry.role})

    def _write_group(self, path: Path) -> None:
        self._append({"cgroup": str(path)})

    def _append(self, line: Mapping[str, object]) -> None:
        """Raises `OSError`, also when the disk took only a part."""
        # What a full disk has torn must not spoil the next line.
        raw = (("\n" if self._torn else "") + json.dumps(line) + "\n").encode()
        self._torn = True
        if os.write(self._fd, raw) != len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._torn = False
        self._lines += 1

    def _rewrite(self, entries: Iterable[Entry]) -> None:
        """The old file stays in use until the new one is whole; raises `OSError`."""
        fresh = self._path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        old = (self._fd, self._lines, self._torn)
        self._fd, self._lines, self._torn = os.open(fresh, flags, 0o600), 0, False
        try:
            self._append({"cluster": self._cluster_id})
            for group in self._groups:
                self._write_group(group)
            for entry in entries:
                self._write(entry)
            fresh.replace(self._path)
        except OSError:
            os.close(self._fd)
            self._fd, self._lines, self._torn = old
            raise
        if old[0] >= 0:
            os.close(old[0])


def read(path: Path) -> tuple[str | None, list[Entry]]:
    """The cluster's id and its entries; a torn last line is passed over."""
    cluster_id: str | None = None
    entries: list[Entry] = []
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return None, []
    for line in lines:
        try:
            data = json.loads(line)
            if "cluster" in data:
                cluster_id = str(data["cluster"])
            else:
                entries.append(
                    Entry(pid=int(data["pid"]), start=str(data["start"]), role=str(data["role"]))
                )
        except (ValueError, KeyError, TypeError):
            continue
    return cluster_id, entries


def groups(path: Path) -> list[Path]:
    """The control groups that the journal tells of."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in path.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(Path(str(json.loads(line)["cgroup"])))
    return found


def living(entries: Iterable[Entry]) -> list[Entry]:
    """Those whose very process, not only its pid, is still there."""
    return [entry for entry in entries if start_mark(entry.pid) == entry.start]


def reap(path: Path, *, within_s: float = 10.0) -> list[Entry]:
    """Ends with SIGKILL whatever the journal's cluster left, and says what that was.

    Never touches a process that is neither in the journal with its start mark, nor in the group
    of one that is, nor carries the cluster's id in its environment. Raises `TimeoutError` when
    something will not die.
    """
    cluster_id, entries = read(path)
    deadline = time.monotonic() + within_s
    found: dict[int, Entry] = {}
    while True:
        victims = _victims(cluster_id, entries)
        for entry in victims:
            found.setdefault(entry.pid, entry)
            _kill(entry)
        if not victims:
            for group in groups(path):
                cgroups.remove_tree(group, cluster_id or "")
            return list(found.values())
        if time.monotonic() > deadline:
            named = ", ".join(f"{entry.pid} ({entry.role})" for entry in victims)
            raise TimeoutError(f"processes that will not end: {named}")
        # A process that was sent SIGKILL needs a moment to be gone.
        time.sleep(0.02)  # noqa: TID251 - no event loop runs here, and psutil.wait polls alike


def _victims(cluster_id: str | None, entries: Iterable[Entry]) -> list[Entry]:
    victims = {entry.pid: entry for entry in living(entries)}
    groups = set(victims)
    for process in psutil.process_iter():
        if process.pid in victims or process.pid == os.getpid():
            continue
        mark = start_mark(process.pid)
        if mark is None:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) in groups or (
                cluster_id is not None and process.environ().get(ID_VARIABLE) == cluster_id
            ):
                victims[process.pid] = Entry(
                    pid=process.pid, start=mark, role=f"child: {process.name()}"
                )
    return list(victims.values())


def _kill(entry: Entry) -> None:
    if start_mark(entry.pid) == entry.start:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(entry.pid, signal.SIGKILL)
