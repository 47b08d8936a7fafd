"""The automatic responder: carries out a procedure's commands, literally."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rundrill.base.clock import Clock
from rundrill.claims import Command
from rundrill.events import CommandFinished, CommandRefused, Event, StepSkipped, StepStarted
from rundrill.model import BlastRadius, PlannedStep, PodQuery
from rundrill.responder import editor, execution, guard
from rundrill.responder.kubectl import Kubectl
from rundrill.target.cluster import ClusterError

ENDLESS_S: Final = 3.0
"""How long a command that never ends by itself is watched."""


class AutoResponder:
    """Follows planned steps by real kubectl; what happens is told by events only."""

    def __init__(
        self,
        *,
        kubectl: Kubectl,
        blast_radius: BlastRadius,
        placeholders: Mapping[str, str | PodQuery],
        pods: Callable[[PodQuery], str | None],
        command_budget_s: float,
        clock: Clock,
        emit: Callable[[Event], None],
        now: Callable[[], float],
    ) -> None:
        """`pods` gives the name of the first pod that a query finds; `now` stamps the events."""
        self._kubectl = kubectl.argv
        kubectl.cache.mkdir(parents=True, exist_ok=True)  # kubectl does not make its TMPDIR
        self._env = execution.environment(
            os.environ, kubeconfig=kubectl.kubeconfig.absolute(), cache=kubectl.cache.absolute()
        )
        self._blast_radius = blast_radius
        self._placeholders = placeholders
        self._pods = pods
        self._command_budget_s = command_budget_s
        self._clock = clock
        self._emit = emit
        self._now = now

    def follow(self, steps: Sequence[PlannedStep], *, recovered: Callable[[], bool]) -> None:
        """Carries out `steps` in order.

        Remedial steps stop once `recovered`; all others run to the end. A command outside the
        blast radius stops everything: what the runbook asks next may rely on it.
        """
        stopped_at: PlannedStep | None = None
        for step in steps:
            if stopped_at is not None:
                self._skip(
                    step,
                    f"the responder stopped at line {stopped_at.line}: outside the blast radius",
                )
            elif step.kind == "manual":
                self._skip(step, "a manual step, and no command is bound to it", unbound=True)
            elif step.kind == "monitoring":
                why = "nothing to run: the drill itself watches for the stated time"
                self._skip(step, why, needless=True)
            elif step.kind == "remedy" and recovered():
                self._skip(step, "the service has already recovered", needless=True)
            elif not self._run(step):
                stopped_at = step

    def _skip(
        self, step: PlannedStep, why: str, *, needless: bool = False, unbound: bool = False
    ) -> None:
        self._emit(
            StepSkipped.of(step, at=self._now(), why=why, needless=needless, unbound=unbound)
        )

    def _run(self, step: PlannedStep) -> bool:
        """Runs the commands of a step; False when one of them is outside the blast radius."""
        self._emit(StepStarted.of(step, at=self._now()))
        for command in step.commands:
            refusal = self._run_command(step, command)
            if refusal is not None:
                self._emit(
                    CommandRefused(
                        at=self._now(),
                        procedure=step.procedure,
                        number=step.number,
                        line=command.line,
                        text=command.text,
                        why=refusal.why,
                    )
                )
                if refusal.outside:
                    return False
        return True

    def _run_command(self, step: PlannedStep, command: Command) -> guard.Refused | None:
        values = self._values(command)
        if isinstance(values, guard.Refused):
            return values
        admitted = guard.admit(
            command.text, values, self._blast_radius, editor=step.edit is not None
        )
        if isinstance(admitted, guard.Refused):
            return admitted
        argv = (*self._kubectl, *admitted.argv[1:])
        limit_s = self._command_budget_s
        if admitted.endless:
            limit_s = min(ENDLESS_S, limit_s)
        try:
            completed = execution.run(
                argv,
                env={**self._env, **_editing(step)},
                limit_s=limit_s,
                clock=self._clock,
            )
        except OSError as problem:
            return guard.Refused(
                why=f"it could not be started: {problem.strerror or problem}", outside=False
            )
        self._emit(
            CommandFinished(
                at=self._now(),
                procedure=step.procedure,
                number=step.number,
                line=command.line,
                text=command.text,
                by_binding=command.bound,
                argv=argv,
                bound=values,
                exit_code=completed.exit_code,
                duration_s=completed.duration_s,
                stdout=completed.stdout,
                stderr=completed.stderr + _stop_note(completed, limit_s, admitted.endless),
                endless=admitted.endless,
            )
        )
        return None

    def _values(self, command: Command) -> Mapping[str, str] | guard.Refused:
        values: dict[str, str] = {}
        for name in command.placeholders:
            bound = self._placeholders.get(name)
            if bound is None:
                return guard.Refused(why=f"nothing is bound to {name}", outside=False)
            if isinstance(bound, PodQuery):
                try:
                    found = self._pods(bound)
                except ClusterError as problem:
                    return guard.Refused(
                        why=f"no pod could be looked for to fill {name}: {problem}",
                        outside=False,
                    )
                if found is None:
                    return guard.Refused(
                        why=f"no pod in {bound.namespace} matches {bound.selector},"
                        f" so nothing fills {name}",
                        outside=False,
                    )
                bound = found
            values[name] = bound
        return values


def _editing(step: PlannedStep) -> Mapping[str, str]:
    """Who edits for `kubectl edit`, in its environment."""
    if step.edit is None:
        return {}
    return {
        "KUBE_EDITOR": shlex.join([sys.executable, editor.__file__]),
        editor.VARIABLE: json.dumps({"set": dict(step.edit.set), "remove": step.edit.remove}),
    }


def _stop_note(completed: execution.Completed, limit_s: float, endless: bool) -> str:
    if completed.exit_code is not None:
        return ""
    why = "it never ends by itself, so that is as it should be" if endless else "its limit"
    return f"\n[stopped after {limit_s:g} s: {why}]"
