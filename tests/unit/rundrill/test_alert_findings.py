"""Alerts that were missing, late, false, restless or too early silent; harm that nobody heard."""

from dataclasses import replace
from typing import Any

import pytest
from recordings import HELD, alert, changed, control, dry, load, planned

from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    DrillStarted,
    Event,
    LoadSampled,
    PhaseEnded,
    PhaseStarted,
    ScrapeFailed,
    SteadyStateSampled,
)
from rundrill.model import Finding, Outcome, PromiseState, RuleDesign
from rundrill.verdict import judge

NAME = "PaymentPodRestarting"
DESIGN = RuleDesign(window_s=4.0, scrape_s=1.0, evaluation_s=1.0, for_s=2.0)
OF_ALERTS = (
    "blind", "missed", "late", "untold", "baseline-alert", "dry-alert", "unexpected-alert",
    "flapping", "pending", "silent-harm", "unalerted-harm",
)  # fmt: skip


def found(events: list[Event]) -> dict[str, Finding]:
    return {f.id: f for f in judge(events).findings if f.id.startswith(OF_ALERTS)}


def waited_out(events: list[Event]) -> list[Event]:
    """The alert was awaited for its whole window."""
    return [
        replace(e, at=66.1) if isinstance(e, PhaseEnded) and e.phase == "detect" else e
        for e in events
    ]


def designed(events: list[Event]) -> list[Event]:
    design = {NAME: DESIGN}
    return [replace(e, designs=design) if isinstance(e, DrillStarted) else e for e in events]


def failing(first: int, last: int, *, every: int = 1, **fields: Any) -> list[Event]:
    return [replace(load(float(at), failed=5), **fields) for at in range(first, last + 1, every)]


@pytest.mark.parametrize("arm", [HELD, designed(HELD), control(20.0), dry()])
def test_a_clean_run_has_none(arm: list[Event]) -> None:
    assert found(arm) == {}


def test_an_alert_that_did_not_fire_is_missed_with_what_it_did_instead() -> None:
    silent = found(waited_out([e for e in HELD if not isinstance(e, AlertChanged)]))
    assert silent["missed-" + NAME].severity == "broken"
    assert silent["missed-" + NAME].line == 70
    assert silent["missed-" + NAME].evidence == "within 40.0 s: its condition never held"
    failed = ScrapeFailed(at=30.0, job="payment-service", instance="pod", error="refused")
    short = found([*waited_out(changed(AlertChanged, state="pending")), failed])
    assert short["missed-" + NAME].evidence == (
        "within 40.0 s: its condition held, but it never fired;"
        " scrapes of payment-service failed meanwhile"
    )
    assert short["pending-" + NAME].severity == "note"


def test_only_the_expected_alert_is_missed_and_one_that_began_before_is_another_matter() -> None:
    other = alert(50.0, "firing", "PaymentMemoryHigh")
    silent = waited_out([e for e in HELD if not isinstance(e, AlertChanged)])
    assert "missed-PaymentMemoryHigh" not in found([*silent, other])
    late = [replace(e, at=70.0) if isinstance(e, AlertChanged) else e for e in HELD]
    two = planned(
        [e for e in late if e != alert(70.0, "inactive")],
        expected_alerts=(NAME, "PaymentMemoryHigh"),
    )
    early = [alert(20.0, "firing", "PaymentMemoryHigh"), *two]
    assert not [name for name in found(early) if name.startswith(("missed", "late"))]


def test_of_two_expected_alerts_only_the_one_that_did_not_fire_is_missed() -> None:
    two = planned(waited_out(HELD), expected_alerts=(NAME, "PaymentMemoryHigh"))
    assert [name for name in found(two) if name != "unalerted-harm"] == ["missed-PaymentMemoryHigh"]


def test_an_alert_that_nobody_waited_for_is_not_missed() -> None:
    events = [e for e in HELD if not isinstance(e, AlertChanged)]
    assert "missed-" + NAME not in found(events)


def test_an_alert_that_fired_past_its_window_is_late() -> None:
    late = [replace(e, at=70.0) if isinstance(e, AlertChanged) else e for e in HELD]
    late = [e for e in late if e != alert(70.0, "inactive")]
    told = found(late)["late-" + NAME]
    assert told.severity == "broken"
    assert told.evidence.startswith("44.0 s after the fault (limit 40.0 s): 44.0 s from the fault")
    assert "missed-" + NAME not in found(late)


