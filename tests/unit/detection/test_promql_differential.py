"""Our evaluator against Prometheus's own, on series and expressions made at random.

`RUNDRILL_DIFFERENTIAL=200` compares that many scenarios of 60 expressions instead of a few;
`RUNDRILL_UPDATE_GOLDEN=1` writes the stored answers anew (both need promtool).
"""

import json
import os
from pathlib import Path

import pytest

from rundrill.detection.promql import Dialect, Moment, compile_expression
from tests.unit.detection import generate
from tests.unit.detection.corners import CORNERS
from tests.unit.detection.promtool import (
    Scenario,
    ask_promtool,
    differences,
    fill,
    needs_promtool,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "promql-answers.json"
SCENARIOS = int(os.environ.get("RUNDRILL_DIFFERENTIAL", "25"))


@needs_promtool
def test_every_expression_has_the_value_that_prometheus_gives_it(tmp_path: Path) -> None:
    wrong: list[str] = []
    compared = 0
    for start in range(0, SCENARIOS, 50):
        scenarios = [generate.scenario(n, 60) for n in range(start, min(start + 50, SCENARIOS))]
        for scenario, answers in zip(scenarios, ask_promtool(scenarios, tmp_path), strict=True):
            wrong += differences(scenario, answers)
            compared += sum(max(1, len(answer or ())) for answer in answers)
    assert not wrong, "\n".join(wrong[:20])
    assert compared > 60 * SCENARIOS


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


def test_stored_answers_of_prometheus_still_hold(tmp_path: Path) -> None:
    if os.environ.get("RUNDRILL_UPDATE_GOLDEN"):
        _store_answers(tmp_path)
    wrong: list[str] = []
    for stored in json.loads(GOLDEN.read_text()):
        expressions = [(expr, at) for expr, at, _ in stored["answers"]]
        scenario = Scenario(
            stored["interval_ms"],
            {name: text.split() for name, text in stored["series"].items()},
            expressions,
        )
        wrong += differences(scenario, [answer for _, _, answer in stored["answers"]])
    assert not wrong, "\n".join(wrong[:20])


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


def _store_answers(folder: Path) -> None:
    scenarios = [CORNERS, *(generate.scenario(900 + n, 90) for n in range(6))]
    stored = []
    for scenario, answers in zip(scenarios, ask_promtool(scenarios, folder), strict=True):
        rows = [
            (expr, at, answer)
            for (expr, at), answer in zip(scenario.expressions, answers, strict=True)
            if answer is not None
        ]
        series = {name: " ".join(values) for name, values in scenario.series.items()}
        stored.append({"interval_ms": scenario.interval_ms, "series": series, "answers": rows})
    lines = ",\n".join(json.dumps(one) for one in stored)
    GOLDEN.write_text(f"[\n{lines}\n]\n")
