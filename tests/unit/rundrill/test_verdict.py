"""The verdict is a pure function of the events; each way to fail changes it in its own way."""

from dataclasses import replace
from typing import Any

import pytest
from fakes import PLAN, plan
from recordings import HELD, alert, changed, command, load, missed, without

from rundrill.events import (
    AlertChanged,
    AlertNotified,
    BaselineJudged,
    CommandRefused,
    DrillAborted,
    DrillFailed,
    DrillStarted,
    Event,
    FaultInjected,
    FaultMissed,
    FaultUndone,
    LoadStopped,
    MoneyChecked,
    NotificationFailed,
    PhaseEnded,
    PhaseStarted,
    Recovered,
    RecoveryMissed,
    ScrapeFailed,
    SoakJudged,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.model import Outcome, Promise, PromiseState
from rundrill.verdict import judge


def waited_out(events: list[Event]) -> list[Event]:
    """The alert was awaited for its whole window."""
    return [
        replace(e, at=66.1) if isinstance(e, PhaseEnded) and e.phase == "detect" else e
        for e in events
    ]


def state(events: list[Event], promise: str) -> PromiseState:
    return next(p.state for p in judge(events).promises if p.id == promise)


def test_a_drill_that_kept_every_promise_is_held_with_exit_code_0() -> None:
    verdict = judge(HELD)
    assert {p.id: p.state for p in verdict.promises if p.state is not PromiseState.HELD} == {}
    assert verdict.outcome is Outcome.HELD
    assert verdict.outcome.exit_code == 0
    assert verdict.times.injected == 26.0
    assert verdict.times.pending == 36.0
    assert verdict.times.firing == 38.0
    assert verdict.times.recovered == 47.0


@pytest.mark.parametrize("kind", sorted({type(e) for e in HELD}, key=lambda cls: cls.__name__))
def test_leaving_out_any_kind_of_evidence_is_never_held(kind: type[Any]) -> None:
    if kind is DrillStarted:
        with pytest.raises(ValueError, match="no DrillStarted"):
            judge(without(kind))
    elif kind is PhaseEnded:  # they only say when what other events tell was over
        judge(without(kind))
    else:
        assert judge(without(kind)).outcome is not Outcome.HELD


@pytest.mark.parametrize(
    ("events", "promise", "outcome"),
    [
        (changed(BaselineJudged, broken=("error rate 3%",)), "baseline", Outcome.INVALID),
        (changed(BaselineJudged, alerts=("X",)), "baseline", Outcome.INVALID),
        (changed(BaselineJudged, evaluations=0), "baseline", Outcome.INVALID),
        (changed(BaselineJudged, window_s=3.0), "baseline", Outcome.INVALID),
        (changed(BaselineJudged, delivered_per_min=990.0), "load", Outcome.INVALID),
        (changed(BaselineJudged, dropped=1), "load", Outcome.INVALID),
        (changed(LoadStopped, expected=False), "load", Outcome.INVALID),
        (changed(LoadStopped, worst_lateness_ms=1500.0), "load", Outcome.INVALID),
        (changed(SoakJudged, unmeasured=("no answer",)), "durable", Outcome.INVALID),
        ([e for e in HELD if not 10 < e.at < 14.5], "baseline", Outcome.INVALID),
        ([e for e in HELD if not 60 < e.at < 64.5], "durable", Outcome.INVALID),
        (changed(SoakJudged, alerts=("PaymentPodRestarting",)), "durable", Outcome.BROKEN),
        (changed(SoakJudged, broken=("error rate",)), "durable", Outcome.BROKEN),
        (changed(SoakJudged, evaluations=0), "durable", Outcome.INVALID),
        (changed(SoakJudged, window_s=59.0), "durable", Outcome.INVALID),
        (changed(FaultUndone, undone=False), "undone", Outcome.BROKEN),
        (changed(FaultUndone, differences=("replicas 3, is 5",)), "undone", Outcome.BROKEN),
        (changed(MoneyChecked, lost=("k",)), "money", Outcome.BROKEN),
        (changed(MoneyChecked, doubled=("k",)), "money", Outcome.BROKEN),
        (changed(MoneyChecked, charges=9, uncharged=("k",)), "money", Outcome.BROKEN),
        (changed(MoneyChecked, charges=9, unrecorded=("k",)), "money", Outcome.BROKEN),
        (changed(MoneyChecked, charges=9, mischarged=("k",)), "money", Outcome.BROKEN),
        (changed(MoneyChecked, charges=9, unsettled=("k",)), "money", Outcome.INVALID),
        (changed(MoneyChecked, charges=9, incomplete=("stripe: gone",)), "money", Outcome.INVALID),
        (changed(MoneyChecked, error="no psql"), "money", Outcome.INVALID),
        (changed(MoneyChecked, acknowledged=0), "money", Outcome.INVALID),
        (changed(Recovered, at=200.0), "recovered", Outcome.BROKEN),
        (waited_out(changed(AlertChanged, state="pending")), "detected", Outcome.BROKEN),
        (changed(AlertChanged, state="pending"), "detected", Outcome.INVALID),
    ],
)
def test_each_broken_or_missing_proof_changes_its_promise(
    events: list[Event], promise: str, outcome: Outcome
) -> None:
    verdict = judge(events)
    assert state(events, promise) is not PromiseState.HELD
    assert verdict.outcome is outcome


def test_half_a_percent_or_one_request_of_the_window_is_delivered() -> None:
    assert state(changed(BaselineJudged, delivered_per_min=995.0), "load") is PromiseState.HELD
    assert state(changed(BaselineJudged, delivered_per_min=994.0), "load") is PromiseState.BROKEN


def test_an_alert_that_fires_after_its_window_was_not_in_time() -> None:
    late = [replace(e, at=70.0) if isinstance(e, AlertChanged) else e for e in HELD]
    verdict = judge(late)
    assert verdict.outcome is Outcome.BROKEN
    assert verdict.reason.startswith("not detected")


def test_an_alert_that_fired_before_the_fault_does_not_count() -> None:
    early = [replace(e, at=5.0) if isinstance(e, AlertChanged) else e for e in HELD]
    assert judge(early).times.firing is None
    assert judge(waited_out(early)).outcome is Outcome.BROKEN


def test_a_fault_that_did_not_land_teaches_nothing() -> None:
    events: list[Event] = [
        FaultMissed(at=59.0, waited_s=30.0, evidence="no pod runs it") if e.at == 29.0 else e
        for e in HELD
        if not isinstance(e, PhaseStarted)
    ]
    assert judge(events).outcome is Outcome.INVALID


def test_a_remedy_that_fails_is_no_fix_although_the_service_recovered() -> None:
    events = [command(2, exit_code=1) if e == command(2) else e for e in HELD]
    verdict = judge(events)
    assert verdict.outcome is Outcome.BROKEN
    assert "exit code 1" in verdict.reason
    assert "failed-42" in {finding.id for finding in verdict.findings}


def test_a_verification_that_never_ends_is_no_fix() -> None:
    events = [command(3, exit_code=None) if e == command(3) else e for e in HELD]
    assert "did not end" in judge(events).reason


def test_a_diagnosis_that_fails_is_a_command_of_the_runbook_that_does_not_work() -> None:
    events = [command(1, exit_code=1) if e == command(1) else e for e in HELD]
    assert judge(events).outcome is Outcome.BROKEN


def test_a_command_that_never_ends_by_nature_is_fine() -> None:
    endless = replace(command(1), exit_code=None, endless=True)
    assert judge([endless if e == command(1) else e for e in HELD]).outcome is Outcome.HELD


@pytest.mark.parametrize("number", [1, 3])
def test_a_step_that_was_not_executed_never_passes(number: int) -> None:
    step = PLAN.steps[number - 1]
    skipped = StepSkipped(
        at=45.0,
        procedure=step.procedure,
        number=number,
        line=step.line,
        text=step.text,
        why="a manual step, and no command is bound to it",
    )
    events = [skipped if e == command(number) else e for e in HELD]
    assert judge(events).outcome is Outcome.INVALID
    assert f"skipped-{step.line}" in {finding.id for finding in judge(events).findings}
    needless = [replace(skipped, needless=True) if e == skipped else e for e in events]
    assert judge(needless).outcome is Outcome.HELD


def test_a_refused_remedy_is_no_fix() -> None:
    refused = CommandRefused(
        at=44.0,
        procedure="pod-crashloopbackoff",
        number=2,
        line=42,
        text="kubectl delete namespace production",
        why="outside the plan",
    )
    events = [refused if e == command(2) else e for e in HELD]
    assert judge(events).outcome is Outcome.INVALID
    assert "refused-42" in {finding.id for finding in judge(events).findings}


def test_recovery_without_any_remedy_proves_nothing_about_the_runbook() -> None:
    events = [e for e in HELD if e != command(2)]
    assert state(events, "recovered") is PromiseState.UNPROVEN
    assert judge(events).outcome is Outcome.INVALID


def test_a_missed_recovery_is_broken_with_what_was_seen() -> None:
    told = RecoveryMissed(at=107.0, waited_s=69.0, evidence="PaymentPodRestarting is firing")
    events: list[Event] = [told if isinstance(e, Recovered) else e for e in HELD]
    verdict = judge(events)
    assert verdict.outcome is Outcome.BROKEN
    assert "PaymentPodRestarting is firing" in verdict.reason


@pytest.mark.parametrize("blind", [{"gone": True}, {"stale": True}])
def test_a_recovery_that_nobody_looked_for_at_the_end_is_not_known(blind: dict[str, bool]) -> None:
    events = []
    for event in missed():
        if isinstance(event, SteadyStateSampled) and event.at > 150.0:
            if "gone" in blind:
                continue
            event = replace(event, stale=True)  # noqa: PLW2901 - the one that is kept
        events.append(event)
    verdict = judge(events)
    assert state(events, "recovered") is PromiseState.UNPROVEN
    assert verdict.outcome is Outcome.INVALID
    assert "is not known: nothing was evaluated for" in verdict.reason


@pytest.mark.parametrize("stale", [False, True])
def test_an_alert_that_nobody_watched_for_is_not_one_that_did_not_fire(stale: bool) -> None:
    silent = waited_out(changed(AlertChanged, state="pending"))
    assert state(silent, "detected") is PromiseState.BROKEN
    blind = [
        replace(e, stale=True) if isinstance(e, SteadyStateSampled) and 30 < e.at < 36 else e
        for e in silent
    ]
    if not stale:
        blind = [e for e in blind if not (isinstance(e, SteadyStateSampled) and e.stale)]
    assert state(blind, "detected") is PromiseState.UNPROVEN
    assert judge(blind).outcome is Outcome.INVALID


@pytest.mark.parametrize("before", [["pending"], ["pending", "firing"], ["firing"]])
def test_an_alert_that_began_before_the_fault_is_no_detection_of_it(before: list[str]) -> None:
    at = HELD.index(next(e for e in HELD if isinstance(e, FaultInjected)))
    began = [alert(25.2 + index / 10, word) for index, word in enumerate(before)]
    after = [e for e in HELD if e not in (alert(36.0, "pending"), alert(38.0, "firing"))]
    fires: list[Event] = [] if "firing" in before else [alert(26.1, "firing")]
    events = [*after[:at], *began, after[at], *fires, *after[at + 1 :]]
    assert state(events, "detected") is PromiseState.UNPROVEN
    assert judge(events).outcome is Outcome.INVALID
    resolved = [*HELD[:at], *began, alert(25.8, "inactive"), *HELD[at:]]
    assert judge(resolved).outcome is Outcome.HELD


def test_an_alert_that_was_pending_and_never_fired_is_not_detected() -> None:
    at = HELD.index(next(e for e in HELD if isinstance(e, FaultInjected)))
    gone = [e for e in waited_out(HELD) if not isinstance(e, AlertChanged)]
    events = [*gone[:at], alert(25.5, "pending"), *gone[at:]]
    assert state(events, "detected") is PromiseState.BROKEN


# ---------------------------------------------------------------- who was told


def notifying(*more: Event, until: float = 38.5) -> list[Event]:
    """The drill that held, of a service that notifies somebody; `more` comes in the detection."""
    events = [
        replace(e, plan=plan(alertmanager_path="alertmanager.yml"))
        if isinstance(e, DrillStarted)
        else replace(e, at=until)
        if isinstance(e, PhaseEnded) and e.phase == "detect"
        else e
        for e in HELD
    ]
    at = events.index(alert(38.0, "firing")) + 1
    return [*events[:at], *more, *events[at:]]


def told(at: float, name: str = "PaymentPodRestarting") -> AlertNotified:
    return AlertNotified(at=at, alert=name, labels={}, receiver="on-call")


def detected(events: list[Event]) -> Promise:
    return next(p for p in judge(events).promises if p.id == "detected")


def test_an_alert_is_detected_when_somebody_was_told_of_it() -> None:
    promise = detected(notifying(told(38.4)))
    assert promise.state is PromiseState.HELD
    assert promise.measured_s == pytest.approx(12.4)
    assert promise.evidence == (
        "PaymentPodRestarting fired 12.0 s after the fault, somebody was told 12.4 s after it"
        " (limit 40.0 s)"
    )
    assert judge(notifying(told(38.4))).outcome is Outcome.HELD


def test_an_alert_that_fires_and_nobody_is_told_of_breaks_the_promise() -> None:
    for more in ([], [told(38.2, "Other")], [told(20.0)]):
        promise = detected(notifying(*more, until=66.1))
        assert promise.state is PromiseState.BROKEN
        assert promise.evidence == "fired 12.0 s after the fault, nobody was told within 40.0 s"
    assert judge(notifying(until=66.1)).outcome is Outcome.BROKEN


def test_an_alert_that_fires_already_and_again_says_nothing_about_the_fault() -> None:
    events = [*HELD, alert(25.2, "firing"), alert(27.0, "inactive")]
    promise = detected(sorted(events, key=lambda event: event.at))
    assert promise.state is PromiseState.UNPROVEN
    assert promise.evidence.startswith("PaymentPodRestarting was firing")


def test_a_message_of_an_earlier_firing_is_none_of_the_later_one() -> None:
    assert judge(notifying(told(30.0), told(38.4))).times.notified == 38.4


def test_a_message_that_comes_after_the_window_was_not_in_time() -> None:
    promise = detected(notifying(told(67.0), until=67.1))
    assert promise.state is PromiseState.BROKEN
    assert "somebody was told 41.0 s after it (limit 40.0 s)" in promise.evidence


def test_a_drill_that_ended_before_somebody_was_told_proves_nothing() -> None:
    promise = detected(notifying(until=40.0))
    assert promise.state is PromiseState.UNPROVEN
    assert (
        promise.evidence
        == "fired 12.0 s after the fault, nobody was told before the drill ended at 14.0 s"
    )


def test_a_message_that_we_could_not_deliver_proves_nothing_about_who_is_told() -> None:
    names = ("PaymentPodRestarting",)
    failed = NotificationFailed(at=39.0, receiver="on-call", alerts=names, error="HTTP 503")
    promise = detected(notifying(failed, until=66.1))
    assert promise.state is PromiseState.UNPROVEN
    assert "on-call could not be: HTTP 503" in promise.evidence
    assert detected(notifying(failed, told(45.0), until=45.1)).state is PromiseState.HELD


@pytest.mark.parametrize("alerts", [(), ("Other",)])
def test_a_message_about_something_else_that_failed_hides_nothing(alerts: tuple[str, ...]) -> None:
    failed = NotificationFailed(at=39.0, receiver="chat", alerts=alerts, error="HTTP 503")
    assert detected(notifying(failed, until=66.1)).state is PromiseState.BROKEN


def test_without_notification_nobody_has_to_be_told() -> None:
    assert state(HELD, "detected") is PromiseState.HELD
    assert judge(HELD).times.notified is None


def test_a_fix_that_fails_more_requests_than_the_fault_did_is_broken() -> None:
    events = [load(46.0, failed=12) if e == load(46.0) else e for e in HELD]
    verdict = judge(events)
    assert state(events, "harmless") is PromiseState.BROKEN
    assert verdict.reason.startswith("the fix did harm")
    assert verdict.times.first_harm == 46.0


def test_a_load_that_dropped_requests_in_the_soak_proves_nothing() -> None:
    sample = replace(load(80.0), dropped=3)
    events = [*HELD[:-5], sample, *HELD[-5:]]
    assert state(events, "durable") is PromiseState.UNPROVEN


def test_a_fix_during_which_most_failed_proves_nothing_without_a_before() -> None:
    events = [load(46.0, failed=9) if e == load(46.0) else e for e in HELD if e != load(30.0)]
    assert state(events, "harmless") is PromiseState.UNPROVEN


def test_a_fault_that_is_not_undone_is_told_whatever_the_verdict() -> None:
    events = changed(FaultUndone, undone=False, evidence="no answer")
    verdict = judge([*events, DrillAborted(at=50.0, why="Ctrl-C")])
    assert verdict.reason == "aborted: Ctrl-C; the fault is NOT undone: no answer"


def test_an_aborted_drill_is_aborted_whatever_else_happened() -> None:
    verdict = judge([*HELD, DrillAborted(at=50.0, why="interrupted")])
    assert verdict.outcome is Outcome.ABORTED
    assert verdict.outcome.exit_code == 4


def test_a_record_that_was_cut_off_is_aborted() -> None:
    assert judge(HELD[:8]).outcome is Outcome.ABORTED


def test_an_instrument_that_failed_makes_the_drill_invalid() -> None:
    verdict = judge([*HELD, DrillFailed(at=50.0, phase="recover", why="detection stopped")])
    assert verdict.outcome is Outcome.INVALID
    assert verdict.outcome.exit_code == 3


def test_what_nobody_expected_is_a_finding() -> None:
    events = [
        *HELD,
        alert(60.0, "firing", "PaymentMemoryHigh"),
        ScrapeFailed(at=61.0, job="payment-service", instance="pod", error="refused"),
        ScrapeFailed(at=62.0, job="payment-service", instance="pod2", error="refused"),
    ]
    found = {finding.id: finding for finding in judge(events).findings}
    assert found["unexpected-alert-PaymentMemoryHigh"].severity == "warning"
    assert "2 scrapes" in found["scrape-payment-service"].text


def test_a_tolerated_alert_is_no_finding() -> None:
    tolerant = replace(PLAN, tolerated_alerts=("PaymentMemoryHigh",))
    events = [*changed(DrillStarted, plan=tolerant), alert(60.0, "firing", "PaymentMemoryHigh")]
    assert not [f for f in judge(events).findings if f.id.startswith("unexpected")]


def test_the_impact_is_classified_by_the_runbooks_own_numbers() -> None:
    harmless = next(f for f in judge(HELD).findings if f.id == "severity")
    assert "no severity's numbers" in harmless.text
    bad = changed(SteadyStateSampled, values={"error rate": 0.2, "memory": None})
    assert "severity" not in {finding.id for finding in judge(bad).findings}
    declared_low = [
        replace(e, plan=replace(PLAN, severity="P2")) if isinstance(e, DrillStarted) else e
        for e in bad
    ]
    mismatch = next(f for f in judge(declared_low).findings if f.id == "severity")
    assert mismatch.severity == "warning"
    assert mismatch.line == 15


def test_left_over_differences_are_findings() -> None:
    events = changed(FaultUndone, differences=("a", "b"))
    assert {"left-over-0", "left-over-1"} <= {finding.id for finding in judge(events).findings}


def test_an_unknown_lateness_is_left_out_of_the_evidence() -> None:
    verdict = judge(changed(LoadStopped, worst_lateness_ms=None))
    assert "late" not in next(p.evidence for p in verdict.promises if p.id == "load")


def harmed(until: float, harm: str = "pod x is not ready after 9 restarts") -> list[Event]:
    """Something of the fault is seen after the alert has resolved, from 48 s on."""
    return [
        replace(e, harm=harm) if isinstance(e, SteadyStateSampled) and 48 <= e.at <= until else e
        for e in HELD
    ]


def silent_harm(events: list[Event]) -> list[str]:
    found = judge(events).findings
    return [f.evidence for f in found if f.id == "silent-harm-PaymentPodRestarting"]


def test_an_alert_that_resolves_while_the_harm_goes_on_is_a_finding() -> None:
    assert silent_harm(harmed(60)) == ["at 53.0 s: pod x is not ready after 9 restarts"]
    assert silent_harm(HELD) == []
    assert silent_harm(harmed(60, "unknown: no answer")) == []


def test_the_last_pods_of_a_remedy_and_the_undo_are_no_harm_that_went_on() -> None:
    assert silent_harm(harmed(52)) == []
    undo = PhaseStarted(at=50.0, phase="undo")
    at = next(i for i, e in enumerate(HELD) if isinstance(e, SteadyStateSampled) and e.at > 50)
    events = harmed(60)
    assert silent_harm([*events[:at], undo, *events[at:]]) == []
