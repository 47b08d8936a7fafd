"""Joins what was read into one `Plan`, or says what does not fit together."""

from collections.abc import Mapping
from dataclasses import replace

from rundrill.base.document import Node, nearest
from rundrill.claims import AlertClaim, Command, Procedure, Runbook, Severity, Step
from rundrill.errors import BindingError, RunbookError
from rundrill.model import Bindings, Plan, PlannedStep, SeverityCondition, SteadyStateBound, Windows
from rundrill.plan.bound import (
    claims_by_rule,
    require_bound,
    require_claims,
    require_steps,
)
from rundrill.plan.compression import choose_compression
from rundrill.plan.experiment_file import ExperimentFile, ProcedureRef
from rundrill.plan.fault_parameters import FaultParameter
from rundrill.runbook.classify import step_kind
from rundrill.runbook.placeholders import find_placeholders

COMMAND_BUDGET_S = 60.0
"""A command of the runbook that takes longer than a minute is stopped and counts as failed."""
UNDO_BUDGET_S = 60.0
MIN_BASELINE_S = 15.0
"""Fewer evaluations than this would not show that the service is steady."""


__all__ = ["FaultParameter", "build_plan", "find_procedure"]


def build_plan(
    *,
    experiment: ExperimentFile,
    runbook: Runbook,
    bindings: Bindings,
    alert_names: tuple[str, ...],
    faults: Mapping[str, tuple[FaultParameter, ...]],
    target: str,
    compression: float | None,
    wall_s: float,
) -> Plan:
    """One drill, fully checked. Raises `ExperimentError`, `RunbookError` or `BindingError`.

    `compression` None lets the plan choose the factor for `wall_s` seconds of wall time.
    """
    severity = _severity(experiment, runbook)
    require_steps(bindings, runbook)
    steps = tuple(
        planned for ref in experiment.procedures for planned in _steps(ref, runbook, bindings)
    )
    soak_s = sum(
        step.duration_s or 0.0
        for ref in experiment.procedures
        for step in _chosen(ref, runbook)
        if step.duration_s
    )
    if soak_s == 0:
        raise experiment.procedures[-1].node.fail(
            "no step of the procedures states how long to monitor after the fix",
            "add the runbook's monitoring step, for instance `rollback-procedure#4`",
        )
    require_bound(steps, runbook, bindings)
    steady_state = _steady_state(runbook, bindings)
    require_claims(bindings, runbook)
    expected = tuple(_known_alert(node, alert_names) for node in experiment.expected_alerts)
    claims = claims_by_rule(runbook, bindings, alert_names)
    detect_s = _detect_budget_s(expected, claims, severity)
    assert severity.response_time_s is not None
    factor, reason = (
        choose_compression([soak_s + experiment.baseline_s], wall_s)
        if compression is None
        else (compression, "asked for")
    )
    return Plan(
        title=experiment.title,
        experiment_path=str(experiment.path),
        runbook_path=runbook.path,
        runbook_sha256=runbook.sha256,
        rules_path=str(experiment.rules),
        target=target,
        compression=factor,
        compression_reason=reason,
        severity=severity.id,
        severity_line=severity.line,
        response_time_s=severity.response_time_s,
        fault=_fault(experiment, faults),
        fault_parameters=_parameters(experiment, faults[experiment.fault.text], factor),
        expected_alerts=expected,
        tolerated_alerts=tuple(
            _known_alert(node, alert_names) for node in experiment.tolerated_alerts
        ),
        steps=steps,
        steady_state=steady_state,
        placeholders=bindings.placeholders,
        load=replace(experiment.load, slow_s=_slow_s(steady_state)),
        blast_radius=experiment.blast_radius,
        windows=Windows(
            baseline_s=max(experiment.baseline_s / factor, MIN_BASELINE_S),
            land_budget_s=experiment.land_budget_s + experiment.develop_s / factor,
            detect_budget_s=detect_s / factor,
            recover_budget_s=severity.response_time_s / factor,
            response_time_s=severity.response_time_s / factor,
            soak_s=soak_s / factor,
            undo_budget_s=UNDO_BUDGET_S,
            command_budget_s=COMMAND_BUDGET_S,
        ),
        alert_lines={rule: claim.line for rule, claim in claims.items()},
        alert_claims={rule: claim.id for rule, claim in claims.items()},
        severity_conditions=tuple(
            SeverityCondition(
                severity=level.id,
                text=threshold.text,
                line=threshold.line,
                subject=threshold.metric,
                comparator=threshold.comparator,
                value=threshold.value,
            )
            for level in runbook.severities
            for threshold in level.thresholds
        ),
        accepted=experiment.accepted,
    )


def find_procedure(runbook: Runbook, ref: ProcedureRef) -> Procedure:
    """The procedure an experiment names. Raises `ExperimentError` with the nearest ones."""
    for procedure in runbook.procedures:
        if procedure.id == ref.id:
            return procedure
    if not runbook.procedures:
        raise RunbookError(
            "the runbook holds no procedure",
            path=runbook.path,
            line=1,
            fix="under a heading, list its steps (`1. Roll back: ...`) or its commands in a"
            " ```sh block",
        )
    raise ref.node.fail(
        f"{runbook.path} has no procedure `{ref.id}`",
        nearest(ref.id, [procedure.id for procedure in runbook.procedures]),
    )


