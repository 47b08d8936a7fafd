"""Harm that nobody was called for: an alert that resolved too early, or none at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard

from rundrill.events import UNKNOWN_HARM, AlertChanged, LoadSampled, SteadyStateSampled
from rundrill.model import Finding
from rundrill.verdict import customers
from rundrill.verdict.detection import floor
from rundrill.verdict.harm import error_limit
from rundrill.verdict.history import alerts, spells
from rundrill.verdict.record import Record

SILENT_S: Final = 5.0
"""How long harm without its alert is no more than the end of a remedy. Two failures that are
farther apart are not one harm."""


@dataclass(frozen=True, slots=True)
class _Silence:
    """The fault harmed on from `start` to `end` after `alert` had resolved; `harm` is what of it
    was seen at `at`, when that had gone on for too long."""

    alert: str
    start: float
    end: float
    at: float
    harm: str


@dataclass(frozen=True, slots=True)
class _Unalerted:
    """Customers failed from `start` to `end` while no alert fired."""

    start: float
    end: float
    failed: int
    requests: int

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def is_part_of(self, silence: _Silence) -> bool:
        return self.start < silence.end and silence.start < self.end


def unheard_findings(record: Record) -> Iterator[Finding]:
    """One stretch of harm is one finding. That an alert resolved too early says more than that none
    fired, so what customers met meanwhile is evidence of it."""
    silences = [
        silence
        for alert in record.plan.expected_alerts
        if (silence := _silence(record, alert)) is not None
    ]
    allowed_s, why = _allowed(record)
    unalerted = [one for one in _unalerted(record) if one.seconds > max(allowed_s, SILENT_S)]
    for silence in silences:
        yield _silent_harm(record, silence, [s for s in unalerted if s.is_part_of(silence)])
    others = [one for one in unalerted if not any(one.is_part_of(s) for s in silences)]
    if others:
        worst = max(others, key=lambda one: one.seconds)
        yield _unalerted_harm(record, worst, f"{allowed_s:.1f} s: {why}")


def _silent_harm(record: Record, silence: _Silence, met: Sequence[_Unalerted]) -> Finding:
    """An alert that resolves while the harm goes on tells the responder that it is over."""
    evidence = f"at {silence.at:.1f} s: {silence.harm}"
    if met:
        worst = max(met, key=lambda one: one.seconds)
        evidence += (
            f"; customers failed for {worst.seconds:.1f} s while no alert fired:"
            f" {worst.failed} of {worst.requests} requests"
        )
    return Finding(
        id=f"silent-harm-{silence.alert}",
        severity="warning",
        text=f"{silence.alert} resolved while the harm went on",
        evidence=evidence,
        line=record.plan.alert_lines.get(silence.alert),
    )


def _silence(record: Record, alert: str) -> _Silence | None:
    """The first one. Not what only lasts while the last pods of the remedy start, nor what the
    undo makes."""
    undo = record.started("undo")
    state, fired = "inactive", False
    seen: list[tuple[float, str]] = []
    for event in record.events:
        if undo is not None and event.at > undo:
            break
        if isinstance(event, AlertChanged) and event.alert == alert:
            state = event.state
            fired = fired or state == "firing"
        elif not isinstance(event, SteadyStateSampled):
            continue
        elif fired and state == "inactive" and _is_known(event.harm):
            seen.append((event.at, event.harm))
            continue
        if _too_long(seen):
            break
        seen.clear()
    if not _too_long(seen):
        return None
    start, end = seen[0][0], seen[-1][0]
    at, harm = next((at, harm) for at, harm in seen if at - start >= SILENT_S)
    return _Silence(alert, start, end, at, harm)


def _is_known(harm: str | None) -> TypeGuard[str]:
    return harm is not None and not harm.startswith(UNKNOWN_HARM)


def _too_long(seen: Sequence[tuple[float, str]]) -> bool:
    return bool(seen) and seen[-1][0] - seen[0][0] >= SILENT_S


def _unalerted_harm(record: Record, worst: _Unalerted, allowed: str) -> Finding:
    plan = record.plan
    return Finding(
        id="unalerted-harm",
        severity="warning",
        text=f"Customers failed for {worst.seconds:.1f} s while no alert fired",
        evidence=f"from {worst.start:.1f} s: {worst.failed} of {worst.requests} requests;"
        f" allowed are {allowed}",
        line=next((plan.alert_lines.get(alert) for alert in plan.expected_alerts), None),
    )


def _allowed(record: Record) -> tuple[float, str]:
    """For how many seconds customers may fail before an alert fires, and why so long.

    The rules' own design says it: when every window holds nothing but the harm, and `for` is over,
    nothing is left to wait for. Where a run does not hold the designs it is the time that the
    runbook gives an alert.
    """
    plan = record.plan
    floors = [own for alert in plan.expected_alerts if (own := floor(record, alert)) is not None]
    if not floors:
        return plan.windows.detect_budget_s, "the runbook gives an alert no longer"
    until_firing = max(own.most_s - (own.group_wait_s or 0.0) for own in floors)
    return until_firing, "the slowest expected rule takes no longer by its own design"


def _unalerted(record: Record) -> Iterator[_Unalerted]:
    samples = record.all(LoadSampled)
    for start, end in _unheard(record):
        inside = [s for s in samples if start < s.at <= end]
        yield _Unalerted(
            start=start,
            end=end,
            failed=sum(customers.failed(s) for s in inside),
            requests=sum(customers.ended(s) for s in inside),
        )


def _unheard(record: Record) -> Iterator[tuple[float, float]]:
    """The stretches of harm, those in which any alert fired cut out of them."""
    fired = sorted(
        (spell.start, spell.end)
        for alert in alerts(record)
        for spell in spells(record, alert)
        if spell.state == "firing"
    )
    for start, end in _stretches(record):
        at = start
        for begins, ends in fired:
            if ends <= at or begins >= end:
                continue
            yield at, max(at, begins)
            at = max(at, ends)
        if at < end:
            yield at, end


def _stretches(record: Record) -> Sequence[tuple[float, float]]:
    """The seconds of harm from the injection until the undo, where they are near each other."""
    injected, undo = record.times.injected, record.started("undo")
    if injected is None:
        return ()
    limit = error_limit(record)
    found: list[tuple[float, float]] = []
    for s in record.all(LoadSampled):
        if s.at <= injected or (undo is not None and s.at > undo):
            continue
        if not customers.harmed(s, limit):
            continue
        began = s.at - 1.0
        if found and began - found[-1][1] <= SILENT_S:
            found[-1] = (found[-1][0], s.at)
        else:
            found.append((began, s.at))
    return found
