"""Ends a runner for certain, with the commands that it has started.

What it changes things with are threads of its own, which end with it, and kubectl. A kubectl is
killed by the kernel when its runner dies (`responder/leash.py`); those that are there when it is
stopped are killed here as well. Its load and its embedded cluster are not touched: they end by
themselves, and the cluster in its order.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.base.clock import Clock
from rundrill.base.wait import until

GONE_BUDGET_S: Final = 10.0
_PROC: Final = Path("/proc")
_LEASH: Final = "leash.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    """`born` tells it from another process that gets its number."""

    pid: int
    born: str


class RunnerProcess:
    """The runner, which is the parent of this process."""

    def __init__(self, pid: int, *, kubectl: str) -> None:
        self._pid = pid
        self._kubectl = kubectl

    @property
    def alive(self) -> bool:
        """Whoever is orphaned gets another parent at once, also where the dead is not reaped."""
        return os.getppid() == self._pid

    def end(self, clock: Clock) -> None:
        """Returns when it cannot change anything any more. Raises `WaitTimeoutError`."""
        commands = []
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGSTOP)  # it starts nothing more while we look
            commands = self._commands()
        if self.alive:  # as our parent its number is still its own
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self.await_end(clock)
        for command in commands:
            if _born(command.pid) == command.born:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(command.pid, signal.SIGKILL)
        until(
            lambda: all(_born(one.pid) != one.born for one in commands),
            what="the runner's commands to be gone after SIGKILL",
            budget_s=GONE_BUDGET_S,
            every_s=0.02,
            clock=clock,
        )

    def await_end(self, clock: Clock) -> None:
        """Raises `WaitTimeoutError`. A process that dies closes its sockets a little before."""
        until(
            lambda: not self.alive,
            what="the runner to be gone",
            budget_s=GONE_BUDGET_S,
            every_s=0.02,
            clock=clock,
        )

    def _commands(self) -> list[_Command]:
        """The runner's children that are kubectl, or about to become it. None without /proc."""
        found = []
        for folder in _PROC.glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):
                fields = _stat(int(folder.name))
                argv = (folder / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
                if int(fields[1]) == self._pid and (
                    self._kubectl in argv[:2] or any(word.endswith(_LEASH) for word in argv)
                ):
                    found.append(_Command(pid=int(folder.name), born=fields[19]))
        return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat (proc(5)) from the third, the state, on."""
    return (_PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _born(pid: int) -> str | None:
    """None when there is no such process, or it is only waiting to be reaped."""
    try:
        fields = _stat(pid)
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else fields[19]
