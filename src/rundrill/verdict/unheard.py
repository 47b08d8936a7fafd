"""Harm that nobody was called for: an alert that resolved too early, or none at all."""

from collections.abc import Iterator, Sequence
from typing import Final

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


def unheard_findings(record: Record) -> Iterator[Finding]:
    yield from _silent_harm(record)
    yield from _unalerted(record)


def _silent_harm(record: Record) -> Iterator[Finding]:
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


def _unalerted(record: Record) -> Iterator[Finding]:
    """Customers failed, above what the steady state allows, for longer than the rules need.

    How long that is their own design says: when every window holds nothing but the harm, and
    `for` is over, nothing is left to wait for. Where a run does not hold the
    designs it is the time that the runbook gives an alert.
    """
    stretch = max(_unheard(record), key=lambda part: part[1] - part[0], default=None)
    if stretch is None:
        return
    start, end = stretch
    plan = record.plan
    floors = [own for alert in plan.expected_alerts if (own := floor(record, alert)) is not None]
    until_firing = (own.most_s - (own.group_wait_s or 0.0) for own in floors)
    allowed_s = max(until_firing, default=plan.windows.detect_budget_s)
    why = (
        "the slowest expected rule takes no longer by its own design"
        if floors
        else "the runbook gives an alert no longer"
    )
    if end - start <= max(allowed_s, SILENT_S):
        return
    inside = [s for s in record.all(LoadSampled) if start < s.at <= end]
    failed = sum(customers.failed(s) for s in inside)
    requests = sum(customers.ended(s) for s in inside)
    yield Finding(
        id="unalerted-harm",
        severity="warning",
        text=f"Customers failed for {end - start:.1f} s while no alert fired",
        evidence=f"from {start:.1f} s: {failed} of {requests} requests; allowed are"
        f" {allowed_s:.1f} s: {why}",
        line=next((plan.alert_lines.get(alert) for alert in plan.expected_alerts), None),
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
