"""The frozen values that cross the boundaries: Runbook, Plan, Verdict and their parts.

No behaviour beyond what a value knows about itself. Durations are seconds as the runbook states
them; only `Plan` holds compressed ones, and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

# ---------------------------------------------------------------- the runbook


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of the runbook, literally: nothing is filled in here."""

    line: int
    text: str
    placeholders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One ordered step; *manual* when it holds no command."""

    number: int
    line: int
    text: str
    commands: tuple[Command, ...] = ()
    duration_s: float | None = None
    """A stated time, such as "Monitor for 15 minutes"."""

    @property
    def kind(self) -> Literal["command", "manual"]:
        return "command" if self.commands else "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """The ordered steps under one failure mode or standard recovery."""

    id: str
    title: str
    section: str
    line: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A number the runbook states: `subject comparator value unit [in window]`.

    `subject` is normalised ("error rate"), `value` is in the base unit of `unit`
    ("ratio" for percentages, "s" for durations, "req/min", "count").
    """

    line: int
    section: str
    text: str
    subject: str
    comparator: Literal["<", "<=", ">", ">=", "~", "=="]
    value: float
    unit: Literal["ratio", "s", "req/min", "count"]
    window_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClaim:
    """An alert the runbook names as critical, with its number where it states one."""

    id: str
    line: int
    text: str
    threshold: Threshold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """A severity level. `response_time_s` is None where the runbook states none."""

    id: str
    name: str
    line: int
    conditions: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    response_time_s: float | None
    response_line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """What was read from one Markdown document."""

    path: str
    sha256: str
    title: str
    severities: tuple[Severity, ...]
    procedures: tuple[Procedure, ...]
    steady_state: tuple[Threshold, ...]
    alerts: tuple[AlertClaim, ...]


# ---------------------------------------------------------------- the bindings


@dataclass(frozen=True, slots=True, kw_only=True)
class PodQuery:
    """Which pod fills a placeholder such as `<pod-name>`: the first that matches."""

    namespace: str
    selector: str
    prefer: Literal["any", "not-ready"] = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What a drill's author adds where the runbook is silent.

    `metrics` maps a steady-state subject ("error rate") to PromQL in the base unit of its
    threshold; `alerts` maps an alert claim's id to the name of a rule.
    """

    path: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    alerts: Mapping[str, str] = field(default_factory=dict)
    placeholders: Mapping[str, str | PodQuery] = field(default_factory=dict)


# ---------------------------------------------------------------- the plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyStateBound:
    """One steady-state threshold joined with the PromQL that measures it."""

    subject: str
    text: str
    line: int
    expr: str
    comparator: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityCondition:
    """A severity's own number on something the drill measures: it classifies the impact."""

    severity: str
    text: str
    line: int
    subject: str
    comparator: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step in the order in which the responder meets it."""

    procedure: str
    number: int
    line: int
    text: str
    kind: Literal["diagnosis", "remedy", "verification", "manual", "monitoring"]
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProfile:
    """The steady load. `rate_per_min` is offered whatever the service does (open loop)."""

    rate_per_min: float
    max_in_flight: int
    ramp_s: float
    mix: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlastRadius:
    """What a drill may touch. The responder stops at anything else.

    All that somebody declares in the namespaces is compared with its snapshot after the undo.
    """

    namespaces: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Durations in real seconds of this run, compression already applied where it may be.

    `*_budget_s` are deadlines; machine work does not shrink, so a pass is conservative.
    """

    baseline_s: float
    land_budget_s: float
    detect_budget_s: float
    recover_budget_s: float
    response_time_s: float
    soak_s: float
    undo_budget_s: float
    command_budget_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One drill, fully checked: everything the engine needs and nothing it must look up."""

    title: str
    experiment_path: str
    runbook_path: str
    runbook_sha256: str
    rules_path: str
    target: str
    compression: float
    compression_reason: str
    severity: str
    severity_line: int
    response_time_s: float
    """As the runbook states it, not compressed."""
    fault: str
    fault_parameters: Mapping[str, object]
    expected_alerts: tuple[str, ...]
    tolerated_alerts: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    steady_state: tuple[SteadyStateBound, ...]
    placeholders: Mapping[str, str | PodQuery]
    load: LoadProfile
    blast_radius: BlastRadius
    windows: Windows
    alert_lines: Mapping[str, int] = field(default_factory=dict)
    """Rule name to the runbook's line that promises the alert."""
    severity_conditions: tuple[SeverityCondition, ...] = ()
    """Most severe first."""


# ---------------------------------------------------------------- the verdict


class Outcome(StrEnum):
    """How a drill ended; `exit_code` is the process's."""

    HELD = "held"
    BROKEN = "broken"
    INVALID = "invalid"
    ABORTED = "aborted"

    @property
    def exit_code(self) -> int:
        return {"held": 0, "broken": 1, "invalid": 3, "aborted": 4}[self.value]


class PromiseState(StrEnum):
    """`UNPROVEN` is never a pass: no data, or the step was not reached."""

    HELD = "held"
    BROKEN = "broken"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One of the statements a green drill makes, with its evidence in one sentence."""

    id: str
    statement: str
    state: PromiseState
    evidence: str
    measured_s: float | None = None
    limit_s: float | None = None
    line: int | None = None
    """The runbook's line, where the promise is one of its claims."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something learned about the runbook, the alerts or the service."""

    id: str
    severity: Literal["broken", "warning", "note"]
    text: str
    evidence: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds since the start of the drill; None where it was not reached."""

    injected: float | None = None
    landed: float | None = None
    first_harm: float | None = None
    pending: float | None = None
    firing: float | None = None
    responded: float | None = None
    recovered: float | None = None
    undone: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer. A pure function of the events."""

    outcome: Outcome
    reason: str
    promises: tuple[Promise, ...]
    findings: tuple[Finding, ...]
    times: Times
