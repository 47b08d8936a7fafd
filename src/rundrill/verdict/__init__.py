"""Events to `Verdict`. No clock, no cluster, no file: the same events give the same verdict.

A promise without evidence is *unproven*, and nothing unproven is a pass.
"""

from collections.abc import Sequence

from rundrill.events import DrillAborted, DrillEnded, DrillFailed, Event, FaultUndone
from rundrill.model import Outcome, Promise, PromiseState, Verdict
from rundrill.verdict.findings import findings
from rundrill.verdict.promises import promises
from rundrill.verdict.record import Record

__all__ = ["judge"]

State = PromiseState
_PRECONDITIONS = ("load", "baseline", "landed")


def judge(events: Sequence[Event]) -> Verdict:
    """The verdict of a run. Raises `ValueError` when there is no `DrillStarted` among them."""
    record = Record(events)
    kept = promises(record)
    outcome, reason = _outcome(record, kept)
    undone = record.last(FaultUndone)
    if undone is not None and not undone.undone and outcome is not Outcome.BROKEN:
        reason += f"; the fault is NOT undone: {undone.evidence}"
    return Verdict(
        outcome=outcome,
        reason=reason,
        promises=kept,
        findings=tuple(findings(record)),
        times=record.times,
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
        if promise.id in _PRECONDITIONS and promise.state is not State.HELD:
            return Outcome.INVALID, f"nothing was learned: {promise.evidence}"
    for promise in promises:
        if promise.state is State.BROKEN:
            return Outcome.BROKEN, f"{_broken_word(promise)}: {promise.evidence}"
    for promise in promises:
        if promise.state is not State.HELD:
            return Outcome.INVALID, f"not proven: {promise.evidence}"
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
