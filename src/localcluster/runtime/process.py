"""Starting a process that cannot outlive the cluster, and hearing of its end.

Processes are waited for through a pidfd in the event loop (a poll where there is none), never by
a thread: a fork of a process with threads is not safe, and every start here forks.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcluster import open_files
from localcluster.journal import Journal

_PR_SET_PDEATHSIG: Final = 1
_POLL_S: Final = 0.05
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """File descriptors for a process's three streams; the caller closes its own."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.DEVNULL
    stderr: int = subprocess.DEVNULL


class Child:
    """A process in a session of its own. `code` is None until it has ended."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pidfd = -1
        self._watch()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def code(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """The exit code as a shell tells it: 128 + n when signal n ended it."""
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> None:
        """Signals the process alone, as a container's first process gets it."""
        if self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """SIGKILL to the process and to all that stayed in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        opener = getattr(os, "pidfd_open", None)
        if opener is not None:
            with contextlib.suppress(OSError):
                self._pidfd = opener(self.pid)
                loop.add_reader(self._pidfd, self._look)
                return
        loop.call_later(_POLL_S, self._look)

    def _look(self) -> None:
        if self._pidfd >= 0 and self._popen.returncode is None:
            # The first process has ended but is not reaped yet, so its group is surely still its
            # own. What is left in the group ends with it, as in a container.
            self.kill_group()
        code = self._popen.poll()
        loop = asyncio.get_running_loop()
        if code is None:
            if self._pidfd < 0:
                loop.call_later(_POLL_S, self._look)
            return
        if self._pidfd >= 0:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if not self._ended.done():
            self._ended.set_result(code if code >= 0 else 128 - code)


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    role: str,
    journal: Journal,
    streams: Streams,
    terminal: bool = False,
    become: Callable[[], None] | None = None,
    enter: Callable[[], None] | None = None,
) -> Child:
    """Starts `argv` in its own session and writes it to the journal.

    `terminal` makes its stdin the controlling terminal; `become` runs in the child before the
    program and may drop privileges; `enter` runs there before that. Raises `OSError` when the
    program cannot be executed or the journal cannot be written.
    """
    parent = os.getpid()
    open_files.check_room(max(streams.stdin, streams.stdout, streams.stderr), argv[0])

    def prepare() -> None:
        if enter is not None:
            enter()
        if become is not None:
            become()
        if terminal:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if _LIBC is not None:
            # After `become`: a change of user clears it.
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    popen = subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=streams.stdin,
        stdout=streams.stdout,
        stderr=streams.stderr,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - this process has no threads; see the module's docstring
    )
    try:
        journal.started(popen.pid, role)
    except OSError:
        # A process that is not in the journal might outlive a killed server.
        popen.kill()
        popen.wait()
        raise
    return Child(popen)
