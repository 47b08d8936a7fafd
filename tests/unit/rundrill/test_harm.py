"""Harm done by the fix, step by step: the windows, the worst stretch, and no data."""

from dataclasses import replace
from typing import Any

from recordings import HELD, changed, command, load, planned

from rundrill.events import CommandFinished, Event, LoadSampled, PhaseStarted, Recovered
from rundrill.model import PlannedStep, PromiseState, StepHarm
from rundrill.verdict import judge

INJECTED, STEP, RECOVERED = 26.0, 44.7, 47.0


def second(at: float, *, issued: int = 17, **counts: Any) -> LoadSampled:
    """One second of load as a run tells it today, all well but for `counts`."""
    completed = counts.pop("completed", issued)
    failed = counts.pop("failed", 0)
    ages = counts.pop("failed_ages", {"0": failed} if failed else {})
    slow_ages = counts.pop("slow_ages", {})
    return replace(
        load(at),
        issued=issued,
        completed=completed,
        ok=completed - failed,
        failed=failed,
        slow=sum(slow_ages.values()),
        failed_ages=ages,
        slow_ages=slow_ages,
        **counts,
    )


def run(samples: list[LoadSampled], events: list[Event] | None = None) -> list[Event]:
    rest = [e for e in (events or HELD) if not isinstance(e, LoadSampled)]
    return sorted([*rest, *samples], key=lambda event: event.at)


def seconds(first: int, last: int, **counts: Any) -> list[LoadSampled]:
    return [second(float(at), **counts) for at in range(first, last + 1)]


def harm(events: list[Event]) -> StepHarm:
    (found,) = judge(events).harm
    return found


def promise(events: list[Event]) -> PromiseState:
    return next(p.state for p in judge(events).promises if p.id == "harmless")


def test_a_fix_that_nobody_noticed_is_harmless() -> None:
    events = run(seconds(5, 110))
    found = harm(events)
    assert found.state == "harmless"
    assert (found.before.start, found.before.end) == (INJECTED, STEP)
    assert found.during.start == STEP
    assert found.during.end == STEP + 10.0  # settled after 2.3 s, but ten seconds at least
    assert found.during.requests == 170
    assert (found.during.failed, found.during.slow) == (0, 0)
    assert promise(events) is PromiseState.HELD


def test_deleting_all_pods_at_once_shows_as_harm_with_the_runbooks_line() -> None:
    outage = seconds(46, 50, failed=17)
    events = run([*seconds(5, 45), *outage, *seconds(51, 110)])
    found = harm(events)
    assert found.state == "harmful"
    assert found.during.failed == 85
    assert found.during.worst_failed == 0.5
    assert promise(events) is PromiseState.BROKEN
    finding = next(f for f in judge(events).findings if f.id == "harm-42")
    assert finding.severity == "broken"
    assert finding.line == 42
    assert "50.00%" in finding.evidence


def test_what_chance_makes_of_two_equals_is_no_harm() -> None:
    """As measured: a fault that hits 45 % of the requests, and a step that does not touch them."""
    failing = [*seconds(27, 45, failed=7), *seconds(46, 55, failed=8)]
    found = harm(run([*seconds(5, 26), *failing, *seconds(56, 110)]))
    assert (found.before.worst_failed, found.during.worst_failed) == (7 / 17, 8 / 17)
    assert found.state == "harmless"


def test_more_than_chance_makes_is_harm() -> None:
    failing = [*seconds(27, 45, failed=7), *seconds(46, 60, failed=12)]
    found = harm(run([*seconds(5, 26), *failing, *seconds(61, 110)]))
    assert (found.before.worst_failed, found.during.worst_failed) == (7 / 17, 12 / 17)
    assert found.state == "harmful"


def test_a_short_outage_does_not_drown_in_a_long_wait() -> None:
    late = [replace(e, at=100.0) if isinstance(e, Recovered) else e for e in HELD]
    outage = [*seconds(27, 45, failed=2), *seconds(46, 53, failed=17), *seconds(54, 110)]
    found = harm(run([*seconds(5, 26), *outage], late))
    assert found.during.failed / found.during.requests < found.before.failed / 17 / 5
    assert found.state == "harmful"


