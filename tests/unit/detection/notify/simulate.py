"""Alerts that fire and end at given times, through our dispatcher on a clock that takes no time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rundrill.detection.labels import Labels
from rundrill.detection.notify import Dispatcher, Routing


@dataclass(frozen=True, slots=True)
class Burning:
    """One series: when its alert begins and ends, and when it began by its own account."""

    labels: Mapping[str, str]
    begins: float
    ends: float | None = None
    since: float | None = None

    @property
    def starts_at(self) -> float:
        return self.begins if self.since is None else self.since


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """One message: when, to whom, and which alerts fired or had ended in it."""

    at: float
    receiver: str
    group_key: str
    firing: tuple[str, ...]
    ended: tuple[str, ...]


def name_of(labels: Mapping[str, str]) -> str:
    return f"{labels['alertname']}/{labels.get('pod', '')}"


def simulate(
    routing: Routing,
    alerts: Sequence[Burning],
    until: float,
    *,
    sweep_s: float = 30.0,
    fails: Sequence[int] = (),
) -> list[Told]:
    """What is told, to the millisecond. Messages whose numbers are in `fails` do not arrive."""
    dispatcher = Dispatcher(routing, began=0.0, sweep_s=sweep_s)
    changes = sorted({t for a in alerts for t in (a.begins, a.ends) if t is not None} | {until})
    found: list[Told] = []
    now = 0.0
    for change in changes:
        while (due := dispatcher.due()) is not None and due < change:
            now = max(now, due)
            for message in dispatcher.flush(now):
                delivered = message.number not in fails
                if delivered:
                    firing = tuple(sorted(name_of(a.labels) for a in message.firing))
                    ended = tuple(sorted(name_of(a.labels) for a in message.alerts if not a.firing))
                    key = message.group_key
                    found.append(Told(round(now, 3), message.receiver, key, firing, ended))
                dispatcher.settle(message, now, delivered=delivered)
        now = max(now, change)
        firing_now = {
            Labels(a.labels): a.starts_at
            for a in alerts
            if a.begins <= now and (a.ends is None or now < a.ends)
        }
        dispatcher.take(firing_now, now)
    return found
