"""Our rules as Prometheus gets them: what the embedded detector evaluates, in its own words."""

import subprocess
from pathlib import Path

import pytest

from rundrill.detection import load_rules
from rundrill.detection.prometheus.rules_file import duration_text, rules_text
from rundrill.detection.promql.compression import compressed
from rundrill.detection.rules import AlertRule, parse_rules
from tests.unit.detection.promtool import PROMTOOL, needs_promtool

ALERTS = Path(__file__).parents[3] / "runbooks" / "payment-service" / "alerts.yml"
EVERY_KEY = """
groups:
  - name: slow
    interval: 30s
    rules:
      - record: a:b
        expr: rate(a[5m] offset 1m)
        labels: {team: x}
      - alert: Both
        expr: |
          a:b > 1  # "why"
        for: 1m30s
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations: {summary: "{{ $value }} é"}
"""


@pytest.mark.parametrize("compression", [1.0, 3.0, 15.0, 40.0])
@pytest.mark.parametrize("text", [ALERTS.read_text(encoding="utf-8"), EVERY_KEY])
def test_every_duration_is_divided_and_nothing_else_changed(text: str, compression: float) -> None:
    ours = parse_rules(text, "ours.yml")
    theirs = parse_rules(rules_text(ours, compression), "theirs.yml")
    assert [group.name for group in theirs.groups] == [group.name for group in ours.groups]
    for mine, its in zip(ours.groups, theirs.groups, strict=True):
        assert (its.interval_s or 0) == pytest.approx(
            (mine.interval_s or 0) / compression, abs=1e-3
        )
        for rule, other in zip(mine.rules, its.rules, strict=True):
            assert other.expr.strip() == compressed(rule.expr, compression).strip()
            assert other.labels == rule.labels
            if isinstance(rule, AlertRule):
                assert isinstance(other, AlertRule)
                assert (other.name, other.annotations) == (rule.name, rule.annotations)
                assert other.for_s == pytest.approx(rule.for_s / compression, abs=1e-3)
                keep_s = rule.keep_firing_for_s / compression
                assert other.keep_firing_for_s == pytest.approx(keep_s, abs=1e-3)


@needs_promtool
@pytest.mark.parametrize("compression", [1.0, 15.0, 40.0])
def test_promtool_accepts_the_compressed_rules(compression: float, tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    for rules in (load_rules(ALERTS), parse_rules(EVERY_KEY, "e")):
        path.write_text(rules_text(rules, compression), encoding="utf-8")
        done = subprocess.run(
            [str(PROMTOOL), "check", "rules", str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_no_duration_becomes_nothing() -> None:
    assert [duration_text(s) for s in (0.0001, 1.5, 300.0)] == ["1ms", "1500ms", "300000ms"]