def test_a_step_that_does_not_help_is_not_blamed_for_what_the_fault_already_did() -> None:
    """All fail from five seconds after the fault on; the average before the step is better."""
    events = run([*seconds(5, 31), *seconds(32, 110, failed=17)])
    found = harm(events)
    assert found.before.failed / found.before.requests < 1.0
    assert found.during.worst_failed == 1.0
    assert found.state == "harmless"


def test_a_request_that_the_fault_let_hang_is_the_faults_although_it_fails_during_the_step() -> (
    None
):
    """The database went away at 35; whoever asked from then on waits ten seconds and fails."""
    hanging = seconds(36, 45, completed=0)
    failing = seconds(46, 110, failed=17, failed_ages={"10": 17})
    found = harm(run([*seconds(5, 35), *hanging, *failing]))
    assert found.before.worst_failed == 1.0
    assert found.before.failed == 170  # due in the seconds 36 to 45, and answered ten later
    assert found.state == "harmless"


def test_what_fails_in_the_second_in_which_the_step_began_does_not_excuse_it() -> None:
    """Recorded: all pods were deleted at 44.7, one request failed before 44.9, then many."""
    outage = [second(44.9, failed=1), second(45.9, failed=13), second(46.9, failed=17)]
    before = [second(at + 0.9) for at in range(5, 44)]
    after = [second(at + 0.9) for at in range(47, 110)]
    assert harm(run([*before, *outage, *after])).state == "harmful"


def test_a_step_that_makes_answers_slow_is_harmful_too() -> None:
    slow = seconds(46, 50, slow_ages={"0": 4})
    events = run([*seconds(5, 45), *slow, *seconds(51, 110)])
    assert harm(events).during.slow == 20
    assert harm(events).state == "harmful"
    assert "were slow" in harm(events).evidence
    few = run([*seconds(5, 45), *seconds(46, 50, slow_ages={"0": 1}), *seconds(51, 110)])
    assert harm(few).state == "harmless"


def test_slow_answers_that_the_fault_had_caused_before_are_not_the_steps() -> None:
    events = run([*seconds(5, 30), *seconds(31, 50, slow_ages={"0": 9}), *seconds(51, 110)])
    assert harm(events).state == "harmless"


def test_requests_that_the_load_had_to_drop_failed() -> None:
    events = run([*seconds(5, 45), *seconds(46, 49, dropped=9), *seconds(50, 110)])
    assert harm(events).during.failed == 36
    assert harm(events).state == "harmful"


def test_no_requests_are_no_data_and_never_harmless() -> None:
    for silent in (
        [],  # nobody measured
        seconds(45, 56, issued=0),
        seconds(45, 110, completed=0),  # asked, and not answered until the end
    ):
        events = run([*seconds(5, 44), *silent])
        assert harm(events).state == "unknown"
        assert promise(events) is PromiseState.UNPROVEN


def test_requests_that_were_still_waiting_when_the_record_ended_are_no_data() -> None:
    """Those before them are answered meanwhile, so each second holds answers."""
    waiting = [
        second(float(at), in_flight=17 * (at - 49), oldest_in_flight_s=at - 49.0)
        for at in range(50, 57)
    ]
    assert harm(run([*seconds(5, 49), *waiting])).state == "unknown"
    assert harm(run([*seconds(5, 49), *waiting, *seconds(57, 110)])).state == "harmless"


def test_failures_without_any_request_before_the_step_prove_nothing() -> None:
    found = harm(run(seconds(46, 110, failed=17)))
    assert found.before.worst_failed is None
    assert found.state == "unknown"


def test_a_drill_in_which_no_remedy_was_carried_out_is_not_harmless() -> None:
    events = [e for e in run(seconds(5, 110)) if e != command(2)]
    assert judge(events).harm == ()
    assert promise(events) is PromiseState.UNPROVEN


