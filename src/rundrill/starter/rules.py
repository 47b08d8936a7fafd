"""alerts.yml: a Prometheus rule for each alert that the runbook claims."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rundrill.claims import AlertClaim, Threshold
from rundrill.runbook.durations import DURATION, duration_of
from rundrill.starter.facts import TODO, Facts
from rundrill.starter.measures import of_pods
from rundrill.starter.text import camel, comment, scalar, snake

_SERVICE_METRICS = {
    "error rate": (
        'sum(rate(http_requests_total{{namespace="{ns}", code=~"5.."}}[5m]))'
        ' / sum(rate(http_requests_total{{namespace="{ns}"}}[5m]))'
    ),
    "success rate": (
        '1 - (sum(rate(http_requests_total{{namespace="{ns}", code=~"5.."}}[5m])) or vector(0))'
        ' / sum(rate(http_requests_total{{namespace="{ns}"}}[5m]))'
    ),
    "response time": (
        "histogram_quantile(0.95, sum by (le)"
        ' (rate(http_request_duration_seconds_bucket{{namespace="{ns}"}}[5m])))'
    ),
    "throughput": 'sum(rate(http_requests_total{{namespace="{ns}"}}[5m])) * 60',
}
"""By the names that most client libraries suggest; the service may have others."""

_NAMED: Final = re.compile(r"[`*\s]*((?:[A-Z]+[a-z0-9]+){2,})[`*]*\s*(?:[:(|\u2013\u2014-]|\Z)")
"""An alert that the runbook calls by the name of a rule: `CartPodRestarting: more than 2`."""
_FOR: Final = re.compile(
    rf"\bfor (?:more than |at least |over |longer than )?({DURATION})", re.IGNORECASE
)
_DEFAULT_FOR: Final = "1m"


def own_name(alert: AlertClaim) -> str | None:
    """The name of its rule, where the runbook says it."""
    found = _NAMED.match(alert.text)
    return None if found is None else found[1]


def rule_names(facts: Facts) -> Mapping[str, str]:
    """Alert claim to the name of its rule; each name once."""
    names: dict[str, str] = {}
    for alert in facts.runbook.alerts:
        name = base = own_name(alert) or camel(facts.name, alert.id)
        number = 2
        while name in names.values():
            name, number = f"{base}{number}", number + 1
        names[alert.id] = name
    return names


def alerts_yaml(facts: Facts) -> str:
    return "\n".join(_lines(facts)) + "\n"


def _lines(facts: Facts) -> Iterator[str]:
    yield comment(
        f"The alerts that {facts.paths.runbook_name} claims, as Prometheus rules. Begun by"
    )
    yield comment("`rundrill init`: decide what is marked TODO. The same file serves drills and a")
    yield comment("real Prometheus; durations are those of real life.")
    names = rule_names(facts)
    if not names:
        yield comment("TODO: the runbook claims no alert, and a drill expects one: add some to it.")
        yield "groups: []"
        return
    yield "groups:"
    yield f"  - name: {scalar(facts.name)}"
    yield "    rules:"
    for alert in facts.runbook.alerts:
        yield from _rule(alert, names[alert.id], facts)


def _rule(alert: AlertClaim, name: str, facts: Facts) -> Iterator[str]:
    expr, notes = _expression(alert, facts)
    yield comment(f"line {alert.line}: {alert.text}", 6)
    for note in notes:
        yield comment(f"TODO: {note}", 6)
    yield f"      - alert: {name}"
    yield "        expr: |"
    yield f"          {expr}"
    if alert.threshold is None or alert.threshold.metric != "restart count":
        yield f"        for: {_for(alert)}"
    yield "        labels:"
    yield "          severity: critical"
    yield "        annotations:"
    yield f"          summary: {scalar(alert.text)}"
    yield f"          claim: {scalar(alert.text)}"


def _for(alert: AlertClaim) -> str:
    """How long it must be true, in the runbook's own words."""
    said = _FOR.search(alert.text)
    seconds = None if said is None else duration_of(said[1])
    return _DEFAULT_FOR if not seconds or seconds % 1 else _prometheus(int(seconds))


def _expression(alert: AlertClaim, facts: Facts) -> tuple[str, list[str]]:
    threshold = alert.threshold
    if threshold is None:
        metric = f"{TODO}_{snake(alert.subject or alert.id)}"
        return f"{metric} > 0", ["the metric, and the number, which the runbook does not state"]
    bound = f"{_comparator(threshold)} {threshold.value:.12g}"
    own = of_pods(threshold.metric, facts, _window(threshold))
    if own is not None:
        return f"{own} {bound}", []
    usual = _SERVICE_METRICS.get(threshold.metric)
    if usual is not None:
        return f"{usual.format(ns=facts.namespace)} {bound}", [
            "are these the names of the service's own metrics?"
        ]
    return f"{TODO}_{snake(threshold.subject)} {bound}", ["the metric that it is about"]


def _comparator(threshold: Threshold) -> str:
    return threshold.comparator if threshold.comparator != "~" else ">"


def _window(threshold: Threshold) -> str:
    return _prometheus(int(threshold.window_s or 600))


def _prometheus(seconds: int) -> str:
    return f"{seconds // 60}m" if seconds % 60 == 0 and seconds >= 60 else f"{seconds}s"
