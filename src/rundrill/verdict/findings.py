"""What was learned beside the promises, each with its evidence and, where it has one, its line."""

from collections.abc import Iterable, Iterator
from typing import Final

from rundrill.bounds import compare, shown
from rundrill.events import (
    UNKNOWN_HARM,
    AlertChanged,
    CommandFinished,
    CommandRefused,
    FaultUndone,
    ScrapeFailed,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.model import Finding, StepHarm
from rundrill.verdict.harm import harm_findings
from rundrill.verdict.record import Record

SILENT_S: Final = 5.0
"""How long harm without its alert is no more than the end of a remedy."""


def findings(record: Record, harms: Iterable[StepHarm]) -> Iterator[Finding]:
    """In no order of importance; the report sorts."""
    yield from harm_findings(harms)
    yield from _alert_findings(record)
    yield from _silent_harm_findings(record)
    yield from _severity_finding(record)
    yield from _command_findings(record)
    yield from _scrape_findings(record)
    undone = record.last(FaultUndone)
    for index, difference in enumerate(() if undone is None else undone.differences):
        yield Finding(
            id=f"left-over-{index}",
            severity="broken",
            text="Something is not as it was before the drill",
            evidence=difference,
        )


def _alert_findings(record: Record) -> Iterator[Finding]:
    plan = record.plan
    known = {*plan.expected_alerts, *plan.tolerated_alerts}
    fired = {e.alert: e.at for e in reversed(record.all(AlertChanged)) if e.state == "firing"}
    for alert, at in sorted(fired.items()):
        if alert not in known:
            yield Finding(
                id=f"unexpected-alert-{alert}",
                severity="warning",
                text=f"{alert} fired, which nobody expected in this drill",
                evidence=f"firing at {at:.1f} s",
                line=plan.alert_lines.get(alert),
            )


def _silent_harm_findings(record: Record) -> Iterator[Finding]:
    """An alert that resolves while the harm goes on tells the responder that it is over.

    Not what only lasts while the last pods of the remedy start, nor what the undo makes.
    """
    undo = record.started("undo")
    for alert in record.plan.expected_alerts:
        state = "inactive"
        fired = False
        since: float | None = None
        for event in record.events:
            if undo is not None and event.at > undo:
                break
            if isinstance(event, AlertChanged) and event.alert == alert:
                state = event.state
                fired = fired or state == "firing"
                since = None
            elif isinstance(event, SteadyStateSampled) and fired and state == "inactive":
                if event.harm is None or event.harm.startswith(UNKNOWN_HARM):
                    since = None
                    continue
                since = event.at if since is None else since
                if event.at - since < SILENT_S:
                    continue
                yield Finding(
                    id=f"silent-harm-{alert}",
                    severity="warning",
                    text=f"{alert} resolved while the harm went on",
                    evidence=f"at {event.at:.1f} s: {event.harm}",
                    line=record.plan.alert_lines.get(alert),
                )
                break


def _severity_finding(record: Record) -> Iterator[Finding]:
    """The observed impact by the runbook's own numbers, against the declared severity."""
    plan, injected = record.plan, record.times.injected
    if injected is None:
        return
    samples = [s for s in record.all(SteadyStateSampled) if s.at >= injected]
    measured = {bound.subject: bound for bound in plan.steady_state}
    worst: dict[str, float] = {}
    for sample in samples:
        for subject, value in sample.values.items():
            if value is not None:
                worst[subject] = max(value, worst.get(subject, value))
    met = next(
        (
            condition
            for condition in plan.severity_conditions
            if condition.subject in worst
            and compare(worst[condition.subject], condition.comparator, condition.value)
        ),
        None,
    )
    seen = ", ".join(
        f"{subject} {shown(worst[subject], measured[subject].unit)}"
        for subject in dict.fromkeys(c.subject for c in plan.severity_conditions)
        if subject in worst
    )
    if met is not None and met.severity == plan.severity:
        return
    observed = "no severity's numbers" if met is None else f"the numbers of {met.severity}"
    yield Finding(
        id="severity",
        severity="note" if met is None else "warning",
        text=f"Declared {plan.severity}, but what customers met fits {observed}",
        evidence=f"worst after the fault: {seen or 'nothing that a severity states'}",
        line=plan.severity_line if met is None else met.line,
    )


def _command_findings(record: Record) -> Iterator[Finding]:
    for event in record.events:
        if isinstance(event, CommandRefused):
            yield Finding(
                id=f"refused-{event.line}",
                severity="warning",
                text=f"A command of {event.procedure} was not run: {event.text}",
                evidence=event.why,
                line=event.line,
            )
        elif isinstance(event, StepSkipped) and not event.needless:
            yield Finding(
                id=f"skipped-{event.line}",
                severity="warning",
                text=f"A step of {event.procedure} was not done: {event.text}",
                evidence=event.why,
                line=event.line,
            )
        elif isinstance(event, CommandFinished) and event.exit_code not in (0, None):
            yield Finding(
                id=f"failed-{event.line}",
                severity="warning",
                text=f"A command of {event.procedure} failed: {event.text}",
                evidence=f"exit code {event.exit_code}: {event.stderr.strip()[:300]}",
                line=event.line,
            )


def _scrape_findings(record: Record) -> Iterator[Finding]:
    by_job: dict[str, list[ScrapeFailed]] = {}
    for event in record.all(ScrapeFailed):
        by_job.setdefault(event.job, []).append(event)
    for job, failures in by_job.items():
        yield Finding(
            id=f"scrape-{job}",
            severity="note",
            text=f"{len(failures)} scrapes of {job} began to fail during the drill",
            evidence=f"first at {failures[0].at:.1f} s: {failures[0].instance}:"
            f" {failures[0].error[:200]}",
        )
