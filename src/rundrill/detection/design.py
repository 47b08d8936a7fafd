"""What rules and queries spend by their own design: windows, intervals, `for`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from rundrill.detection.promql import Expression
from rundrill.detection.rule_run import AlertRun, RecordingRun
from rundrill.measured import Measure
from rundrill.model import RuleDesign

GroupWait = Callable[[Mapping[str, str]], float | None]
"""Labels of an alert to how long it waits for others before a receiver is told, in real seconds;
None: nobody is told of it."""


def nobody_is_told(_labels: Mapping[str, str]) -> float | None:
    return None


def recorded_ranges(runs: Iterable[AlertRun | RecordingRun]) -> Mapping[str, timedelta]:
    """Metric to how far back the recording rules look that make it, through each other.

    A rule sees what rules before it recorded, as the evaluation does.
    """
    found: dict[str, timedelta] = {}
    for run in runs:
        if isinstance(run, RecordingRun):
            own = run.expression.longest_range(found)
            found[run.rule.record] = max(own, found.get(run.rule.record, timedelta()))
    return found


def design_of(
    run: AlertRun,
    *,
    recorded: Mapping[str, timedelta],
    scrape_s: float,
    evaluation_s: float,
    group_wait_s: GroupWait,
) -> RuleDesign:
    return RuleDesign(
        window_s=run.expression.longest_range(recorded).total_seconds(),
        scrape_s=scrape_s,
        evaluation_s=evaluation_s,
        for_s=run.for_s,
        group_wait_s=group_wait_s({**run.rule.labels, "alertname": run.rule.name}),
    )


def measure_of(expression: Expression, recorded: Mapping[str, timedelta]) -> Measure:
    """A window of None: it only asks for now."""
    window_s = expression.longest_range(recorded).total_seconds()
    return Measure(quantile=expression.quantile, window_s=window_s or None)
