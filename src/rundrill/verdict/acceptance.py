"""Findings that an experiment accepts, like an expected failure of a strict test.

Accepted is a drill that broke in exactly the stated way: the broken promises are the accepted ones,
and whatever is unproven is so because the drill never came to it. The procedure was followed, too:
what breaks because its commands fail is another finding. Anything else fails, also that it held
after all: then the acceptance is out of date.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from rundrill.events import DrillStarted, FaultUndone, RecoveryMissed
from rundrill.model import (
    Acceptance,
    AcceptanceState,
    Outcome,
    Promise,
    PromiseState,
    StepHarm,
)
from rundrill.verdict.promises import failed_commands, not_executed
from rundrill.verdict.record import Record


def accept(
    record: Record, outcome: Outcome, promises: Sequence[Promise], harms: Sequence[StepHarm]
) -> tuple[AcceptanceState, str]:
    """What the accepted findings mean for this outcome, and one sentence about it."""
    accepted = {item.promise: item for item in record.plan.accepted}
    if not accepted or record.plan.arm != "drill":
        return "none", ""
    stated = "; ".join(_stated(item) for item in accepted.values())
    if outcome is Outcome.HELD:
        return "unexpectedly-held", f"it held, so the accepted finding goes ({stated})"
    if outcome is not Outcome.BROKEN:
        return "undecided", f"it says nothing about the accepted finding ({stated})"
    others = [*_otherwise(record, promises, harms, accepted)]
    if others:
        return "otherwise", f"not as accepted ({stated}): {'; '.join(others)}"
    late = [item for item in accepted.values() if _expired(record, item)]
    if late:
        return "expired", f"past its review date ({'; '.join(_stated(item) for item in late)})"
    return "accepted", f"as accepted: {stated}"


def _otherwise(
    record: Record,
    promises: Sequence[Promise],
    harms: Sequence[StepHarm],
    accepted: Iterable[str],
) -> Iterable[str]:
    for promise in promises:
        if promise.state is PromiseState.BROKEN and promise.id not in accepted:
            yield f"`{promise.id}` is broken too: {promise.evidence}"
        elif promise.state is PromiseState.HELD and promise.id in accepted:
            yield f"`{promise.id}` held"
        elif promise.state is PromiseState.UNPROVEN and (
            promise.id in accepted or promise.id not in _not_reached(record, harms)
        ):
            yield f"`{promise.id}` is not proven: {promise.evidence}"
    for missing in sorted(set(accepted) - {promise.id for promise in promises}):
        yield f"there is no promise `{missing}`"
    # Broken because nobody could follow the procedure says nothing of what the procedure is worth.
    yield from failed_commands(record)
    yield from not_executed(record, unbound=False)
    if "recovered" in accepted and record.last(RecoveryMissed) is None:
        yield "nobody saw that the service stayed broken for the whole time"
    undone = record.last(FaultUndone)
    if undone is None or not undone.undone:
        yield "the fault is not undone"  # nobody can accept that for the next drill


def _not_reached(record: Record, harms: Sequence[StepHarm]) -> set[str]:
    """Promises of phases that the drill never began, since an earlier one had already failed."""
    missing = set()
    if record.started("respond") is None:
        missing |= {"recovered"}
    if record.started("soak") is None:
        missing |= {"durable"}
    if not harms:
        missing |= {"harmless"}
    return missing


def _expired(record: Record, item: Acceptance) -> bool:
    """On the day itself it is not; a date that cannot be read has passed."""
    started = record.last(DrillStarted)
    try:
        today = datetime.fromisoformat("" if started is None else started.wall_time).date()
        return today > date.fromisoformat(item.review)
    except ValueError:
        return True


def _stated(item: Acceptance) -> str:
    return f"`{item.promise}` breaks: {item.reason}, until {item.review}"
