"""Our evaluator against Prometheus's own, on series and expressions made at random.

`RUNDRILL_DIFFERENTIAL=400` compares that many scenarios of 60 expressions at 15 moments each;
`RUNDRILL_HYPOTHESIS=1000` lets hypothesis try that many; both are more than the default.
`pytest --update-golden` writes the stored answers anew (both need promtool).
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from rundrill.detection.promql import Dialect, Moment, compile_expression
from tests.unit.detection import generate
from tests.unit.detection.corners import CORNERS
from tests.unit.detection.promtool import (
    Compared,
    Scenario,
    ask_promtool,
    differences,
    fill,
    needs_promtool,
    store_answers,
    stored_answers,
)
from tests.unit.detection.strategies import scenarios

SCENARIOS = int(os.environ.get("RUNDRILL_DIFFERENTIAL", "48"))
EXPRESSIONS, MOMENTS, AT_ONCE = 60, 15, 48
FEW = 30
EXAMPLES = int(os.environ.get("RUNDRILL_HYPOTHESIS", FEW))


@needs_promtool
def test_every_expression_has_the_value_that_prometheus_gives_it(tmp_path: Path) -> None:
    wrong: list[str] = []
    compared = Compared()
    for start in range(0, SCENARIOS, AT_ONCE):
        seeds = range(start, min(start + AT_ONCE, SCENARIOS))
        scenarios = [generate.scenario(seed, EXPRESSIONS, MOMENTS) for seed in seeds]
        for scenario, answers in zip(scenarios, ask_promtool(scenarios, tmp_path), strict=True):
            wrong += differences(scenario, answers)
            compared.add(scenario, answers)
    print(compared)
    assert not wrong, "\n".join(wrong[:20])
    assert len(compared.expressions) > 40 * SCENARIOS, str(compared)
    # Numbers that were compared; that an answer is empty, or an error, comes on top.
    assert compared.samples > 1000 * SCENARIOS, str(compared)
    if SCENARIOS >= 48:
        assert compared.samples >= 50_000, str(compared)


@needs_promtool
def test_hypothesis_finds_no_expression_that_prometheus_answers_otherwise(
    tmp_path: Path,
) -> None:
    compared = Compared()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=EXAMPLES == FEW,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(scenarios())
    def agrees(scenario: Scenario) -> None:
        answers = ask_promtool([scenario], tmp_path)[0]
        wrong = differences(scenario, answers)
        compared.add(scenario, answers)
        assert not wrong, "\n".join(wrong[:5])

    agrees()
    print(compared)
    assert len(compared.expressions) > 2 * EXAMPLES, str(compared)
    assert compared.samples > 20 * EXAMPLES, str(compared)


@needs_promtool
@pytest.mark.parametrize(
    ("text", "seeded"),
    [
        ("rate(c[30s])", "delta(c[30s])"),
        ("increase(c[30s])", "c - c offset 30s"),
        ("resets(c[1m])", "changes(c[1m])"),
        ("sum by (p) (c)", "sum by (q) (c)"),
    ],
)
def test_the_comparison_notices_a_wrong_answer(text: str, seeded: str, tmp_path: Path) -> None:
    base = generate.scenario(1, 1)
    times = range(20_000, 100_000, 7000)
    asked = Scenario(1000, base.series, [(text, at) for at in times])
    answered = Scenario(1000, base.series, [(seeded, at) for at in times])
    assert differences(answered, ask_promtool([asked], tmp_path)[0])


def test_stored_answers_of_prometheus_still_hold(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-golden"):
        scenarios = [CORNERS, *(generate.scenario(900 + n, 90, 2) for n in range(6))]
        store_answers(scenarios, ask_promtool(scenarios, tmp_path))
    wrong: list[str] = []
    compared = Compared()
    for scenario, answers in stored_answers():
        wrong += differences(scenario, answers)
        compared.add(scenario, answers)
    assert not wrong, "\n".join(wrong[:20])
    assert len(compared.expressions) > 500, str(compared)
    assert compared.samples > 2000, str(compared)


def test_prometheus_3_leaves_out_the_left_boundary_of_a_range_and_of_the_look_back() -> None:
    store = fill(Scenario(10_000, {"x": ["1", "2", "4", "8"]}, []))

    def count(dialect: Dialect) -> float:
        moment = Moment(store, 30_000, dialect=dialect)
        return compile_expression("count_over_time(x[20s])", dialect).evaluate(moment)[0][1]

    assert count(Dialect.PROMETHEUS_2) == 3
    assert count(Dialect.PROMETHEUS_3) == 2
    instant = compile_expression("x")
    assert instant.evaluate(Moment(store, 329_999))
    assert not instant.evaluate(Moment(store, 330_000))


def test_prometheus_3_extrapolates_a_counter_that_began_in_the_range_by_half_a_distance() -> None:
    # Samples 10 s apart from 40 s on; the zero lies 10 s before the first of them.
    values = ["_"] * 4 + ["1", "2", "3", "4", "5", "6", "7"]
    store = fill(Scenario(10_000, {"x": values}, []))

    def increase(dialect: Dialect) -> float:
        moment = Moment(store, 100_000, dialect=dialect)
        return compile_expression("increase(x[100s])", dialect).evaluate(moment)[0][1]

    assert increase(Dialect.PROMETHEUS_2) == pytest.approx(7.0)
    assert increase(Dialect.PROMETHEUS_3) == pytest.approx(6.5)
