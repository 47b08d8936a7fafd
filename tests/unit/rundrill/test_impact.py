"""What customers met by the runbook's severities, with its time; how long their requests hung."""

from dataclasses import replace

from fakes import PLAN
from recordings import HELD, changed, dry, load, planned

from rundrill.events import AlertChanged, Event, PhaseStarted, SteadyStateSampled
from rundrill.measured import Hang, ImpactCondition
from rundrill.model import SeverityCondition
from rundrill.verdict import judge

P2 = SeverityCondition(
    severity="P2", text="Elevated errors (1-5%)", line=18, subject="error rate", comparator=">",
    value=0.01,
)  # fmt: skip
SLOW = replace(
    P2, severity="P3", text="less traffic", subject="throughput", comparator="<", value=500.0
)
TWO = planned(HELD, severity_conditions=(*PLAN.severity_conditions, P2))


def rising(events: list[Event], start: float = 30.0) -> list[Event]:
    """The error rate rises by one percent a second, up to 12 %, and is gone at 47 s."""
    return [
        replace(e, values={"error rate": min(0.12, (e.at - start) / 100)})
        if isinstance(e, SteadyStateSampled) and start <= e.at < 47.0
        else e
        for e in events
    ]


def met(events: list[Event]) -> tuple[ImpactCondition, ...]:
    return judge(events).impact


def test_each_condition_says_when_it_was_first_met_and_the_worst() -> None:
    p1, p2 = met(rising(TWO))
    assert (p1.severity, p1.declared, p1.first_met, p1.worst) == ("P1", True, 36.0, 0.12)
    assert (p2.severity, p2.declared, p2.first_met, p2.line) == ("P2", False, 32.0, 18)
    assert p1.unit == "ratio"


def test_each_is_compared_with_the_alert_that_should_announce_it() -> None:
    p1, p2 = met(rising(TWO))  # fires at 38
    assert p1.announced == "PaymentPodRestarting fired 2.0 s after"
    assert p2.announced == "PaymentPodRestarting fired 6.0 s after"
    later = met(rising(TWO, start=34.0))[0]
    assert later.announced == "PaymentPodRestarting fired 2.0 s before"
    never = met(rising([e for e in TWO if not isinstance(e, AlertChanged)]))[0]
    assert never.announced == "PaymentPodRestarting never fired"
    first = [*rising(TWO), replace(HELD_ALERT, at=10.0)]
    assert met([e for e in first if e != HELD_ALERT])[0].announced == (
        "PaymentPodRestarting was firing before the fault"
    )


HELD_ALERT = next(e for e in HELD if isinstance(e, AlertChanged) and e.state == "firing")


def test_a_condition_that_was_not_met_shows_the_worst_all_the_same() -> None:
    p1, p2 = met(TWO)
    assert (p1.first_met, p1.worst, p1.announced) == (None, 0.0, "")
    assert p2.first_met is None


def test_the_worst_of_what_falls_is_its_least_and_no_data_is_none() -> None:
    events = planned(HELD, severity_conditions=(SLOW,))
    assert met(events)[0].worst is None
    values = [
        replace(e, values={"throughput": e.at * 10}) if isinstance(e, SteadyStateSampled) else e
        for e in events
    ]
    assert (met(values)[0].worst, met(values)[0].first_met) == (260.0, 26.0)


def test_what_the_undo_makes_is_not_what_the_fault_did() -> None:
    undo = PhaseStarted(at=30.0, phase="undo")
    assert met([*rising(TWO), undo])[0].first_met is None


def test_a_severity_that_does_not_fit_is_a_finding_with_its_time() -> None:
    low = planned(rising(TWO), severity="P2")
    told = next(f for f in judge(low).findings if f.id == "severity")
    assert told.evidence == (
        "worst after the fault: error rate 12.00%; first met at 36.0 s: High error rates (>5%)"
    )


def test_without_a_fault_nothing_is_classified() -> None:
    assert met(dry()) == ()


# ---------------------------------------------------------------- hangs


def test_a_hang_is_told_by_the_load_and_by_the_service() -> None:
    slow = planned(HELD, load=replace(PLAN.load, slow_s=0.5))
    events = [
        replace(e, service_oldest_s=9.0 if e.at == 44.0 else 0.2)
        if isinstance(e, SteadyStateSampled)
        else e
        for e in slow
    ]
    ages = [replace(load(float(at)), oldest_in_flight_s=at - 31.0) for at in range(32, 42)]
    assert judge([*events, *ages]).hangs == (
        Hang(seen_by="load", longest_s=10.0, at=41.0, slow_from=32.0),
        Hang(seen_by="service", longest_s=9.0, at=44.0, slow_from=44.0),
    )


def test_a_service_that_tells_no_age_has_no_line() -> None:
    (only,) = judge(HELD).hangs
    assert (only.seen_by, only.longest_s, only.slow_from) == ("load", 0.0, None)


def test_what_hung_before_the_fault_is_not_its_doing() -> None:
    before = replace(load(20.0), oldest_in_flight_s=30.0)
    assert judge([*HELD, before]).hangs[0].longest_s == 0.0
    assert judge([*dry(), before]).hangs[0].longest_s == 30.0


def test_a_run_without_samples_has_none() -> None:
    assert (
        judge([e for e in changed(SteadyStateSampled) if type(e).__name__ != "LoadSampled"]).hangs
        == ()
    )
