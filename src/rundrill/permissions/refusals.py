"""Which commands of a procedure will be refused: the guard asked before anything is started."""

from collections.abc import Mapping

from rundrill.claims import Command
from rundrill.errors import ExperimentError
from rundrill.model import Plan, PlannedStep
from rundrill.responder import guard
from rundrill.runbook.classify import command_kind


def refusal_of(plan: Plan, step: PlannedStep, command: Command) -> guard.Refused | None:
    """Why it will not be run; None when it will. A pod that is looked for counts as found."""
    judged = guard.admit(
        command.text, _values(plan, command), plan.blast_radius, editor=step.edit is not None
    )
    return judged if isinstance(judged, guard.Refused) else None


def words_of(plan: Plan, command: Command) -> tuple[str, ...]:
    """The words of a command that is not refused, "kubectl" first."""
    words = guard.split(command.text, _values(plan, command))
    assert not isinstance(words, guard.Refused)
    return words


def require_inside(plan: Plan) -> None:
    """Raises `ExperimentError` for a change outside the blast radius: such a drill never starts.

    One that only looks there is refused when it is reached, which the verdict tells.
    """
    for step in plan.steps:
        for command in step.commands:
            refusal = refusal_of(plan, step, command)
            if refusal is None or not refusal.outside or command_kind(command.text) != "remedy":
                continue
            raise ExperimentError(
                f"`{command.text}` ({step.procedure}#{step.number}) is refused: {refusal.why}",
                path=plan.runbook_path,
                line=command.line,
                fix=f"leave the step out of `procedure` in {plan.experiment_path}, or declare what"
                " it touches under `blast-radius` there; some things no drill may touch",
            )


def _values(plan: Plan, command: Command) -> Mapping[str, str]:
    """A pod is only known when the step is reached: until then its placeholder stands for it."""
    return {
        name: bound if isinstance(bound := plan.placeholders[name], str) else name
        for name in command.placeholders
        if name in plan.placeholders
    }
