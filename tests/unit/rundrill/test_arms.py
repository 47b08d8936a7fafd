"""The control and the dry arm have answers of their own, and the two arms say what helped."""

from dataclasses import replace
from typing import Any

import pytest
from recordings import HELD, alert, changed, command, control, dry, load, missed, planned, without

from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    DrillAborted,
    DrillEnded,
    DrillFailed,
    DrillStarted,
    Event,
    FaultInjected,
    FaultLanded,
    FaultUndone,
    LoadStopped,
    MoneyChecked,
    Recovered,
    RecoveryMissed,
    SilenceJudged,
    SoakJudged,
    SteadyStateSampled,
)
from rundrill.model import Outcome
from rundrill.verdict import attribute, headline, judge


def changed_in(events: list[Event], kind: type[Any], **fields: Any) -> list[Event]:
    return [replace(e, **fields) if isinstance(e, kind) else e for e in events]


# ---------------------------------------------------------------- the control arm


def test_whether_it_healed_is_not_known_where_nobody_could_tell() -> None:
    events = [
        replace(e, unmeasured="the detection is behind") if isinstance(e, RecoveryMissed) else e
        for e in control(None)
    ]
    verdict = judge(events)
    assert verdict.outcome is Outcome.INVALID
    assert "is not known: the detection is behind" in verdict.reason


def test_a_service_that_comes_back_by_itself_has_healed() -> None:
    verdict = judge(control(42.0))
    assert verdict.outcome is Outcome.HEALED
    assert verdict.arm == "control"
    assert verdict.reason.startswith("healed by itself 42.0 s after the alert")
    assert verdict.exit_code == 0
    assert headline(verdict) == "healed by itself"
    assert [p.id for p in verdict.promises] == [
        "load", "baseline", "landed", "detected", "undone", "money",
    ]  # fmt: skip


def test_a_service_that_stays_broken_has_not() -> None:
    verdict = judge(control(None))
    assert verdict.outcome is Outcome.UNHEALED
    assert "did not heal by itself within 120.0 s" in verdict.reason
    assert "pod x is not ready" in verdict.reason
    assert headline(verdict) == "did not heal"


def test_what_looks_well_between_two_crashes_has_not_healed() -> None:
    verdict = judge(changed_in(control(9.0), SoakJudged, broken=("pod x is not ready",)))
    assert verdict.outcome is Outcome.UNHEALED
    assert "it was back 9.0 s after the alert, and then pod x is not ready" in verdict.reason


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        (changed_in(control(9.0), BaselineJudged, alerts=("X",)), Outcome.INVALID),
        (changed_in(control(9.0), SoakJudged, evaluations=0), Outcome.INVALID),
        ([e for e in control(9.0) if not isinstance(e, SoakJudged)], Outcome.INVALID),
        ([e for e in control(9.0) if not isinstance(e, Recovered)], Outcome.INVALID),
        ([e for e in control(9.0) if not isinstance(e, AlertChanged)], Outcome.INVALID),
        ([e for e in control(9.0) if not isinstance(e, FaultLanded)], Outcome.INVALID),
        ([e for e in control(9.0) if not isinstance(e, FaultUndone)], Outcome.INVALID),
        ([e for e in control(None) if not isinstance(e, RecoveryMissed)], Outcome.INVALID),
        ([e for e in control(None) if not isinstance(e, MoneyChecked)], Outcome.INVALID),
        ([e for e in control(None) if not isinstance(e, LoadStopped)], Outcome.INVALID),
        ([*control(9.0), command(2)], Outcome.INVALID),
        ([*control(9.0), DrillFailed(at=99.0, phase="recover", why="gone")], Outcome.INVALID),
        ([*control(9.0), DrillAborted(at=99.0, why="Ctrl-C")], Outcome.ABORTED),
        ([e for e in control(9.0) if not isinstance(e, DrillEnded)], Outcome.ABORTED),
        (changed_in(control(9.0), FaultUndone, undone=False), Outcome.BROKEN),
        (changed_in(control(None), MoneyChecked, lost=("k",)), Outcome.BROKEN),
    ],
)
def test_a_control_arm_without_its_evidence_says_nothing_about_healing(
    events: list[Event], outcome: Outcome
) -> None:
    assert judge(events).outcome is outcome


# ---------------------------------------------------------------- the dry arm


def test_a_dry_arm_in_which_nothing_stirs_is_silent_and_no_drill_that_held() -> None:
    verdict = judge(dry())
    assert verdict.outcome is Outcome.SILENT
    assert verdict.exit_code == 0
    assert verdict.reason == "silent: no alert fired and the steady state held for 40 s"


@pytest.mark.parametrize(
    ("events", "outcome", "why"),
    [
        ([*dry(), alert(50.0, "firing", "Other")], Outcome.NOISY, "alert Other fired without a"),
        (changed_in(dry(), SilenceJudged, alerts=("A",)), Outcome.NOISY, "alert A fired"),
        (changed_in(dry(), SilenceJudged, broken=("error rate",)), Outcome.NOISY, "error rate"),
        ([*dry(), Recovered(at=60.0, evidence="x")], Outcome.NOISY, "Recovered"),
        ([*dry(), FaultInjected(at=60.0, fault="x", change="y")], Outcome.NOISY, "FaultInjected"),
        ([*dry(), command(2)], Outcome.NOISY, "CommandFinished"),
        (changed_in(dry(), SilenceJudged, window_s=3.0), Outcome.INVALID, "cut short"),
        (changed_in(dry(), SilenceJudged, evaluations=0), Outcome.INVALID, "not watched"),
        ([e for e in dry() if not 40 < e.at < 46], Outcome.INVALID, "nothing was evaluated"),
        ([e for e in dry() if not isinstance(e, SilenceJudged)], Outcome.INVALID, "not watched"),
        ([e for e in dry() if not isinstance(e, SteadyStateSampled)], Outcome.INVALID, "evaluated"),
        ([e for e in dry() if not isinstance(e, MoneyChecked)], Outcome.INVALID, "database"),
        (changed_in(dry(), BaselineJudged, alerts=("A",)), Outcome.INVALID, "A was firing"),
        (changed_in(dry(), MoneyChecked, doubled=("k",)), Outcome.BROKEN, "doubled"),
    ],
)
def test_a_dry_arm_in_which_something_stirred_or_that_was_not_watched_is_not_silent(
    events: list[Event], outcome: Outcome, why: str
) -> None:
    verdict = judge(events)
    assert verdict.outcome is outcome
    assert verdict.exit_code != 0
    assert why in verdict.reason


