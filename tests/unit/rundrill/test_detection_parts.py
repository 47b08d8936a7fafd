"""How long an alert took, in parts, and what of it its rule spends by its own design."""

from dataclasses import replace

import pytest
from fakes import PLAN
from recordings import HELD, alert, changed, load, planned, without

from rundrill.events import (
    AlertChanged,
    AlertNotified,
    DrillStarted,
    Event,
    FaultInjected,
    LoadSampled,
)
from rundrill.measured import Detection
from rundrill.model import RuleDesign
from rundrill.verdict import judge

NAME = "PaymentPodRestarting"
DESIGN = RuleDesign(window_s=20.0, scrape_s=1.0, evaluation_s=1.0, for_s=2.0)


def designed(events: list[Event], **fields: float) -> list[Event]:
    design = {NAME: replace(DESIGN, **fields)}
    return [replace(e, designs=design) if isinstance(e, DrillStarted) else e for e in events]


def told(at: float) -> AlertNotified:
    return AlertNotified(at=at, alert=NAME, labels={}, receiver="on-call")


def harmed(at: float) -> list[Event]:
    return [*HELD, load(at, failed=3)]


def detected(events: list[Event]) -> Detection:
    (found,) = judge(events).detections
    return found


def parts(events: list[Event]) -> list[tuple[str, float]]:
    return [(part.name, part.seconds) for part in detected(events).parts]


def test_the_parts_follow_each_other_from_the_injection_until_somebody_is_told() -> None:
    # Injected at 26, landed at 29, pending at 36, firing at 38.
    events = [*harmed(31.0), told(40.5)]
    assert parts(events) == [
        ("land", 3.0),
        ("harm", 2.0),
        ("condition", 5.0),
        ("for", 2.0),
        ("notify", 2.5),
    ]
    found = detected(events)
    assert found.total_s == 14.5
    assert found.total_s == sum(part.seconds for part in found.parts)
    assert found.notes == ()


def test_where_nobody_is_told_it_ends_when_the_alert_fires() -> None:
    found = detected(harmed(31.0))
    assert [part.name for part in found.parts] == ["land", "harm", "condition", "for"]
    assert found.total_s == 12.0
    assert found.sentence == "12.0 s from the fault until it fired"


def test_the_sentence_says_what_no_tuning_takes_away() -> None:
    events = [*designed(harmed(31.0), group_wait_s=2.0), told(40.5)]
    assert detected(events).sentence == (
        "14.5 s from the fault until somebody was told, of which 2 s (\u00d715: 30 s) is `for`"
        " and 2 s is the group wait: no tuning of the service makes it faster"
    )
    floor = detected(events).floor
    assert floor is not None
    assert floor.least_s == 4.0
    assert floor.most_s == 4.0 + 2.0 + 20.0


def test_what_for_is_longer_by_since_it_ends_at_an_evaluation_comes_from_the_interval() -> None:
    floor = detected(designed(HELD, for_s=1.5)).floor
    assert floor is not None
    assert (floor.for_s, floor.sampling_s) == (1.5, 2.5)


def test_a_rule_without_for_has_no_part_of_it() -> None:
    events = designed([e for e in HELD if e != alert(36.0, "pending")], for_s=0.0)
    assert [part.name for part in detected(events).parts] == ["land", "condition"]
    assert detected(events).sentence.endswith("its rule waits for nothing (no `for`)")


def test_harm_before_the_proof_that_the_fault_landed_comes_first() -> None:
    events = harmed(27.0)
    assert parts(events) == [("harm", 1.0), ("land", 2.0), ("condition", 7.0), ("for", 2.0)]
    assert detected(events).notes == (
        "the first request of a customer failed 2.0 s before the fault had proven that it landed",
    )


def test_what_came_after_the_alert_was_pending_is_a_note_and_no_negative_part() -> None:
    events = harmed(37.0)
    assert parts(events) == [("land", 3.0), ("condition", 7.0), ("for", 2.0)]
    assert detected(events).notes == (
        "its condition held 1.0 s before the first request of a customer failed",
    )
    assert "no request of a customer failed" in detected(HELD).notes


def test_within_a_second_of_the_load_nobody_can_tell_which_came_first() -> None:
    # What was counted at 36.4 failed somewhere between 35.4 and 36.4, the condition held at 36.0.
    events = harmed(36.4)
    assert parts(events) == [("land", 3.0), ("harm", 7.0), ("condition", 0.0), ("for", 2.0)]
    assert detected(events).notes == ()


