"""Reads all that a drill is made of, and joins it into a plan. Nothing is started here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rundrill.base.clock import MonotonicClock
from rundrill.claims import Runbook
from rundrill.detection import Detector, RuleSet, interval_s, load_rules
from rundrill.detection.notify import Routing, load_routing
from rundrill.errors import BindingError, ExperimentError, RoutingError, RulesError
from rundrill.faults import FAULTS
from rundrill.model import Bindings, Plan
from rundrill.plan import (
    ExperimentFile,
    ServiceFile,
    build_plan,
    choose_compression,
    read_experiment,
    read_service,
    require_decided,
)
from rundrill.runbook import load as load_runbook
from rundrill.runbook import load_bindings
from rundrill.target.choice import TargetChoice

if TYPE_CHECKING:
    from rundrill.target.cluster import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """One experiment with everything it names."""

    experiment: ExperimentFile
    service: ServiceFile
    runbook: Runbook
    bindings: Bindings
    rules: RuleSet
    routing: Routing | None = None
    """Who is told of alerts; None when nobody is notified."""


def read_inputs(experiment_path: Path) -> Inputs:
    """Raises the `RundrillError` of whichever file is wrong."""
    if not experiment_path.is_file():
        raise ExperimentError(
            "there is no such experiment file", path=experiment_path, fix="see experiments/"
        )
    experiment = read_experiment(experiment_path)
    require_decided(experiment_path, ExperimentError)
    require_decided(experiment.service, ExperimentError)  # its paths must be there to be read
    service = read_service(experiment.service)
    notified = service.alertmanager
    inputs = Inputs(
        experiment=experiment,
        service=service,
        runbook=load_runbook(experiment.runbook),
        bindings=load_bindings(experiment.bindings),
        rules=load_rules(experiment.rules),
        routing=None if notified is None else load_routing(notified),
    )
    require_decided(experiment.bindings, BindingError)
    require_decided(experiment.rules, RulesError)
    if notified is not None:
        require_decided(notified, RoutingError)
    return inputs


def make_plan(inputs: Inputs, *, target: str, compression: float | None, wall_s: float) -> Plan:
    """Raises a `RundrillError` when the parts do not fit together."""
    plan = build_plan(
        experiment=inputs.experiment,
        runbook=inputs.runbook,
        bindings=inputs.bindings,
        alert_names=tuple(inputs.rules.alerts),
        faults={name: fault.PARAMETERS for name, fault in FAULTS.items()},
        target=target,
        compression=compression,
        wall_s=wall_s,
    )
    if inputs.routing is not None:
        plan = replace(plan, alertmanager_path=inputs.routing.path)
    _require_usable(inputs, plan)
    # Whether the rules work at this compression is the detector's own knowledge.
    detector = Detector(
        inputs.rules,
        tuple,
        clock=MonotonicClock(),
        interval_s=interval_s(plan.compression),
        compression=plan.compression,
        on_change=lambda _change: None,
        on_scrape_failure=lambda _failure: None,
    )
    for bound in plan.steady_state:
        try:
            detector.query(bound.expr)
        except RulesError as error:
            raise BindingError(
                f"`metrics`: {bound.subject}: {error.problem}", path=inputs.bindings.path
            ) from error
    if inputs.service.oldest_in_flight is not None:
        try:
            detector.query(inputs.service.oldest_in_flight)
        except RulesError as error:
            raise ExperimentError(
                f"`oldest-in-flight`: {error.problem}", path=inputs.service.path, fix=error.fix
            ) from error
    return plan


def _require_usable(inputs: Inputs, plan: Plan) -> None:
    """What a fault itself reads of its parameters, before anything is started."""
    no_cluster = cast("Cluster", None)  # a constructor asks nothing of it
    try:
        FAULTS[plan.fault](no_cluster, plan.fault_parameters)
    except ExperimentError as error:
        raise inputs.experiment.fault.fail(error.problem, error.fix) from error


def make_plans(
    inputs: Sequence[Inputs], *, target: str, compression: float | None, wall_s: float
) -> Sequence[tuple[Inputs, Plan]]:
    """The plans of a game day, all at one factor: given, or chosen for `wall_s` in all."""
    if compression is not None or len(inputs) == 1:
        return [
            (one, make_plan(one, target=target, compression=compression, wall_s=wall_s))
            for one in inputs
        ]
    real = make_plans(inputs, target=target, compression=1.0, wall_s=wall_s)
    factor, reason = choose_compression([_stated_s(plan) for _, plan in real], wall_s)
    return [
        (one, replace(plan, compression_reason=reason))
        for one, plan in make_plans(inputs, target=target, compression=factor, wall_s=wall_s)
    ]


def plans_on(
    target: TargetChoice, inputs: Sequence[Inputs], *, compression: float | None, wall_s: float
) -> Sequence[tuple[Inputs, Plan]]:
    """The plans of a game day on a target. On a cluster whose timers are its own nothing is
    divided unless it is asked for, and then only our windows are.
    """
    if target.is_ours:
        return make_plans(inputs, target=target.name, compression=compression, wall_s=wall_s)
    made = make_plans(inputs, target=target.name, compression=compression or 1.0, wall_s=wall_s)
    reason = "nothing is divided" if compression is None else "asked for"
    return [
        (one, replace(plan, compression_reason=f"{reason}; the cluster's own timers are real"))
        for one, plan in made
    ]


def _stated_s(plan: Plan) -> float:
    """The windows that a drill at no compression waits for.

    One that is known not to recover waits for the whole response time instead of the soak.
    """
    never = any(item.promise == "recovered" for item in plan.accepted)
    windows = plan.windows
    return windows.baseline_s + (windows.recover_budget_s if never else windows.soak_s)