def two_steps() -> list[Event]:
    remedy = PlannedStep(
        procedure="scaling", number=1, line=77, text="kubectl scale", kind="remedy", commands=()
    )
    plan_steps = planned(HELD)[0].plan.steps  # type: ignore[union-attr]
    scaled = replace(command(2, at=60.0), procedure="scaling", number=1, line=77, text="scale")
    events = planned(HELD, steps=(*plan_steps[:3], remedy, plan_steps[3]))
    late = [replace(e, at=90.0) if isinstance(e, Recovered) else e for e in events]
    return sorted([*late, scaled], key=lambda event: event.at)


def test_each_step_answers_for_its_own_time_and_the_next_begins_with_what_it_left() -> None:
    samples = [*seconds(5, 62), *seconds(63, 66, failed=17), *seconds(67, 110)]
    first, second_ = judge(run(samples, two_steps())).harm
    assert (first.line, first.state) == (42, "harmless")
    assert first.during.end == second_.during.start == 59.7
    assert (second_.line, second_.state) == (77, "harmful")
    assert second_.before.start == INJECTED
    assert second_.during.end == 90.0


def test_an_outage_that_goes_on_is_the_first_steps_only() -> None:
    samples = [*seconds(5, 45), *seconds(46, 89, failed=17), *seconds(90, 110)]
    first, second_ = judge(run(samples, two_steps())).harm
    assert (first.state, second_.state) == ("harmful", "harmless")


def test_the_undo_is_not_the_steps() -> None:
    undone = [PhaseStarted(at=49.0, phase="undo")]
    samples = [*seconds(5, 49), *seconds(50, 110, failed=17)]
    found = harm(run(samples, [*HELD, *undone]))
    assert found.during.end == 49.0
    assert found.state == "harmless"


def test_a_light_load_is_judged_by_ten_requests_instead_of_ten_seconds() -> None:
    plan = next(e.plan for e in HELD if hasattr(e, "plan"))
    light = planned(HELD, load=replace(plan.load, rate_per_min=20.0))
    one_in_three = [
        second(float(at), issued=int(at % 3 == 0), completed=int(at % 3 == 0))
        for at in range(5, 111)
    ]
    found = harm(run(one_in_three, light))
    assert found.during.end == STEP + 30.0
    assert found.state == "harmless"


def test_samples_between_two_whole_seconds_are_matched_with_those_they_were_due_in() -> None:
    """In a game day a drill begins in the middle of a second of the load."""
    hanging = seconds(36, 45, completed=0)
    failing = seconds(46, 110, failed=17, failed_ages={"10": 17})
    shifted = [replace(s, at=s.at - 0.3371249999) for s in [*seconds(5, 35), *hanging, *failing]]
    assert harm(run(shifted)).before.worst_failed == 1.0


def test_a_request_that_was_due_before_the_record_began_counts_nowhere() -> None:
    early = second(5.0, failed=3, failed_ages={"20": 3})
    assert harm(run([early, *seconds(6, 110)])).before.failed == 0


def test_a_run_of_an_earlier_version_is_judged_by_the_time_of_the_answer() -> None:
    old = [load(float(at), failed=5 if 46 <= at <= 48 else 0) for at in range(5, 111)]
    found = harm(run(old))
    assert found.during.slow is None
    assert found.during.worst_slow is None
    assert found.during.failed == 15
    assert found.state == "harmful"


def test_the_first_command_of_a_step_begins_its_time() -> None:
    second_command = replace(command(2, at=50.0), line=43, duration_s=2.0)
    events = run(seconds(5, 110), [*HELD, second_command])
    assert harm(events).during.start == STEP
    assert harm(events).line == 42


def test_a_step_that_could_not_be_run_at_all_did_no_harm_that_counts() -> None:
    assert judge([e for e in HELD if not isinstance(e, CommandFinished)]).harm == ()
    assert changed(CommandFinished, exit_code=1)  # and one that failed was run