def test_an_alert_before_the_fault_is_one_of_the_baseline_also_when_it_is_expected() -> None:
    events = [*HELD, alert(10.0, "firing"), alert(12.0, "inactive")]
    told = found(events)
    assert [*told] == ["baseline-alert-" + NAME]
    assert told["baseline-alert-" + NAME].evidence == "firing at 10.0 s"
    assert told["baseline-alert-" + NAME].line == 70
    other = [
        *HELD,
        alert(10.0, "firing", "PaymentCpuHigh"),
        alert(12.0, "inactive", "PaymentCpuHigh"),
    ]
    assert [*found(other)] == ["baseline-alert-PaymentCpuHigh"]


def test_an_alert_of_the_dry_arm_has_no_fault_to_fire_for() -> None:
    events = [*dry(), alert(40.0, "firing")]
    assert found(events)["dry-alert-" + NAME].text == (
        "PaymentPodRestarting fired in the dry arm, without a fault"
    )
    assert judge(events).outcome is Outcome.NOISY


def test_an_unexpected_alert_of_the_control_arm_says_so() -> None:
    events = [*control(20.0), alert(40.0, "firing", "PaymentMemoryHigh")]
    assert found(events)["unexpected-alert-PaymentMemoryHigh"].text == (
        "PaymentMemoryHigh fired, which nobody expected in the control arm"
    )


def test_an_alert_that_comes_back_during_the_fault_flaps() -> None:
    events = [*HELD, alert(40.0, "inactive"), alert(42.5, "firing")]
    told = found(events)["flapping-" + NAME]
    assert told.text == "PaymentPodRestarting fired 2 times for one fault"
    assert told.evidence == "at 38.0 s, 42.5 s; it was silent for 2.5 s in between"
    assert told.line == 70
    after = [*HELD, alert(60.0, "firing"), alert(61.0, "inactive")]
    assert "flapping-" + NAME not in found(after)  # a relapse: the durable promise tells of it


def test_a_condition_that_held_too_short_is_a_note_with_its_for() -> None:
    short = [alert(40.0, "pending", "PaymentCpuHigh"), alert(43.0, "inactive", "PaymentCpuHigh")]
    told = found([*HELD, *short])["pending-PaymentCpuHigh"]
    assert (told.severity, told.evidence) == ("note", "from 40.0 s for 3.0 s")
    events = [
        replace(e, designs={"PaymentCpuHigh": replace(DESIGN, for_s=20.0)})
        if isinstance(e, DrillStarted)
        else e
        for e in [*HELD, *short]
    ]
    assert found(events)["pending-PaymentCpuHigh"].evidence.endswith("its `for` is 20.0 s")


# ---------------------------------------------------------------- harm that nobody heard


def test_customers_that_fail_for_longer_than_the_rules_need_while_none_fires() -> None:
    # Fires at 38; the design allows 8 s: window 4, scrape 1, evaluation 1, `for` 2.
    events = designed([*HELD, *failing(28, 45)])
    told = found(events)["unalerted-harm"]
    assert told.severity == "warning"
    assert told.text == "Customers failed for 11.0 s while no alert fired"
    assert told.evidence == (
        "from 27.0 s: 55 of 204 requests; allowed are 8.0 s: the slowest expected rule takes no"
        " longer by its own design"
    )
    assert told.line == 70
    assert "unalerted-harm" not in found(designed([*HELD, *failing(31, 45)]))


def test_any_alert_that_fires_calls_somebody() -> None:
    other = [alert(30.0, "firing", "PaymentMemoryHigh")]
    assert "unalerted-harm" not in found(designed([*HELD, *failing(28, 45), *other]))


def test_harm_that_goes_on_after_the_alert_has_resolved_is_unheard() -> None:
    events = designed([*HELD, *failing(37, 60)])  # inactive at 46.5
    assert found(events)["unalerted-harm"].text == (
        "Customers failed for 13.5 s while no alert fired"
    )


