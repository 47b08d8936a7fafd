"""Every request from due to done: counted, recorded and measured in one place.

Imports neither locust nor gevent; time is an argument.
"""

from collections.abc import Callable
from typing import Final, Literal

from load.arrivals import WHOLE, Share
from load.metrics import Metrics
from load.mix import NAMES, Request
from load.outcome import Outcome
from load.record import Record

Why = Literal["stopped", "parent died", "no record"]


class Flights:
    """The account of one load, or of a `share` of it. `now` is the monotonic clock."""

    def __init__(self, record: Record, now: Callable[[], float], share: Share = WHOLE) -> None:
        self._record = record
        self._now = now
        self._due: dict[int, float] = {}
        self._numbers = share.indices()
        self.issued = self.ok = self.failed = self.dropped = self.abandoned = 0
        self.worst_lateness_s = 0.0
        self.metrics: Final = Metrics(
            NAMES.values(),
            in_flight=lambda: self.in_flight,
            oldest_s=lambda: self.oldest_s,
            worst_lateness_s=lambda: self.worst_lateness_s,
        )

    @property
    def in_flight(self) -> int:
        return len(self._due)

    @property
    def oldest_s(self) -> float:
        """Age of the oldest request in flight, from its due time; 0 when there is none."""
        # Arrivals enter in the order of their due times, so the first one is the oldest.
        due = next(iter(self._due.values()), None)
        return 0.0 if due is None else max(0.0, self._now() - due)

    def depart(self, due: float) -> int:
        """Takes an arrival into flight; its number."""
        number = next(self._numbers)
        self._due[number] = due
        return number

    def drop(self, due: float) -> None:
        """An arrival that was not sent, because too many were in flight."""
        self.dropped += 1
        self.metrics.dropped.inc()
        number = next(self._numbers)
        self._record.write({"t": "dropped", "i": number, "due": due, "at": self._now()})

    def sent(self, number: int, request: Request) -> float:
        """The first attempt begins; the time of it."""
        due, sent = self._due[number], self._now()
        self.issued += 1
        self.metrics.issued.inc()
        self.worst_lateness_s = max(self.worst_lateness_s, sent - due)
        self._record.write(
            {
                "t": "issued",
                "i": number,
                "name": request.name,
                "due": due,
                "sent": sent,
                "key": request.key,
            }
        )
        return sent

    def retry(self, number: int, attempt: int, outcome: Outcome) -> None:
        """Attempt number `attempt` (from 2) begins, because the last one came to `outcome`."""
        self.metrics.retries.inc()
        self._record.write(
            {
                "t": "retry",
                "i": number,
                "at": self._now(),
                "attempt": attempt,
                "status": outcome.status,
                "error": outcome.error,
            }
        )

    def done(
        self, number: int, request: Request, sent: float, outcome: Outcome, attempts: int
    ) -> float:
        """The request ended; its seconds from due to done."""
        done = self._now()
        due = self._due.pop(number)
        self.ok += outcome.ok
        self.failed += not outcome.ok
        self.metrics.completed(request.name, ok=outcome.ok, duration_s=done - due)
        self._record.write(
            {
                "t": "done",
                "i": number,
                "due": due,
                "sent": sent,
                "done": done,
                "status": outcome.status,
                "ok": outcome.ok,
                "error": outcome.error,
                "attempts": attempts,
                "key": request.key,
                "payment": outcome.payment,
            }
        )
        return done - due

    def abandon(self, number: int) -> None:
        """The load stops and does not wait for this one."""
        if self._due.pop(number, None) is not None:
            self.abandoned += 1
            self._record.write({"t": "abandoned", "i": number, "at": self._now()})

    def end(self, why: Why) -> None:
        """The last line. Whoever is still in flight, or was about to be, is given up."""
        for number in tuple(self._due):
            self.abandon(number)
        self._record.write(
            {
                "t": "end",
                "at": self._now(),
                "why": why,
                "issued": self.issued,
                "completed": self.ok + self.failed,
                "ok": self.ok,
                "failed": self.failed,
                "dropped": self.dropped,
                "abandoned": self.abandoned,
                "worst_lateness_ms": round(self.worst_lateness_s * 1000, 3),
            }
        )
