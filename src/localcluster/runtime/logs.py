"""A container's log: stamped lines in a file with a bound, and their reading.

Each line is `<time> <stream> <P or F> <text>`, as container runtimes write it; P says that the
line was cut because it is very long.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

MAX_BYTES: Final = 10 * 1024 * 1024
_LONGEST_LINE: Final = 16 * 1024
_READ: Final = 64 * 1024


def stamp() -> str:
    """Now, in UTC with nanoseconds' width, as runtimes write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


class LogFile:
    """Written by one container run. At MAX_BYTES it is rotated; one older part is kept."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._partial = {"stdout": b"", "stderr": b""}
        self._file: IO[bytes] | None = path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._grown = asyncio.Event()
        self._pipes = 0
        self._drained = asyncio.Event()
        self.rotations = 0

    @property
    def path(self) -> Path:
        return self._path

    @property
    def closed(self) -> bool:
        return self._file is None

    def feed(self, stream: str, data: bytes) -> None:
        """Adds what the container wrote; an unfinished line waits for its end."""
        *lines, rest = (self._partial[stream] + data).split(b"\n")
        head = f"{stamp()} {stream} ".encode()
        out = [head + b"F " + line + b"\n" for line in lines]
        while len(rest) >= _LONGEST_LINE:
            out.append(head + b"P " + rest[:_LONGEST_LINE] + b"\n")
            rest = rest[_LONGEST_LINE:]
        self._partial[stream] = rest
        self._write(b"".join(out))

    def close(self) -> None:
        """Writes unfinished lines and ends every `follow`."""
        if self._file is None:
            return
        for stream, rest in self._partial.items():
            if rest:
                self._write(f"{stamp()} {stream} F ".encode() + rest + b"\n")
        with contextlib.suppress(OSError):
            self._file.close()
        self._file = None
        self._wake()

    async def drained(self, within_s: float) -> None:
        """Returns when all pipes are at their end; a stray child may hold one open for ever."""
        if self._pipes:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._drained.wait()

    def pipe(self, stream: str) -> int:
        """The writing end of a new pipe whose content goes to the log; the caller closes it."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        loop = asyncio.get_running_loop()
        self._pipes += 1
        self._drained.clear()

        def read() -> None:
            try:
                data = os.read(reading, _READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                self.feed(stream, data)
                return
            loop.remove_reader(reading)
            os.close(reading)
            self._pipes -= 1
            if not self._pipes:
                self._drained.set()

        loop.add_reader(reading, read)
        return writing

    async def grown(self) -> None:
        """Returns when there is more, or when the log has been closed."""
        if self._file is not None:
            await self._grown.wait()

    def _write(self, data: bytes) -> None:
        if not data or self._file is None:
            return
        # A full disk must not end the container whose log it is; the lines are lost.
        with contextlib.suppress(OSError):
            if self._size + len(data) > self._max_bytes:
                self._rotate()
            self._file.write(data)
            self._size += len(data)
        self._wake()

    def _rotate(self) -> None:
        assert self._file is not None
        self._path.replace(older(self._path))
        fresh = self._path.open("ab", buffering=0)
        self._file.close()
        self._file, self._size = fresh, 0
        self.rotations += 1

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()


def older(path: Path) -> Path:
    return path.with_name(path.name + ".1")


class Selection:
    """Which lines a reader wants: the query of `kubectl logs`."""

    def __init__(
        self,
        *,
        tail_lines: int | None = None,
        since_s: float | None = None,
        timestamps: bool = False,
        limit_bytes: int | None = None,
    ) -> None:
        self.tail_lines = tail_lines
        self._after = None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s)
        self._timestamps = timestamps
        self._left = limit_bytes

    @property
    def exhausted(self) -> bool:
        return self._left is not None and self._left <= 0

    def shown(self, line: bytes) -> bytes:
        """The line as its reader sees it; empty when it is not wanted."""
        time, _, rest = line.partition(b" ")
        _stream, _, rest = rest.partition(b" ")
        flag, _, text = rest.partition(b" ")
        if self._after is not None and _moment(time) < self._after:
            return b""
        out = (time + b" " if self._timestamps else b"") + text
        if flag == b"P":
            out = out.removesuffix(b"\n")
        if self._left is not None:
            out = out[: max(0, self._left)]
            self._left -= len(out)
        return out


def _moment(time: bytes) -> datetime:
    try:
        return datetime.fromisoformat(time[:26].decode() + "+00:00")
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def read_lines(path: Path) -> Iterator[bytes]:
    """All stored lines, the rotated part first."""
    for part in (older(path), path):
        try:
            with part.open("rb") as file:
                yield from file
        except FileNotFoundError:
            continue


async def read(
    path: Path, selection: Selection, log: LogFile | None = None
) -> AsyncIterator[bytes]:
    """Chunks of the log; with `log` it goes on until the container has ended."""
    stored = deque(read_lines(path), maxlen=selection.tail_lines)
    rotations = log.rotations if log is not None else 0
    # Everything up to here was just read; nothing can be written in between, as nothing awaited.
    position = _size(path)
    while stored:
        chunk = b"".join(selection.shown(stored.popleft()) for _ in range(min(256, len(stored))))
        if chunk:
            yield chunk
        if selection.exhausted:
            return
    while log is not None and not selection.exhausted:
        if log.rotations != rotations:
            position, rotations = 0, log.rotations
        if _size(path) > position:
            data = _tail(path, position)
            position += len(data)
            chunk = b"".join(selection.shown(line) for line in data.splitlines(keepends=True))
            if chunk:
                yield chunk
        elif log.closed:
            return
        else:
            await log.grown()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _tail(path: Path, position: int) -> bytes:
    with path.open("rb") as file:
        file.seek(position)
        return file.read()
