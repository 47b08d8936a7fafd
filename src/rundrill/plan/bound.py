"""Bindings against the runbook: each binds a claim that is there, and nothing needed is missing."""

from collections.abc import Iterable, Mapping, Sequence

from rundrill.base.document import nearest
from rundrill.claims import AlertClaim, Command, Runbook, Step, Threshold
from rundrill.errors import BindingError
from rundrill.model import Bindings, PlannedStep
from rundrill.runbook.placeholders import names


def require_claims(bindings: Bindings, runbook: Runbook) -> None:
    """Raises `BindingError` for a binding to something that the runbook does not say.

    A claim may have been renamed or taken out since: the message names those that are like it.
    """
    alerts = [claim.id for claim in runbook.alerts]
    _require("alerts", bindings.alerts, alerts, "alert claim", bindings, runbook)
    metrics = {threshold.metric for _, threshold in runbook.having(Threshold)}
    _require("metrics", bindings.metrics, metrics, "number for", bindings, runbook)
    texts = [command.text for _, command in runbook.having(Command)]
    texts += [text for bound in bindings.steps.values() for text in bound]
    placeholders = {name for text in texts for name in names(text)}
    _require("placeholders", bindings.placeholders, placeholders, "placeholder", bindings, runbook)


def require_steps(bindings: Bindings, runbook: Runbook) -> None:
    """As `require_claims`, for the steps. One that says itself what to do needs no command."""
    steps = _steps(runbook)
    for part, bound in (("steps", bindings.steps), ("edits", bindings.edits)):
        _require(part, bound, steps, "step", bindings, runbook)
    for name in bindings.steps:
        if steps[name].commands:
            raise _error(
                bindings,
                ("steps", name),
                f"step `{name}` has commands of its own ({runbook.path}:{steps[name].line})",
                "bind commands to manual steps only",
            )


def require_bound(steps: Sequence[PlannedStep], runbook: Runbook, bindings: Bindings) -> None:
    """A placeholder that nobody fills would only be met in the middle of the drill."""
    for step in steps:
        for command in step.commands:
            for name in command.placeholders:
                if name not in bindings.placeholders:
                    raise BindingError(
                        f"`{name}` is not bound ({runbook.path}:{command.line}: {command.text})",
                        path=bindings.path,
                        fix=f"add it under `placeholders`; {nearest(name, bindings.placeholders)}",
                    )


def claims_by_rule(
    runbook: Runbook, bindings: Bindings, rules: Sequence[str]
) -> Mapping[str, AlertClaim]:
    """Name of a rule to the claim that it stands for. Raises `BindingError`."""
    claims = {claim.id: claim for claim in runbook.alerts}
    for claim_id, rule in bindings.alerts.items():
        if rule not in rules:
            raise _error(
                bindings,
                ("alerts", claim_id),
                f"the rules have no alert `{rule}`",
                nearest(rule, rules),
            )
    return {rule: claims[claim_id] for claim_id, rule in bindings.alerts.items()}


def _steps(runbook: Runbook) -> Mapping[str, Step]:
    return {
        f"{procedure.id}#{step.number}": step
        for procedure in (*runbook.procedures, *runbook.protocols)
        for step in procedure.steps
    }


def _require(
    part: str,
    bound: Iterable[str],
    known: Iterable[str],
    what: str,
    bindings: Bindings,
    runbook: Runbook,
) -> None:
    known = frozenset(known)
    for name in bound:
        if name not in known:
            raise _error(
                bindings,
                (part, name),
                f"{runbook.path} has no {what} `{name}`",
                nearest(name, known),
            )


def _error(bindings: Bindings, key: tuple[str, str], problem: str, fix: str) -> BindingError:
    place = bindings.places.get(key)
    if place is None:
        return BindingError(problem, path=bindings.path, fix=fix)
    return BindingError(problem, path=place.path, line=place.line, column=place.column, fix=fix)
