"""One run's events to its verdict, whichever arm it is."""

from collections.abc import Mapping, Sequence

from rundrill.events import DrillAborted, DrillEnded, DrillFailed, Event, FaultUndone
from rundrill.model import Arm, Outcome, Promise, PromiseState, Verdict
from rundrill.verdict.acceptance import accept
from rundrill.verdict.arms import control_outcome, dry_outcome
from rundrill.verdict.detection import detections
from rundrill.verdict.findings import findings
from rundrill.verdict.harm import step_harms
from rundrill.verdict.impact import hangs, impact
from rundrill.verdict.promises import promises
from rundrill.verdict.record import Record

State = PromiseState
_PRECONDITIONS: Mapping[Arm, Sequence[str]] = {
    "drill": ("load", "baseline", "landed"),
    "control": ("load", "baseline", "landed", "detected"),
    "dry": ("load", "baseline"),
}
"""Without them nothing was learned. A control arm begins to watch at the alert."""


def judge(events: Sequence[Event]) -> Verdict:
    """The verdict of a run. Raises `ValueError` when there is no `DrillStarted` among them."""
    record = Record(events)
    harms = step_harms(record)
    kept = promises(record, harms)
    outcome, reason = _outcome(record, kept)
    acceptance, accepted = accept(record, outcome, kept, harms)
    found, met = detections(record), impact(record)
    undone = record.last(FaultUndone)
    if undone is not None and not undone.undone and outcome is not Outcome.BROKEN:
        reason += f"; the fault is NOT undone: {undone.evidence}"
    return Verdict(
        outcome=outcome,
        reason=reason,
        promises=kept,
        findings=tuple(findings(record, harms, kept, found, met)),
        times=record.times,
        arm=record.plan.arm,
        acceptance=acceptance,
        acceptance_reason=accepted,
        harm=harms,
        detections=found,
        impact=met,
        hangs=hangs(record),
    )


def _outcome(record: Record, promises: Sequence[Promise]) -> tuple[Outcome, str]:
    aborted, failed = record.last(DrillAborted), record.last(DrillFailed)
    if aborted is not None:
        return Outcome.ABORTED, f"aborted: {aborted.why}"
    if record.last(DrillEnded) is None:
        return Outcome.ABORTED, "the runner ended before the drill did"
    if failed is not None:
        return Outcome.INVALID, f"nothing was learned: {failed.why} (in {failed.phase})"
    for promise in promises:
        if promise.id in _PRECONDITIONS[record.plan.arm] and promise.state is not State.HELD:
            return Outcome.INVALID, f"nothing was learned: {promise.evidence}"
    silent = next((promise for promise in promises if promise.id == "silent"), None)
    for promise in promises:
        if promise.state is State.BROKEN and promise is not silent:
            return Outcome.BROKEN, f"{_broken_word(promise)}: {promise.evidence}"
    for promise in promises:
        if promise.state is not State.HELD and promise is not silent:
            return Outcome.INVALID, f"not proven: {promise.evidence}"
    if silent is not None:
        return dry_outcome(silent)
    if record.plan.arm == "control":
        return control_outcome(record)
    return Outcome.HELD, _held_reason(record)


def _broken_word(promise: Promise) -> str:
    return {
        "detected": "not detected",
        "recovered": "not recovered",
        "harmless": "the fix did harm",
        "durable": "not durable",
        "undone": "not undone",
        "money": "money was lost or doubled",
    }[promise.id]


def _held_reason(record: Record) -> str:
    times, plan = record.times, record.plan
    assert times.firing is not None
    assert times.injected is not None
    assert times.recovered is not None
    return (
        f"{' and '.join(plan.expected_alerts)} fired {times.firing - times.injected:.1f} s after"
        f" the fault, the runbook's steps had the service back {times.recovered - times.firing:.1f}"
        f" s later, it stayed fixed for {plan.windows.soak_s:.0f} s, and everything was undone"
    )
