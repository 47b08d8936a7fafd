"""Every shipped experiment runs to its verdict, and the verdict is the one that we tell of.

The drills run as game days, so that they share a start. What is expected here was measured; the
README tells it in words.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from days import DAYS
from drills import TOP, Drill
from machine import moment, taken_by_others

from rundrill.backtest import compare, read_past
from rundrill.report import GameDayEntry, read_game_day

pytestmark = pytest.mark.e2e

COMPRESSION = "40"
ALONE = {"the default game day", "capacity", "releases"}
"""New pods take the whole of a small machine while they start; whether customers feel that is part
of the verdict, so nothing else may run then."""
FACTORS = {"capacity": "25"}
"""Other than the usual one. A pod that is killed leaves a payment that another takes over 4 s
later: that is machine work, and above 25 an alert on 2 s for a minute would fire at it."""
ATTEMPTS = 2
CROWDED = 0.1
"""From this share of the machine on, taken by others, such a day is run once more."""
BY_CHANCE = {"capacity"}
"""So is this one in any case: how requests spread over eight pods, and what a pod was doing when it
was killed, is chance, and enough of it to pass a bound for a second."""
ALL = {name: told for day in DAYS.values() for name, told in day.items()}


def test_every_shipped_experiment_has_an_expected_verdict() -> None:
    shipped = {path.stem for path in (TOP / "experiments").glob("*.yaml")}
    assert shipped == ALL.keys()


def run_day(drill: Drill, day: str) -> int:
    files = [f"experiments/{name}.yaml" for name in DAYS[day]]
    factor = FACTORS.get(day, COMPRESSION)
    return drill.run(
        *(sys.executable, "-m", "rundrill", "run", "--compress", factor), *files, budget_s=1200
    )


def unexpected(
    entries: Mapping[str, GameDayEntry], expected: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[str, ...] | None]:
    """Answer and sentences of the drills that did not end as expected; None for one not run."""
    told = {name: (entry.answer, *entry.sentences) for name, entry in entries.items()}
    return {
        name: told.get(name)
        for name, (answer, reason) in expected.items()
        if told.get(name, ("", ""))[0] != answer or reason not in told[name][1]
    }


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "day", [pytest.param(day, marks=[pytest.mark.alone] if day in ALONE else []) for day in DAYS]
)
def test_a_game_day_ends_with_the_verdicts_that_we_tell_of(drill: Drill, day: str) -> None:
    expected = DAYS[day]
    for _ in range(ATTEMPTS if day in ALONE else 1):
        since = moment()
        code = run_day(drill, day)
        others = taken_by_others(since)
        entries = {entry.name: entry for entry in read_game_day(drill.run_folder)}
        wrong = unexpected(entries, expected)
        if not wrong or (others < CROWDED and day not in BY_CHANCE):
            break
    assert wrong == {}, f"others took {others:.0%} of the machine"
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
