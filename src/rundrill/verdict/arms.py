"""The answers of the arms that are no drill: what happens without the procedure, or the fault."""

from typing import Final

from rundrill.events import CommandFinished, RecoveryMissed
from rundrill.model import Outcome, Promise, PromiseState, Verdict
from rundrill.verdict.promises import durable, unmeasured
from rundrill.verdict.record import Record

OWN: Final = {"undone": "it was not undone", "money": "money was lost or doubled"}
"""What a control arm promises whatever it is asked: nothing is left over, nothing is lost."""


def control_failures(control: Verdict) -> tuple[str, ...]:
    """What the control arm itself broke: that fails the drill beside it, as its own would.

    Also where it is no answer about the procedure, and where it was no drill that counts.
    """
    return tuple(
        f"{OWN[promise.id]}: {promise.evidence}"
        for promise in control.promises
        if promise.id in OWN and promise.state is PromiseState.BROKEN
    )


def control_outcome(record: Record) -> tuple[Outcome, str]:
    """Of a control arm whose promises hold. Healed is what recovered and stayed so.

    The bar is the drill's own: a pod that looks well between two crashes has not healed.
    """
    if record.last(CommandFinished) is not None:
        return Outcome.INVALID, "nothing was learned: a command was run in the control arm"
    times, missed = record.times, record.last(RecoveryMissed)
    unknown = "" if missed is None else unmeasured(record, missed)
    if unknown:
        return Outcome.INVALID, f"not proven: {unknown}"
    if missed is not None:
        waited = f"within {missed.waited_s:.1f} s of the alert"
        return Outcome.UNHEALED, f"did not heal by itself {waited}: {missed.evidence}"
    if times.recovered is None or times.firing is None:
        return Outcome.INVALID, "nothing was learned: nobody watched whether it heals"
    healed_s = times.recovered - times.firing
    stayed = durable(record)
    if stayed.state is PromiseState.HELD:
        return (
            Outcome.HEALED,
            f"healed by itself {healed_s:.1f} s after the alert: {stayed.evidence}",
        )
    if stayed.state is PromiseState.BROKEN:
        back = f"it was back {healed_s:.1f} s after the alert, and then"
        return Outcome.UNHEALED, f"did not heal by itself: {back} {stayed.evidence}"
    return Outcome.INVALID, f"not proven: {stayed.evidence}"


def dry_outcome(silent: Promise) -> tuple[Outcome, str]:
    """Of a dry arm whose other promises hold."""
    if silent.state is PromiseState.BROKEN:
        return Outcome.NOISY, silent.evidence
    if silent.state is PromiseState.HELD:
        return Outcome.SILENT, f"silent: {silent.evidence}"
    return Outcome.INVALID, f"not proven: {silent.evidence}"
