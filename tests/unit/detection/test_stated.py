"""What a rule states in numbers, by its expression and those of the rules that it asks for."""

import pytest

from rundrill.detection import stated
from rundrill.detection.rules import parse_rules


def read(expr: str, *records: str) -> tuple[list[tuple[str, float]], set[float]]:
    recorded = "".join(
        f"      - record: r{number}\n        expr: {text}\n" for number, text in enumerate(records)
    )
    rules = parse_rules(
        f"groups:\n  - name: g\n    rules:\n{recorded}      - alert: A\n        expr: {expr}\n",
        "alerts.yml",
    )
    found = stated(rules.alerts["A"], rules)
    return [(one.comparator, one.value) for one in found.comparisons], set(found.windows_s)


@pytest.mark.parametrize(
    ("expr", "comparisons"),
    [
        ("a > 0.85", [(">", 0.85)]),
        ("0.95 > a", [("<", 0.95)]),
        ("2 <= a", [(">=", 2.0)]),
        ("a == 0", [("==", 0.0)]),
        ("(a / b) * 100 > 5", [(">", 5.0)]),
        ("a > 5 * 60", [(">", 300.0)]),
        ("a > 1 / 4 - 0.05 + 0", [(">", 0.2)]),
        ("a < -3", [("<", -3.0)]),
        ("a > 2 or b > 3", [(">", 2.0), (">", 3.0)]),
        ("a > 2 and b > 3", [(">", 2.0), (">", 3.0)]),
        ("a > 2 unless b > 3", [(">", 2.0)]),
        ("a > 2 or absent(b) * 0", [(">", 2.0)]),
        ("absent(a)", []),
        ("a > b", []),
        ("sum(a) + sum(b)", []),
    ],
)
def test_the_comparison_that_decides(expr: str, comparisons: list[tuple[str, float]]) -> None:
    assert [(op, pytest.approx(value)) for op, value in read(expr)[0]] == comparisons


def test_the_windows_of_recording_rules_count() -> None:
    assert read("r1 > 3", "increase(a[10m])", "r0 + rate(b[5m] offset 1m)")[1] == {600.0, 300.0}


def test_an_offset_and_a_subquery_are_windows_too() -> None:
    assert read("(a - a offset 10m) > max_over_time(rate(b[1m])[30m:1m])")[1] == {
        600.0,
        60.0,
        1800.0,
    }
