"""Recorded rounds through the detector that was live: the same code, other rules or the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rundrill.detection import AlertChange, AlertRule, Detector, Labels, RuleSet
from rundrill.detection.labels import METRIC_NAME
from rundrill.detection.promql.scope import parse, selectors
from rundrill.detection.promql.selection import read_selector
from rundrill.detection.recording import Recording, present
from rundrill.detection.selector import Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFailure:
    """A rule that could not be evaluated, at first at `at` on the recording's clock."""

    rule: str
    at: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the rules did. `changes` has times of the recording's clock; the first comes first."""

    rules: RuleSet
    changes: Sequence[AlertChange]
    failures: Sequence[RuleFailure]


class _Then:
    """The detector asks for the time only when it scrapes, and here it does not."""

    def now(self) -> float:
        raise AssertionError("a replay has the times of its recording")

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a replay does not wait {seconds} s")


def replay(recording: Recording, rules: RuleSet, *, until: float) -> Replay:
    """Evaluates the rules at every recorded moment up to `until`, on the samples of then.

    Their durations are divided by the recording's compression, as they were in the run. Raises
    `RulesError` for rules that cannot work at its interval and compression.
    """
    changes: list[AlertChange] = []
    detector = Detector(
        rules,
        lambda: (),
        clock=_Then(),
        interval_s=recording.interval_s,
        compression=recording.compression,
        on_change=changes.append,
        on_scrape_failure=lambda _: None,
        wall_offset_s=recording.wall_offset_s,
    )
    needed = wanted(rules, recording.series)
    failures: dict[str, RuleFailure] = {}
    for one, values in present(recording.rounds):
        if one.evaluated > until:
            break
        detector.replay(
            one.scraped_ms,
            one.evaluated,
            [(labels, values[number]) for number, labels in needed.items() if number in values],
            [needed[number] for number in one.ended if number in needed],
        )
        for name, why in detector.rule_errors().items():
            failures.setdefault(name, RuleFailure(rule=name, at=one.evaluated, why=why))
    return Replay(rules=rules, changes=changes, failures=tuple(failures.values()))


def require_evaluated(replayed: Replay, *, started: float) -> None:
    """Raises `RulesError` when a rule failed: that it did not fire then says nothing."""
    for failure in replayed.failures:
        rule = next(
            rule
            for group in replayed.rules.groups
            for rule in group.rules
            if failure.rule == (rule.name if isinstance(rule, AlertRule) else rule.record)
        )
        raise replayed.rules.error(
            f"{failure.rule} could not be evaluated {failure.at - started:.1f} s after the start:"
            f" {failure.why}",
            rule,
            "correct the expression",
        )


def require_metrics(
    new: RuleSet, old: RuleSet, recording: Recording, *, until: float, expected: Sequence[str]
) -> list[str]:
    """Alerts that were blind in the run and are as blind now, each with its metrics.

    Raises `RulesError` for a rule that asks for what was never scraped: that it did not fire
    says nothing. One that asked for it in the run, too, and is not expected, is only told.
    """
    seen = recording.metrics(until)
    blind: list[str] = []
    for name, rule in new.alerts.items():
        missing = sorted(rule.metrics - seen)
        if not missing:
            continue
        before = old.alerts.get(name)
        if name in expected or before is None or not before.metrics.issuperset(missing):
            verb = "was" if len(missing) == 1 else "were"
            raise new.error(
                f"{name} needs {' and '.join(missing)}, which {verb} never scraped in"
                f" {recording.path.parent.name}: whether it would have fired is not known",
                rule,
                "correct the name, or run the drill again with a target that tells it",
            )
        blind.append(f"{name} (no samples of {', '.join(missing)})")
    return blind


def wanted(rules: RuleSet, series: Sequence[Labels]) -> Mapping[int, Labels]:
    """The series that some rule asks for, by number: most of what is scraped nobody needs."""
    asked = {
        read_selector(node, rules.dialect)
        for group in rules.groups
        for rule in group.rules
        for node in selectors(parse(rule.expr))
    }
    by_name: dict[str | None, list[Selector]] = {}
    for one in asked:
        by_name.setdefault(one.name, []).append(one)
    return {
        number: labels
        for number, labels in enumerate(series)
        if any(
            one.accepts(labels)
            for name in (labels.value(METRIC_NAME), None)
            for one in by_name.get(name, ())
        )
    }
