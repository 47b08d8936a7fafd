"""The frozen values that cross the boundaries: Bindings, Plan, Verdict and their parts.

What the runbook itself states is in `rundrill.claims`.

No behaviour beyond what a value knows about itself. Durations are seconds as the runbook states
them; only `Plan` holds compressed ones, and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from rundrill.claims import Command
from rundrill.measured import Detection, Hang, ImpactCondition

# ---------------------------------------------------------------- the bindings


@dataclass(frozen=True, slots=True, kw_only=True)
class PodQuery:
    """Which pod fills a placeholder such as `<pod-name>`: the first that matches."""

    namespace: str
    selector: str
    prefer: Literal["any", "not-ready"] = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What the editor of `kubectl edit` changes: JSON pointers into the object (RFC 6901)."""

    set: Mapping[str, object]
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a binding stands; a file that extends another holds only its own."""

    path: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What a drill's author adds where the runbook is silent.

    `metrics` maps a steady-state subject ("error rate") to PromQL in the base unit of its
    threshold; `alerts` maps an alert claim's id to the name of a rule. `steps` gives a manual
    step (`procedure#number`) the commands that do it, `edits` a step with `kubectl edit` the
    changes to make.
    """

    path: str
    metrics: Mapping[str, str] = field(default_factory=dict)
    alerts: Mapping[str, str] = field(default_factory=dict)
    placeholders: Mapping[str, str | PodQuery] = field(default_factory=dict)
    steps: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    edits: Mapping[str, Edit] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict, compare=False)
    """Of each binding, by its part of the file and its name: `("alerts", "success-rate")`."""


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
    edit: Edit | None = None
    """What to change where a command is `kubectl edit`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProfile:
    """The steady load. `rate_per_min` is offered whatever the service does (open loop).

    `retries`: how often a customer asks again, with the same idempotency key, for a payment of
    which he cannot know what became.
    """

    rate_per_min: float
    max_in_flight: int
    ramp_s: float
    mix: Mapping[str, float]
    retries: int = 0
    slow_s: float | None = None
    """The runbook's steady-state response time: an answer that took longer was slow."""


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
class RuleDesign:
    """What an alerting rule spends by its own design, in real seconds of this run.

    No tuning of the service makes an alert faster than these.
    """

    window_s: float
    """The longest range its expression looks back over, through recording rules too; 0: none."""
    scrape_s: float
    evaluation_s: float
    for_s: float
    group_wait_s: float | None = None
    """None when nobody is notified."""


Arm = Literal["drill", "control", "dry"]
"""The drill itself; the same fault with nobody who follows the runbook; all but the fault."""

ACCEPTABLE: Final = ("detected", "recovered", "harmless", "durable", "undone", "money")
"""Promises that may be known to break. The others say whether a drill counts at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A finding that is known: the promise that breaks, why, and until when that is accepted."""

    promise: str
    reason: str
    review: str
    """An ISO date; the finding is accepted on that day, and no longer after it."""


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
    alert_claims: Mapping[str, str] = field(default_factory=dict)
    """Rule name to the id of that alert claim, which outlives the line; empty in older runs."""
    severity_conditions: tuple[SeverityCondition, ...] = ()
    """Most severe first."""
    alertmanager_path: str | None = None
    """Who is told of the alerts: a configuration, or the URL of a real Alertmanager; None when
    nobody is notified."""
    arm: Arm = "drill"
    accepted: tuple[Acceptance, ...] = ()
    """Left empty under `--strict`: then nothing is accepted, in no report and no exit code."""


# ---------------------------------------------------------------- the verdict


class Outcome(StrEnum):
    """How a drill ended.

    The arms have answers of their own, so that none of them reads as a drill that held: a control
    arm was `HEALED` by nobody or stayed `UNHEALED`, a dry arm was `SILENT` or `NOISY`.
    """

    HELD = "held"
    BROKEN = "broken"
    INVALID = "invalid"
    ABORTED = "aborted"
    HEALED = "healed"
    UNHEALED = "unhealed"
    SILENT = "silent"
    NOISY = "noisy"

    @property
    def exit_code(self) -> int:
        """The process's, before acceptance: `Verdict.exit_code` knows about that."""
        return {"broken": 1, "noisy": 1, "invalid": 3, "aborted": 4}.get(self.value, 0)


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
    """The end of the second in which the first customer failed (`verdict.customers`)."""
    pending: float | None = None
    firing: float | None = None
    notified: float | None = None
    responded: float | None = None
    recovered: float | None = None
    undone: float | None = None
    ended: float | None = None


AcceptanceState = Literal[
    "none", "undecided", "accepted", "otherwise", "expired", "unexpectedly-held"
]
"""What the findings that the experiment accepts mean for this verdict.

`none`: none is stated. `undecided`: the drill taught nothing. `accepted`: broken in exactly the
stated way. `otherwise`: broken in another way. `expired`: broken as stated, past the review date.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What customers met in some seconds of the run, [start, end).

    `requests` were due in them; `failed` and `slow` are those of them that ended so, whenever
    that was. `worst_*` are the shares in the worst ten seconds of it (`verdict.harm` says more);
    None is *no data*.
    """

    start: float
    end: float
    requests: int
    failed: int
    slow: int | None
    worst_failed: float | None
    worst_slow: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHarm:
    """What one remedial step did to customers, against what the fault had done before it."""

    procedure: str
    number: int
    line: int
    text: str
    state: Literal["harmless", "harmful", "unknown"]
    evidence: str
    before: Stretch
    during: Stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer. A pure function of the events."""

    outcome: Outcome
    reason: str
    promises: tuple[Promise, ...]
    findings: tuple[Finding, ...]
    times: Times
    arm: Arm = "drill"
    acceptance: AcceptanceState = "none"
    acceptance_reason: str = ""
    """One sentence; empty when nothing is accepted."""
    harm: tuple[StepHarm, ...] = ()
    detections: tuple[Detection, ...] = ()
    impact: tuple[ImpactCondition, ...] = ()
    hangs: tuple[Hang, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 only for what held unless it was said to break, and what broke exactly as accepted."""
        if self.acceptance == "unexpectedly-held":
            return Outcome.BROKEN.exit_code
        if self.outcome is Outcome.BROKEN and self.acceptance == "accepted":
            return 0
        return self.outcome.exit_code


# ---------------------------------------------------------------- two arms, several drills


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Was it the procedure that brought the service back? Times are seconds from the alert.

    `necessary`: without it the service stayed broken. `faster`: it would have healed by itself,
    later. `not-shown`: it heals as fast without the procedure. `none`: neither arm recovered.
    `worse`: it heals by itself, and did not when the procedure was followed. `unknown`: one of
    the arms taught nothing, or they cannot be compared.
    """

    effect: Literal["necessary", "faster", "not-shown", "none", "worse", "unknown"]
    sentence: str
    drill_recovered_s: float | None = None
    control_healed_s: float | None = None
    control_watched_s: float | None = None
    tolerance_s: float | None = None
    finding: Finding | None = None


GameDayWord = Literal["held", "accepted", "broken", "invalid", "aborted", "silent", "noisy"]
"""`accepted` is no `held`, though both end with 0; `silent` and `noisy` are of dry arms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayOutcome:
    """The worst of the drills; `reason` counts them by their answers."""

    outcome: GameDayWord
    exit_code: int
    reason: str
