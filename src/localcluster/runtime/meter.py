"""Memory and CPU of each container's processes, and the memory limit's enforcement.

Memory is what a cgroup would count, as nearly as it can be told from outside: each process's own
pages, and pages shared among them once. A container with a limit is looked at every 50 ms
(200 ms while it is below half of it), and killed when it is above; the others once a second.
Process trees are walked once a second.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from localcluster.journal import start_mark

LIMIT_EVERY_S: Final = 0.05
_TREE_EVERY: Final = 20
_FAR_EVERY: Final = 4
_WINDOW_SAMPLES: Final = 15
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_LINUX: Final = sys.platform == "linux"


@dataclass(slots=True)
class _Process:
    mark: str | None
    cpu_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Metered:
    """One container run under the meter. CPU seconds only ever grow.

    `enforced_elsewhere`: the kernel holds the limit, so it is not looked at closely here.
    """

    pid: int
    limit_bytes: int | None
    on_exceeded: Callable[[int], None]
    enforced_elsewhere: bool = False
    memory_bytes: int = 0
    peak_bytes: int = 0
    cpu_s: float = 0.0
    processes: dict[int, "_Process"] = field(default_factory=dict)
    samples: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=_WINDOW_SAMPLES)
    )

    @property
    def is_enforced_here(self) -> bool:
        return self.limit_bytes is not None and not self.enforced_elsewhere

    @property
    def cores(self) -> float:
        """CPU cores used over the last seconds."""
        if len(self.samples) < 2:
            return 0.0
        (t0, c0), (t1, c1) = self.samples[0], self.samples[-1]
        return (c1 - c0) / (t1 - t0) if t1 > t0 else 0.0


class Meter:
    """One timer for all containers."""

    def __init__(self) -> None:
        self._metered: dict[int, Metered] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._turn = 0

    def add(self, metered: Metered) -> None:
        self._metered[metered.pid] = metered
        metered.processes.setdefault(metered.pid, _Process(start_mark(metered.pid)))
        self._measure(metered)
        if self._timer is None:
            self._plan()

    def remove(self, pid: int) -> None:
        """The container has ended: what its process left outside of its group ends as well."""
        metered = self._metered.pop(pid, None)
        if metered is None:
            return
        for stray, process in metered.processes.items():
            # By pid and start mark, so never a stranger with a recycled pid.
            if stray != pid and process.mark and start_mark(stray) == process.mark:
                with contextlib.suppress(OSError):
                    os.kill(stray, signal.SIGKILL)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._metered.clear()

    def _plan(self) -> None:
        limited = any(each.is_enforced_here for each in self._metered.values())
        every = LIMIT_EVERY_S if limited else LIMIT_EVERY_S * _TREE_EVERY
        self._timer = asyncio.get_running_loop().call_later(every, self._tick, limited)

    def _tick(self, limited: bool) -> None:
        self._timer = None
        self._turn += 1
        full = not limited or self._turn % _TREE_EVERY == 0
        for metered in list(self._metered.values()):
            if full:
                self._walk(metered)
                self._measure(metered)
            elif self._is_due(metered):
                metered.memory_bytes = _memory(metered.processes)
            self._enforce(metered)
        if self._metered:
            self._plan()

    def _is_due(self, metered: Metered) -> bool:
        """A container far from its limit is looked at less often: it has a way to go."""
        if metered.limit_bytes is None or metered.enforced_elsewhere:
            return False
        near = metered.memory_bytes > metered.limit_bytes // 2
        return near or self._turn % _FAR_EVERY == 0

    def _enforce(self, metered: Metered) -> None:
        metered.peak_bytes = max(metered.peak_bytes, metered.memory_bytes)
        limit = metered.limit_bytes if metered.is_enforced_here else None
        if limit is not None and metered.memory_bytes > limit:
            metered.on_exceeded(metered.memory_bytes)

    def _walk(self, metered: Metered) -> None:
        alive = set(_tree(metered.pid))
        for pid in [pid for pid in metered.processes if pid not in alive]:
            del metered.processes[pid]
        for pid in alive - metered.processes.keys():
            metered.processes[pid] = _Process(start_mark(pid))

    def _measure(self, metered: Metered) -> None:
        metered.memory_bytes = _memory(metered.processes)
        for pid, process in metered.processes.items():
            now = _cpu(pid)
            if now > process.cpu_s:
                # Only differences are added, so a process that ends takes nothing away.
                metered.cpu_s += now - process.cpu_s
                process.cpu_s = now
        metered.samples.append((asyncio.get_running_loop().time(), metered.cpu_s))


def _memory(pids: Iterable[int]) -> int:
    own = shared = 0
    for pid in pids:
        if _LINUX:
            try:
                with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - 20 times a second
                    parts = file.read().split()
            except OSError:
                continue
            resident, common = int(parts[1]), int(parts[2])
            own += resident - common
            shared = max(shared, common)
        else:
            with contextlib.suppress(psutil.Error):
                own += psutil.Process(pid).memory_info().rss // _PAGE
    return (own + shared) * _PAGE


def _cpu(pid: int) -> float:
    if _LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (OSError, ValueError):
            return 0.0
        fields = stat[stat.rindex(")") + 2 :].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _tree(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    if not _LINUX or not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        yield pid
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(pid).children(recursive=True):
                yield child.pid
        return
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        yield current
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{current}/task"):  # noqa: PTH208 - names suffice
                path = f"/proc/{current}/task/{thread}/children"
                with open(path, "rb") as file:  # noqa: PTH123 - cheaper than Path, and often
                    waiting.extend(int(child) for child in file.read().split())
