"""Every shipped experiment runs to its verdict, and the verdict is the one that we tell of.

The drills run as game days, so that they share a start. What is expected here was measured; the
README tells it in words.
"""

import json
import sys
from pathlib import Path

import pytest
from days import DAYS
from drills import TOP, Drill

from rundrill.backtest import compare, read_past
from rundrill.report import read_game_day

pytestmark = pytest.mark.e2e

COMPRESSION = "40"
ALONE = {"the default game day", "capacity", "releases"}
"""New pods take the whole of a small machine while they start; whether customers feel that is part
of the verdict, so nothing else may run then."""
ALL = {name: told for day in DAYS.values() for name, told in day.items()}


def test_every_shipped_experiment_has_an_expected_verdict() -> None:
    shipped = {path.stem for path in (TOP / "experiments").glob("*.yaml")}
    assert shipped == ALL.keys()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "day", [pytest.param(day, marks=[pytest.mark.alone] if day in ALONE else []) for day in DAYS]
)
def test_a_game_day_ends_with_the_verdicts_that_we_tell_of(drill: Drill, day: str) -> None:
    expected = DAYS[day]
    files = [f"experiments/{name}.yaml" for name in expected]
    code = drill.run(
        *(sys.executable, "-m", "rundrill", "run", "--compress", COMPRESSION), *files, budget_s=1200
    )
    entries = {entry.name: entry for entry in read_game_day(drill.run_folder)}
    told = {name: (entry.answer, *entry.sentences) for name, entry in entries.items()}
    wrong = {
        name: told.get(name)
        for name, (answer, reason) in expected.items()
        if told.get(name, ("", ""))[0] != answer or reason not in told[name][1]
    }
    assert wrong == {}
    accepted = any(answer == "broken, accepted" for answer, _ in expected.values())
    assert code == 0
    summary = json.loads((drill.run_folder / "report.json").read_text(encoding="utf-8"))
    assert summary["outcome"] == ("accepted" if accepted else "held")
    for entry in entries.values():
        states = {} if entry.verdict is None else {p.id: p.state for p in entry.verdict.promises}
        assert states["undone"] == "held", entry.name
        assert states["money"] == "held", entry.name
    # The detection of the whole day, replayed from its samples, tells the same of every drill.
    trials = compare(read_past([drill.run_folder]), None)
    assert len(trials) == len(expected)
    off = {trial.drill.name: trial.off_s for trial in trials if not trial.reproduced}
    assert off == {}
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def files_of_the_default_day() -> list[str]:
    line = next(
        line
        for line in (TOP / "Makefile").read_text(encoding="utf-8").splitlines()
        if line.startswith("EXPERIMENTS ?=")
    )
    return [Path(word).stem for word in line.partition("=")[2].split()]


def test_the_default_day_is_that_of_make_drill() -> None:
    assert files_of_the_default_day() == list(DAYS["the default game day"])
