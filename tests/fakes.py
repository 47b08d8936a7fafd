"""A clock that takes no real seconds, and a plan to run drills of."""

from collections.abc import Callable
from dataclasses import replace

from rundrill.claims import Command
from rundrill.model import (
    BlastRadius,
    LoadProfile,
    Plan,
    PlannedStep,
    SeverityCondition,
    SteadyStateBound,
    Windows,
)
from rundrill.target.cluster import Pod


class FakeClock:
    """Time passes only in `sleep`; `on_second` is called at every whole second of it."""

    def __init__(self, start: float = 1000.0) -> None:
        self.at = start
        self.on_second: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        end = self.at + max(0.0, seconds)
        while int(self.at) < int(end):
            self.at = float(int(self.at) + 1)
            self.on_second()
        self.at = end


def step(number: int, kind: str, command: str) -> PlannedStep:
    return PlannedStep(
        procedure="pod-crashloopbackoff",
        number=number,
        line=40 + number,
        text=command,
        kind=kind,
        commands=(Command(line=40 + number, text=command),),
    )


PLAN = Plan(
    title="A bad release",
    experiment_path="experiments/crash-loop.yaml",
    runbook_path="runbook.md",
    runbook_sha256="0" * 64,
    rules_path="alerts.yml",
    target="local",
    compression=15.0,
    compression_reason="asked for",
    severity="P1",
    severity_line=12,
    response_time_s=1800.0,
    fault="bad-release",
    fault_parameters={"image": "bad"},
    expected_alerts=("PaymentPodRestarting",),
    tolerated_alerts=(),
    steps=(
        step(1, "diagnosis", "kubectl rollout history"),
        step(2, "remedy", "kubectl rollout undo"),
        step(3, "verification", "kubectl rollout status"),
        PlannedStep(
            procedure="rollback-procedure",
            number=4,
            line=90,
            text="Monitor for 15 minutes",
            kind="monitoring",
            commands=(),
        ),
    ),
    steady_state=(
        SteadyStateBound(
            subject="error rate",
            text="<1%",
            line=20,
            expr="errors",
            comparator="<",
            value=0.01,
            unit="ratio",
        ),
    ),
    placeholders={},
    load=LoadProfile(rate_per_min=1000.0, max_in_flight=500, ramp_s=0.0, mix={"card": 1.0}),
    blast_radius=BlastRadius(namespaces=("production",), verbs=("get",)),
    windows=Windows(
        baseline_s=20.0,
        land_budget_s=30.0,
        detect_budget_s=40.0,
        recover_budget_s=120.0,
        response_time_s=120.0,
        soak_s=60.0,
        undo_budget_s=60.0,
        command_budget_s=60.0,
    ),
    alert_lines={"PaymentPodRestarting": 70},
    severity_conditions=(
        SeverityCondition(
            severity="P1",
            text="High error rates (>5%)",
            line=15,
            subject="error rate",
            comparator=">",
            value=0.05,
        ),
    ),
)


def plan(**changes: object) -> Plan:
    """The plan above with some fields replaced."""
    return replace(PLAN, **changes)  # type: ignore[arg-type]


def pod(name: str, namespace: str, *, ready: bool) -> Pod:
    """A pod that has started, and was never restarted."""
    return Pod(
        name=name,
        namespace=namespace,
        images={},
        ready=ready,
        terminating=False,
        started=True,
        restarts=0,
        waiting={},
        last_exit_codes={},
        last_reasons={},
    )
