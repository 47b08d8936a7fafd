"""One drill as it will go: the fate of each step and command, and what it needs."""

from dataclasses import dataclass
from typing import Literal

from rundrill.claims import Command
from rundrill.errors import RundrillError
from rundrill.model import Plan, PlannedStep
from rundrill.permissions import Needs, needs_of, refusal_of, require_inside
from rundrill.plan import ServiceFile

Fate = Literal["run", "if needed", "watch", "manual", "refused", "not reached"]
"""`if needed`: a remedy, until the service has recovered; `watch`: the drill itself does it;
`manual`: no command is bound to it; `not reached`: the responder stops before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """A command and its fate, or a step without one; `why` only of what will not be run."""

    step: PlannedStep
    command: Command | None
    fate: Fate
    why: str = ""

    @property
    def line(self) -> int:
        return self.step.line if self.command is None else self.command.line


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`refusal` is why the drill will not start, None when it will."""

    plan: Plan
    procedure: tuple[Previewed, ...]
    needs: Needs
    refusal: RundrillError | None


def preview_of(plan: Plan, service: ServiceFile) -> Preview:
    refusal: RundrillError | None = None
    try:
        require_inside(plan)
    except RundrillError as error:
        refusal = error
    return Preview(
        plan=plan,
        procedure=tuple(_procedure(plan)),
        needs=needs_of(plan, service),
        refusal=refusal,
    )


def _procedure(plan: Plan) -> list[Previewed]:
    found: list[Previewed] = []
    stopped = ""
    for step in plan.steps:
        if stopped:
            commands = step.commands or (None,)
            found += [_one(step, command, "not reached", stopped) for command in commands]
        elif not step.commands:
            manual = step.kind == "manual"
            why = "no command is bound to it, so nobody does it" if manual else ""
            found.append(_one(step, None, "manual" if manual else "watch", why))
        for command in () if stopped else step.commands:
            refused = refusal_of(plan, step, command)
            if stopped:
                found.append(_one(step, command, "not reached", stopped))
            elif refused is None:
                found.append(_one(step, command, "if needed" if step.kind == "remedy" else "run"))
            else:
                found.append(_one(step, command, "refused", refused.why))
                if refused.outside:
                    stopped = f"the responder stops at line {command.line}"
    return found


def _one(step: PlannedStep, command: Command | None, fate: Fate, why: str = "") -> Previewed:
    return Previewed(step=step, command=command, fate=fate, why=why)