def test_an_alert_before_the_fault_had_proven_that_it_landed_has_no_part_for_it() -> None:
    early = {36.0: 27.0, 38.0: 28.0}
    events = [
        replace(e, at=early.get(e.at, e.at)) if isinstance(e, AlertChanged) else e for e in HELD
    ]
    assert parts(events) == [("condition", 1.0), ("for", 1.0)]
    assert "its condition held 2.0 s before the fault had proven that it landed" in (
        detected(events).notes
    )


def test_no_part_is_ever_negative_and_they_always_add_up() -> None:
    for harm in (26.5, 29.0, 36.0, 37.0, 38.0, 60.0):
        for at in (38.0, 39.0):
            found = detected([*harmed(harm), told(at)])
            assert all(part.seconds >= 0 for part in found.parts)
            assert found.total_s == pytest.approx(sum(part.seconds for part in found.parts))


def test_a_condition_that_held_before_and_no_more_is_told() -> None:
    events = [*HELD, alert(31.0, "pending"), alert(32.5, "inactive")]
    found = detected(events)
    assert found.pending == 36.0
    assert "its condition held once before, for 1.5 s at the most" in found.notes
    again = [*events, alert(33.0, "pending"), alert(35.0, "inactive")]
    assert "its condition held 2 times before, for 2.0 s at the most" in detected(again).notes


@pytest.mark.parametrize("began", ["pending", "firing"])
def test_an_alert_that_began_before_the_fault_is_not_taken_apart(began: str) -> None:
    events = [*[e for e in HELD if e != alert(36.0, "pending")], alert(25.2, began)]
    found = detected(events)
    assert (found.state, found.parts, found.total_s) == ("early", (), None)
    assert found.sentence == f"it was {began} 0.8 s before the fault, so it says nothing about it"


def test_an_alert_that_was_pending_before_the_fault_and_never_fired_is_missed() -> None:
    events = [*without(AlertChanged), alert(25.2, "pending")]
    assert detected(events).state == "pending"
    gone = [*HELD, alert(25.2, "firing"), alert(27.0, "inactive")]
    assert detected(gone).state == "early"  # whoever looks sees an alert that was there already


def test_an_alert_that_resolved_before_the_fault_and_then_fired_did_detect_it() -> None:
    events = [*HELD, alert(10.0, "firing"), alert(12.0, "inactive")]
    assert detected(events).state == "fired"


def test_a_condition_that_never_held_and_one_that_held_too_short() -> None:
    silent = detected(without(AlertChanged))
    assert (silent.state, silent.parts) == ("silent", ())
    assert silent.sentence == "its condition never held"
    pending = detected(changed(AlertChanged, state="pending"))
    assert (pending.state, pending.firing, pending.total_s) == ("pending", None, None)
    assert pending.sentence == "its condition held, but it never fired"


def test_an_alert_that_nobody_expected_is_taken_apart_too_when_it_fired() -> None:
    events = [
        *HELD,
        alert(50.0, "pending", "PaymentCpuHigh"),
        alert(55.0, "firing", "PaymentMemoryHigh"),
    ]
    expected, other = judge(events).detections
    assert (expected.alert, expected.role, expected.line) == (NAME, "expected", 70)
    assert (other.alert, other.role, other.line) == ("PaymentMemoryHigh", "other", None)
    tolerant = planned(events, tolerated_alerts=("PaymentMemoryHigh",))
    assert judge(tolerant).detections[1].role == "tolerated"


def test_without_a_fault_there_is_nothing_to_detect() -> None:
    assert judge(without(FaultInjected)).detections == ()


def test_an_older_run_without_designs_is_taken_apart_all_the_same() -> None:
    found = detected(HELD)
    assert found.floor is None
    assert found.total_s == 12.0


def test_without_compression_the_stated_time_is_not_said_twice() -> None:
    events = designed(planned(harmed(31.0), compression=1.0))
    assert "of which 2 s is `for`" in detected(events).sentence


def test_the_rule_that_was_told_to_nobody_says_so() -> None:
    events = designed(harmed(31.0), group_wait_s=2.0)
    own = detected(events).floor
    assert own is not None
    assert own.group_wait_s is None  # it was not spent
    assert "untold-PaymentPodRestarting" in {f.id for f in judge(events).findings}
    assert PLAN.compression == 15.0


def test_samples_of_the_load_alone_tell_of_harm() -> None:
    assert all(e.failed == 0 for e in HELD if isinstance(e, LoadSampled))
    assert detected(HELD).first_harm is None
