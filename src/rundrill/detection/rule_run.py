"""One rule being evaluated again and again: its expression, its state, its last error."""

from collections.abc import Mapping

from rundrill.detection.alerts import AlertMachine, AlertState
from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql import EvaluationError, Expression, Moment, Vector
from rundrill.detection.rules import AlertRule, RecordingRule
from rundrill.detection.store import SampleStore, Series


class AlertRun:
    """An alerting rule. As in Prometheus, a failed evaluation leaves its state as it was."""

    def __init__(self, rule: AlertRule, expression: Expression, compression: float) -> None:
        self.rule = rule
        self.expression = expression
        self.for_s = rule.for_s / compression
        self.error: str | None = None
        self._machine = AlertMachine(
            rule.name,
            for_s=self.for_s,
            keep_firing_for_s=rule.keep_firing_for_s / compression,
            labels=rule.labels,
        )

    @property
    def state(self) -> AlertState:
        return self._machine.state

    def evaluate(self, moment: Moment, at: float) -> bool:
        """True when the state changed."""
        before = self._machine.status
        try:
            self._machine.advance(self.expression.evaluate(moment), at)
            self.error = None
        except EvaluationError as error:
            self.error = str(error)
        return self._machine.status is not before


class RecordingRun:
    """A recording rule; a series that its result no longer has ends in the store."""

    def __init__(self, rule: RecordingRule, expression: Expression, store: SampleStore) -> None:
        self.rule = rule
        self.expression = expression
        self.error: str | None = None
        self._store = store
        self._labels = {**rule.labels, METRIC_NAME: rule.record}
        self._present: frozenset[Series] = frozenset()

    def evaluate(self, moment: Moment) -> None:
        found: dict[Series, float] = {}
        self.error = None
        try:
            found = self._series(self.expression.evaluate(moment), self._labels)
            self._check_free(found, moment.at_ms)
        except EvaluationError as error:
            self.error, found = str(error), {}
        self._store.end(self._present.difference(found), moment.at_ms)
        for series, value in found.items():
            self._store.append_to(series, moment.at_ms, value)
        self._present = frozenset(found)

    @staticmethod
    def _check_free(found: Mapping[Series, float], at_ms: int) -> None:
        for series in found:
            if series.times and series.times[-1] >= at_ms:
                raise EvaluationError(
                    f"{series.labels} is also scraped, or recorded by another rule"
                )

    def _series(self, vector: Vector, labels: Mapping[str, str]) -> dict[Series, float]:
        found: dict[Labels, float] = {}
        for element, value in vector:
            key = element.updated(labels)
            if key in found:
                raise EvaluationError(
                    "vector contains metrics with the same labelset after applying rule labels"
                )
            found[key] = value
        return {self._store.series(key): value for key, value in found.items()}
