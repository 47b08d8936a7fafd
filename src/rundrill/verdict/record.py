"""The events of one run, by kind, and the times that are read off them."""

from collections.abc import Sequence
from typing import TypeVar

from rundrill.events import (
    AlertChanged,
    AlertNotified,
    DrillEnded,
    DrillStarted,
    Event,
    FaultInjected,
    FaultLanded,
    FaultUndone,
    LoadSampled,
    Phase,
    PhaseEnded,
    PhaseStarted,
    Recovered,
)
from rundrill.model import Plan, Times
from rundrill.verdict import customers

T = TypeVar("T")


class Record:
    """The events of one run, by kind, and what is looked up more than once."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        started = self.last(DrillStarted)
        if started is None:
            raise ValueError("no DrillStarted: these are not the events of a drill")
        self.plan: Plan = started.plan
        self.end = max(event.at for event in events)
        self.times = _times(self)

    def all(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[T]) -> T | None:
        return next((e for e in reversed(self.events) if isinstance(e, kind)), None)

    def ended(self, phase: Phase) -> float:
        """When the phase ended; the end of the record where it was cut off."""
        ended = [e.at for e in self.all(PhaseEnded) if e.phase == phase]
        return ended[-1] if ended else self.events[-1].at

    def started(self, phase: Phase) -> float | None:
        return next((e.at for e in self.all(PhaseStarted) if e.phase == phase), None)


def _times(record: Record) -> Times:
    plan = record.plan
    injected = _at(record.last(FaultInjected))
    changes = [e for e in record.all(AlertChanged) if injected is not None and e.at >= injected]
    firing = [_first(changes, alert, ("firing",)) for alert in plan.expected_alerts]
    pending = [_first(changes, alert, ("pending", "firing")) for alert in plan.expected_alerts]
    told = [e for e in record.all(AlertNotified) if injected is not None and e.at >= injected]
    # Not the message of an earlier firing.
    notified = [
        next((e.at for e in told if e.alert == alert and at is not None and e.at >= at), None)
        for alert, at in zip(plan.expected_alerts, firing, strict=True)
    ]
    harm = [
        sample.at
        for sample in record.all(LoadSampled)
        if injected is not None and sample.at > injected and customers.failed(sample) > 0
    ]
    return Times(
        injected=injected,
        landed=_at(record.last(FaultLanded)),
        first_harm=harm[0] if harm else None,
        pending=_latest(pending),
        firing=_latest(firing),
        notified=_latest(notified),
        responded=record.started("respond"),
        recovered=_at(record.last(Recovered)),
        undone=_at(record.last(FaultUndone)),
        ended=_at(record.last(DrillEnded)),
    )


def _at(
    event: FaultInjected | FaultLanded | FaultUndone | Recovered | DrillEnded | None,
) -> float | None:
    return None if event is None else event.at


def _first(changes: Sequence[AlertChanged], alert: str, states: tuple[str, ...]) -> float | None:
    return next((e.at for e in changes if e.alert == alert and e.state in states), None)


def _latest(times: Sequence[float | None]) -> float | None:
    """When all had come; None while one is missing."""
    known = [at for at in times if at is not None]
    return max(known) if known and len(known) == len(times) else None