def _chosen(ref: ProcedureRef, runbook: Runbook) -> tuple[Step, ...]:
    procedure = find_procedure(runbook, ref)
    if ref.first is None or ref.last is None:
        return procedure.steps
    steps = tuple(step for step in procedure.steps if ref.first <= step.number <= ref.last)
    if len(steps) != ref.last - ref.first + 1:
        raise ref.node.fail(
            f"`{ref.id}` has {len(procedure.steps)} steps, not {ref.last}",
            f"see {runbook.path}:{procedure.line}",
        )
    return steps


def _steps(ref: ProcedureRef, runbook: Runbook, bindings: Bindings) -> tuple[PlannedStep, ...]:
    return tuple(_planned(ref.id, step, bindings) for step in _chosen(ref, runbook))


def _planned(procedure: str, step: Step, bindings: Bindings) -> PlannedStep:
    """A step, a manual one with the commands that its author bound to it."""
    name = f"{procedure}#{step.number}"
    bound = bindings.steps.get(name, ())
    if bound:
        commands = tuple(
            Command(
                line=step.line,
                text=text,
                placeholders=tuple(text[start:end] for start, end in find_placeholders(text)),
                bound=True,
            )
            for text in bound
        )
        step = replace(step, commands=commands)
    return PlannedStep(
        procedure=procedure,
        number=step.number,
        line=step.line,
        text=step.text,
        kind=step_kind(step),
        commands=step.commands,
        edit=bindings.edits.get(name),
    )


def _severity(experiment: ExperimentFile, runbook: Runbook) -> Severity:
    wanted = experiment.severity.text
    for severity in runbook.severities:
        if severity.id == wanted:
            if severity.response_time_s is None:
                raise RunbookError(
                    f"severity {wanted} states no response time",
                    path=runbook.path,
                    line=severity.line,
                    fix="state one: without it no drill can be in time",
                )
            return severity
    raise experiment.severity.fail(
        f"{runbook.path} has no severity `{wanted}`",
        nearest(wanted, [severity.id for severity in runbook.severities]),
    )


def _known_alert(node: Node, alert_names: tuple[str, ...]) -> str:
    if node.text not in alert_names:
        raise node.fail(f"the rules have no alert `{node.text}`", nearest(node.text, alert_names))
    return node.text


def _detect_budget_s(
    expected: tuple[str, ...], claims: Mapping[str, AlertClaim], severity: Severity
) -> float:
    """The window the alert's claim states, else the severity's response time."""
    windows = [
        claim.threshold.window_s
        for rule in expected
        if (claim := claims.get(rule)) is not None
        and claim.threshold is not None
        and claim.threshold.window_s is not None
    ]
    assert severity.response_time_s is not None
    return max(windows, default=severity.response_time_s)


def _fault(experiment: ExperimentFile, faults: Mapping[str, tuple[FaultParameter, ...]]) -> str:
    name = experiment.fault.text
    if name not in faults:
        raise experiment.fault.fail(f"there is no fault `{name}`", nearest(name, faults))
    return name


def _parameters(
    experiment: ExperimentFile, known: tuple[FaultParameter, ...], compression: float
) -> Mapping[str, object]:
    names = {parameter.name for parameter in known}
    for name, node in experiment.fault_parameters.items():
        if name not in names:
            raise node.fail(f"the fault has no parameter `{name}`", nearest(name, names))
    values: dict[str, object] = {}
    for parameter in known:
        given = experiment.fault_parameters.get(parameter.name)
        if given is not None:
            if parameter.name == "namespace":
                _require_inside(given, experiment)
            values[parameter.name] = parameter.value(given, compression)
        elif parameter.default is not None:
            values[parameter.name] = parameter.default_value(compression)
        else:
            raise experiment.fault.fail(
                f"the fault's parameter `{parameter.name}` is missing", parameter.help
            )
    return values


def _require_inside(namespace: Node, experiment: ExperimentFile) -> None:
    """Only what is in the blast radius is compared after the undo."""
    if namespace.text not in experiment.blast_radius.namespaces:
        raise namespace.fail(
            f"the fault's namespace `{namespace.text}` is outside the blast radius",
            f"it names {', '.join(experiment.blast_radius.namespaces)}",
        )


def _steady_state(runbook: Runbook, bindings: Bindings) -> tuple[SteadyStateBound, ...]:
    bounds = []
    for threshold in runbook.steady_state:
        expr = bindings.metrics.get(threshold.metric)
        if expr is None:
            raise BindingError(
                f"`metrics` has no PromQL for {threshold.metric!r}"
                f" ({runbook.path}:{threshold.line}: {threshold.text})",
                path=bindings.path,
                fix=f"add it, or {nearest(threshold.metric, bindings.metrics)}",
            )
        bounds.append(
            SteadyStateBound(
                subject=threshold.metric,
                text=threshold.text,
                line=threshold.line,
                expr=expr,
                comparator=threshold.comparator,
                value=threshold.value,
                unit=threshold.unit,
            )
        )
    if not bounds:
        raise RunbookError(
            "states no steady state (an error rate, a response time)",
            path=runbook.path,
            fix="without one, no drill can tell that the service is well",
        )
    return tuple(bounds)


def _slow_s(bounds: tuple[SteadyStateBound, ...]) -> float | None:
    """What the runbook calls slow: the strictest response time of its steady state."""
    limits = [b.value for b in bounds if b.unit == "s" and b.comparator in ("<", "<=")]
    return min(limits, default=None)
