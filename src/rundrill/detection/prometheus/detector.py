"""A Prometheus asked, again and again, for what a drill must know of its rules."""

import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from rundrill.base.clock import Clock
from rundrill.detection import design
from rundrill.detection.alerts import AlertSeries, AlertState, AlertStatus
from rundrill.detection.detector import LOOKBACK_S, STALE_S, AlertChange
from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.prometheus.answers import SeenRule, SeenTarget
from rundrill.detection.prometheus.api import Api, NoAnswerError, RefusedError
from rundrill.detection.prometheus.sameness import Expected, require_same_rules
from rundrill.detection.prometheus.timeline import Timeline, Turn
from rundrill.detection.promql import UnsupportedError, Vector, compile_expression
from rundrill.detection.promql.compression import compressed
from rundrill.detection.rules import RuleSet
from rundrill.detection.scrape import ScrapeFailure
from rundrill.errors import DetectionError, RulesError
from rundrill.measured import Measure
from rundrill.model import RuleDesign

GONE_S: Final = 10.0
"""Without an answer for so long, Prometheus is gone; until then the detection is only behind."""
_AHEAD_S: Final = 2.0
"""An evaluation that is further in the future is no measurement: a clock was set."""
_LOOK_BACK_S: Final = 10.0
_STOP_WITHIN_S: Final = 10.0
_STATE: Final = "alertstate"
_Active = tuple[Labels, tuple[float, ...]]  # a series of `ALERTS` and its times


class Source(Protocol):
    """Where the Prometheus comes from: it runs already, or it is started and scrapes our targets.

    `jobs` are those whose failing targets are told; None for all.
    """

    @property
    def jobs(self) -> frozenset[str] | None: ...
    @property
    def description(self) -> str: ...
    @property
    def failure(self) -> BaseException | None: ...
    def open(self) -> Api: ...
    def close(self) -> None: ...
    def take_failures(self) -> Sequence[ScrapeFailure]: ...


@dataclass(slots=True)
class _Followed:
    """An alert of ours: what Prometheus must have, how it went, and how it is."""

    expected: Expected
    timeline: Timeline = field(default_factory=Timeline)
    seen: SeenRule | None = None


