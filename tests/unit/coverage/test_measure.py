"""What a run says of each claim: exercised only with evidence, broken where contradicted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import alert, load, missed
from unit.coverage.drilled import RUNBOOK, TEXT, events, line_of, plan, run

from rundrill.coverage import Coverage, RunRecord, Tally, measure, page, to_text
from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    CommandFinished,
    CommandRefused,
    DrillAborted,
    DrillEnded,
    DrillStarted,
    Event,
    LoadSampled,
    LoadStopped,
    MoneyChecked,
    PhaseEnded,
    SilenceJudged,
    SoakJudged,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.model import Acceptance
from rundrill.redaction import BY_PATTERN
from rundrill.runbook import parse


def states(coverage: Coverage, words: str, kind: str = "") -> list[str]:
    line = line_of(words)
    return [
        one.state
        for one in coverage.claims
        if one.claim.line == line and one.claim.kind == (kind or one.claim.kind)
    ]


def test_without_a_run_nothing_is_exercised() -> None:
    total = measure(RUNBOOK, []).total
    assert total.testable > 10
    assert (total.exercised, total.percent) == (0, 0.0)


def test_a_held_drill_holds_what_it_did_and_nothing_else() -> None:
    coverage = measure(RUNBOOK, [run()])
    assert states(coverage, "See the releases", "command") == ["held"]
    assert states(coverage, "See the releases", "step") == ["held"]
    assert states(coverage, "Monitor for 15 minutes", "step") == ["held"]
    assert states(coverage, "Restart count", "alert") == ["held"]
    assert states(coverage, "Restart count", "threshold") == ["held"]
    assert states(coverage, "**Response time**: 30", "response-time") == ["held"]
    assert states(coverage, "should be <1%", "threshold") == ["held"]
    assert coverage.total.broken == 0
    # Nobody measured, expected, followed or ran these.
    assert states(coverage, "<500ms", "threshold") == ["not-exercised"]
    assert states(coverage, "- Error rate >5%", "alert") == ["not-exercised"]
    assert states(coverage, "**Response time**: 2 hours", "response-time") == ["not-exercised"]
    assert states(coverage, "See the database", "command") == ["not-exercised"]
    assert states(coverage, "Redis", "dependency") == ["not-exercised"]


def test_the_same_command_in_another_place_is_another_claim() -> None:
    coverage = measure(RUNBOOK, [run()])
    last = max(one.claim.line for one in coverage.claims if one.claim.kind == "command")
    assert [one.state for one in coverage.claims if one.claim.line == last] == ["not-exercised"]


def test_what_is_for_people_or_for_lint_is_not_testable() -> None:
    coverage = measure(RUNBOOK, [run()])
    assert states(coverage, "Head of Shop") == ["not-testable"]
    assert states(coverage, "Call the") == ["not-testable"]


@pytest.mark.parametrize("exit_code", [1, None])
def test_a_command_that_fails_is_broken_and_so_is_its_step(exit_code: int | None) -> None:
    coverage = measure(RUNBOOK, [run(events(exit_code=exit_code))])
    assert states(coverage, "Go back", "command") == ["broken"]
    assert states(coverage, "Go back", "step") == ["broken"]
    assert states(coverage, "See the releases", "command") == ["held"]


def test_a_refused_command_is_not_exercised_and_says_why() -> None:
    told = [
        CommandRefused(
            at=one.at,
            procedure=one.procedure,
            number=2,
            line=one.line,
            text=one.text,
            why="no verb",
        )
        if isinstance(one, CommandFinished) and one.number == 2
        else one
        for one in events()
    ]
    coverage = measure(RUNBOOK, [run(told)])
    assert states(coverage, "Go back", "command") == ["not-exercised"]
    (found,) = [
        one
        for one in coverage.claims
        if one.claim.line == line_of("Go back") and one.claim.kind == "command"
    ]
    assert [(one.state, one.sentence) for one in found.evidence] == [
        ("unproven", "not run: no verb")
    ]


def test_a_command_that_a_binding_added_proves_nothing_of_the_runbook() -> None:
    told = [
        replace(one, by_binding=True) if isinstance(one, CommandFinished) else one
        for one in events()
    ]
    coverage = measure(RUNBOOK, [run(told)])
    assert states(coverage, "See the releases", "command") == ["not-exercised"]


def test_a_drill_that_did_not_recover_breaks_the_response_time() -> None:
    coverage = measure(RUNBOOK, [run(events(recording=missed()))])
    assert states(coverage, "**Response time**: 30", "response-time") == ["broken"]


def test_a_procedure_that_was_followed_and_did_not_save_is_broken_in_its_remedy() -> None:
    """Every command ended with 0, and the service stayed down: nothing of that is green."""
    coverage = measure(RUNBOOK, [run(events(recording=missed()))])
    assert states(coverage, "Go back", "step") == ["broken"]
    assert states(coverage, "Go back", "command") == ["held"]
    assert states(coverage, "See the releases", "step") == ["held"]
    assert "followed in crash-loop, not recovered: " in to_text(coverage)
    assert "followed in crash-loop, not recovered: " in page(coverage, {})


def test_of_a_procedure_without_a_remedy_its_last_step_is_broken() -> None:
    looked = plan()
    steps = tuple(replace(one, kind="diagnosis") for one in looked.steps[:3])
    only = replace(looked, steps=(*steps, *looked.steps[3:]))
    coverage = measure(RUNBOOK, [run(events(only, recording=missed()))])
    assert states(coverage, "Go back", "step") == ["held"]
    assert states(coverage, "Verify it", "step") == ["broken"]
    assert "not recovered by a procedure without a remedy" in to_text(coverage)


def test_a_procedure_that_an_experiment_accepts_not_to_save_is_broken_and_accepted() -> None:
    known = Acceptance(promise="recovered", reason="known", review="2099-01-01")
    told = events(plan(accepted=(known,)), recording=missed())
    coverage = measure(RUNBOOK, [run(told)])
    (one,) = [
        one
        for one in coverage.claims
        if one.claim.kind == "step" and one.claim.line == line_of("Go back")
    ]
    assert (one.state, one.accepted) == ("broken", True)


def test_several_dependencies_of_one_line_are_told_apart() -> None:
    text = TEXT.replace("- [ ] Redis cache availability", "- [ ] Both gateways (Stripe, PayPal)")
    runbook = parse(text, "shop.md")
    for name in ("stripe", "paypal"):
        gone = plan(runbook, fault="gateway-errors", fault_parameters={"deployment": name})
        coverage = measure(runbook, [run(events(gone, recording=missed()))])
        out = to_text(coverage).lower()
        assert f"broken: dependency {name} `both gateways" in out
        assert "  20260101-drill: in crash-loop: not recovered" in out


def test_what_does_not_hold_after_the_fix_breaks_its_number() -> None:
    told = [
        replace(one, broken=("error rate: 2.00% (<1%)",)) if isinstance(one, SoakJudged) else one
        for one in events()
    ]
    coverage = measure(RUNBOOK, [run(told)])
    assert states(coverage, "should be <1%", "threshold") == ["broken"]
    assert states(coverage, "Monitor for 15 minutes", "step") == ["broken"]


def test_a_drill_that_taught_nothing_counts_for_nothing() -> None:
    invalid = [
        replace(one, broken=("error rate: 9 %",)) if isinstance(one, BaselineJudged) else one
        for one in events()
    ]
    aborted = [*events(), DrillAborted(at=200.0, why="Ctrl-C")]
    for told in (invalid, aborted):
        coverage = measure(RUNBOOK, [run(told)])
        assert coverage.total.exercised == 0
        assert coverage.counted == ()


def test_the_newest_run_of_an_experiment_counts() -> None:
    old = run(events(exit_code=1, wall_time="2026-01-01T00:00:00"), name="old")
    new = run(events(wall_time="2026-01-02T00:00:00"), name="new")
    for runs in ([old, new], [new, old]):
        coverage = measure(RUNBOOK, runs)
        assert [one.name for one in coverage.counted] == ["new"]
        assert coverage.total.broken == 0


def test_broken_in_one_experiment_is_broken_whatever_another_says() -> None:
    other = plan(experiment_path="experiments/other.yaml")
    coverage = measure(
        RUNBOOK, [run(events(exit_code=1), name="a"), run(events(other, exit_code=0), name="b")]
    )
    assert states(coverage, "Go back", "command") == ["broken"]


def test_a_command_with_a_secret_in_it_is_known_again_in_the_events() -> None:
    now = TEXT.replace(
        "kubectl rollout history deployment/shop -n shop`", "kubectl set env d/s TOKEN=hunter2`"
    )
    runbook = parse(now, "shop.md")
    told = [BY_PATTERN.value(event) for event in events(plan(runbook))]
    assert "hunter2" not in repr(told)
    (found,) = [
        one
        for one in measure(runbook, [run(told)]).claims
        if one.claim.line == line_of("See the releases", now) and one.claim.kind == "command"
    ]
    assert found.state == "held"


def test_a_run_of_another_version_is_told_and_matched_by_id() -> None:
    """A section above moves every line; a changed command is another claim."""
    now = TEXT.replace("# Shop runbook\n", "# Shop runbook\n\nHello.\n").replace(
        "kubectl rollout undo deployment/shop -n shop",
        "kubectl rollout undo deployment/shop -n shop --to-revision=1",
    )
    runbook = parse(now, "shop.md")
    bound = {alert.id: "PaymentPodRestarting" for alert in runbook.alerts if "restart" in alert.id}
    old = run(bound_alerts=bound)
    coverage = measure(runbook, [old])
    assert coverage.other_versions == (old,)

    def state(words: str, kind: str) -> str:
        line = line_of(words, now)
        (found,) = [
            one for one in coverage.claims if one.claim.line == line and one.claim.kind == kind
        ]
        return found.state

    assert state("See the releases", "command") == "held"
    assert state("Restart count", "alert") == "held"
    assert state("**Response time**: 30", "response-time") == "held"
    assert state("Go back", "command") == "not-exercised"
    assert state("Go back", "step") == "not-exercised"


def test_a_run_that_recorded_its_alert_claims_needs_no_bindings() -> None:
    runbook = parse(f"{TEXT}\nMore.\n", "shop.md")
    (claim_id,) = [alert.id for alert in runbook.alerts if "restart" in alert.id]
    recorded = plan(alert_claims={"PaymentPodRestarting": claim_id})
    coverage = measure(runbook, [run(events(recorded))])
    assert states(coverage, "Restart count", "alert") == ["held"]


def test_a_response_time_that_was_changed_since_is_not_proven_by_an_old_run() -> None:
    runbook = parse(TEXT.replace("30 minutes", "20 minutes"), "shop.md")
    coverage = measure(runbook, [run()])
    assert all(
        one.state == "not-exercised" for one in coverage.claims if one.claim.kind == "response-time"
    )


def test_a_dependency_is_exercised_by_a_fault_that_takes_it_away() -> None:
    gone = plan(fault="cache-down", fault_parameters={"namespace": "shop", "deployment": "redis"})
    coverage = measure(RUNBOOK, [run(events(gone))])
    assert states(coverage, "Redis", "dependency") == ["held"]


def dry(*changes: AlertChanged, broken: tuple[str, ...] = ()) -> RunRecord:
    """A run of everything but the fault."""
    told = [one for one in events(plan(arm="dry")) if isinstance(one, _BEFORE_THE_FAULT)]
    silence = SilenceJudged(at=80.0, window_s=40.0, evaluations=40, broken=broken, alerts=())
    return run([*told, *changes, silence, DrillEnded(at=81.0)], name="dry")


_BEFORE_THE_FAULT = (DrillStarted, BaselineJudged, SteadyStateSampled, LoadStopped, MoneyChecked)


def test_a_dry_arm_breaks_what_stirs_without_a_fault() -> None:
    fired = alert(50.0, "firing")
    coverage = measure(RUNBOOK, [dry(fired, broken=("error rate: 3.00% (<1%)",))])
    assert states(coverage, "Restart count", "alert") == ["broken"]
    assert states(coverage, "should be <1%", "threshold") == ["broken"]


def test_a_silent_dry_arm_measures_and_proves_no_alert() -> None:
    coverage = measure(RUNBOOK, [dry()])
    assert states(coverage, "Restart count", "alert") == ["not-exercised"]
    assert states(coverage, "should be <1%", "threshold") == ["held"]
    assert states(coverage, "Monitor for 15 minutes", "step") == ["not-exercised"]


def test_a_control_arm_is_about_no_claim() -> None:
    coverage = measure(RUNBOOK, [run(events(plan(arm="control")))])
    assert coverage.counted == ()


def hurt(**changes: object) -> RunRecord:
    """The fault makes a tenth of the requests fail until it is fixed."""
    told = [
        replace(one, values={"error rate": 0.1})
        if isinstance(one, SteadyStateSampled) and 26 <= one.at < 47
        else one
        for one in events(plan(**changes))
    ]
    return run(told)


def test_a_severity_is_held_when_its_own_numbers_were_met() -> None:
    coverage = measure(RUNBOOK, [hurt()])
    assert states(coverage, "above normal (>5%)", "threshold") == ["held"]
    assert states(coverage, "### P1", "severity") == ["held"]


def test_a_severity_is_broken_when_a_worse_ones_numbers_were_met() -> None:
    coverage = measure(RUNBOOK, [hurt(severity="P2", response_time_s=7200.0)])
    assert states(coverage, "above normal (>5%)", "threshold") == ["broken"]
    assert states(coverage, "### P2", "severity") in (["broken"], ["not-testable"])


def test_a_severity_whose_numbers_were_not_met_is_not_proven() -> None:
    coverage = measure(RUNBOOK, [run()])
    assert states(coverage, "### P1", "severity") == ["not-exercised"]
    assert states(coverage, "above normal (>5%)", "threshold") == ["not-exercised"]


def test_an_alert_that_did_not_fire_in_time_is_broken() -> None:
    late = [
        replace(one, at=66.1) if isinstance(one, PhaseEnded) and one.phase == "detect" else one
        for one in events()
        if not isinstance(one, AlertChanged)
    ]
    coverage = measure(RUNBOOK, [run(late)])
    assert states(coverage, "Restart count", "alert") == ["broken"]
    assert states(coverage, "Restart count", "threshold") == ["broken"]


def test_a_step_that_hurt_more_than_the_fault_is_broken_though_its_command_ended_well() -> None:
    told: list[Event] = []
    for one in events():
        if isinstance(one, LoadSampled):
            continue
        told.append(one)
    loads = [load(float(at), failed=17 if 45 <= at < 60 else 0) for at in range(1, 108)]
    told = [*told[:-2], *loads, *told[-2:]]
    coverage = measure(RUNBOOK, [run(told)])
    assert states(coverage, "Go back", "command") == ["held"]
    assert states(coverage, "Go back", "step") == ["broken"]


def test_what_an_experiment_accepts_is_broken_and_accepted() -> None:
    known = Acceptance(promise="recovered", reason="it never does", review="2027-01-01")
    coverage = measure(RUNBOOK, [run(events(plan(accepted=(known,)), recording=missed()))])
    (found,) = [
        one
        for one in coverage.claims
        if one.claim.line == line_of("**Response time**: 30") and one.claim.kind == "response-time"
    ]
    assert (found.state, found.accepted) == ("broken", True)
    assert "broken, accepted" in to_text(coverage)
    assert "broken, accepted" in page(coverage, {})


def test_the_symptom_of_a_failure_mode_is_seen_in_its_own_drill() -> None:
    text = TEXT.replace(
        "1. See the releases", "**Symptoms**: error rate above 8%\n\n1. See the releases"
    )
    runbook = parse(text, "shop.md")
    told = hurt().events
    started = replace(told[0], plan=plan(runbook))  # type: ignore[type-var]
    coverage = measure(runbook, [run([started, *told[1:]])])  # type: ignore[list-item]
    line = line_of("**Symptoms**", text)
    assert [one.state for one in coverage.claims if one.claim.line == line] == ["held"]


def test_a_skipped_step_says_why() -> None:
    told = [
        StepSkipped(
            at=one.at, procedure=one.procedure, number=2, line=one.line, text="", why="it was well"
        )
        if isinstance(one, CommandFinished) and one.number == 2
        else one
        for one in events()
    ]
    coverage = measure(RUNBOOK, [run(told)])
    (found,) = [
        one
        for one in coverage.claims
        if one.claim.line == line_of("Go back") and one.claim.kind == "step"
    ]
    assert found.state == "not-exercised"
    assert [one.sentence for one in found.evidence] == ["left out: it was well"]
    assert "not proven" in page(coverage, {})


def test_the_sections_add_up_to_the_whole() -> None:
    coverage = measure(RUNBOOK, [run()])
    for name in ("testable", "held", "broken"):
        assert sum(getattr(one, name) for one in coverage.sections.values()) == getattr(
            coverage.total, name
        )


@given(st.lists(st.booleans(), max_size=30), st.randoms())
def test_the_order_in_which_runs_are_given_does_not_matter(
    good: list[bool], random: object
) -> None:
    runs: list[RunRecord] = [
        run(
            events(
                plan(experiment_path=f"{number % 3}.yaml"),
                exit_code=0 if one else 1,
                wall_time=f"2026-01-{number + 1:02}",
            ),
            name=str(number),
        )
        for number, one in enumerate(good)
    ]
    shuffled = list(runs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = measure(RUNBOOK, runs), measure(RUNBOOK, shuffled)
    assert one.total == other.total
    assert [run.name for run in one.counted] == [run.name for run in other.counted]


def test_of_no_testable_claim_nothing_is_missing() -> None:
    assert Tally.of([]).percent == 100.0
