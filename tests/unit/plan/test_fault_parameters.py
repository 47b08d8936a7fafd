"""What an experiment tells a fault: kinds, units, ranges, and messages with a place."""

from pathlib import Path
from typing import Any

import pytest

from rundrill.base.document import parse
from rundrill.errors import ExperimentError
from rundrill.inputs import make_plan, read_inputs
from rundrill.plan.fault_parameters import FaultParameter

ROOT = Path(__file__).parents[3]


def value(parameter: FaultParameter, text: str, compression: float = 1.0) -> object:
    node = parse(f"fault:\n  x: {text}\n", Path("drill.yaml"), ExperimentError)
    return parameter.value(node.get("fault").get("x"), compression)


def parameter(kind: Any, **more: Any) -> FaultParameter:
    return FaultParameter(name="x", help="what x is", kind=kind, **more)


@pytest.mark.parametrize(
    ("kind", "more", "text", "expected"),
    [
        ("text", {}, "app=till", "app=till"),
        ("whole number", {}, "3", 3),
        ("whole number", {"low": -1}, "-1", -1),
        ("number", {}, "0.25", 0.25),
        ("number", {"low": 1, "high": 5}, "5", 5.0),
        ("duration", {}, "1h30m", 5400.0),
        ("duration", {}, "40ms", 0.04),
        ("share", {}, "0.25", 0.25),
        ("share", {}, "1", 1.0),
        ("size", {}, "48Mi", 48 << 20),
        ("size", {}, "1.5 GiB", 3 << 29),
        ("size", {}, "10", 10),
        ("choice", {"choices": ("scale", "kill")}, "kill", "kill"),
    ],
)
def test_a_text_becomes_a_value(
    kind: str, more: dict[str, Any], text: str, expected: object
) -> None:
    found = value(parameter(kind, **more), text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "more", "text", "fix"),
    [
        ("text", {}, '""', "write a text: what x is"),
        ("whole number", {}, "3.5", "a whole number such as 3"),
        ("whole number", {"low": 1, "high": 9}, "0", "from 1 up to 9"),
        ("whole number", {"low": 1, "high": 9, "unit": "pods"}, "10", "up to 9 pods"),
        ("whole number", {}, "\u0663", "a whole number"),
        ("number", {}, "many", "a number such as 0.5"),
        ("number", {}, "nan", "a number such as 0.5"),
        ("number", {}, "1e400", "a number such as 0.5"),
        ("number", {"high": 5, "unit": "MiB/s"}, "6", "up to 5 MiB/s"),
        ("duration", {}, "90", 'a duration such as "90s"'),
        ("duration", {"low": 1}, "10ms", "from 1 s"),
        ("share", {}, "0", "above 0 and up to 1"),
        ("share", {}, "25", "above 0 and up to 1"),
        ("size", {}, "48MB", "a size such as 48Mi"),
        ("choice", {"choices": ("scale", "kill")}, "kil", "did you mean kill?"),
    ],
)
def test_a_bad_value_is_told_with_place_problem_and_fix(
    kind: str, more: dict[str, Any], text: str, fix: str
) -> None:
    with pytest.raises(ExperimentError) as error:
        value(parameter(kind, **more), text)
    told = str(error.value)
    assert "drill.yaml:2:6" in told
    assert "the fault's parameter `x` is" in told
    assert fix in told


def test_compression_divides_durations_and_multiplies_rates() -> None:
    assert value(parameter("duration", compressed=True), "100s", 20) == 5.0
    assert value(parameter("number", compressed=True), "0.25", 20) == 5.0
    assert value(parameter("duration"), "40ms", 20) == 0.04
    assert parameter("duration", compressed=True, default="2h").default_value(20) == 360.0
    assert parameter("text", default="").default_value(20) == ""


def test_the_time_a_fault_takes_by_its_nature_is_divided_and_machine_work_is_not() -> None:
    inputs = read_inputs(ROOT / "experiments" / "memory-leak.yaml")
    plan = make_plan(inputs, target="local", compression=20, wall_s=150)
    assert plan.windows.land_budget_s == 30 + 12 * 60 / 20
    assert plan.fault_parameters["rate"] == 2.0