def test_failures_far_apart_are_not_one_harm_and_few_are_none() -> None:
    assert "unalerted-harm" not in found(designed([*HELD, *failing(50, 100, every=8)]))
    assert "unalerted-harm" in found(designed([*HELD, *failing(50, 100, every=4)]))
    few = failing(50, 100, failed=1, completed=1000, ok=999)
    assert "unalerted-harm" not in found(designed([*HELD, *few]))


def test_a_service_that_answers_nothing_harms_while_it_hangs() -> None:
    hung = failing(50, 70, failed=0, completed=0, ok=0, in_flight=90, oldest_in_flight_s=9.0)
    assert "unalerted-harm" in found(designed([*HELD, *hung]))


def test_what_the_undo_makes_is_no_harm_that_an_alert_should_tell() -> None:
    undo = PhaseStarted(at=52.0, phase="undo")
    assert "unalerted-harm" not in found(designed([*HELD, *failing(50, 70), undo]))


def test_without_designs_the_runbooks_own_time_for_an_alert_counts() -> None:
    assert "unalerted-harm" not in found([*HELD, *failing(48, 87)])
    told = found([*HELD, *failing(48, 90)])["unalerted-harm"]
    assert told.evidence.endswith("allowed are 40.0 s: the runbook gives an alert no longer")


def lasting(events: list[Event], first: float, last: float) -> list[Event]:
    """Something of the fault is seen from `first` to `last`."""
    harm = "pod x is not ready"
    return [
        replace(e, harm=harm) if isinstance(e, SteadyStateSampled) and first <= e.at <= last else e
        for e in events
    ]


def test_one_stretch_of_harm_is_one_finding_with_what_customers_met() -> None:
    # The alert resolves at 46.5; until 60 customers fail.
    both = found(designed(lasting([*HELD, *failing(47, 60)], 48, 58)))
    assert [*both] == [f"silent-harm-{NAME}"]
    assert both[f"silent-harm-{NAME}"].evidence == (
        "at 53.0 s: pod x is not ready; customers failed for 13.5 s while no alert fired:"
        " 70 of 238 requests"
    )


def test_customers_that_fail_no_longer_than_the_rules_need_are_not_told_with_it() -> None:
    short = found(designed(lasting([*HELD, *failing(49, 54)], 48, 58)))
    assert short[f"silent-harm-{NAME}"].evidence == "at 53.0 s: pod x is not ready"


def test_another_stretch_of_harm_is_a_finding_of_its_own() -> None:
    two = found(designed(lasting([*HELD, *failing(28, 45)], 48, 58)))
    assert {*two} == {f"silent-harm-{NAME}", "unalerted-harm"}
    assert two["unalerted-harm"].evidence.startswith("from 27.0 s: ")
    assert "customers" not in two[f"silent-harm-{NAME}"].evidence


def test_the_first_silence_that_lasts_is_the_finding() -> None:
    """A short one before it does not hide it."""
    events = lasting(lasting(HELD, 48, 50), 54, 62)
    assert found(events)[f"silent-harm-{NAME}"].evidence == "at 59.0 s: pod x is not ready"
    again = lasting(lasting(HELD, 48, 54), 57, 70)
    assert found(again)[f"silent-harm-{NAME}"].evidence == "at 53.0 s: pod x is not ready"


# ---------------------------------------------------------------- no data never passes


def test_a_rule_whose_series_are_absent_proves_nothing_and_is_a_finding() -> None:
    """The engine ends such a drill before any change; the events of it are these."""
    told = f"{NAME} is blind: no samples of restarts_total"
    begun = [
        replace(e, broken=(told,)) if isinstance(e, BaselineJudged) else e
        for e in HELD
        if e.at <= 25.0 or e.at >= 109.0
    ]
    verdict = judge(begun)
    assert verdict.outcome is Outcome.INVALID
    assert next(p for p in verdict.promises if p.id == "detected").state is PromiseState.UNPROVEN
    finding = found(begun)[f"blind-{NAME}-no samples of restarts_total"]
    assert (finding.severity, finding.line) == ("broken", 70)


def test_the_load_of_the_clean_run_fails_nothing() -> None:
    assert not [e for e in HELD if isinstance(e, LoadSampled) and e.failed]
    assert planned(HELD)[0] == HELD[0]
