"""One run, and what it says of one claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Final, Literal

from rundrill.claims import AlertClaim, Claim, Runbook
from rundrill.events import AlertChanged, DrillFailed, DrillStarted, Event, SteadyStateSampled
from rundrill.model import Arm, Outcome, Plan, Promise, PromiseState, Verdict
from rundrill.verdict import headline, judge
from rundrill.verdict.record import Record

State = Literal["held", "broken", "unproven"]
"""`unproven`: the drill came to it and cannot tell (refused, skipped, no data)."""


_NEEDED: Final[Mapping[Arm, frozenset[str]]] = {
    "drill": frozenset({"load", "baseline", "landed"}),
    "dry": frozenset({"load", "baseline"}),
}
"""The promises without which a run says nothing. A control arm is about no claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one run says of one claim, in one sentence. `part` is where its report shows it."""

    run: "RunRecord"
    state: State
    sentence: str
    part: str

    @property
    def accepted(self) -> bool:
        """A run that broke exactly as its experiment accepts breaks nothing else."""
        return self.state == "broken" and self.run.accepted


@dataclass(frozen=True, kw_only=True, eq=False)
class RunRecord:
    """A drill with its verdict. `report` is where its report is, None where there is none.

    `bound_alerts` maps the ids of alert claims to rules, for runs of another version of the
    runbook that have not recorded them: their lines say nothing of this one.
    """

    name: str
    events: Sequence[Event]
    report: PurePath | None = None
    bound_alerts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def record(self) -> Record:
        return Record(self.events)

    @cached_property
    def verdict(self) -> Verdict:
        return judge(self.events)

    @property
    def plan(self) -> Plan:
        return self.record.plan

    @property
    def started(self) -> DrillStarted:
        found = self.record.last(DrillStarted)
        assert found is not None
        return found

    @property
    def answer(self) -> str:
        return headline(self.verdict)

    @property
    def experiment(self) -> str:
        """What it is a run of: a later run of the same replaces it."""
        return f"{PurePath(self.plan.experiment_path).name} {self.plan.arm}"

    @property
    def drill(self) -> str:
        """The experiment, as people call it."""
        return PurePath(self.plan.experiment_path).stem

    @property
    def taught(self) -> bool:
        """Whether anything it says counts: the load ran, the service was well, the fault landed.

        A drill may still fail to prove one of its promises; then it is only silent about that one.
        """
        needed = _NEEDED.get(self.plan.arm)
        if needed is None or self.verdict.outcome is Outcome.ABORTED:
            return False
        if self.record.last(DrillFailed) is not None:
            return False
        held = {one.id for one in self.verdict.promises if one.state is PromiseState.HELD}
        return needed <= held

    @property
    def accepted(self) -> bool:
        return self.verdict.acceptance == "accepted"

    def same_version(self, runbook: Runbook) -> bool:
        return self.plan.runbook_sha256 == runbook.sha256

    def promise(self, name: str) -> Promise | None:
        return next((one for one in self.verdict.promises if one.id == name), None)

    def rule_of(self, alert: AlertClaim, runbook: Runbook) -> str | None:
        """The rule that stands for an alert claim in this run."""
        if self.same_version(runbook):
            lines = self.plan.alert_lines
            return next((rule for rule, line in lines.items() if line == alert.line), None)
        recorded = {claim: rule for rule, claim in self.plan.alert_claims.items()}
        return (recorded or self.bound_alerts).get(alert.id)

    def values(self, subject: str, start: float, end: float) -> list[float]:
        """What was measured of a steady-state subject in [start, end]."""
        return [
            value
            for sample in self.record.all(SteadyStateSampled)
            if start <= sample.at <= end and (value := sample.values.get(subject)) is not None
        ]

    def fired_at(self, rule: str) -> float | None:
        """When it fired first after the injection; without one, when it fired at all."""
        since = self.record.times.injected or 0.0
        return next(
            (
                change.at
                for change in self.record.all(AlertChanged)
                if change.alert == rule and change.state == "firing" and change.at >= since
            ),
            None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What does this run say of this claim of this runbook?"""

    claim: Claim
    runbook: Runbook
    run: RunRecord
