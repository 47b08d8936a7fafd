"""Lines of the request log -> seconds, totals, delivered rate. Pure: no file, no process, no clock.

The lines are described in `load/record.py`. They come in the order in which things happened, so
a second is complete as soon as a line of a later one has been read.
"""

import json
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.events import LoadSampled

SETTLE_S: Final = 1.0
"""After it a second counts as complete even when no later line has come: the log is flushed
every 100 ms."""

_TIME_OF: Final = {"issued": "sent", "done": "done"}
"""Which field says when it happened; for all other lines it is `at`."""


def time_of(line: Mapping[str, object]) -> float:
    """When a line of the log happened. Raises `KeyError` and `TypeError` where it is not said."""
    return _number(line, _TIME_OF.get(str(line["t"]), "at"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What was offered to the service between two clock times."""

    per_min: float
    issued: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Over the whole load; `worst_lateness_ms` is None when nothing was issued."""

    issued: int
    completed: int
    dropped: int
    abandoned: int
    worst_lateness_ms: float | None


NOTHING: Final = Totals(issued=0, completed=0, dropped=0, abandoned=0, worst_lateness_ms=None)


class RequestLog:
    """The account of a request log, kept up to date line by line.

    `zero` is the clock reading that events call 0; `start` the one at which the load began. An
    answer that took longer than `slow_s` from its due time was slow; None counts none.
    """

    def __init__(self, *, zero: float, start: float, slow_s: float | None = None) -> None:
        self._zero = zero
        self._slow_s = slow_s
        self._second = math.floor(start - zero) + 1
        self._ready: list[LoadSampled] = []
        self._due: dict[int, float] = {}
        self._sent = array("d")
        self._late_s = array("d")  # of each that was sent
        self._done = array("d")
        self._dropped = array("d")
        self._abandoned = 0
        self._open = _Second()
        self.acknowledged: dict[str, str] = {}
        self.metrics_url: str | None = None
        self.last_at = -math.inf
        """When the last line read so far happened."""

    @property
    def totals(self) -> Totals:
        return Totals(
            issued=len(self._sent),
            completed=len(self._done),
            dropped=len(self._dropped),
            abandoned=self._abandoned,
            worst_lateness_ms=round(max(self._late_s) * 1000, 3) if self._sent else None,
        )

    def totals_since(self, start: float) -> Totals:
        """Of what was sent, completed and dropped at the clock time `start` or later."""
        first = bisect_left(self._sent, start)
        return Totals(
            issued=len(self._sent) - first,
            completed=len(self._done) - bisect_left(self._done, start),
            dropped=len(self._dropped) - bisect_left(self._dropped, start),
            abandoned=self._abandoned,
            worst_lateness_ms=round(max(self._late_s[first:]) * 1000, 3)
            if first < len(self._sent)
            else None,
        )

    def feed(self, text: bytes | str) -> None:
        """Takes the next line. Raises `ValueError` when it is not one of the log."""
        line = json.loads(text)
        try:
            kind = line["t"]
            at = time_of(line)
            self._close_until(at)
            self.last_at = max(self.last_at, at)
            self._count(kind, line, at)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a line of a request log: {error!r}") from error

    def samples(self, now: float | None) -> list[LoadSampled]:
        """The seconds completed since the last call.

        With `now` also those of which no line can come any more; without (the load has ended)
        only those which a later line has completed.
        """
        if now is not None:
            self._close_until(now - SETTLE_S)
        ready, self._ready = self._ready, []
        return ready

    def delivered(self, start: float, end: float, period_s: float) -> Delivered:
        """Requests sent in [start, end), a minute. `period_s` is the time between two arrivals.

        Both ends are moved to the next arrival, if it comes within a period: between two
        arrivals the load is neither early nor late, and counting in a window that cuts a period
        would be wrong by up to one request.
        """
        issued, left = self._sent_from(start, period_s)
        issued_until, right = self._sent_from(end, period_s)
        span = right - left
        count = issued_until - issued
        return Delivered(
            per_min=count / span * 60 if span > 0 else 0.0,
            issued=count,
            dropped=bisect_left(self._dropped, end) - bisect_left(self._dropped, start),
        )

    def _sent_from(self, at: float, period_s: float) -> tuple[int, float]:
        index = bisect_left(self._sent, at)
        near = index < len(self._sent) and self._sent[index] - at <= 1.5 * period_s
        return index, self._sent[index] if near else at

    def _count(self, kind: str, line: Mapping[str, object], at: float) -> None:
        if kind == "issued":
            due = _number(line, "due")
            self._due[int(_number(line, "i"))] = due
            self._sent.append(at)
            self._late_s.append(at - due)
            self._open.issued += 1
        elif kind == "done":
            self._due.pop(int(_number(line, "i")), None)
            self._done.append(at)
            self._open.done(
                latency_s=at - (due := _number(line, "due")),
                ok=line["ok"] is True,
                age=self._second - math.floor(due - self._zero) - 1,
                slow_s=self._slow_s,
            )
            self._acknowledge(line)
        elif kind == "dropped":
            self._dropped.append(at)
            self._open.dropped += 1
        elif kind == "abandoned":
            # Not counted when it had not been sent yet.
            self._abandoned += self._due.pop(int(_number(line, "i")), None) is not None
        elif kind == "start":
            metrics = line["metrics"]
            self.metrics_url = metrics if isinstance(metrics, str) else None

    def _acknowledge(self, line: Mapping[str, object]) -> None:
        key, status, payment = line["key"], line["status"], line["payment"]
        if isinstance(key, str) and isinstance(status, int) and 200 <= status < 300:
            self.acknowledged[key] = payment if isinstance(payment, str) else ""

    def _close_until(self, at: float) -> None:
        while self._zero + self._second <= at:
            boundary = self._zero + self._second
            oldest = min(self._due.values(), default=boundary)
            self._ready.append(
                self._open.sampled(
                    at=float(self._second),
                    in_flight=len(self._due),
                    oldest_in_flight_s=max(0.0, boundary - oldest),
                    counts_slow=self._slow_s is not None,
                )
            )
            self._open = _Second()
            self._second += 1


class _Second:
    """The counts of the second that is not complete yet."""

    def __init__(self) -> None:
        self.issued = self.dropped = self._ok = 0
        self._latencies_ms: list[float] = []
        self._failed_ages: Counter[str] = Counter()
        self._slow_ages: Counter[str] = Counter()

    def done(self, *, latency_s: float, ok: bool, age: int, slow_s: float | None) -> None:
        """One answer, or the end of waiting for it; `age` is how many seconds ago it was due."""
        self._latencies_ms.append(latency_s * 1000)
        self._ok += ok
        if not ok:
            self._failed_ages[str(max(0, age))] += 1
        elif slow_s is not None and latency_s > slow_s:
            self._slow_ages[str(max(0, age))] += 1

    def sampled(
        self, *, at: float, in_flight: int, oldest_in_flight_s: float, counts_slow: bool
    ) -> LoadSampled:
        latencies = sorted(self._latencies_ms)
        return LoadSampled(
            at=at,
            issued=self.issued,
            completed=len(latencies),
            ok=self._ok,
            failed=len(latencies) - self._ok,
            dropped=self.dropped,
            in_flight=in_flight,
            oldest_in_flight_s=oldest_in_flight_s,
            p50_ms=quantile(latencies, 0.50),
            p95_ms=quantile(latencies, 0.95),
            p99_ms=quantile(latencies, 0.99),
            slow=self._slow_ages.total() if counts_slow else None,
            failed_ages=dict(self._failed_ages),
            slow_ages=dict(self._slow_ages),
        )


def quantile(ordered: Sequence[float], q: float) -> float | None:
    """The nearest-rank quantile: a value that was really measured; None of nothing."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None


def _number(line: Mapping[str, object], name: str) -> float:
    value = line[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is not a number")
    return value