# ---------------------------------------------------------------- was it the procedure?


def test_a_service_that_stays_broken_without_the_procedure_needed_it() -> None:
    found = attribute(HELD, control(None))
    assert found.effect == "necessary"
    assert found.finding is None
    assert found.drill_recovered_s == 9.0
    assert found.control_watched_s == 120.0
    assert "did not heal by itself" in found.sentence


def test_a_service_that_heals_much_later_by_itself_was_only_helped() -> None:
    found = attribute(HELD, control(40.0))
    assert found.effect == "faster"
    assert found.control_healed_s == 40.0
    assert "31.0 s later" in found.sentence
    assert found.finding is None


@pytest.mark.parametrize("healed_s", [2.0, 9.0, 13.9])
def test_a_service_that_heals_as_fast_by_itself_did_not_need_the_procedure(
    healed_s: float,
) -> None:
    found = attribute(HELD, control(healed_s))
    assert found.effect == "not-shown"
    assert found.finding is not None
    assert found.finding.text == "Procedure not shown to be necessary"
    assert found.finding.line == 42
    assert "within 5.0 s" in found.sentence


def test_the_tolerance_grows_with_the_time_that_is_measured() -> None:
    slow = changed(Recovered, at=138.0)  # 100 s after the alert
    found = attribute([*slow, *(load(float(at)) for at in range(48, 140))], control(119.0))
    assert found.tolerance_s == 20.0
    assert found.effect == "not-shown"


def test_a_control_arm_that_was_not_watched_long_enough_shows_nothing() -> None:
    found = attribute(HELD, control(None, waited_s=12.0))
    assert found.effect == "not-shown"
    assert "only watched for 12.0 s" in found.sentence


def test_a_procedure_that_helps_nobody_makes_no_difference() -> None:
    assert attribute(missed(), control(None)).effect == "none"


def test_a_service_that_heals_unless_somebody_follows_the_runbook_is_a_finding() -> None:
    found = attribute(missed(), control(20.0))
    assert found.effect == "worse"
    assert found.finding is not None
    assert "it did not recover" in found.finding.evidence


def test_a_fix_that_did_not_last_did_not_bring_the_service_back() -> None:
    came_back = changed(SoakJudged, broken=("error rate",))
    assert attribute(came_back, control(None)).effect == "none"


@pytest.mark.parametrize(
    ("drill", "other", "why"),
    [
        (HELD, [], "the control arm was not run"),
        (HELD, [DrillEnded(at=1.0)], "the control arm was not run"),
        (HELD, [*control(9.0), DrillAborted(at=9.0, why="Ctrl-C")], "the control arm is aborted"),
        (HELD, changed_in(control(9.0), BaselineJudged, alerts=("X",)), "the control arm is inv"),
        (HELD, changed_in(control(9.0), FaultUndone, undone=False), "the control arm is broken"),
        (HELD, planned(control(9.0), fault="other"), "another experiment"),
        (HELD, planned(control(9.0), compression=1.0), "another experiment"),
        ([*HELD, DrillAborted(at=9.0, why="Ctrl-C")], control(9.0), "the drill is aborted"),
        (without(FaultLanded), control(9.0), "the drill is invalid"),
    ],
)
def test_a_question_without_an_answer_is_said_to_be_open(
    drill: list[Event], other: list[Event], why: str
) -> None:
    found = attribute(drill, other)
    assert found.effect == "unknown"
    assert why in found.sentence
    assert found.finding is not None
    assert found.finding.severity == "warning"


def test_a_drill_that_never_came_to_the_procedure_says_nothing_about_it() -> None:
    undetected = [
        replace(e, at=70.0) if getattr(e, "phase", "") == "detect" and e.at > 30 else e
        for e in HELD
        if not isinstance(e, AlertChanged | Recovered | SoakJudged)
        and getattr(e, "phase", "") not in ("respond", "recover")
    ]
    assert judge(undetected).outcome is Outcome.BROKEN
    assert "never came to the procedure" in attribute(undetected, control(9.0)).sentence


def test_only_a_drill_and_its_control_arm_can_be_compared() -> None:
    for pair in ((HELD, HELD), (control(9.0), control(9.0)), (HELD, dry())):
        with pytest.raises(ValueError, match="not a drill and its control"):
            attribute(*pair)


@pytest.mark.parametrize("kind", sorted({type(e) for e in HELD}, key=lambda cls: cls.__name__))
def test_leaving_out_any_kind_of_evidence_of_an_arm_is_never_a_better_answer(
    kind: type[Any],
) -> None:
    if kind is DrillStarted:
        return
    for arm in (control(None), control(9.0)):
        whole = attribute(HELD, arm).effect
        less = attribute(HELD, [e for e in arm if not isinstance(e, kind)]).effect
        assert less in (whole, "unknown")
