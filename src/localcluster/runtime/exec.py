"""Commands executed in a running container: `interfaces.ExecSession` over pipes or a terminal."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Sequence
from typing import Final

from localcluster.runtime.inside import Inside
from localcluster.runtime.process import Child, Streams

_STDOUT: Final = 1
_STDERR: Final = 2
_READ: Final = 32 * 1024
# A command that ended may have left a child with its output; nobody waits long for that.
_DRAIN_S: Final = 0.3


class Session:
    """One executed command. With a terminal, everything comes on channel 1."""

    def __init__(self, child: Child, outputs: Sequence[tuple[int, int]], stdin: int | None) -> None:
        self._child = child
        self._stdin = stdin
        self._terminal = stdin is not None and any(fd == stdin for _, fd in outputs)
        self._queue: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue()
        self._outputs = {fd for _, fd in outputs}
        self._pending = bytearray()
        self._closing = False
        for channel, fd in outputs:
            os.set_blocking(fd, False)
            asyncio.get_running_loop().add_reader(fd, self._read, channel, fd)
        if stdin is not None:
            os.set_blocking(stdin, False)
        self._waiter = asyncio.create_task(self._await_end())

    def write_stdin(self, data: bytes) -> None:
        if self._stdin is None or self._closing:
            return
        self._pending += data
        self._flush()

    def close_stdin(self) -> None:
        self._closing = True
        if self._stdin is not None and not self._pending:
            self._end_stdin()

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal and self._stdin is not None:
            size = struct.pack("HHHH", rows, columns, 0, 0)
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._stdin, termios.TIOCSWINSZ, size)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        while (item := await self._queue.get()) is not None:
            yield item

    async def wait(self) -> int:
        return await self._child.wait()

    def kill(self) -> None:
        if self._child.code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGHUP)
            self._child.kill_group()

    def _flush(self) -> None:
        if self._stdin is None:
            return
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                written = os.write(self._stdin, self._pending)
                del self._pending[:written]
        except BlockingIOError:
            loop.add_writer(self._stdin, self._flush)
            return
        except OSError:
            self._pending.clear()
        loop.remove_writer(self._stdin)
        if self._closing:
            self._end_stdin()

    def _end_stdin(self) -> None:
        if self._stdin is None:
            return
        if self._terminal:
            # A terminal has no end of file but the character for it.
            with contextlib.suppress(OSError):
                os.write(self._stdin, b"\x04")
            return
        os.close(self._stdin)
        self._stdin = None

    def _read(self, channel: int, fd: int) -> None:
        try:
            data = os.read(fd, _READ)
        except BlockingIOError:
            return
        except OSError:
            # EIO: the last holder of the terminal has gone.
            data = b""
        if data:
            self._queue.put_nowait((channel, data))
            return
        self._close_output(fd)

    def _close_output(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        if fd == self._stdin:
            loop.remove_writer(fd)
            self._stdin = None
        os.close(fd)
        self._outputs.discard(fd)
        if not self._outputs:
            self._queue.put_nowait(None)

    async def _await_end(self) -> None:
        await self._child.wait()
        if self._stdin is not None and not self._terminal:
            asyncio.get_running_loop().remove_writer(self._stdin)
            os.close(self._stdin)
            self._stdin = None
        await asyncio.sleep(_DRAIN_S)
        for fd in list(self._outputs):
            self._close_output(fd)


def start(inside: Inside, argv: Sequence[str], *, stdin: bool, tty: bool) -> Session:
    """Starts `argv` in the container's surroundings; raises `OSError` when it cannot."""
    return _in_terminal(inside, argv) if tty else _in_pipes(inside, argv, stdin=stdin)


def _in_terminal(inside: Inside, argv: Sequence[str]) -> Session:
    master, slave = pty.openpty()
    try:
        child = inside.command(
            argv, Streams(stdin=slave, stdout=slave, stderr=slave), terminal=True
        )
    except OSError:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return Session(child, [(_STDOUT, master)], master)


def _in_pipes(inside: Inside, argv: Sequence[str], *, stdin: bool) -> Session:
    out, err = os.pipe(), os.pipe()
    inward = os.pipe() if stdin else None
    try:
        child = inside.command(
            argv,
            Streams(
                stdin=inward[0] if inward else subprocess.DEVNULL, stdout=out[1], stderr=err[1]
            ),
        )
    except OSError:
        for fd in (out[0], err[0], *([inward[1]] if inward else [])):
            os.close(fd)
        raise
    finally:
        for fd in (out[1], err[1], *([inward[0]] if inward else [])):
            os.close(fd)
    return Session(child, [(_STDOUT, out[0]), (_STDERR, err[0])], inward[1] if inward else None)
