"""Reads a growing file line by line."""

from pathlib import Path
from typing import IO


class Tail:
    """New whole lines since the last call; a torn last line waits until it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._torn = b""
        self._closed = False

    def lines(self) -> list[bytes]:
        """None of a file that does not exist yet, or after `close`. Raises `OSError`."""
        if self._closed:
            return []
        if self._file is None:
            try:
                self._file = self._path.open("rb", buffering=0)
            except FileNotFoundError:
                return []
        *whole, self._torn = (self._torn + (self._file.read() or b"")).split(b"\n")
        return whole

    def close(self) -> None:
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a text file that are not empty; [] of one that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
