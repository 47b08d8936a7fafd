"""What a run says of steps and commands: what was run, and how it ended."""

from collections.abc import Sequence

from rundrill.base.units import Scale, seconds
from rundrill.claims import Command, ProcedureStep, Step
from rundrill.coverage.evidence import Asked, Evidence, RunRecord, State
from rundrill.events import CommandFinished, CommandRefused, RecoveryMissed, StepSkipped
from rundrill.model import PlannedStep, PromiseState
from rundrill.redaction import redact
from rundrill.report.text import one_line

_PART = "procedure"


def of_command(value: Command, asked: Asked) -> Evidence | None:
    """A command is exercised in the step in which it stands, by its own words."""
    run = asked.run
    for _, step in asked.runbook.having(ProcedureStep):
        if any(one.line == value.line and one.text == value.text for one in step.step.commands):
            return _command(value.text, step, run)
    return None


def _command(text: str, step: ProcedureStep, run: RunRecord) -> Evidence | None:
    text = redact(text)  # so it is in the events
    finished = [one for one in _finished(step, run) if redact(one.text) == text]
    if finished:
        bad = next((one for one in finished if _failed(one)), None)
        one = bad or finished[-1]
        return Evidence(
            run=run,
            state="held" if bad is None else "broken",
            sentence=_ended(one),
            part=_PART,
        )
    refused = next(
        (
            one
            for one in run.record.all(CommandRefused)
            if (one.procedure, one.number) == (step.procedure, step.step.number)
            and redact(one.text) == text
        ),
        None,
    )
    if refused is None:
        return None
    return Evidence(
        run=run, state="unproven", sentence=f"not run: {one_line(refused.why)}", part=_PART
    )


def of_step(value: ProcedureStep, asked: Asked) -> Evidence | None:
    """All of its commands ran; a remedy must have mended and not hurt; a window was watched."""
    run = asked.run
    planned = _planned(value, run)
    if planned is None or not _same(planned, value.step):
        return None
    if not value.step.commands:
        return _watched(run) if value.step.duration_s is not None else None
    parts = [_command(one.text, value, run) for one in value.step.commands]
    known = [one for one in parts if one is not None]
    broken = [one for one in known if one.state == "broken"]
    if broken:
        return broken[0]
    harm = next(
        (
            one
            for one in run.verdict.harm
            if (one.procedure, one.number) == (value.procedure, value.step.number)
        ),
        None,
    )
    if harm is not None and harm.state == "harmful":
        return Evidence(
            run=run,
            state="broken",
            sentence=f"it hurt customers more than the fault had: {harm.evidence}",
            part="harm",
        )
    if len(known) == len(parts) and all(one.state == "held" for one in known):
        unsaved = _unsaved(planned, run)
        if unsaved is not None:
            return unsaved
        count = len(known)
        said = known[0].sentence if count == 1 else f"all {count} commands ended with exit code 0"
        return Evidence(run=run, state="held", sentence=said, part=_PART)
    skipped = next(
        (
            one
            for one in run.record.all(StepSkipped)
            if (one.procedure, one.number) == (value.procedure, value.step.number)
        ),
        None,
    )
    why = known[0].sentence if known else None
    if skipped is not None:
        why = f"left out: {one_line(skipped.why)}"
    return None if why is None else Evidence(run=run, state="unproven", sentence=why, part=_PART)


def _planned(value: ProcedureStep, run: RunRecord) -> PlannedStep | None:
    return next(
        (
            one
            for one in run.plan.steps
            if (one.procedure, one.number) == (value.procedure, value.step.number)
        ),
        None,
    )


def _unsaved(step: PlannedStep, run: RunRecord) -> Evidence | None:
    """A procedure that was followed and did not bring the service back is broken in what was to
    mend it: its remedies, or the end of a procedure that has none.
    """
    promise = run.promise("recovered")
    missed = run.record.last(RecoveryMissed) is not None
    if promise is None or promise.state is not PromiseState.BROKEN or not missed:
        return None
    remedies = [one for one in run.plan.steps if one.kind == "remedy"]
    own = [one for one in run.plan.steps if one.procedure == run.plan.steps[0].procedure]
    last = [one for one in own if one.commands][-1:]
    if step not in (remedies or last):
        return None
    without = "" if remedies else " by a procedure without a remedy"
    return Evidence(
        run=run,
        state="broken",
        sentence=f"followed in {run.drill}, not recovered{without}: {one_line(promise.evidence)}",
        part="promises",
    )


def _watched(run: RunRecord) -> Evidence | None:
    """The monitoring window of the runbook."""
    promise = run.promise("durable")
    if promise is None or promise.measured_s is None:
        return None
    scale = Scale(run.plan.compression)
    state: State = promise.state.value
    watched = f"{scale.both(promise.measured_s)} watched"
    return Evidence(
        run=run,
        state=state,
        sentence=f"{watched}: {one_line(promise.evidence)}",
        part="steady-state",
    )


def _same(planned: PlannedStep, step: Step) -> bool:
    """Whether the run followed this very step; in another version it may have been another."""
    own: Sequence[str] = [redact(one.text) for one in planned.commands if not one.bound]
    if planned.commands and not own:  # a manual step that a binding carried out
        return False
    return list(own) == [redact(one.text) for one in step.commands]


def _finished(step: ProcedureStep, run: RunRecord) -> list[CommandFinished]:
    return [
        one
        for one in run.record.all(CommandFinished)
        if (one.procedure, one.number) == (step.procedure, step.step.number) and not one.by_binding
    ]


def _failed(one: CommandFinished) -> bool:
    return not one.endless and one.exit_code != 0


def _ended(one: CommandFinished) -> str:
    took = seconds(one.duration_s)
    if one.endless:
        return f"ran until it was stopped after {took}, as it never ends by itself"
    if one.exit_code is None:
        return f"did not end within {took}"
    if one.exit_code == 0:
        return f"exit code 0 after {took}"
    said = one_line(one.stderr.strip(), 160)
    return f"exit code {one.exit_code} after {took}" + (f": {said}" if said else "")
