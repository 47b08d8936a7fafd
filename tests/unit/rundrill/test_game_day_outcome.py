"""The worst of several drills: in which order, and never 0 for what nobody proved."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import HELD, accepting, changed, control, dry, missed, planned

from rundrill.events import (
    BaselineJudged,
    DrillAborted,
    Event,
    FaultUndone,
    MoneyChecked,
    SilenceJudged,
)
from rundrill.model import Outcome, Verdict
from rundrill.verdict import exit_code, game_day_outcome, headline, judge

VERDICTS: dict[str, Verdict | None] = {
    "held": judge(HELD),
    "accepted": judge(accepting(missed(), "recovered")),
    "broken": judge(missed()),
    "otherwise": judge(accepting(missed(), "durable")),
    "expired": judge(accepting(missed(), "recovered", review="2020-01-01")),
    "unexpected": judge(accepting(HELD, "recovered")),
    "invalid": judge(changed(BaselineJudged, alerts=("X",))),
    "aborted": judge([*HELD, DrillAborted(at=9.0, why="Ctrl-C")]),
    "not run": None,
}


def outcome(*names: str) -> tuple[str, int]:
    found = game_day_outcome([(name, VERDICTS[name]) for name in names])
    return found.outcome, found.exit_code


@pytest.mark.parametrize(
    ("names", "word", "code"),
    [
        (["held"], "held", 0),
        (["held", "accepted"], "accepted", 0),
        (["accepted", "broken"], "broken", 1),
        (["held", "otherwise"], "broken", 1),
        (["held", "expired"], "broken", 1),
        (["held", "unexpected"], "broken", 1),
        (["held", "invalid"], "invalid", 3),
        (["held", "not run"], "invalid", 3),
        (["invalid", "broken", "not run"], "broken", 1),
        (["broken", "aborted", "not run"], "aborted", 4),
        ([], "invalid", 3),
    ],
)
def test_the_day_is_as_good_as_its_worst_drill(names: list[str], word: str, code: int) -> None:
    assert outcome(*names) == (word, code)


class Unheard(Verdict):
    """Of a version with an outcome more."""

    @property
    def exit_code(self) -> int:
        return 7


def test_a_code_that_nobody_knows_is_no_pass() -> None:
    held = judge(HELD)
    odd = Unheard(outcome=held.outcome, reason="", promises=(), findings=(), times=held.times)
    found = game_day_outcome([("a", held), ("b", odd)])
    assert (found.outcome, found.exit_code) == ("invalid", 7)
    assert game_day_outcome([("a", judge(missed())), ("b", odd)]).exit_code == 1


@pytest.mark.parametrize(
    ("control_events", "code"),
    [
        (control(9.0), 0),
        (planned(changed(FaultUndone, undone=False), arm="control"), 1),
        (planned(changed(FaultUndone, differences=("x",)), arm="control"), 1),
        (planned(changed(MoneyChecked, doubled=("k",)), arm="control"), 1),
        (planned(changed(MoneyChecked, error="no psql"), arm="control"), 0),
        (planned(changed(BaselineJudged, alerts=("X",)), arm="control"), 0),
        ([*control(9.0), DrillAborted(at=9.0, why="Ctrl-C")], 4),
    ],
)
def test_a_control_arm_fails_its_drill_by_what_it_broke_itself(
    control_events: list[Event], code: int
) -> None:
    answer = judge(control_events)
    assert exit_code(judge(HELD), answer) == code
    assert exit_code(None, answer) == (code or 3)
    found = game_day_outcome([("a", judge(HELD)), ("b", judge(HELD))], [answer, None])
    assert found.exit_code == code
    assert ("the control arm of a: " in found.reason) is (code != 0)
    assert ("control arm failed" in headline(judge(HELD), answer)) is (code != 0)


def test_the_reason_counts_the_drills_by_their_answers() -> None:
    found = game_day_outcome([(n, VERDICTS[n]) for n in ("held", "accepted", "held", "not run")])
    assert found.reason == "2 held; 1 broken, accepted; 1 not run"


def test_a_day_of_dry_arms_is_silent_or_not_and_never_held() -> None:
    silent = judge(dry())
    noisy = judge([e for e in dry() if not isinstance(e, SilenceJudged)])
    assert game_day_outcome([("a", silent)]).outcome == "silent"
    assert game_day_outcome([("a", silent), ("b", noisy)]).exit_code == 3


def test_control_arms_are_answers_and_not_drills_that_held() -> None:
    assert {judge(control(9.0)).outcome, judge(control(None)).outcome} == {
        Outcome.HEALED,
        Outcome.UNHEALED,
    }


@given(names=st.lists(st.sampled_from(sorted(VERDICTS)), max_size=6))
def test_a_day_ends_with_0_only_when_each_drill_held_or_broke_as_accepted(
    names: Sequence[str],
) -> None:
    word, code = outcome(*names)
    fine = bool(names) and set(names) <= {"held", "accepted"}
    assert (code == 0) is fine
    assert (word == "held") is (bool(names) and set(names) == {"held"})
    assert outcome(*reversed(names)) == (word, code)
