"""What a game day is made of, before anything is started."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import PLAN

from rundrill.errors import ExperimentError
from rundrill.game_day import make_legs


def inputs(name: str, *, service: str = "service.yaml", rules: str = "alerts.yml") -> Any:
    return SimpleNamespace(
        experiment=SimpleNamespace(
            path=Path(f"experiments/{name}.yaml"), service=Path(service), rules=Path(rules)
        )
    )


def test_a_single_drill_fills_the_run_folder_itself() -> None:
    (leg,) = make_legs([(inputs("a"), PLAN)], arms=["drill"])
    assert (leg.folder, leg.name, leg.plan.arm) == (Path(), "a", "drill")


def test_several_drills_have_numbered_folders_and_their_arms_follow_them() -> None:
    legs = make_legs([(inputs("a"), PLAN), (inputs("b"), PLAN)], arms=["drill", "control"])
    assert [(str(leg.folder), leg.plan.arm) for leg in legs] == [
        ("01-a", "drill"),
        ("01-a/control", "control"),
        ("02-b", "drill"),
        ("02-b/control", "control"),
    ]


@pytest.mark.parametrize(
    ("other", "plan", "what"),
    [
        (inputs("b", service="x.yaml"), PLAN, "service file"),
        (inputs("b", rules="x.yml"), PLAN, "rules file"),
        (inputs("b"), replace(PLAN, load=replace(PLAN.load, rate_per_min=1.0)), "load"),
    ],
)
def test_drills_that_cannot_share_are_told(other: Any, plan: Any, what: str) -> None:
    with pytest.raises(ExperimentError, match=f"its {what} is another than that of .*a.yaml"):
        make_legs([(inputs("a"), PLAN), (other, plan)], arms=["drill"])
