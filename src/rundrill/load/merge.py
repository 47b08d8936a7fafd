"""The request logs of several workers as the one that a single process would have written.

Nothing is averaged: every line of every worker is in the merged log, in the order of its time.
A line is taken over when no worker can write an older one any more; each says ten times a second
how far it is.
"""

import heapq
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from rundrill.errors import MachineError
from rundrill.load.record import time_of
from rundrill.load.tail import Tail

_SUMMED: Final = ("issued", "completed", "ok", "failed", "dropped", "abandoned")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a worker; `at` is when it happened, by the common clock."""

    at: float
    text: bytes


class Merge:
    """Lines of `count` workers, oldest first. Pure."""

    def __init__(self, count: int) -> None:
        self._waiting: tuple[deque[Line], ...] = tuple(deque() for _ in range(count))
        self._until = [-math.inf] * count
        self._ends: list[Mapping[str, object]] = []
        self.announced: set[int] = set()
        """The workers, from 0, whose first line was read."""

    def feed(self, worker: int, text: bytes) -> None:
        """Takes the next line of a worker, from 0. Raises `ValueError` when it is not one."""
        try:
            line = json.loads(text)
            kind, at = line["t"], time_of(line)
            if kind == "start":
                self.announced.add(worker)
            elif kind == "end":
                self._ends.append(_checked_end(line))
            elif kind != "tick":
                self._waiting[worker].append(Line(at, text))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a line of a request log: {error!r}") from error
        self._until[worker] = math.inf if kind == "end" else max(self._until[worker], at)

    def take(self) -> list[Line]:
        """What is complete: older than the youngest thing known of every worker."""
        return [*self._merged(min(self._until))]

    def rest(self) -> list[Line]:
        """What is left when nothing more will come, and the end where every worker came to one."""
        rest = [*self._merged(math.inf)]
        if len(self._ends) == len(self._waiting):
            end = _end_of(self._ends)
            rest.append(Line(time_of(end), json.dumps(end, separators=(",", ":")).encode()))
            self._ends = []
        return rest

    def _merged(self, until: float) -> Iterator[Line]:
        return heapq.merge(*(_ready(one, until) for one in self._waiting), key=lambda line: line.at)


def _ready(waiting: deque[Line], until: float) -> Iterator[Line]:
    while waiting and waiting[0].at <= until:
        yield waiting.popleft()


def _checked_end(line: Mapping[str, object]) -> Mapping[str, object]:
    for name in (*_SUMMED, "worst_lateness_ms"):
        if not isinstance(line[name], int | float):
            raise TypeError(f"{name} is not a number")
    return line


def _end_of(ends: Sequence[Mapping[str, object]]) -> dict[str, object]:
    def numbers(name: str) -> Iterator[float]:
        return (value for end in ends if isinstance(value := end[name], int | float))

    whys = [str(end["why"]) for end in ends]
    return {
        "t": "end",
        "at": max(time_of(end) for end in ends),
        "why": next((why for why in whys if why != "stopped"), "stopped"),
        **{name: sum(numbers(name)) for name in _SUMMED},
        "worst_lateness_ms": max(numbers("worst_lateness_ms")),
    }


class MergedTail:
    """The growing logs of workers and of their master, as `Tail` gives those of one process.

    Writes what it gives to `merged`. The methods raise `MachineError` for a line that is none of
    ours, and `OSError`.
    """

    def __init__(self, merged: Path, *, master: Path, workers: Sequence[Path]) -> None:
        self._path = merged
        self._master = Tail(master)
        self._paths = tuple(workers)
        self._tails = tuple(Tail(path) for path in workers)
        self._read = [0] * len(workers)
        self._merge = Merge(len(workers))
        self._file: IO[bytes] | None = None
        self.port: int | None = None
        """Where workers find their master; known once it has written its first line."""

    @property
    def announced(self) -> bool:
        """Whether every worker can be told to stop."""
        return len(self._merge.announced) == len(self._tails)

    def lines(self) -> list[bytes]:
        """New lines since the last call; the first one is the master's."""
        first = self._first_of_master()
        self._feed()
        return self._written([*first, *(line.text for line in self._merge.take())])

    def rest(self) -> list[bytes]:
        """All that is left, once every process has ended."""
        self._feed()
        return self._written([line.text for line in self._merge.rest()])

    def close(self) -> None:
        for tail in (self._master, *self._tails):
            tail.close()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _first_of_master(self) -> list[bytes]:
        if self.port is not None:
            return []
        first = self._master.lines()[:1]
        for text in first:
            self.port = int(json.loads(text)["port"])
        return first

    def _feed(self) -> None:
        for worker, tail in enumerate(self._tails):
            for text in tail.lines():
                self._read[worker] += 1
                try:
                    self._merge.feed(worker, text)
                except ValueError as error:
                    raise MachineError(
                        str(error),
                        path=self._paths[worker],
                        line=self._read[worker],
                        fix="nothing else may write into the run folder",
                    ) from error

    def _written(self, lines: Iterable[bytes]) -> list[bytes]:
        lines = [*lines]
        if lines:
            if self._file is None:
                self._file = self._path.open("wb", buffering=0)
            self._file.write(b"".join(line + b"\n" for line in lines))
        return lines
