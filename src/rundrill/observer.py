"""Looks at the load and the steady state once a second and tells what it sees as events.

It runs beside the engine, since a command of the runbook may take minutes and the worst seconds
must not go unrecorded.
"""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.bounds import holds, shown
from rundrill.events import UNKNOWN_HARM, Event, LoadSampled, SteadyStateSampled
from rundrill.model import SteadyStateBound
from rundrill.target.cluster import ClusterError

INTERVAL_S = 1.0
ANSWERS_BUDGET_S = 25.0
"""How long the last requests may take: twice the load's ten seconds, a retry and a sample."""


class Alert(Protocol):
    """What the observer asks of an alert's state."""

    @property
    def status(self) -> str: ...


class Detection(Protocol):
    """What the observer asks of the detector."""

    def query(self, expr: str) -> Sequence[tuple[Mapping[str, str], float]]: ...
    def alerts(self) -> Mapping[str, Alert]: ...
    @property
    def last_evaluation(self) -> float | None: ...


class LoadSamples(Protocol):
    """What the observer asks of the load."""

    @property
    def alive(self) -> bool: ...
    def sample(self, now: float) -> Sequence[LoadSampled]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One evaluation: the steady state, and which alerts were firing or pending at that moment.

    `harm` says what of the fault is still there, after it was made; `unmeasured` why this look
    could not tell.
    """

    at: float
    holds: bool
    broken: tuple[str, ...]
    no_data: tuple[str, ...]
    firing: frozenset[str]
    harm: str | None
    unmeasured: str | None = None
    pending: frozenset[str] = frozenset()


class Observer:
    """Samples every second until it is stopped. `failure` is set when it could not go on.

    An evaluation that is older than `stale_after_s` tells nothing about now.
    """

    def __init__(
        self,
        *,
        bounds: Sequence[SteadyStateBound],
        detection: Detection,
        load: LoadSamples,
        emit: Callable[[Event], None],
        clock: Clock,
        started: float,
        stale_after_s: Callable[[], float],
        oldest_in_flight: str | None = None,
    ) -> None:
        self._bounds = bounds
        self._oldest_in_flight = oldest_in_flight
        self._detection = detection
        self._load = load
        self._emit = emit
        self._clock = clock
        self._started = started
        self._stale_after_s = stale_after_s
        self._looks: list[Look] = []
        self._answered_until = -math.inf
        self._harm: Callable[[], str | None] = lambda: None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and takes the samples that are still due."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.failure is None and self._thread.ident is not None:
            self._sample_load()

    def await_answers(self, due: float) -> None:
        """Returns when it is known how every request ended that was due before `due`.

        Whoever stops looking earlier does not know whether the last of them failed. A load that is
        dead, or does not answer within its budget, is waited for no longer.
        """

        def answered() -> bool:
            self._sample_load()
            return self._answered_until >= due or not self._load.alive

        with suppress(WaitTimeoutError):
            until(
                answered,
                what="the answers of the load",
                budget_s=ANSWERS_BUDGET_S,
                every_s=INTERVAL_S / 5,
                clock=self._clock,
            )

    def watch(self, harm: Callable[[], str | None]) -> None:
        """From now on every look asks what of the fault is still there."""
        self._harm = harm

    @property
    def looks(self) -> Sequence[Look]:
        """Every look so far, oldest first."""
        return tuple(self._looks)

    def since(self, at: float) -> Sequence[Look]:
        return [look for look in self._looks if look.at >= at]

    def look(self) -> Look:
        """One evaluation now."""
        harm, unmeasured = self._look_for_harm()
        values = {b.subject: self._value(b) for b in self._bounds}
        # Asked after them: a detection that went away while it was asked has told nothing.
        evaluated = self._detection.last_evaluation
        stale = evaluated is None or self._clock.now() - evaluated > self._stale_after_s()
        if stale:
            unmeasured = unmeasured or "the detection is behind"
            values = dict.fromkeys(values)  # old numbers are no numbers
        broken = tuple(
            f"{bound.subject}: {shown(values[bound.subject], bound.unit)} ({bound.text})"
            for bound in self._bounds
            if not holds(bound, values[bound.subject])
        )
        states = {name: alert.status for name, alert in self._detection.alerts().items()}
        at = self._clock.now() - self._started
        look = Look(
            at=at,
            holds=not broken,
            broken=broken,
            no_data=tuple(name for name, value in values.items() if value is None),
            firing=frozenset(name for name, state in states.items() if state == "firing"),
            harm=harm,
            unmeasured=unmeasured,
            pending=frozenset(name for name, state in states.items() if state == "pending"),
        )
        self._emit(
            SteadyStateSampled(
                at=at,
                values=values,
                holds=not broken,
                broken=broken,
                harm=harm,
                stale=stale,
                service_oldest_s=None if stale else self._service_oldest_s(),
            )
        )
        self._looks.append(look)
        return look

    def _look_for_harm(self) -> tuple[str | None, str | None]:
        try:
            return self._harm(), None
        except ClusterError as error:
            return f"{UNKNOWN_HARM}{error}", str(error)

    def _run(self) -> None:
        due = self._clock.now()
        try:
            while not self._stop.wait(max(0.0, due - self._clock.now())):
                self._sample_load()
                self.look()
                due = max(due + INTERVAL_S, self._clock.now())
        except BaseException as error:  # noqa: BLE001 - told by the engine, never swallowed
            self.failure = error

    def _sample_load(self) -> None:
        for sample in self._load.sample(self._clock.now()):
            self._emit(sample)
            open_s = sample.oldest_in_flight_s if sample.in_flight else 0.0
            self._answered_until = sample.at - open_s

    def _value(self, bound: SteadyStateBound) -> float | None:
        values = self._values(bound.expr)
        if not values:
            return None
        return min(values) if bound.comparator.startswith(">") else max(values)

    def _service_oldest_s(self) -> float | None:
        if self._oldest_in_flight is None:
            return None
        return max(self._values(self._oldest_in_flight), default=None)

    def _values(self, expr: str) -> Sequence[float]:
        """Empty is *no data*; so is a value among them that is no number."""
        values = [value for _, value in self._detection.query(expr)]
        return [] if any(math.isnan(v) or math.isinf(v) for v in values) else values
