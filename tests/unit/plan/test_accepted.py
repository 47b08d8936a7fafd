"""`accepted:` in an experiment: what is known to break, why, and until when."""

from pathlib import Path

import pytest
import yaml

from rundrill.errors import ExperimentError
from rundrill.inputs import make_plan, read_inputs

TOP = Path(__file__).parents[3]
GOOD = {"promise": "recovered", "reason": "no remedy\n is written", "review": "2027-03-01"}


def write(folder: Path, accepted: object) -> Path:
    for name in ("runbooks", "deploy", "load"):
        (folder / name).symlink_to(TOP / name)
    (folder / "experiments").mkdir()
    path = folder / "experiments/crash-loop.yaml"
    text = (TOP / "experiments/crash-loop.yaml").read_text(encoding="utf-8")
    block = yaml.safe_dump({"accepted": accepted}, sort_keys=False)
    path.write_text(text + "".join(f"    {line}\n" for line in block.splitlines()), "utf-8")
    return path


def test_the_plan_holds_what_is_accepted_with_its_reason_and_date(tmp_path: Path) -> None:
    inputs = read_inputs(write(tmp_path, [GOOD, {**GOOD, "promise": "harmless"}]))
    plan = make_plan(inputs, target="local", compression=15.0, wall_s=150.0)
    first, second = plan.accepted
    assert (first.promise, first.reason, first.review) == (
        "recovered",
        "no remedy is written",
        "2027-03-01",
    )
    assert second.promise == "harmless"
    assert plan.arm == "drill"


def test_nothing_is_accepted_where_nothing_is_said() -> None:
    inputs = read_inputs(TOP / "experiments/crash-loop.yaml")
    assert inputs.experiment.accepted == ()


def test_what_is_slow_comes_from_the_runbooks_steady_state() -> None:
    inputs = read_inputs(TOP / "experiments/crash-loop.yaml")
    plan = make_plan(inputs, target="local", compression=15.0, wall_s=150.0)
    assert plan.load.slow_s == 0.5


@pytest.mark.parametrize(
    ("accepted", "problem"),
    [
        ([{**GOOD, "promise": "recoverd"}], "no promise that a drill may break"),
        ([{**GOOD, "promise": "landed"}], "no promise that a drill may break"),
        ([GOOD, GOOD], "accepted twice"),
        ([{**GOOD, "reason": "  "}], "the reason is empty"),
        ([{**GOOD, "review": "20270301"}], "expected a date"),
        ([{**GOOD, "review": "2027-W09-1"}], "expected a date"),
        ([{**GOOD, "review": "2027-02-30"}], "expected a date"),
        ([{**GOOD, "review": "soon"}], "expected a date"),
        ([{"promise": "recovered", "reason": "x"}], "`review` is missing"),
        ([{"promise": "recovered", "review": "2027-03-01"}], "`reason` is missing"),
        ([{**GOOD, "until": "2028-01-01"}], "unknown key `until`"),
        ({"recovered": "x"}, "expected a list"),
        (["recovered"], "expected a mapping"),
    ],
)
def test_a_mistake_is_one_message_with_its_line_and_column(
    tmp_path: Path, accepted: object, problem: str
) -> None:
    path = write(tmp_path, accepted)
    with pytest.raises(ExperimentError) as caught:
        read_inputs(path)
    assert problem in str(caught.value)
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = next(n for n, line in enumerate(lines, 1) if line.strip().startswith("accepted:"))
    assert caught.value.line is not None
    assert begin <= caught.value.line <= len(lines)
    assert caught.value.column is not None
