"""Scrape, evaluate, report: the loop that a drill listens to."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection import design
from rundrill.detection.alerts import AlertState, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.promql import (
    EvaluationError,
    Expression,
    Moment,
    UnsupportedError,
    Vector,
    compile_expression,
)
from rundrill.detection.promql.compression import compressed
from rundrill.detection.recorder import Recorder
from rundrill.detection.rule_run import AlertRun, RecordingRun
from rundrill.detection.rules import AlertRule, RecordingRule, RuleSet, compile_rule
from rundrill.detection.scrape import Ingester, ScrapeFailure, Scraper, ScrapeTarget
from rundrill.detection.store import SampleStore
from rundrill.errors import RulesError
from rundrill.measured import Measure
from rundrill.model import RuleDesign

LOOKBACK_S: Final = 300.0
"""How old an instant sample may be, as in Prometheus; divided by the compression."""
STALE_S: Final = 3.0
"""An evaluation that is older tells nothing about now."""
_SCRAPES_IN_RANGE: Final = 3
"""A range shorter than this many scrapes can miss the two samples that a rate needs."""
_MARGIN_S: Final = 10.0
_TRIM_EVERY: Final = 16
_STOP_WITHIN_S: Final = 10.0


def interval_s(compression: float) -> float:
    """How often to scrape and evaluate: every second, oftener where a minute lasts under 3 s.

    A rule over one minute then still sees three scrapes, up to a compression of 80 and more.
    """
    return min(1.0, 20.0 / compression)


def lookback_s(compression: float, interval_s: float) -> float:
    """How old an instant sample may be at this compression, and at least some scrapes."""
    return max(LOOKBACK_S / compression, _SCRAPES_IN_RANGE * interval_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChange:
    """A rule came into another state. `at` is the time of the evaluation.

    `labels` and `value` are those of its most advanced series; empty and None when inactive.
    A rule without `for` goes from inactive to firing in one change.
    """

    at: float
    alert: str
    state: AlertStatus
    labels: Labels
    value: float | None


@dataclass(slots=True)
class _Group:
    interval_s: float
    runs: list[AlertRun | RecordingRun]
    due: float = float("-inf")


class Detector:
    """Scrapes targets and evaluates rules at an interval, in a daemon thread or step by step.

    `compression` divides every duration of the rules and of queries; the interval is real.
    `wall_offset_s` plus the clock is Unix time, for `time()` and `timestamp()` only.
    `on_evaluation` is told every alert's state and the time, after each evaluation. The callbacks
    are called from the thread that steps, after the evaluation and without a lock. A `recorder`
    keeps every round, for `replay`.

    Raises `RulesError` for rules that cannot work at this interval and compression.
    """

    def __init__(  # noqa: PLR0913 - by keyword, each with its own reason
        self,
        rules: RuleSet,
        targets: Callable[[], Sequence[ScrapeTarget]],
        *,
        clock: Clock,
        interval_s: float = 1.0,
        compression: float = 1.0,
        on_change: Callable[[AlertChange], None],
        on_scrape_failure: Callable[[ScrapeFailure], None],
        scrape_timeout_s: float | None = None,
        wall_offset_s: float = 0.0,
        on_evaluation: Callable[[Mapping[str, AlertState], float], None] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._rules = rules
        self._targets = targets
        self._clock = clock
        self._interval_s = interval_s
        self._compression = compression
        self._on_change = on_change
        self._on_scrape_failure = on_scrape_failure
        self._wall_offset_s = wall_offset_s
        self._on_evaluation = on_evaluation
        self._lookback_ms = round(lookback_s(compression, interval_s) * 1000)
        self._store = SampleStore(self._lookback_ms + round(_MARGIN_S * 1000))
        self._recorder = recorder
        self._ingester = Ingester(self._store, recorder)
        # Shorter than the interval, so that a hanging target does not delay the next round.
        timeout_s = 0.8 * interval_s if scrape_timeout_s is None else scrape_timeout_s
        self._scraper = Scraper(timeout_s=timeout_s, clock=clock)
        self._groups = [self._group(index) for index in range(len(rules.groups))]
        self._queries: dict[str, Expression] = {}
        self._failing: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self._moment: Moment | None = None
        self._last_evaluation: float | None = None
        self._evaluations = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None
        """What ended the thread before it was told to stop."""

    def start(self) -> None:
        """Begins to step every interval. May be called once."""
        if self._thread is not None:
            raise RuntimeError("the detector was started before")
        self._thread = threading.Thread(target=self._run, name="detector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the round under way has ended, or hangs. Harmless when not started."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_WITHIN_S)

    def step(self, now: float) -> None:
        """One round: scrapes stamped `now`, then the rules when the answers are there."""
        began = self._clock.now()
        targets = self._targets()
        if len({target.key for target in targets}) != len(targets):
            raise ValueError("two scrape targets have the same job and instance")
        answers = self._scraper.scrape(targets)
        at = now + (self._clock.now() - began)
        with self._lock:
            now_ms = round(now * 1000)
            self._ingester.keep_only(targets, now_ms)
            failures = [
                ScrapeFailure(at=now, job=target.job, instance=target.instance, error=error)
                for target in targets
                if (error := self._ingester.ingest(target, answers[target.key], now_ms))
            ]
            changes = self._evaluate(at)
            states = {} if self._on_evaluation is None else self.alerts()
        if self._recorder is not None:
            self._recorder.round(now_ms, at)
        self._tell(failures, changes)
        if self._on_evaluation is not None:
            self._on_evaluation(states, at)

    def replay(
        self,
        scraped_ms: int,
        evaluated: float,
        values: Iterable[tuple[Labels, float]],
        ended: Iterable[Labels],
    ) -> None:
        """One round with recorded samples instead of a scrape, at the times that it had then."""
        with self._lock:
            self._store.end([self._store.series(labels) for labels in ended], scraped_ms)
            for labels, value in values:
                self._store.append(labels, scraped_ms, value)
            changes = self._evaluate(evaluated)
        self._tell([], changes)

    def query(self, expr: str) -> Vector:
        """The elements of an expression at the last evaluation; empty when there are no data.

        Its durations are compressed, too. A scalar is one element without labels. Raises
        `RulesError` when it cannot be read or the data do not allow an answer.
        """
        with self._lock:
            expression = self._queries.get(expr) or self._compiled_query(expr)
            if self._moment is None:
                return []
            try:
                return expression.evaluate(self._moment)
            except EvaluationError as error:
                raise RulesError(f"{error}, in: {expr}", fix="make the match unique") from None

    def alerts(self) -> Mapping[str, AlertState]:
        """Every alerting rule's state by its name, in the order of the file."""
        with self._lock:
            return {run.rule.name: run.state for run in self._alert_runs()}

    def unseen_metrics(self, rule: str) -> frozenset[str]:
        """Metrics the rule needs that no scrape has had so far: it cannot fire for its cause.

        Looks through recording rules; leaves out what stands in `absent()`. Raises `KeyError`.
        """
        needed = self._rules.alerts[rule].metrics
        with self._lock:
            return frozenset(name for name in needed if not self._store.has_seen(name))

    def rule_errors(self) -> Mapping[str, str]:
        """Rules whose last evaluation failed, by name, with the reason."""
        with self._lock:
            return {
                run.rule.name if isinstance(run, AlertRun) else run.rule.record: run.error
                for group in self._groups
                for run in group.runs
                if run.error is not None
            }

    def evaluated_rules(self) -> Mapping[str, str]:
        """Alert name to its expression and `for`, as they are evaluated after compression."""
        return {
            run.rule.name: f"{run.expression.text} for {run.for_s:g}s" for run in self._alert_runs()
        }

    def rule_designs(
        self, group_wait_s: design.GroupWait = design.nobody_is_told
    ) -> Mapping[str, RuleDesign]:
        """Alert name to what its rule spends by design, in real seconds after compression."""
        return design.rule_designs(
            self._rules,
            compression=self._compression,
            interval_s=self._interval_s,
            group_wait_s=group_wait_s,
        )

    def measure(self, expr: str) -> Measure:
        """What a query's number is: its percentile and its window. Raises as `query` does."""
        with self._lock:
            expression = self._queries.get(expr) or self._compiled_query(expr)
        recorded = design.recorded_ranges(self._rules, self._compression)
        return design.measure_of(expression, recorded)

    @property
    def description(self) -> str:
        """Who evaluates, for the report."""
        return f"embedded (PromQL of {self._rules.dialect.value})"

    @property
    def stale_after_s(self) -> float:
        """An evaluation that is older than this tells nothing about now."""
        return STALE_S

    @property
    def last_evaluation(self) -> float | None:
        """When the rules were last evaluated, by the clock; None before the first round."""
        return self._last_evaluation

    @property
    def evaluations(self) -> int:
        """How many rounds there were."""
        return self._evaluations

    # ------------------------------------------------------------ inside

    def _group(self, index: int) -> _Group:
        group = self._rules.groups[index]
        interval_s = (group.interval_s or 0.0) / self._compression
        return _Group(interval_s, [self._run_of(rule) for rule in group.rules])

    def _run_of(self, rule: AlertRule | RecordingRule) -> AlertRun | RecordingRun:
        expression = compile_rule(rule, self._rules, self._compression)
        needed = timedelta(seconds=_SCRAPES_IN_RANGE * self._interval_s)
        shortest = expression.shortest_range
        if shortest is not None and shortest < needed:
            raise self._rules.error(
                f"a range of {shortest.total_seconds():g} s (compressed"
                f" {self._compression:g} times) holds too few scrapes of {self._interval_s:g} s",
                rule,
                "lower the compression, or use a longer range",
            )
        self._keep_for(expression)
        if isinstance(rule, AlertRule):
            return AlertRun(rule, expression, self._compression)
        return RecordingRun(rule, expression, self._store)

    def _keep_for(self, expression: Expression) -> None:
        reach = expression.reach_ms(self._lookback_ms) + round(_MARGIN_S * 1000)
        self._store.retention_ms = max(self._store.retention_ms, reach)

    def _compiled_query(self, expr: str) -> Expression:
        try:
            compile_expression(expr, self._rules.dialect)
            text = compressed(expr, self._compression)
            expression = compile_expression(text, self._rules.dialect)
        except UnsupportedError as error:
            raise RulesError(f"{error}, in: {expr}", fix="correct the expression") from None
        self._keep_for(expression)
        self._queries[expr] = expression
        return expression

    def _alert_runs(self) -> list[AlertRun]:
        return [run for group in self._groups for run in group.runs if isinstance(run, AlertRun)]

    def _evaluate(self, at: float) -> list[AlertChange]:
        moment = Moment(
            self._store,
            round(at * 1000),
            self._lookback_ms,
            self._rules.dialect,
            self._wall_offset_s,
            round(self._interval_s * 1000),
        )
        changes: list[AlertChange] = []
        for group in self._groups:
            if at < group.due:
                continue
            group.due = at + group.interval_s - self._interval_s / 2 if group.interval_s else at
            for run in group.runs:
                if isinstance(run, RecordingRun):
                    run.evaluate(moment)
                elif run.evaluate(moment, at):
                    changes.append(_change(run, at))
        self._moment = moment
        self._last_evaluation = at
        self._evaluations += 1
        if self._evaluations % _TRIM_EVERY == 0:
            self._store.forget_old(moment.at_ms)
        return changes

    def _tell(self, failures: list[ScrapeFailure], changes: list[AlertChange]) -> None:
        """A target's failure is told once, when it begins."""
        keys = {(failure.job, failure.instance) for failure in failures}
        for failure in failures:
            if (failure.job, failure.instance) not in self._failing:
                self._on_scrape_failure(failure)
        self._failing = keys
        for change in changes:
            self._on_change(change)

    def _run(self) -> None:
        try:
            due = self._clock.now()
            while not self._stopping.is_set():
                self.step(self._clock.now())
                now = self._clock.now()
                # The grid stays: a late round is followed by the next one on it.
                due += self._interval_s * max(1.0, (now - due) // self._interval_s + 1)
                self._stopping.wait(max(0.0, due - now))
        except BaseException as error:  # noqa: BLE001 - the engine looks at it; never silent
            self.failure = error


def _change(run: AlertRun, at: float) -> AlertChange:
    state = run.state
    return AlertChange(
        at=at, alert=run.rule.name, state=state.status, labels=state.labels, value=state.value
    )
