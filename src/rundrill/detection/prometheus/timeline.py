"""When a rule changed its state, by the evaluations of Prometheus itself. Pure.

Looks come late and may miss a short alert; the series `ALERTS` has a sample for every evaluation
at which the alert was active, with its time. Where there is none, the alert was inactive, unless
no evaluation took place: then the same series is still active from before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.detection.alerts import AlertStatus

_MISSED: Final = 1.5
"""Samples further apart than this many intervals have an evaluation between them."""
_ORDER: Final = (AlertStatus.INACTIVE, AlertStatus.PENDING, AlertStatus.FIRING)


@dataclass(frozen=True, slots=True)
class Turn:
    """The rule came into `status` at the evaluation of time `at`."""

    at: float
    status: AlertStatus


@dataclass(slots=True)
class Timeline:
    """One rule's state, followed from look to look. Times are Unix seconds of one clock."""

    status: AlertStatus = AlertStatus.INACTIVE
    since: float | None = None
    _until: float = float("-inf")
    """The last evaluation that is known to have seen it active."""

    def advance(
        self,
        active: Iterable[tuple[float, AlertStatus]],
        *,
        now_inactive: bool,
        active_since: Sequence[float],
        evaluated: float,
        interval_s: float,
    ) -> list[Turn]:
        """The turns since the last call, oldest first.

        `active` are evaluations with a pending or firing series (again and in any order, if so),
        `active_since` those at which the series of now became active, `evaluated` about when the
        rule was last evaluated.
        """
        turns: list[Turn] = []
        for at, status in _by_time(active):
            if at <= self._until:
                continue
            missed = at - self._until > _MISSED * interval_s
            if self._active and missed and not any(s <= self._until for s in active_since):
                turns += self._turn(self._until + interval_s, AlertStatus.INACTIVE)
            turns += self._turn(at, status)
            self._until = at
        # The state is new before the time of the evaluation that made it so is told.
        if self._active and now_inactive and evaluated > self._until + interval_s / 2:
            turns += self._turn(min(self._until + interval_s, evaluated), AlertStatus.INACTIVE)
        return turns

    def ignore_until(self, at: float) -> None:
        """What was before `at` is not told any more."""
        self._until = max(self._until, at)

    @property
    def _active(self) -> bool:
        return self.status is not AlertStatus.INACTIVE

    def _turn(self, at: float, status: AlertStatus) -> list[Turn]:
        if status is self.status:
            return []
        self.status, self.since = status, at
        return [Turn(at, status)]


def _by_time(active: Iterable[tuple[float, AlertStatus]]) -> list[tuple[float, AlertStatus]]:
    """One entry a time, with the most advanced state of that time."""
    found: dict[float, AlertStatus] = {}
    for at, status in active:
        before = found.get(at, AlertStatus.INACTIVE)
        found[at] = max(before, status, key=_ORDER.index)
    return sorted(found.items())
