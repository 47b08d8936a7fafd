"""Was it the procedure? A drill against its control arm: the same fault, but nobody responds.

Times count from the alert in each arm, since that is when a responder begins. Each arm is one run,
and two runs of one arm differ: a look, a scrape and an evaluation may each come up to a second
earlier or later, and a rollout takes what the machine has left for it. So two times count as equal
within five seconds, or a fifth of the drill's own where that is more.
"""

from collections.abc import Sequence
from dataclasses import replace

from rundrill.events import DrillStarted, Event, RecoveryMissed
from rundrill.model import Attribution, Finding, Outcome, Plan, PromiseState
from rundrill.verdict.judge import judge
from rundrill.verdict.record import Record

TOLERANCE_S = 5.0
TOLERANCE_SHARE = 0.2
_TEACHES = (Outcome.HELD, Outcome.BROKEN)


def attribute(drill: Sequence[Event], control: Sequence[Event]) -> Attribution:
    """Raises `ValueError` when the drill never began, or one of them is another arm."""
    own = Record(drill)
    if not any(isinstance(event, DrillStarted) for event in control):
        return _unknown("the control arm was not run")
    other = Record(control)
    if (own.plan.arm, other.plan.arm) != ("drill", "control"):
        raise ValueError(f"not a drill and its control: {own.plan.arm}, {other.plan.arm}")
    verdict, answer = judge(drill), judge(control)
    if _without_arm(own.plan) != _without_arm(other.plan):
        return _unknown("the control arm was another experiment, so nothing can be compared")
    if answer.outcome not in (Outcome.HEALED, Outcome.UNHEALED):
        return _unknown(f"the control arm is {answer.outcome}: {answer.reason}")
    if verdict.outcome not in _TEACHES:
        return _unknown(f"the drill is {verdict.outcome}: {verdict.reason}")
    if own.started("respond") is None:
        return _unknown("the drill never came to the procedure")
    came_back = any(p.id == "durable" and p.state is PromiseState.BROKEN for p in verdict.promises)
    # The same bar for both arms: what did not stay fixed was not fixed.
    recovered_s = None if came_back else _recovered_s(own)
    healed_s = _recovered_s(other) if answer.outcome is Outcome.HEALED else None
    missed = other.last(RecoveryMissed)
    watched_s = None if missed is None else missed.waited_s
    tolerance_s = max(TOLERANCE_S, TOLERANCE_SHARE * (recovered_s or 0.0))
    return _compare(
        own,
        Attribution(
            effect="unknown",
            sentence=answer.reason,
            drill_recovered_s=recovered_s,
            control_healed_s=healed_s,
            control_watched_s=watched_s,
            tolerance_s=tolerance_s,
        ),
    )


def _compare(drill: Record, known: Attribution) -> Attribution:
    recovered_s, healed_s = known.drill_recovered_s, known.control_healed_s
    watched_s, tolerance_s = known.control_watched_s, known.tolerance_s or 0.0
    if recovered_s is None:
        if healed_s is None:
            sentence = "with the procedure or without it, the service did not recover and stay so"
            return replace(known, effect="none", sentence=sentence)
        sentence = (
            f"without the procedure the service healed by itself {healed_s:.1f} s after the alert;"
            " with it, it did not recover and stay so"
        )
        return _found(
            drill,
            known,
            "worse",
            sentence,
            "The service heals by itself, and did not when the procedure was followed",
        )
    if healed_s is None:
        if watched_s is not None and watched_s < recovered_s + tolerance_s:
            sentence = (
                f"the procedure had the service back after {recovered_s:.1f} s, and the control"
                f" arm was only watched for {watched_s:.1f} s (they count as equal within"
                f" {tolerance_s:.1f} s)"
            )
            return _not_shown(drill, known, sentence)
        sentence = (
            f"the procedure had the service back {recovered_s:.1f} s after the alert;"
            f" without it, the service {known.sentence}"
        )
        return replace(known, effect="necessary", sentence=sentence)
    both = (
        f"with the procedure it was back {recovered_s:.1f} s after the alert, without it"
        f" {healed_s:.1f} s"
    )
    if healed_s > recovered_s + tolerance_s:
        sentence = f"{both}: it would have healed by itself, {healed_s - recovered_s:.1f} s later"
        return replace(known, effect="faster", sentence=sentence)
    return _not_shown(drill, known, f"{both}; within {tolerance_s:.1f} s the two count as equal")


def _not_shown(drill: Record, known: Attribution, sentence: str) -> Attribution:
    return _found(drill, known, "not-shown", sentence, "Procedure not shown to be necessary")


def _found(drill: Record, known: Attribution, effect: str, sentence: str, text: str) -> Attribution:
    first = next((step.line for step in drill.plan.steps if step.kind == "remedy"), None)
    finding = Finding(
        id=f"attribution-{effect}", severity="warning", text=text, evidence=sentence, line=first
    )
    return replace(
        known,
        effect="worse" if effect == "worse" else "not-shown",
        sentence=sentence,
        finding=finding,
    )


def _recovered_s(record: Record) -> float | None:
    times = record.times
    if times.recovered is None or times.firing is None:
        return None
    return times.recovered - times.firing


def _without_arm(plan: Plan) -> Plan:
    return replace(plan, arm="drill", compression_reason="", accepted=())


def _unknown(why: str) -> Attribution:
    """Never silently fine: a reader must see that the question has no answer."""
    finding = Finding(
        id="attribution-unknown",
        severity="warning",
        text="Whether the procedure was necessary is not known",
        evidence=why,
    )
    return Attribution(effect="unknown", sentence=f"not known: {why}", finding=finding)
