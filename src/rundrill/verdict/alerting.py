"""What the alerts did that they should not have done, or did not do."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rundrill.events import BaselineJudged, NotificationFailed, ScrapeFailed
from rundrill.measured import Detection
from rundrill.model import Finding, Promise, PromiseState
from rundrill.verdict.detection import floor
from rundrill.verdict.history import Spell, alerts, spells
from rundrill.verdict.record import Record

BLIND = " is blind: "
"""How the baseline says that an alert has no samples to work on."""
TOLD_WITHIN_S = 5.0
"""Of the end of its group's wait: how long a message may take."""


def alert_findings(
    record: Record, promises: Sequence[Promise], detections: Sequence[Detection]
) -> Iterator[Finding]:
    yield from _blind(record)
    detected = next((p for p in promises if p.id == "detected"), None)
    if detected is not None and detected.state is PromiseState.BROKEN:
        for detection in detections:
            if detection.role == "expected":
                yield from _missed_or_late(record, detection)
    for alert in alerts(record):
        history = spells(record, alert)
        yield from _unfounded(record, alert, history)
        yield from _flapping(record, alert, history)
        yield from _never_fired(record, alert, history)
    failed = {alert for e in record.all(NotificationFailed) for alert in e.alerts}
    for detection in detections:
        if detection.firing is None or detection.notified is not None or detection.alert in failed:
            continue
        own = floor(record, detection.alert)
        if own is None or own.group_wait_s is None:
            continue
        # One that fired just before the end would have been told later.
        if record.end - detection.firing > own.group_wait_s + TOLD_WITHIN_S:
            yield _finding(
                record,
                detection.alert,
                "untold",
                "fired, and no receiver was told",
                f"firing at {detection.firing:.1f} s",
            )


def _finding(record: Record, alert: str, kind: str, what: str, evidence: str) -> Finding:
    return Finding(
        id=f"{kind}-{alert}",
        severity="warning",
        text=f"{alert} {what}",
        evidence=evidence,
        line=record.plan.alert_lines.get(alert),
    )


def _blind(record: Record) -> Iterator[Finding]:
    """No data is no silence: then the drill has ended before any change."""
    judged = record.last(BaselineJudged)
    for told in () if judged is None else judged.broken:
        alert, blind, metric = told.partition(BLIND)
        if blind:
            yield Finding(
                id=f"blind-{alert}-{metric}",
                severity="broken",
                text=f"{alert} cannot fire: what its rule needs is scraped from nobody",
                evidence=metric,
                line=record.plan.alert_lines.get(alert),
            )


def _missed_or_late(record: Record, detection: Detection) -> Iterator[Finding]:
    """Only where the promise is broken: whoever did not look knows of no alert that is missing."""
    limit_s, injected = record.plan.windows.detect_budget_s, record.times.injected
    assert injected is not None
    if detection.firing is not None:
        known = detection.firing if detection.notified is None else detection.notified
        after_s = known - injected
        if after_s > limit_s:
            yield Finding(
                id=f"late-{detection.alert}",
                severity="broken",
                text=f"{detection.alert} fired too late"
                if detection.notified is None
                else f"Somebody was told too late that {detection.alert} fires",
                evidence=f"{after_s:.1f} s after the fault (limit {limit_s:.1f} s):"
                f" {detection.sentence}",
                line=detection.line,
            )
    else:
        failed = [e for e in record.all(ScrapeFailed) if e.at >= injected]
        jobs = ", ".join(dict.fromkeys(e.job for e in failed))
        seen = f"; scrapes of {jobs} failed meanwhile" if jobs else ""
        yield Finding(
            id=f"missed-{detection.alert}",
            severity="broken",
            text=f"{detection.alert} did not fire for the fault that should fire it",
            evidence=f"within {limit_s:.1f} s: {detection.sentence}{seen}",
            line=detection.line,
        )


def _unfounded(record: Record, alert: str, history: Sequence[Spell]) -> Iterator[Finding]:
    """Fired without the fault that it is for, whoever expected it."""
    plan, injected = record.plan, record.times.injected
    fired = [s for s in history if s.state == "firing"]
    before = [s for s in fired if injected is None or s.start < injected]
    if before and plan.arm == "dry":
        yield _finding(
            record, alert, "dry-alert", "fired in the dry arm, without a fault", _at(before)
        )
    elif before:
        yield _finding(record, alert, "baseline-alert", "fired before the fault", _at(before))
    after = [s for s in fired if s not in before]
    if after and alert not in (*plan.expected_alerts, *plan.tolerated_alerts):
        where = "the control arm" if plan.arm == "control" else "this drill"
        yield _finding(
            record,
            alert,
            "unexpected-alert",
            f"fired, which nobody expected in {where}",
            _at(after),
        )


def _at(fired: Sequence[Spell]) -> str:
    return f"firing at {fired[0].start:.1f} s"


def _flapping(record: Record, alert: str, history: Sequence[Spell]) -> Iterator[Finding]:
    """It resolved and came back while the fault was there: who is called twice trusts it less."""
    fired = [s for s in _of_the_fault(record, history) if s.state == "firing"]
    quiet = [b.start - a.end for a, b in pairwise(fired)]
    if quiet:
        yield _finding(
            record,
            alert,
            "flapping",
            f"fired {len(fired)} times for one fault",
            f"at {', '.join(f'{s.start:.1f} s' for s in fired)}; it was silent for"
            f" {', '.join(f'{seconds:.1f} s' for seconds in quiet)} in between",
        )


def _never_fired(record: Record, alert: str, history: Sequence[Spell]) -> Iterator[Finding]:
    """Its condition held, and not for long enough: `for` may be too long, or the harm too short."""
    mine = _of_the_fault(record, history)
    waits = [s for s in mine if s.state == "pending"]
    if not waits or any(s.state == "firing" for s in history):
        return
    longest = max(waits, key=lambda spell: spell.end - spell.start)
    own = floor(record, alert)
    for_s = "" if own is None else f"; its `for` is {own.for_s:.1f} s"
    yield Finding(
        id=f"pending-{alert}",
        severity="note",
        text=f"{alert} was pending and never fired",
        evidence=f"from {longest.start:.1f} s for {longest.end - longest.start:.1f} s{for_s}",
        line=record.plan.alert_lines.get(alert),
    )


def _of_the_fault(record: Record, history: Sequence[Spell]) -> Sequence[Spell]:
    """What began between the injection and the recovery, or the undo where there was none."""
    injected = record.times.injected
    if injected is None:
        return ()
    ends = (record.times.recovered, record.started("undo"), record.end)
    end = next(at for at in ends if at is not None)
    return [s for s in history if injected <= s.start <= end]
