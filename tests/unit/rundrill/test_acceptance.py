"""Accepted findings: strict. Nothing but exactly the stated way of breaking ends with 0."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import HELD, accepting, changed, command, control, dry, load, looks, missed, without

from rundrill.events import (
    CommandFinished,
    CommandRefused,
    DrillAborted,
    DrillEnded,
    DrillFailed,
    DrillStarted,
    Event,
    FaultUndone,
    MoneyChecked,
    Recovered,
    RecoveryMissed,
    SoakJudged,
    StepSkipped,
)
from rundrill.model import ACCEPTABLE, Outcome, PromiseState
from rundrill.verdict import headline, judge

NOT_DURABLE = changed(SoakJudged, broken=("error rate",))
HARMED = [load(46.0, failed=12) if e == load(46.0) else e for e in HELD]


def test_what_may_be_accepted_is_every_promise_but_those_that_make_a_drill_count() -> None:
    ids = [promise.id for promise in judge(HELD).promises]
    assert [name for name in ids if name not in ("load", "baseline", "landed")] == list(ACCEPTABLE)


@pytest.mark.parametrize(
    ("events", "promise"),
    [
        (missed(), "recovered"),
        (HARMED, "harmless"),
        (NOT_DURABLE, "durable"),
        (changed(FaultUndone, differences=("replicas 3, is 5",)), "undone"),
        (changed(MoneyChecked, lost=("k",)), "money"),
    ],
)
def test_broken_in_exactly_the_accepted_way_is_broken_and_does_not_fail(
    events: list[Event], promise: str
) -> None:
    assert judge(events).exit_code == 1
    verdict = judge(accepting(events, promise))
    assert verdict.outcome is Outcome.BROKEN
    assert verdict.acceptance == "accepted"
    assert verdict.exit_code == 0
    assert headline(verdict) == "broken, accepted"
    assert "no remedy is written" in verdict.acceptance_reason
    assert "2027-03-01" in verdict.acceptance_reason


def test_an_alert_that_does_not_fire_can_be_accepted_with_all_that_never_came_after_it() -> None:
    events = [e for e in missed() if not 36.0 <= e.at <= 47.2 and not isinstance(e, RecoveryMissed)]
    ended = [replace(e, at=70.0) if getattr(e, "phase", "") == "detect" else e for e in HELD]
    late = next(e for e in ended if e.at == 70.0 and hasattr(e, "passed"))
    verdict = judge(accepting([*events, *looks(36.0, 47.0), late], "detected"))
    assert verdict.acceptance == "accepted"
    assert {p.id for p in verdict.promises if p.state is PromiseState.UNPROVEN} == {
        "recovered",
        "harmless",
        "durable",
    }


@pytest.mark.parametrize(
    ("events", "accepted", "why"),
    [
        (NOT_DURABLE, ("recovered",), "`durable` is broken too"),
        (NOT_DURABLE, ("recovered",), "`recovered` held"),
        (NOT_DURABLE, ("durable", "harmless"), "`harmless` held"),
        ([*without(MoneyChecked)[:-1], *missed()[-2:]], ("recovered",), "`recovered` held"),
    ],
)
def test_broken_in_another_way_fails_and_says_how(
    events: list[Event], accepted: tuple[str, ...], why: str
) -> None:
    events = changed_only(events)
    verdict = judge(accepting(events, *accepted))
    assert verdict.outcome is Outcome.BROKEN
    assert verdict.acceptance == "otherwise"
    assert verdict.exit_code == 1
    assert why in verdict.acceptance_reason


def changed_only(events: list[Event]) -> list[Event]:
    """Broken in the soak, whatever else: else some would be held."""
    return [replace(e, broken=("error rate",)) if isinstance(e, SoakJudged) else e for e in events]


@pytest.mark.parametrize("kind", [MoneyChecked, FaultUndone])
def test_an_accepted_drill_without_some_other_proof_is_not_accepted(kind: type[Any]) -> None:
    events = [e for e in missed() if not isinstance(e, kind)]
    verdict = judge(accepting(events, "recovered"))
    assert verdict.acceptance == "otherwise"
    assert verdict.exit_code == 1


def test_a_soak_that_proves_nothing_is_not_one_that_was_never_reached() -> None:
    blind = SoakJudged(
        at=158.5, window_s=60.0, evaluations=60, broken=(), alerts=(), unmeasured=("no answer",)
    )
    events = [*missed(), blind]
    assert judge(accepting(events, "recovered")).acceptance == "accepted"  # no soak began
    begun = [
        replace(e, phase="soak") if getattr(e, "phase", "") == "recover" else e for e in events
    ]
    assert judge(accepting(begun, "recovered")).acceptance == "otherwise"


REFUSED = CommandRefused(
    at=44.0, procedure="p", number=2, line=42, text="kubectl delete", why="outside the plan"
)
SKIPPED = StepSkipped(
    at=44.0, procedure="p", number=9, line=49, text="call them", why="the responder stopped"
)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ([REFUSED], "line 42 was not run: outside the plan"),
        ([command(1, exit_code=1)], "ended with exit code 1"),
        ([command(1, exit_code=None)], "did not end within"),
        ([SKIPPED], "step 9 (line 49) was not done"),
    ],
)
def test_a_procedure_that_could_not_be_followed_is_never_broken_as_accepted(
    extra: list[Event], why: str
) -> None:
    """What did not run cannot have failed to help."""
    gone = [e for e in missed() if not isinstance(e, CommandFinished)]
    for events in (gone, missed()):
        for accepted in (["recovered"], ["recovered", "harmless"]):
            verdict = judge(accepting([*events[:-1], *extra, events[-1]], *accepted))
            assert verdict.acceptance == "otherwise", accepted
            assert verdict.exit_code == 1
            assert why in verdict.acceptance_reason


def test_a_step_that_is_for_no_command_or_not_needed_is_no_other_way_of_breaking() -> None:
    endless = replace(command(1, exit_code=None), endless=True)
    extra = [endless, replace(SKIPPED, unbound=True), replace(SKIPPED, needless=True)]
    events = [*missed()[:-1], *extra, missed()[-1]]
    assert judge(accepting(events, "recovered")).acceptance == "accepted"


def test_a_service_that_came_back_too_late_did_not_stay_broken_as_accepted() -> None:
    verdict = judge(accepting(changed(Recovered, at=200.0), "recovered"))
    assert verdict.acceptance == "otherwise"
    assert "nobody saw that the service stayed broken" in verdict.acceptance_reason


@pytest.mark.parametrize("why", ["unknown: no answer", "the detection is behind"])
def test_harm_that_nobody_could_tell_is_never_broken_as_accepted(why: str) -> None:
    events = [replace(e, unmeasured=why) if isinstance(e, RecoveryMissed) else e for e in missed()]
    assert judge(events).outcome is Outcome.INVALID
    verdict = judge(accepting(events, "recovered"))
    assert verdict.acceptance == "undecided"
    assert verdict.exit_code == 3


def test_a_promise_that_no_drill_makes_is_never_broken_as_accepted() -> None:
    verdict = judge(accepting(missed(), "recovered", "cheerful"))
    assert verdict.acceptance == "otherwise"
    assert "no promise `cheerful`" in verdict.acceptance_reason


def test_a_fault_that_is_not_undone_is_never_accepted() -> None:
    events = changed(FaultUndone, undone=False)
    assert judge(accepting(events, "undone")).acceptance == "otherwise"


@pytest.mark.parametrize(
    ("today", "state"),
    [("2027-02-28", "accepted"), ("2027-03-01", "accepted"), ("2027-03-02", "expired"),
     ("yesterday", "expired")],
)  # fmt: skip
def test_a_finding_is_accepted_until_its_review_date_and_on_it(today: str, state: str) -> None:
    events = accepting(missed(), "recovered")
    dated = [
        replace(e, wall_time=f"{today}T23:59:00+00:00") if isinstance(e, DrillStarted) else e
        for e in events
    ]
    verdict = judge(dated)
    assert verdict.acceptance == state
    assert verdict.exit_code == (0 if state == "accepted" else 1)


def test_a_drill_that_holds_although_it_was_accepted_as_broken_fails() -> None:
    verdict = judge(accepting(HELD, "recovered"))
    assert verdict.outcome is Outcome.HELD
    assert verdict.acceptance == "unexpectedly-held"
    assert verdict.exit_code == 1
    assert headline(verdict) == "held, unexpectedly"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (DrillAborted(at=50.0, why="Ctrl-C"), 4),
        (DrillFailed(at=50.0, phase="recover", why="detection stopped"), 3),
    ],
)
def test_a_drill_that_teaches_nothing_stays_what_it_is(last: Event, code: int) -> None:
    verdict = judge([*accepting(missed(), "recovered"), last])
    assert verdict.acceptance == "undecided"
    assert verdict.exit_code == code


def test_acceptance_says_nothing_about_the_arms() -> None:
    for events in (control(None), control(5.0), dry()):
        verdict = judge(accepting(events, "recovered"))
        assert verdict.acceptance == "none"


def test_a_drill_that_accepts_nothing_says_nothing_about_it() -> None:
    assert judge(HELD).acceptance == "none"
    assert judge(HELD).acceptance_reason == ""


KINDS = sorted({type(e) for e in missed()} - {DrillStarted}, key=lambda kind: kind.__name__)


@given(
    base=st.sampled_from([HELD, missed(), NOT_DURABLE, HARMED, dry(), control(3.0)]),
    gone=st.sets(st.sampled_from(KINDS), max_size=3),
    extra=st.lists(
        st.sampled_from(
            [
                DrillAborted(at=50.0, why="x"),
                DrillFailed(at=50.0, phase="soak", why="x"),
                command(1, exit_code=1),
                REFUSED,
                SKIPPED,
                MoneyChecked(
                    at=50.0, acknowledged=1, stored=0, lost=("k",), doubled=(), error=None
                ),
                FaultUndone(at=50.0, undone=False, evidence="no", differences=()),
                RecoveryMissed(at=50.0, waited_s=3.0, evidence="no"),
                RecoveryMissed(at=50.0, waited_s=3.0, evidence="no", unmeasured="no answer"),
                DrillEnded(at=200.0),
            ]
        ),
        max_size=2,
    ),
    accepted=st.sets(st.sampled_from(ACCEPTABLE)),
    review=st.sampled_from(["2020-01-01", "2026-01-01", "2027-03-01", "not a date"]),
)
def test_a_drill_ends_with_0_only_when_it_held_or_broke_exactly_as_accepted(
    base: list[Event],
    gone: set[type[Any]],
    extra: list[Event],
    accepted: set[str],
    review: str,
) -> None:
    events = [*(e for e in base if type(e) not in gone), *extra]
    verdict = judge(accepting(events, *sorted(accepted), review=review))
    if verdict.exit_code != 0:
        return
    if verdict.arm != "drill":
        assert verdict.outcome in (Outcome.SILENT, Outcome.HEALED, Outcome.UNHEALED)
        return
    broken = {p.id for p in verdict.promises if p.state is PromiseState.BROKEN}
    if verdict.outcome is Outcome.HELD:
        assert not accepted
        assert all(p.state is PromiseState.HELD for p in verdict.promises)
    else:
        assert verdict.outcome is Outcome.BROKEN
        assert broken == accepted
        assert review >= "2026-01-01"
        assert review[0] == "2"
        unproven = {p.id for p in verdict.promises if p.state is PromiseState.UNPROVEN}
        assert unproven <= {"recovered", "harmless", "durable"}
        assert not any(bad in events for bad in (command(1, exit_code=1), REFUSED, SKIPPED))
