"""One alert over the run: from when to when it was pending and firing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from rundrill.events import AlertChanged
from rundrill.verdict.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """[start, end) in one state; `open` when the record ended before it did."""

    state: Literal["pending", "firing"]
    start: float
    end: float
    open: bool

    def holds(self, at: float) -> bool:
        return self.start <= at and (at < self.end or self.open)


def spells(record: Record, alert: str) -> tuple[Spell, ...]:
    """In their order; between two that do not touch the alert was inactive."""
    return tuple(_spells(record, alert))


def _spells(record: Record, alert: str) -> Iterator[Spell]:
    own = sorted((e for e in record.all(AlertChanged) if e.alert == alert), key=lambda e: e.at)
    # One state told twice is one spell.
    changes = [next(same) for _, same in groupby(own, key=lambda e: e.state)]
    for index, change in enumerate(changes):
        if change.state == "inactive":
            continue
        last = index + 1 == len(changes)
        yield Spell(
            state=change.state,
            start=change.at,
            end=max(change.at, record.end) if last else changes[index + 1].at,
            open=last,
        )


def alerts(record: Record) -> Sequence[str]:
    """Every alert that this drill is about or that stirred: the expected ones first."""
    names = [*record.plan.expected_alerts, *(e.alert for e in record.all(AlertChanged))]
    return tuple(dict.fromkeys(names))


def led_to(firing: Spell, history: Sequence[Spell]) -> float:
    """Since when the condition held for which it fired: it waited from then on."""
    since = firing.start
    for spell in reversed(history):
        if spell.state == "pending" and spell.end == since:
            since = spell.start
    return since
