"""Prometheus's JSON: what is not as documented is refused, never guessed."""

from collections.abc import Callable
from typing import Any

import pytest

from rundrill.detection.prometheus import answers

RULE = {
    "state": "inactive", "name": "A", "query": "x", "duration": 60, "labels": {}, "alerts": [],
    "health": "ok", "lastEvaluation": "2026-01-01T00:00:00.123456789+01:00", "type": "alerting",
}  # fmt: skip
ALERT = {
    "labels": {"alertname": "A"}, "state": "firing", "activeAt": "2026-01-01T00:00:00Z",
    "value": "1e+00",
}  # fmt: skip
TARGET = {
    "labels": {"job": "j", "instance": "i"}, "health": "up", "lastError": "",
    "lastScrape": "2026-01-01T00:00:00Z",
}  # fmt: skip


def rules(**changes: Any) -> Any:
    return {"groups": [{"name": "g", "interval": 15, "rules": [RULE | changes]}]}


def test_a_rule_is_read_whole() -> None:
    [rule] = answers.rules(rules(alerts=[ALERT], state="firing", keepFiringFor=30))
    assert (rule.name, rule.group, rule.interval_s, rule.for_s) == ("A", "g", 15.0, 60.0)
    assert rule.keep_firing_for_s == 30.0
    assert rule.evaluated == pytest.approx(1767222000.123456, abs=1e-6)
    [alert] = rule.alerts
    assert (alert.status, alert.active_at, alert.value) == ("firing", 1767225600.0, 1.0)
    [failed] = answers.rules(rules(health="err"))
    assert failed.error == "the evaluation failed"


def test_a_target_without_a_reason_is_down() -> None:
    [up] = answers.targets({"activeTargets": [TARGET]})
    [down] = answers.targets({"activeTargets": [TARGET | {"health": "down"}]})
    assert (up.error, down.error) == (None, "down")


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (answers.rules, None),
        (answers.rules, {}),
        (answers.rules, {"groups": {}}),
        (answers.rules, rules(type="other")),
        (answers.rules, rules(state="on")),
        (answers.rules, rules(name=1)),
        (answers.rules, rules(duration="1m")),
        (answers.rules, rules(lastEvaluation="yesterday")),
        (answers.rules, rules(alerts=[ALERT | {"activeAt": "0001-01-01T00:00:00Z"}])),
        (answers.rules, rules(alerts=[ALERT | {"value": "much"}])),
        (answers.rules, rules(alerts=[ALERT | {"labels": {"a": 1}}])),
        (answers.rules, rules(alerts=[ALERT | {"labels": []}])),
        (answers.targets, {"activeTargets": [{}]}),
        (answers.vector, {"resultType": "matrix", "result": []}),
        (answers.vector, {"resultType": "vector", "result": [{"metric": {}}]}),
        (answers.vector, {"resultType": "vector", "result": [{"metric": {}, "value": [1]}]}),
        (answers.vector, {"resultType": "scalar", "result": "1"}),
        (answers.raw_series, {"resultType": "vector", "result": []}),
        (answers.clock, {"resultType": "vector", "result": []}),
        (answers.text, 1),
        (answers.version, {"version": None}),
    ],
)
def test_anything_else_is_refused(read: Callable[[Any], Any], data: Any) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        read(data)
