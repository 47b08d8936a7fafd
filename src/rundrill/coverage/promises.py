"""What a run says of alerts, severities, response times, thresholds and dependencies."""

import re
from typing import Final

from rundrill.base.units import Scale
from rundrill.bounds import compare, shown
from rundrill.claims import (
    AlertClaim,
    Dependency,
    ResponseTime,
    Runbook,
    Severity,
    Threshold,
)
from rundrill.coverage.evidence import Asked, Evidence, RunRecord, State
from rundrill.events import BaselineJudged, SilenceJudged, SoakJudged
from rundrill.model import Outcome, Promise, PromiseState, SteadyStateBound
from rundrill.report.text import one_line

_HITS_DEPENDENCY: Final = ("auth", "cache", "database", "gateway", "pool")
"""How the names of the faults begin that take something from the service that it depends on."""
_COMMON: Final = frozenset(
    {"service", "services", "external", "api", "apis", "status", "system", "down", "the", "payment",
     "payments", "production", "default", "cluster", "errors", "timeout", "slow", "killed"}
)  # fmt: skip


def of_alert(value: AlertClaim, asked: Asked) -> Evidence | None:
    """The expected alert of a drill, in time or not; in a dry arm, whatever fires is broken."""
    run = asked.run
    rule = run.rule_of(value, asked.runbook)
    if rule is None:
        return None
    if run.plan.arm == "dry":
        if run.fired_at(rule) is None:
            return None
        return Evidence(
            run=run, state="broken", sentence=f"{rule} fired without a fault", part="alerts"
        )
    promise = run.promise("detected")
    if rule not in run.plan.expected_alerts or promise is None:
        return None
    return _alert(rule, promise, run)


def _alert(rule: str, promise: Promise, run: RunRecord) -> Evidence:
    fired, injected = run.fired_at(rule), run.record.times.injected
    limit = run.plan.windows.detect_budget_s
    scale = Scale(run.plan.compression)
    state: State = promise.state.value
    if fired is None or injected is None:
        # Of several alerts that are awaited together, this one did not come.
        sentence = one_line(promise.evidence)
    else:
        took = fired - injected
        sentence = f"{rule} fired {scale.both(took)} after the fault, limit {scale.both(limit)}"
        if state == "broken" and took <= limit:
            state = "held"
    return Evidence(
        run=run,
        state=state,
        sentence=sentence,
        part="alerts",
    )


def of_response_time(value: ResponseTime, asked: Asked) -> Evidence | None:
    """From the alert to the recovery, against the time of the drill's severity."""
    run = asked.run
    promise = run.promise("recovered")
    if value.severity != run.plan.severity or promise is None or run.plan.arm != "drill":
        return None
    if value.term.seconds != run.plan.response_time_s:  # another version promised another time
        return None
    scale = Scale(run.plan.compression)
    sentence = one_line(promise.evidence)
    if promise.measured_s is not None and promise.limit_s is not None:
        sentence = (
            f"recovered {scale.both(promise.measured_s)} after the alert,"
            f" limit {scale.both(promise.limit_s)}"
        )
        if promise.state is not PromiseState.HELD:
            sentence += f"; {one_line(promise.evidence)}"
    elif promise.limit_s is not None:
        sentence += f" (limit {scale.both(promise.limit_s)})"
    return Evidence(
        run=run,
        state=promise.state.value,
        sentence=sentence,
        part="promises",
    )


def of_severity(value: Severity, asked: Asked) -> Evidence | None:
    """What customers met, by the runbook's own numbers, against the severity of the drill.

    Numbers of a lesser level contradict nothing: the level has conditions without a number, too.
    """
    run = asked.run
    if (
        value.id != run.plan.severity
        or run.plan.arm != "drill"
        or run.record.times.injected is None
    ):
        return None
    finding = next((one for one in run.verdict.findings if one.id == "severity"), None)
    if finding is None:
        fits = f"what customers met fits {value.id}"
        return Evidence(run=run, state="held", sentence=fits, part="promises")
    met = next((one for one in run.plan.severity_conditions if one.line == finding.line), None)
    worse = met is not None and _is_worse(met.severity, value.id, asked.runbook)
    return Evidence(
        run=run,
        state="broken" if worse else "unproven",
        sentence=f"{finding.text}; {one_line(finding.evidence)}",
        part="findings",
    )


def _is_worse(one: str, other: str, runbook: Runbook) -> bool:
    """By the order of the document, which begins with the worst."""
    order = [level.id for level in runbook.severities]
    return one in order and other in order and order.index(one) < order.index(other)


