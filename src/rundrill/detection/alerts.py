"""The state machine of one alerting rule: inactive, pending, firing. Pure; time is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rundrill.detection.labels import Labels
from rundrill.detection.promql import EvaluationError, Vector

ALERT_NAME: Final = "alertname"


class AlertStatus(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


_ORDER: Final = (AlertStatus.INACTIVE, AlertStatus.PENDING, AlertStatus.FIRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSeries:
    """One pending or firing series. `active_since` is when its expression first held."""

    labels: Labels
    value: float
    status: AlertStatus
    active_since: float
    fired_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """A rule's state: that of its most advanced series, the longest active of them.

    `since` is the time of the evaluation at which the rule came into this state, None before
    the first one. `labels` and `value` are that series'; empty and None when inactive.
    """

    status: AlertStatus
    since: float | None
    labels: Labels
    value: float | None
    series: tuple[AlertSeries, ...]


@dataclass(slots=True)
class _Active:
    value: float
    active_since: float
    status: AlertStatus = AlertStatus.PENDING
    fired_at: float | None = None
    kept_since: float | None = None


class AlertMachine:
    """Follows one rule from evaluation to evaluation. Times are seconds of one clock."""

    def __init__(
        self,
        name: str,
        *,
        for_s: float = 0.0,
        keep_firing_for_s: float = 0.0,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        self._labels = {**(labels or {}), ALERT_NAME: name}
        # Whole milliseconds, as Prometheus has them: sums of fractions must not delay by one
        # evaluation.
        self._for_ms = round(for_s * 1000)
        self._keep_ms = round(keep_firing_for_s * 1000)
        self._active: dict[Labels, _Active] = {}
        self._status = AlertStatus.INACTIVE
        self._since: float | None = None

    def advance(self, vector: Vector, at: float) -> AlertState:
        """Takes the result of one evaluation.

        Raises `EvaluationError`, and changes nothing, when two elements become the same alert.
        """
        found: dict[Labels, float] = {}
        for labels, value in vector:
            key = labels.nameless().updated(self._labels)
            if key in found:
                raise EvaluationError(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[key] = value
        self._take(found, at)
        self._drop(found, at)
        for active in self._active.values():
            waited = _milliseconds(at - active.active_since)
            if active.status is AlertStatus.PENDING and waited >= self._for_ms:
                active.status = AlertStatus.FIRING
                active.fired_at = at
        status = max((a.status for a in self._active.values()), key=_ORDER.index, default=_ORDER[0])
        if status is not self._status or self._since is None:
            self._status, self._since = status, at
        return self.state

    def _take(self, found: Mapping[Labels, float], at: float) -> None:
        for key, value in found.items():
            active = self._active.get(key)
            if active is None:
                self._active[key] = _Active(value, at)
            else:
                active.value = value
                active.kept_since = None

    def _drop(self, found: Mapping[Labels, float], at: float) -> None:
        for key, active in list(self._active.items()):
            if key in found:
                continue
            if active.status is AlertStatus.FIRING and self._keep_ms:
                if active.kept_since is None:
                    active.kept_since = at
                if _milliseconds(at - active.kept_since) < self._keep_ms:
                    continue
            del self._active[key]

    @property
    def status(self) -> AlertStatus:
        return self._status

    @property
    def state(self) -> AlertState:
        series = tuple(
            AlertSeries(
                labels=labels,
                value=active.value,
                status=active.status,
                active_since=active.active_since,
                fired_at=active.fired_at,
            )
            for labels, active in self._active.items()
        )
        # The first of the most advanced: the table keeps the order in which they came.
        lead = next((one for one in series if one.status is self._status), None)
        return AlertState(
            status=self._status,
            since=self._since,
            labels=Labels() if lead is None else lead.labels,
            value=None if lead is None else lead.value,
            series=series,
        )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
