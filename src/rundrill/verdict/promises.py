"""What a green drill promises, each statement with its state and its evidence."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    CommandFinished,
    CommandRefused,
    FaultInjected,
    FaultLanded,
    FaultMissed,
    FaultUndone,
    LoadSampled,
    LoadStopped,
    MoneyChecked,
    NotificationFailed,
    Recovered,
    RecoveryMissed,
    SilenceJudged,
    SoakJudged,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.model import Promise, PromiseState, StepHarm
from rundrill.verdict.harm import ERROR_RATE
from rundrill.verdict.history import led_to, spells
from rundrill.verdict.record import Record

State = PromiseState
LOAD_TOLERANCE = 0.005
"""Delivered load within half a percent of what was asked, or one request of the window."""
LATENESS_LIMIT_MS = 1000.0
"""A dispatcher that was a second late left a hole in the load, whatever the average says."""
GAP_LIMIT_S = 3.5
"""Looks come every second; where three are missing, a window was not watched."""
_NEVER_DRY = (FaultInjected, CommandFinished, Recovered)


def promises(record: Record, harms: Sequence[StepHarm]) -> tuple[Promise, ...]:
    """In the order in which a drill shows them; an arm makes fewer, and the dry one its own."""
    if record.plan.arm == "control":
        made = (_load, _baseline, _landed, _detected, _undone, _money)
        return tuple(make(record) for make in made)
    if record.plan.arm == "dry":
        return tuple(make(record) for make in (_load, _baseline, _silent, _money))
    return (
        _load(record),
        _baseline(record),
        _landed(record),
        _detected(record),
        _recovered(record),
        _harmless(record, harms),
        durable(record),
        _undone(record),
        _money(record),
    )


def _promise(
    name: str,
    statement: str,
    state: PromiseState,
    evidence: str,
    *,
    measured_s: float | None = None,
    limit_s: float | None = None,
    line: int | None = None,
) -> Promise:
    return Promise(
        id=name,
        statement=statement,
        state=state,
        evidence=evidence,
        measured_s=measured_s,
        limit_s=limit_s,
        line=line,
    )


def _load(record: Record) -> Promise:
    statement = "The load was delivered as asked"
    judged, stopped = record.last(BaselineJudged), record.last(LoadStopped)
    if stopped is not None and not stopped.expected:
        return _promise("load", statement, State.BROKEN, f"the load died: {stopped.detail}")
    if judged is None or stopped is None:
        return _promise("load", statement, State.UNPROVEN, "the load was not measured")
    asked, delivered = judged.asked_per_min, judged.delivered_per_min
    one_request = 60.0 / judged.window_s if judged.window_s > 0 else 0.0
    allowed = max(asked * LOAD_TOLERANCE, one_request)
    evidence = (
        f"{delivered:.1f} of {asked:.0f} requests a minute over the baseline,"
        f" {judged.dropped} dropped"
    )
    if stopped.worst_lateness_ms is not None:
        evidence += f", worst dispatch {stopped.worst_lateness_ms:.1f} ms late"
    late_ms = stopped.worst_lateness_ms
    if late_ms is not None and late_ms > LATENESS_LIMIT_MS:
        evidence += f" (limit {LATENESS_LIMIT_MS:.0f} ms): for some time nothing was asked"
        return _promise("load", statement, State.BROKEN, evidence)
    fine = abs(delivered - asked) <= allowed and judged.dropped == 0
    return _promise("load", statement, State.HELD if fine else State.BROKEN, evidence)


def _baseline(record: Record) -> Promise:
    statement = "The steady state held and every alert was silent before the fault"
    judged = record.last(BaselineJudged)
    if judged is None or judged.evaluations == 0:
        return _promise("baseline", statement, State.UNPROVEN, "the baseline was not evaluated")
    told = [*judged.broken, *(f"{alert} was firing" for alert in judged.alerts)]
    if told:
        return _promise("baseline", statement, State.BROKEN, "; ".join(told))
    gap = [*_gap(record, judged.at - judged.window_s, judged.at)]
    if gap:
        return _promise("baseline", statement, State.UNPROVEN, gap[0])
    if judged.window_s < record.plan.windows.baseline_s:
        return _promise("baseline", statement, State.UNPROVEN, "the window was cut short")
    evidence = f"{judged.evaluations} evaluations in {judged.window_s:.0f} s, all of them held"
    return _promise("baseline", statement, State.HELD, evidence, measured_s=judged.window_s)


def _landed(record: Record) -> Promise:
    statement = "The fault landed"
    landed, missed = record.last(FaultLanded), record.last(FaultMissed)
    limit_s = record.plan.windows.land_budget_s
    if missed is not None:
        evidence = f"the fault did not land: {missed.evidence}"
        return _promise("landed", statement, State.BROKEN, evidence, limit_s=limit_s)
    if record.times.injected is None:
        return _promise("landed", statement, State.UNPROVEN, "no fault was made")
    if landed is None:
        evidence = "the drill ended before the fault had proven that it landed"
        return _promise("landed", statement, State.UNPROVEN, evidence)
    measured_s = landed.at - record.times.injected
    return _promise(
        "landed", statement, State.HELD, landed.evidence, measured_s=measured_s, limit_s=limit_s
    )


def _detected(record: Record) -> Promise:
    plan, times = record.plan, record.times
    names = " and ".join(plan.expected_alerts)
    statement = f"{names} fired in time"
    limit_s = plan.windows.detect_budget_s
    line = next((plan.alert_lines.get(name) for name in plan.expected_alerts), None)
    if times.injected is None or record.started("detect") is None:
        evidence = "the drill ended before the alert was awaited"
        return _promise("detected", statement, State.UNPROVEN, evidence, line=line)
    early = [*_before_the_fault(record)]
    if early:
        return _promise("detected", statement, State.UNPROVEN, "; ".join(early), line=line)
    # Where nobody looked, an alert may have fired unseen, or late for want of an evaluation.
    watched = times.firing or record.ended("detect")
    gap = [*_gap(record, times.injected, watched)]
    if times.firing is None:
        waited_s = watched - times.injected
        if waited_s < limit_s:
            evidence = f"the drill ended {waited_s:.1f} s after the fault (limit {limit_s:.1f} s)"
            return _promise("detected", statement, State.UNPROVEN, evidence, line=line)
        evidence = f"{names} did not fire within {waited_s:.1f} s"
        state = State.UNPROVEN if gap else State.BROKEN
        told = "; ".join([evidence, *gap])
        return _promise("detected", statement, state, told, limit_s=limit_s, line=line)
    measured_s = times.firing - times.injected
    evidence = f"{names} fired {measured_s:.1f} s after the fault (limit {limit_s:.1f} s)"
    if plan.alertmanager_path is not None:
        if times.notified is None:
            state, evidence = _untold(record, measured_s)
            evidence = "; ".join([evidence, *gap])
            state = State.UNPROVEN if gap else state
            return _promise("detected", statement, state, evidence, limit_s=limit_s, line=line)
        # Nobody responds before somebody knows.
        fired_s, measured_s = measured_s, times.notified - times.injected
        evidence = (
            f"{names} fired {fired_s:.1f} s after the fault, somebody was told"
            f" {measured_s:.1f} s after it (limit {limit_s:.1f} s)"
        )
    state = State.HELD
    if measured_s > limit_s:
        state = State.UNPROVEN if gap else State.BROKEN
        evidence = "; ".join([evidence, *gap])
    return _promise(
        "detected", statement, state, evidence, measured_s=measured_s, limit_s=limit_s, line=line
    )


def _untold(record: Record, fired_s: float) -> tuple[PromiseState, str]:
    """Why nobody was told of an alert that fired `fired_s` after the fault."""
    injected, limit_s = record.times.injected, record.plan.windows.detect_budget_s
    assert injected is not None
    names = set(record.plan.expected_alerts)
    told = f"fired {fired_s:.1f} s after the fault, nobody was told"
    waited_s = record.ended("detect") - injected
    failures = (e for e in record.all(NotificationFailed) if e.at >= injected)
    failed = next((e for e in failures if names & set(e.alerts)), None)
    if failed is not None:  # that is about us, not about who is told of what
        return State.UNPROVEN, f"{told}: {failed.receiver} could not be: {failed.error}"
    if waited_s < limit_s:
        return State.UNPROVEN, f"{told} before the drill ended at {waited_s:.1f} s"
    return State.BROKEN, f"{told} within {limit_s:.1f} s"


def _before_the_fault(record: Record) -> Iterator[str]:
    """Expected alerts that began before the injection what they finished after it."""
    injected = record.times.injected
    assert injected is not None
    for name in record.plan.expected_alerts:
        history = spells(record, name)
        firing = [spell for spell in history if spell.state == "firing"]
        # One that fires already is there for whoever looks, also if it comes back later.
        there = next((s for s in firing if s.start < injected and s.holds(injected)), None)
        found = there or next((s for s in firing if s.start >= injected), None)
        if found is None or (since := led_to(found, history)) >= injected:
            continue
        state = "firing" if since == found.start else "pending"
        yield f"{name} was {state} {injected - since:.1f} s before the fault"


def unmeasured(record: Record, missed: RecoveryMissed) -> str:
    """Why nobody knows that it did not recover; empty where that was seen."""
    blind = [*_gap(record, missed.at - 2 * GAP_LIMIT_S, missed.at)]
    why = missed.unmeasured or "; ".join(blind)
    return f"whether it recovered within {missed.waited_s:.1f} s is not known: {why}" if why else ""


def _recovered(record: Record) -> Promise:
    plan, times = record.plan, record.times
    statement = "The runbook's own steps fixed it in time"
    limit_s, line = plan.windows.response_time_s, plan.severity_line

    def told(state: PromiseState, evidence: str, measured_s: float | None = None) -> Promise:
        return _promise(
            "recovered",
            statement,
            state,
            evidence,
            measured_s=measured_s,
            limit_s=limit_s,
            line=line,
        )

    if record.started("respond") is None:
        return told(State.UNPROVEN, "the procedure was not followed")
    failed = [*failed_commands(record)]
    missed = record.last(RecoveryMissed)
    unknown = "" if missed is None else unmeasured(record, missed)
    if unknown:
        return told(State.UNPROVEN, "; ".join([unknown, *failed]))
    if missed is not None:
        evidence = f"after {missed.waited_s:.1f} s: {missed.evidence}"
        return told(State.BROKEN, "; ".join([evidence, *failed]))
    if failed:
        return told(State.BROKEN, "; ".join(failed))
    undone = [*not_executed(record)]
    if undone:
        return told(State.UNPROVEN, "; ".join(undone))
    if times.recovered is None or times.firing is None:
        return told(State.UNPROVEN, "recovery was not observed")
    measured_s = times.recovered - times.firing
    if not any(_kind(record, event) == "remedy" for event in record.all(CommandFinished)):
        evidence = "it recovered although no remedy of the runbook was carried out"
        return told(State.UNPROVEN, evidence, measured_s)
    evidence = f"recovered {measured_s:.1f} s after the alert (limit {limit_s:.1f} s)"
    return told(State.HELD if measured_s <= limit_s else State.BROKEN, evidence, measured_s)


def _harmless(record: Record, harms: Sequence[StepHarm]) -> Promise:
    statement = "The fix did no harm of its own"
    if record.started("respond") is None or record.times.injected is None:
        return _promise("harmless", statement, State.UNPROVEN, "the procedure was not followed")
    if not harms:
        evidence = "no step that changes anything was carried out"
        return _promise("harmless", statement, State.UNPROVEN, evidence)
    state = State.HELD
    worst = tuple(harms)
    for kind, broken in (("unknown", State.UNPROVEN), ("harmful", State.BROKEN)):
        of_kind = tuple(harm for harm in harms if harm.state == kind)
        if of_kind:
            state, worst = broken, of_kind
    bound = next((b for b in record.plan.steady_state if b.subject == ERROR_RATE), None)
    evidence = "; ".join(f"line {harm.line}: {harm.evidence}" for harm in worst)
    line = None if bound is None else bound.line
    return _promise("harmless", statement, state, evidence, line=line)


def durable(record: Record) -> Promise:
    """Also what tells whether a control arm that healed by itself stayed so."""
    statement = "It stayed fixed for the monitoring window"
    judged, limit_s = record.last(SoakJudged), record.plan.windows.soak_s
    if judged is None or judged.evaluations == 0:
        return _promise("durable", statement, State.UNPROVEN, "the window was not watched")
    told = [*judged.broken, *(f"{alert} was firing" for alert in judged.alerts)]
    start = judged.at - judged.window_s
    blind = [*judged.unmeasured, *_gap(record, start, judged.at)]
    dropped = sum(s.dropped for s in record.all(LoadSampled) if start < s.at <= judged.at)
    if dropped:
        blind.append(f"{dropped} requests of the load were dropped in the window")
    line = next((s.line for s in record.plan.steps if s.kind == "monitoring"), None)
    if told:
        state, evidence = State.BROKEN, "; ".join(told)
    elif blind:
        state, evidence = State.UNPROVEN, "; ".join(blind)
    elif judged.window_s < limit_s:
        state, evidence = State.UNPROVEN, "the window was cut short"
    else:
        state = State.HELD
        evidence = f"{judged.evaluations} evaluations in {judged.window_s:.0f} s, all of them held"
    return _promise(
        "durable",
        statement,
        state,
        evidence,
        measured_s=judged.window_s,
        limit_s=limit_s,
        line=line,
    )


def _silent(record: Record) -> Promise:
    """The dry arm. Whatever fires or recovers there would do so without any fault."""
    statement = "Nothing stirred without a fault"
    judged, limit_s = record.last(SilenceJudged), record.plan.windows.detect_budget_s
    made = [type(e).__name__ for e in record.events if isinstance(e, _NEVER_DRY)]
    if made:
        return _promise("silent", statement, State.BROKEN, f"the dry arm saw a {made[0]}")
    fired = {e.alert: None for e in record.all(AlertChanged) if e.state == "firing"}
    if judged is not None:
        fired |= dict.fromkeys(judged.alerts)
    told = [f"alert {alert} fired without a fault" for alert in fired]
    told += [] if judged is None else judged.broken
    if told:
        return _promise("silent", statement, State.BROKEN, "; ".join(told), limit_s=limit_s)
    if judged is None or judged.evaluations == 0:
        evidence = "the detection window was not watched"
        return _promise("silent", statement, State.UNPROVEN, evidence, limit_s=limit_s)
    blind = [*_gap(record, judged.at - judged.window_s, judged.at)]
    if judged.window_s < limit_s:
        blind.append("the window was cut short")
    evidence = f"no alert fired and the steady state held for {judged.window_s:.0f} s"
    return _promise(
        "silent",
        statement,
        State.UNPROVEN if blind else State.HELD,
        "; ".join(blind) or evidence,
        measured_s=judged.window_s,
        limit_s=limit_s,
    )


def _undone(record: Record) -> Promise:
    statement = "Everything was undone"
    undone = record.last(FaultUndone)
    if undone is None:
        evidence = (
            "no fault was made" if record.times.injected is None else "the undo was not reached"
        )
        return _promise("undone", statement, State.UNPROVEN, evidence)
    if not undone.undone:
        return _promise("undone", statement, State.BROKEN, undone.evidence)
    if undone.differences:
        return _promise("undone", statement, State.BROKEN, "; ".join(undone.differences))
    return _promise("undone", statement, State.HELD, undone.evidence)


def _money(record: Record) -> Promise:
    statement = "No acknowledged payment was lost or doubled"
    checked = record.last(MoneyChecked)
    if checked is None:
        return _promise("money", statement, State.UNPROVEN, "the database was not checked")
    if checked.error is not None:
        return _promise("money", statement, State.UNPROVEN, f"not checked: {checked.error}")
    if checked.acknowledged == 0:
        return _promise("money", statement, State.UNPROVEN, "no payment was acknowledged")
    wrong = {
        "lost": checked.lost,
        "doubled": checked.doubled,
        "captured without a charge": checked.uncharged,
        "charged without a record": checked.unrecorded,
        "charged another amount": checked.mischarged,
    }
    told = [f"{len(keys)} {what}{_some(keys)}" for what, keys in wrong.items()]
    booked = 2 if checked.charges is None else len(told)
    evidence = f"{checked.acknowledged} acknowledged, {', '.join(told[:booked])}"
    if any(wrong.values()):
        return _promise("money", statement, State.BROKEN, evidence)
    if checked.unsettled:
        evidence += f"; {len(checked.unsettled)} still open at the end{_some(checked.unsettled)}"
    if checked.incomplete:
        evidence += f"; books are incomplete: {', '.join(checked.incomplete)}"
    unproven = checked.unsettled or checked.incomplete
    return _promise("money", statement, State.UNPROVEN if unproven else State.HELD, evidence)


def _some(keys: Sequence[str]) -> str:
    """The first of them by name; the event has all."""
    if not keys:
        return ""
    return f" ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"


def _gap(record: Record, start: float, end: float) -> Iterator[str]:
    """The longest time in which nobody looked, when it is too long."""
    seen = (e for e in record.all(SteadyStateSampled) if not e.stale)
    looks = sorted(e.at for e in seen if start <= e.at <= end)
    times = [start, *looks, end]
    longest = max(after - before for before, after in pairwise(times))
    if longest > GAP_LIMIT_S:
        yield f"nothing was evaluated for {longest:.1f} s of the window"


def _kind(record: Record, event: CommandFinished) -> str:
    return next(
        (
            step.kind
            for step in record.plan.steps
            if (step.procedure, step.number) == (event.procedure, event.number)
        ),
        "manual",
    )


def failed_commands(record: Record) -> Iterator[str]:
    """A command of the runbook that does not work is broken, also one that only looks."""
    for event in record.all(CommandFinished):
        if event.endless:
            continue
        if event.exit_code is None:
            yield f"line {event.line} did not end within {event.duration_s:.0f} s"
        elif event.exit_code != 0:
            yield f"line {event.line} ended with exit code {event.exit_code}"


def not_executed(record: Record, *, unbound: bool = True) -> Iterator[str]:
    """A step that was not executed never passes; without `unbound` those that no command is for
    are left out."""
    for event in record.events:
        if isinstance(event, CommandRefused):
            yield f"line {event.line} was not run: {event.why}"
        elif (
            isinstance(event, StepSkipped) and not event.needless and (unbound or not event.unbound)
        ):
            yield f"step {event.number} (line {event.line}) was not done: {event.why}"