class PrometheusDetector:
    """The rules of a Prometheus, which must be ours divided by `compression`.

    Asks every `every_s` seconds in a daemon thread. Alert times are those of Prometheus's own
    evaluations, brought to `clock` by an offset that is measured once, at the start. The
    callbacks are called from that thread. `interval_s` is how often it scrapes and evaluates;
    None when that is somebody else's.
    """

    def __init__(
        self,
        rules: RuleSet,
        source: Source,
        *,
        clock: Clock,
        every_s: float,
        interval_s: float | None = None,
        compression: float = 1.0,
        on_change: Callable[[AlertChange], None],
        on_scrape_failure: Callable[[ScrapeFailure], None],
        on_evaluation: Callable[[Mapping[str, AlertState], float], None] | None = None,
    ) -> None:
        self._rules = rules
        self._source = source
        self._clock = clock
        self._every_s = every_s
        self._compression = compression
        self._on_change = on_change
        self._on_scrape_failure = on_scrape_failure
        self._on_evaluation = on_evaluation
        self._own_interval_s = interval_s
        self._lock = threading.RLock()
        self._api: Api | None = None
        self._started = clock.now()
        self._offset_s = 0.0
        self._expected: Sequence[Expected] = ()
        self._followed: dict[str, _Followed] = {}
        self._errors: Mapping[str, str] = {}
        self._failing: frozenset[tuple[str, str]] = frozenset()
        self._metrics_seen: set[str] = set()
        self._interval_s = 0.0
        self._evaluated: float | None = None
        self._newest = -math.inf
        self._silent = False
        self._evaluations = 0
        self._answered = clock.now()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Raises `DetectionError` and `MachineError`, with nothing left running."""
        if self._thread is not None:
            raise RuntimeError("the detector was started before")
        try:
            self.connect(self._source.open())
        except BaseException:
            self._source.close()
            raise
        self._thread = threading.Thread(target=self._run, name="detector", daemon=True)
        self._thread.start()

    def connect(self, api: Api) -> None:
        """Measures the clock and compares the rules; the first half of `start`."""
        self._api = api
        try:
            before = self._clock.now()
            self._offset_s = api.clock_offset(self._clock.now)
            self._started = self._answered = before
            self._expected = require_same_rules(api, self._rules, self._compression)
        except (NoAnswerError, RefusedError) as error:
            raise DetectionError(
                str(error), path=api.url, fix="see that a Prometheus (2.40 or later) is there"
            ) from error
        self._followed = {one.name: _Followed(one) for one in self._expected if one.alerting}
        for followed in self._followed.values():  # what was before is no change
            followed.timeline.ignore_until(before + self._offset_s)

    def stop(self) -> None:
        """Ends the asking, and the Prometheus if it is ours."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_WITHIN_S)
        self._source.close()

    def look(self) -> None:
        """One round of questions. What did not answer is asked again at the next."""
        assert self._api is not None
        try:
            seen = self._api.rules()
            active = self._active()
            targets = self._api.targets()
        except (NoAnswerError, RefusedError) as error:
            self._silent = True
            silent_s = self._clock.now() - self._answered
            if silent_s > GONE_S:
                raise DetectionError(
                    f"no usable answer for {silent_s:.0f} s: {error}",
                    path=self._api.url,
                    fix="see why Prometheus went away; nothing was measured meanwhile",
                ) from error
            return
        self._answered = self._clock.now()
        self._silent = False
        before = self._newest
        with self._lock:
            changes = self._take(seen, active)
            failures = self._failures(targets)
        for failure in [*self._source.take_failures(), *failures]:
            self._on_scrape_failure(failure)
        for change in changes:
            self._on_change(change)
        if self._on_evaluation and self._newest > before:
            self._on_evaluation(self.alerts(), self._newest)

    def query(self, expr: str) -> Vector:
        """By Prometheus; empty when it does not answer in time: then nothing is known of now."""
        if self._api is None:
            return []
        try:
            return self._api.query(compressed(expr, self._compression))
        except NoAnswerError:
            self._silent = True
            return []
        except RefusedError as refusal:
            raise RulesError(f"{refusal}, in: {expr}", fix="correct the expression") from None

    def alerts(self) -> Mapping[str, AlertState]:
        with self._lock:
            return {name: self._state(self._followed.get(name)) for name in self._rules.alerts}

    def unseen_metrics(self, rule: str) -> frozenset[str]:
        """None of these had a sample since the start, nor is within Prometheus's look-back."""
        needed = self._rules.alerts[rule].metrics
        missing = needed - self._metrics_seen
        if missing and self._api is not None:
            window_s = max(LOOKBACK_S, self._clock.now() - self._started)
            names = "|".join(sorted(missing))
            try:
                found = self._api.query(
                    f'group by ({METRIC_NAME}) (last_over_time({{{METRIC_NAME}=~"{names}"}}'
                    f"[{math.ceil(window_s)}s]))"
                )
            except (NoAnswerError, RefusedError):
                return missing  # nobody has told that it was seen
            self._metrics_seen |= {labels.value(METRIC_NAME) for labels, _ in found}
        return needed - self._metrics_seen

    def rule_errors(self) -> Mapping[str, str]:
        return self._errors

    def evaluated_rules(self) -> Mapping[str, str]:
        return {
            rule.name: f"{compressed(rule.expr, self._compression)}"
            f" for {rule.for_s / self._compression:g}s"
            for rule in self._rules.alerts.values()
        }

    def rule_designs(
        self, group_wait_s: design.GroupWait = design.nobody_is_told
    ) -> Mapping[str, RuleDesign]:
        if self._own_interval_s is None:
            return {}
        return design.rule_designs(
            self._rules,
            compression=self._compression,
            interval_s=self._own_interval_s,
            group_wait_s=group_wait_s,
        )

    def measure(self, expr: str) -> Measure:
        try:
            expression = compile_expression(
                compressed(expr, self._compression), self._rules.dialect
            )
        except UnsupportedError as error:
            raise RulesError(f"{error}, in: {expr}", fix="correct the expression") from None
        recorded = design.recorded_ranges(self._rules, self._compression)
        return design.measure_of(expression, recorded)

    @property
    def description(self) -> str:
        return self._source.description

    @property
    def stale_after_s(self) -> float:
        """Longer where Prometheus evaluates our rules seldom."""
        return max(STALE_S, 2 * self._interval_s + 1.0)

    @property
    def last_evaluation(self) -> float | None:
        """Of the rule of ours that was evaluated longest ago; None while nobody answers."""
        return None if self._silent else self._evaluated

    @property
    def evaluations(self) -> int:
        return self._evaluations

    # ------------------------------------------------------------ inside

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._source.failure is not None:
                    raise self._source.failure  # noqa: TRY301 - told like every other end
                self.look()
                self._stopping.wait(self._every_s)
        except BaseException as error:  # noqa: BLE001 - the engine looks at it; never silent
            self.failure = error

    def _active(self) -> list[_Active]:
        """The evaluations at which an alert of ours was active, since the last answer at least."""
        assert self._api is not None
        since_s = self._clock.now() - self._answered + _LOOK_BACK_S + 2 * self._interval_s
        names = json.dumps("|".join(map(_literally, self._followed)), ensure_ascii=False)
        series = self._api.samples(f"ALERTS{{alertname=~{names}}}[{math.ceil(since_s)}s]")
        return [(one.labels, one.times) for one in series]

    def _take(self, seen: Sequence[SeenRule], active: Sequence[_Active]) -> list[AlertChange]:
        found = {one: one.found(seen) for one in self._expected}
        errors: dict[str, str] = {}
        for one, rule in found.items():
            if rule is None:
                errors[one.name] = "is not in Prometheus any more, or is another"
            elif rule.error is not None:
                errors[one.name] = rule.error
        self._errors = errors
        self._note_evaluation([rule for rule in found.values() if rule is not None])
        changes: list[AlertChange] = []
        for name, followed in self._followed.items():
            rule = found[followed.expected]
            if rule is None or rule.evaluated is None:
                continue  # it stays as it was; that it is gone is told as an error
            followed.seen = rule
            mine = [(labels, at) for labels, at in active if labels.value("alertname") == name]
            changes += [self._change(t, rule, mine) for t in self._turns(followed, rule, mine)]
        return sorted(changes, key=lambda change: change.at)

    def _note_evaluation(self, rules: Sequence[SeenRule]) -> None:
        times = [rule.evaluated for rule in rules]
        known = [at - self._offset_s for at in times if at is not None]
        self._newest = max([self._newest, *known])
        self._interval_s = max((rule.interval_s for rule in rules), default=0.0)
        if len(rules) < len(self._expected) or any(at is None for at in times):
            return
        oldest = min(at for at in times if at is not None) - self._offset_s
        if max(at for at in times if at is not None) - self._offset_s > (
            self._clock.now() + _AHEAD_S
        ):
            raise DetectionError(
                "it evaluates in the future: its clock was set during the drill",
                path=None if self._api is None else self._api.url,
                fix="drill again with a steady clock",
            )
        if oldest != self._evaluated:
            self._evaluated = oldest
            self._evaluations += 1

    def _turns(self, followed: _Followed, rule: SeenRule, mine: Sequence[_Active]) -> list[Turn]:
        assert rule.evaluated is not None
        # What is active before `ALERTS` is written, as in the first rounds after a start.
        first = AlertStatus.PENDING if rule.for_s else AlertStatus.FIRING
        began = [_millisecond(one.active_at) for one in rule.alerts]
        points = [(at, first) for at in began]
        points += [(at, AlertStatus(labels.value(_STATE))) for labels, ats in mine for at in ats]
        return followed.timeline.advance(
            # An evaluation that is newer than the rules' answer is taken with the next one, which
            # knows its series.
            [(at, status) for at, status in points if at <= rule.evaluated],
            now_inactive=rule.status is AlertStatus.INACTIVE,
            active_since=began,
            evaluated=rule.evaluated,
            interval_s=rule.interval_s,
        )

    def _change(self, turn: Turn, rule: SeenRule, mine: Sequence[_Active]) -> AlertChange:
        """The series is that of now; where it has gone on already, only its labels are known."""
        labels, value = Labels(), None
        if turn.status is not AlertStatus.INACTIVE:
            lead = next((one for one in rule.alerts if one.status is turn.status), None)
            if lead is not None:
                labels, value = lead.labels, lead.value
            else:
                labels = next((one for one, ats in mine if turn.at in ats), Labels())
                labels = labels.nameless().without((_STATE,))
        at = turn.at - self._offset_s
        return AlertChange(at=at, alert=rule.name, state=turn.status, labels=labels, value=value)

    def _state(self, followed: _Followed | None) -> AlertState:
        if followed is None or followed.seen is None:
            return _UNKNOWN
        status, since = followed.timeline.status, followed.timeline.since
        alerts = () if status is AlertStatus.INACTIVE else followed.seen.alerts
        lead = next((one for one in alerts if one.status is status), None)
        began = None if since is None else since - self._offset_s
        fired = began if status is AlertStatus.FIRING else None
        return AlertState(
            status=status,
            since=began,
            labels=Labels() if lead is None else lead.labels,
            value=None if lead is None else lead.value,
            series=tuple(
                AlertSeries(
                    labels=one.labels,
                    value=one.value,
                    status=one.status,
                    active_since=one.active_at - self._offset_s,
                    # Of the alert, since Prometheus does not tell it of each series.
                    fired_at=fired if one.status is AlertStatus.FIRING else None,
                )
                for one in alerts
            ),
        )

    def _failures(self, targets: Sequence[SeenTarget]) -> list[ScrapeFailure]:
        """A target's failure is told once, when it begins."""
        jobs = self._source.jobs
        down = [t for t in targets if t.error is not None and (jobs is None or t.job in jobs)]
        told = [
            ScrapeFailure(
                at=self._clock.now() if one.scraped is None else one.scraped - self._offset_s,
                job=one.job,
                instance=one.instance,
                error=one.error or "",
            )
            for one in down
            if (one.job, one.instance) not in self._failing
        ]
        self._failing = frozenset((one.job, one.instance) for one in down)
        return told


_UNKNOWN: Final = AlertState(
    status=AlertStatus.INACTIVE, since=None, labels=Labels(), value=None, series=()
)


def _literally(name: str) -> str:
    """For a regular expression of Prometheus, which knows no escaped blank."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", name)


def _millisecond(at: float) -> float:
    """Prometheus's samples have whole ones; the times of its alerts are finer."""
    return math.floor(at * 1000 + 1e-3) / 1000
