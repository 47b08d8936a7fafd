"""What rules and queries spend by their own design: windows, intervals, `for`."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from rundrill.detection.promql import Expression
from rundrill.detection.rules import AlertRule, RecordingRule, RuleSet, compile_rule
from rundrill.measured import Measure
from rundrill.model import RuleDesign

GroupWait = Callable[[Mapping[str, str]], float | None]
"""Labels of an alert to how long it waits for others before a receiver is told, in real seconds;
None: nobody is told of it."""


def nobody_is_told(_labels: Mapping[str, str]) -> float | None:
    return None


def recorded_ranges(rules: RuleSet, compression: float) -> Mapping[str, timedelta]:
    """Metric to how far back the recording rules look that make it, through each other.

    A rule sees what rules before it recorded, as the evaluation does.
    """
    found: dict[str, timedelta] = {}
    for group in rules.groups:
        for rule in group.rules:
            if isinstance(rule, RecordingRule):
                own = compile_rule(rule, rules, compression).longest_range(found)
                found[rule.record] = max(own, found.get(rule.record, timedelta()))
    return found


def windows_s(rules: RuleSet, compression: float) -> Mapping[str, float]:
    """Alert name to how far it looks back, in real seconds, through recording rules too."""
    recorded = recorded_ranges(rules, compression)
    return {
        name: compile_rule(rule, rules, compression).longest_range(recorded).total_seconds()
        for name, rule in rules.alerts.items()
    }


def rule_designs(
    rules: RuleSet,
    *,
    compression: float,
    interval_s: float,
    group_wait_s: GroupWait = nobody_is_told,
) -> Mapping[str, RuleDesign]:
    """Alert name to what its rule spends by design, in real seconds after compression.

    `interval_s` is that of the scrapes, and of the groups that state none of their own.
    """
    windows = windows_s(rules, compression)
    return {
        rule.name: RuleDesign(
            window_s=windows[rule.name],
            scrape_s=interval_s,
            evaluation_s=max((group.interval_s or 0.0) / compression, interval_s),
            for_s=rule.for_s / compression,
            group_wait_s=group_wait_s({**rule.labels, "alertname": rule.name}),
        )
        for group in rules.groups
        for rule in group.rules
        if isinstance(rule, AlertRule)
    }


def measure_of(expression: Expression, recorded: Mapping[str, timedelta]) -> Measure:
    """A window of None: it only asks for now."""
    window_s = expression.longest_range(recorded).total_seconds()
    return Measure(quantile=expression.quantile, window_s=window_s or None)
