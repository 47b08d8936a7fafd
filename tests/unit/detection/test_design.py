"""What a rule spends by its own design, and what a query's number is."""

from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection import Detector, load_rules
from rundrill.detection.design import windows_s
from rundrill.detection.rules import RuleSet, parse_rules
from rundrill.errors import RulesError
from rundrill.measured import Measure
from rundrill.model import RuleDesign

TOP = Path(__file__).parents[3]
RULES = """
groups:
  - name: g
    interval: 30s
    rules:
      - record: job:errors:rate5m
        expr: sum by (job) (rate(errors_total[5m]))
      - record: job:errors:worst
        expr: max_over_time(job:errors:rate5m[10m:1m])
      - alert: Now
        expr: up == 0
      - alert: Ago
        expr: x - x offset 10m > 3 or rate(x[1m]) > 1
      - alert: Both
        expr: last_over_time(x[5m] offset 10m) > 3
        for: 90s
        labels: {severity: page}
      - alert: Through
        expr: job:errors:worst > 0.1 or {__name__="job:errors:rate5m"} > 1
      - alert: Beside
        expr: job:errors:rate5m > 0.1 and rate(x[10m]) > 1
"""


def detector(rules: RuleSet, compression: float = 1.0) -> Detector:
    return Detector(
        rules,
        tuple,
        clock=MonotonicClock(),
        compression=compression,
        on_change=lambda _: None,
        on_scrape_failure=lambda _: None,
    )


def designs(compression: float = 1.0) -> dict[str, RuleDesign]:
    return dict(detector(parse_rules(RULES, "alerts.yml"), compression).rule_designs())


@pytest.mark.parametrize(
    ("alert", "window_s"),
    [("Now", 0.0), ("Ago", 600.0), ("Both", 900.0), ("Through", 900.0), ("Beside", 600.0)],
)
def test_the_window_is_all_that_it_looks_back_over(alert: str, window_s: float) -> None:
    assert designs()[alert].window_s == window_s
    assert windows_s(parse_rules(RULES, "alerts.yml"), 15.0)[alert] == window_s / 15


def test_compression_divides_what_the_rule_states_and_not_the_scrapes() -> None:
    own = designs(compression=15.0)["Both"]
    assert own == RuleDesign(
        window_s=60.0, scrape_s=1.0, evaluation_s=2.0, for_s=6.0, group_wait_s=None
    )


def test_a_group_is_evaluated_no_oftener_than_everything_is_scraped() -> None:
    assert designs()["Now"].evaluation_s == 30.0
    often = parse_rules(RULES.replace("interval: 30s", "interval: 5s"), "alerts.yml")
    assert detector(often, 15.0).rule_designs()["Now"].evaluation_s == 1.0


def test_who_is_told_is_asked_with_the_labels_of_the_alert() -> None:
    asked: list[dict[str, str]] = []

    def wait(labels: object) -> float | None:
        asked.append(dict(labels))  # type: ignore[call-overload]
        return 2.5

    own = detector(parse_rules(RULES, "alerts.yml")).rule_designs(wait)
    assert own["Both"].group_wait_s == 2.5
    assert {"severity": "page", "alertname": "Both"} in asked


def test_the_shipped_rules_at_the_compression_of_a_drill() -> None:
    rules = load_rules(TOP / "runbooks/payment-service/alerts.yml")
    own = detector(rules, 15.0).rule_designs()
    assert own["PaymentSuccessRateLow"].window_s == 20.0  # 5m, in a recording rule
    assert own["PaymentSuccessRateLow"].for_s == 4.0
    assert own["PaymentPodRestarting"].window_s == 60.0  # 5m that end 10m ago
    assert own["PaymentPodRestarting"].for_s == 0.0


@pytest.mark.parametrize(
    ("expr", "quantile", "window_s"),
    [
        ("sum(rate(a[5m])) / sum(rate(b[5m]))", None, 20.0),
        ("histogram_quantile(0.95, sum by (le) (rate(a_bucket[5m])))", 0.95, 20.0),
        ("max(quantile_over_time(0.99, a[15m]))", 0.99, 60.0),
        ("quantile by (pod) (0.5, a)", 0.5, None),
        ("max(a / b)", None, None),
        ("job:errors:rate5m * 60", None, 20.0),
    ],
)
def test_a_number_of_the_steady_state_says_its_percentile_and_window(
    expr: str, quantile: float | None, window_s: float | None
) -> None:
    own = detector(parse_rules(RULES, "alerts.yml"), 15.0).measure(expr)
    assert own == Measure(quantile=quantile, window_s=window_s)


def test_what_cannot_be_read_is_refused_as_in_a_query() -> None:
    with pytest.raises(RulesError, match="in: sum"):
        detector(parse_rules(RULES, "alerts.yml")).measure("sum(")
