"""Our rules as a file for Prometheus, every duration in them divided by the compression. Pure."""

import yaml

from rundrill.detection.promql.compression import compressed
from rundrill.detection.rules import AlertRule, RecordingRule, RuleSet


def rules_text(rules: RuleSet, compression: float) -> str:
    """The YAML of a rules file that means what the embedded detector evaluates."""
    groups = [
        {
            "name": group.name,
            **_if_any("interval", (group.interval_s or 0.0) / compression),
            "rules": [_rule(rule, compression) for rule in group.rules],
        }
        for group in rules.groups
    ]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=1000)


def duration_text(seconds: float) -> str:
    """In milliseconds, Prometheus's own resolution; never rounded to nothing."""
    return f"{max(1, round(seconds * 1000))}ms"


def _rule(rule: AlertRule | RecordingRule, compression: float) -> dict[str, object]:
    expr = compressed(rule.expr, compression)
    if isinstance(rule, RecordingRule):
        return {"record": rule.record, "expr": expr, "labels": dict(rule.labels)}
    return {
        "alert": rule.name,
        "expr": expr,
        **_if_any("for", rule.for_s / compression),
        **_if_any("keep_firing_for", rule.keep_firing_for_s / compression),
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
    }


def _if_any(key: str, seconds: float) -> dict[str, str]:
    """Left out when 0: keys that an older Prometheus does not know must be needed."""
    return {key: duration_text(seconds)} if seconds else {}