def of_threshold(value: Threshold, asked: Asked) -> Evidence | None:
    run = asked.run
    if value.role == "steady-state":
        return _steady_state(value, run)
    if value.role == "alert":
        alerts = asked.runbook.alerts
        alert = next((one for one in alerts if one.line == value.line), None)
        return None if alert is None else of_alert(alert, asked)
    if run.plan.arm != "drill":
        return None
    if value.role == "severity":
        return _condition(value, asked)
    return _symptom(value, asked)


def _bound(value: Threshold, run: RunRecord) -> SteadyStateBound | None:
    return next(
        (
            one
            for one in run.plan.steady_state
            if (one.subject, one.comparator, one.value)
            == (value.metric, value.comparator, value.value)
        ),
        None,
    )


def _steady_state(value: Threshold, run: RunRecord) -> Evidence | None:
    """It holds for the whole baseline; it is broken where it does not hold without the fault."""
    bound = _bound(value, run)
    if bound is None:
        return None
    soak, silence = run.record.last(SoakJudged), run.record.last(SilenceJudged)
    for judged, when in ((soak, "after the fix"), (silence, "without a fault")):
        for reason in () if judged is None else judged.broken:
            if reason.startswith(f"{bound.subject}:"):
                return Evidence(
                    run=run,
                    state="broken",
                    sentence=f"{when}: {one_line(reason)}",
                    part="steady-state",
                )
    baseline, promise = run.record.last(BaselineJudged), run.promise("baseline")
    if baseline is None or promise is None or promise.state is not PromiseState.HELD:
        return None
    seen = run.values(bound.subject, baseline.at - baseline.window_s, baseline.at)
    if not seen:
        return None
    low, high = shown(min(seen), bound.unit), shown(max(seen), bound.unit)
    between = low if low == high else f"{low} to {high}"
    return Evidence(
        run=run,
        state="held",
        sentence=f"{between} before the fault, in {len(seen)} looks",
        part="steady-state",
    )


def _worst(subject: str, comparator: str, run: RunRecord) -> float | None:
    injected = run.record.times.injected
    if injected is None:
        return None
    seen = run.values(subject, injected, float("inf"))
    if not seen:
        return None
    return max(seen) if comparator.startswith(">") else min(seen)


def _condition(value: Threshold, asked: Asked) -> Evidence | None:
    """A severity's number is exercised when the fault's impact met it."""
    run = asked.run
    stated = next(
        (
            one
            for one in run.plan.severity_conditions
            if (one.severity, one.subject, one.comparator, one.value)
            == (value.severity, value.metric, value.comparator, value.value)
        ),
        None,
    )
    worst = _worst(value.metric, value.comparator, run)
    if stated is None or worst is None or not compare(worst, value.comparator, value.value):
        return None
    contradicted = _is_worse(stated.severity, run.plan.severity, asked.runbook)
    met = f"at worst {shown(worst, value.unit)}"
    return Evidence(
        run=run,
        state="broken" if contradicted else "held",
        sentence=f"{met}, but the drill was declared {run.plan.severity}"
        if contradicted
        else f"{met} in a drill of {run.plan.severity}",
        part="findings" if contradicted else "steady-state",
    )


def _symptom(value: Threshold, asked: Asked) -> Evidence | None:
    """The number by which a failure mode is known, when its procedure was followed."""
    run = asked.run
    followed = {step.procedure for step in run.plan.steps}
    own = {
        procedure.id
        for procedure in asked.runbook.procedures
        if procedure.title in asked.claim.section[-1:]
    }
    worst = _worst(value.metric, value.comparator, run)
    if not own & followed or worst is None or not compare(worst, value.comparator, value.value):
        return None
    return Evidence(
        run=run,
        state="held",
        sentence=f"seen: at worst {shown(worst, value.unit)}",
        part="steady-state",
    )


def of_dependency(value: Dependency, asked: Asked) -> Evidence | None:
    """The fault took it away: what the fault acts on bears the dependency's name."""
    run = asked.run
    if run.plan.arm != "drill" or not run.plan.fault.startswith(_HITS_DEPENDENCY):
        return None
    acted = {run.plan.fault, *(str(one) for one in run.plan.fault_parameters.values())}
    if not _alike(_words(value.name), {word for text in acted for word in _words(text)}):
        return None
    held = run.verdict.outcome is Outcome.HELD
    return Evidence(
        run=run,
        state="held" if held else "broken",
        sentence=f"in {run.drill}: {one_line(run.verdict.reason)}",
        part="promises",
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower())) - _COMMON


def _alike(named: set[str], acted: set[str]) -> bool:
    """`auth` is the authentication service's, `postgres` PostgreSQL's."""
    return any(
        one == other
        or (min(len(one), len(other)) >= 4 and (one.startswith(other) or other.startswith(one)))
        for one in named
        for other in acted
    )
