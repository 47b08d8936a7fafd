"""A threshold is found in the text by asking the parser, and only it is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.backtest.lived import TOP

from rundrill.backtest.thresholds import thresholds, with_thresholds
from rundrill.detection import AlertRule, RuleSet
from rundrill.detection.rules import load_rules, parse_rules


def read(expr: str) -> tuple[AlertRule, RuleSet]:
    lines = "".join(f"      {line}\n" for line in expr.splitlines())
    rules = parse_rules(
        f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n{lines}", "alerts.yml"
    )
    return rules.alerts["A"], rules


@pytest.mark.parametrize(
    ("expr", "index", "value", "becomes"),
    [
        ("x > 3", 0, 5.0, "x > 5.0"),
        ("x > 3 # more than 3", 0, 5.0, "x > 5.0 # more than 3"),
        ("3 < x", 0, 0.5, "0.5 < x"),
        ("x > -3", 0, 5.0, "x > 5.0"),
        ("x > 5 * 60", 0, 7.0, "x > 7.0"),
        ("x{a='3'} > (3)", 0, 4.0, "x{a='3'} > (4.0)"),
        ("rate(x[3m]) * 3 > 3", 0, 4.0, "rate(x[3m]) * 3 > 4.0"),
        ("x offset 3m > bool 0 == 1", 0, 2.0, "x offset 3m > bool 0 == 2.0"),
        ("x > 3 or y > 3", 1, 4.0, "x > 3 or y > 4.0"),
        ("x > 3 and (y / z) < 1e-3", 1, 0.5, "x > 3 and (y / z) < 0.5"),
        ("x > 3 unless y > 3", 0, 4.0, "x > 4.0 unless y > 3"),
        ("(x > 3) > 3", 0, 4.0, "(x > 3) > 4.0"),
        ("x:3 > 3", 0, 4.0, "x:3 > 4.0"),
    ],
)
def test_the_number_is_changed_where_it_stands(
    expr: str, index: int, value: float, becomes: str
) -> None:
    rule, _ = read(expr)
    assert with_thresholds(rule, {index: value}).strip() == becomes


def test_two_at_once_keep_their_places() -> None:
    rule, _ = read("x > 3\n  or y > 30000")
    assert with_thresholds(rule, {0: 10000.0, 1: 1.0}) == "x > 10000.0\n  or y > 1.0"


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_what_is_put_in_is_what_the_rule_then_states(value: float) -> None:
    rule, _ = read("sum(rate(x[5m])) / 3 > 3 or absent(y) * 0")
    changed, rules = read(with_thresholds(rule, {0: value}))
    assert [one.value for one in thresholds(changed, rules)] == [value]


def test_every_threshold_of_the_shipped_rules_is_found() -> None:
    rules = load_rules(TOP / "runbooks/payment-service/alerts.yml")
    count = 0
    for rule in rules.alerts.values():
        for index in range(len(thresholds(rule, rules))):
            changed, others = read(with_thresholds(rule, {index: 123.0}).strip())
            stated = [one.value for one in thresholds(changed, others)]
            expected = [one.value for one in thresholds(rule, rules)]
            expected[index] = 123.0
            assert stated == expected, rule.name
            count += 1
    assert count > 10
