"""What customers met, by the runbook's own severities, and how long their requests hung."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rundrill.bounds import compare, shown
from rundrill.events import LoadSampled, SteadyStateSampled
from rundrill.measured import Hang, ImpactCondition
from rundrill.model import Finding, SeverityCondition
from rundrill.verdict.history import spells
from rundrill.verdict.record import Record


def impact(record: Record) -> tuple[ImpactCondition, ...]:
    """One for each condition with a number, most severe first; none where no fault was made."""
    injected = record.times.injected
    if injected is None:
        return ()
    undo = record.started("undo")
    looks = [
        look
        for look in record.all(SteadyStateSampled)
        if injected <= look.at and (undo is None or look.at <= undo)
    ]
    return tuple(_condition(record, one, looks) for one in record.plan.severity_conditions)


def _condition(
    record: Record, one: SeverityCondition, looks: Sequence[SteadyStateSampled]
) -> ImpactCondition:
    plan = record.plan
    values = [
        (look.at, value) for look in looks if (value := look.values.get(one.subject)) is not None
    ]
    met = next((at for at, value in values if compare(value, one.comparator, one.value)), None)
    worst = min if one.comparator.startswith("<") else max
    unit = next((b.unit for b in plan.steady_state if b.subject == one.subject), "count")
    return ImpactCondition(
        severity=one.severity,
        declared=one.severity == plan.severity,
        text=one.text,
        line=one.line,
        subject=one.subject,
        comparator=one.comparator,
        limit=one.value,
        unit=unit,
        first_met=met,
        worst=worst((value for _, value in values), default=None),
        announced="" if met is None else "; ".join(_announced(record, met)),
    )


def _announced(record: Record, met: float) -> Iterator[str]:
    """Each expected alert against the moment at which customers met the condition."""
    injected = record.times.injected
    assert injected is not None
    for alert in record.plan.expected_alerts:
        fired = [s for s in spells(record, alert) if s.state == "firing"]
        after = next((s.start for s in fired if s.start >= injected), None)
        if any(s.start < injected and s.holds(injected) for s in fired):
            yield f"{alert} was firing before the fault"
        elif after is None:
            yield f"{alert} never fired"
        elif after <= met:
            yield f"{alert} fired {met - after:.1f} s before"
        else:
            yield f"{alert} fired {after - met:.1f} s after"


def severity_finding(record: Record, conditions: Sequence[ImpactCondition]) -> Iterator[Finding]:
    """The observed impact by the runbook's own numbers, against the declared severity."""
    plan = record.plan
    if record.times.injected is None:
        return
    met = next((one for one in conditions if one.first_met is not None), None)
    if met is not None and met.declared:
        return
    seen = ", ".join(
        f"{subject} {told}" for subject, told in dict(_worst_by_subject(conditions)).items()
    )
    observed = "no severity's numbers" if met is None else f"the numbers of {met.severity}"
    evidence = f"worst after the fault: {seen or 'nothing that a severity states'}"
    if met is not None:
        evidence += f"; first met at {met.first_met:.1f} s: {met.text}"
    yield Finding(
        id="severity",
        severity="note" if met is None else "warning",
        text=f"Declared {plan.severity}, but what customers met fits {observed}",
        evidence=evidence,
        line=plan.severity_line if met is None else met.line,
    )


def _worst_by_subject(conditions: Iterable[ImpactCondition]) -> Iterator[tuple[str, str]]:
    for one in conditions:
        if one.worst is not None:
            yield one.subject, shown(one.worst, one.unit)


def hangs(record: Record) -> tuple[Hang, ...]:
    """The oldest request in flight, as the load and as the service saw it, from the injection on
    or over the whole run where nothing was injected. Empty where nobody looked.
    """
    start, slow_s = record.times.injected or 0.0, record.plan.load.slow_s
    by_load = [(s.at, s.oldest_in_flight_s) for s in record.all(LoadSampled) if s.at >= start]
    by_service = [
        (s.at, s.service_oldest_s)
        for s in record.all(SteadyStateSampled)
        if s.at >= start and s.service_oldest_s is not None
    ]
    found = (_hang("load", by_load, slow_s), _hang("service", by_service, slow_s))
    return tuple(hang for hang in found if hang is not None)


def _hang(
    seen_by: Literal["load", "service"], ages: Sequence[tuple[float, float]], slow_s: float | None
) -> Hang | None:
    if not ages:
        return None
    at, longest_s = max(ages, key=lambda age: age[1])
    slow = (seen for seen, age in ages if slow_s is not None and age > slow_s)
    return Hang(seen_by=seen_by, longest_s=longest_s, at=at, slow_from=next(slow, None))
