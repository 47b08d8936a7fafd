"""All claims against all runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rundrill.claims import Claim, ClaimKind, Runbook
from rundrill.coverage import promises, steps
from rundrill.coverage.evidence import Asked, Evidence, RunRecord

ClaimState = Literal["held", "broken", "not-exercised", "not-testable"]

EXERCISED: Final[Mapping[ClaimKind, Callable[[Any, Asked], Evidence | None]]] = {
    "alert": promises.of_alert,
    "command": steps.of_command,
    "dependency": promises.of_dependency,
    "response-time": promises.of_response_time,
    "severity": promises.of_severity,
    "step": steps.of_step,
    "threshold": promises.of_threshold,
}
"""What a drill can test, and how it is read off a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCoverage:
    """One claim with what the runs say of it, the newest first."""

    claim: Claim
    state: ClaimState
    evidence: tuple[Evidence, ...]

    @property
    def accepted(self) -> bool:
        """Broken only in ways that the experiments accept."""
        broken = [one for one in self.evidence if one.state == "broken"]
        return bool(broken) and all(one.accepted for one in broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of testable claims. `missing` are the lines of those that no run exercised."""

    testable: int
    held: int
    broken: int
    missing: tuple[int, ...]

    @property
    def exercised(self) -> int:
        return self.held + self.broken

    @property
    def percent(self) -> float:
        """Of the testable claims, how many were exercised; of none, nothing is missing."""
        return 100.0 * self.exercised / self.testable if self.testable else 100.0

    @classmethod
    def of(cls, claims: Sequence[ClaimCoverage]) -> "Tally":
        testable = [one for one in claims if one.state != "not-testable"]
        return cls(
            testable=len(testable),
            held=sum(one.state == "held" for one in testable),
            broken=sum(one.state == "broken" for one in testable),
            missing=tuple(
                sorted({one.claim.line for one in testable if one.state == "not-exercised"})
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """`runs` are all that were given, `counted` those whose word counts: the newest of each
    experiment that taught something."""

    runbook: Runbook
    claims: tuple[ClaimCoverage, ...]
    runs: tuple[RunRecord, ...]
    counted: tuple[RunRecord, ...]

    @property
    def total(self) -> Tally:
        return Tally.of(self.claims)

    @property
    def sections(self) -> Mapping[str, Tally]:
        """By the outermost heading, in the order of the document."""
        grouped: dict[str, list[ClaimCoverage]] = {}
        for one in self.claims:
            title = one.claim.section[0] if one.claim.section else self.runbook.title
            grouped.setdefault(title, []).append(one)
        return {title: Tally.of(claims) for title, claims in grouped.items()}

    @property
    def other_versions(self) -> tuple[RunRecord, ...]:
        return tuple(run for run in self.counted if not run.same_version(self.runbook))


def measure(runbook: Runbook, runs: Sequence[RunRecord]) -> Coverage:
    """What the newest run of each experiment says of each claim; one that is broken in any of
    them is broken."""
    newest = sorted(runs, key=lambda run: (run.started.wall_time, run.name), reverse=True)
    counted: dict[str, RunRecord] = {}
    for run in newest:
        if run.taught:
            counted.setdefault(run.experiment, run)
    told = tuple(counted.values())
    return Coverage(
        runbook=runbook,
        claims=tuple(_covered(claim, runbook, told) for claim in runbook.claims),
        runs=tuple(newest),
        counted=told,
    )


def _covered(claim: Claim, runbook: Runbook, runs: Sequence[RunRecord]) -> ClaimCoverage:
    look = EXERCISED.get(claim.kind)
    if claim.test != "drill" or look is None:
        return ClaimCoverage(claim=claim, state="not-testable", evidence=())
    evidence = tuple(
        found
        for run in runs
        if (found := look(claim.value, Asked(claim=claim, runbook=runbook, run=run))) is not None
    )
    states = {one.state for one in evidence}
    state: ClaimState = (
        "broken" if "broken" in states else "held" if "held" in states else "not-exercised"
    )
    return ClaimCoverage(claim=claim, state=state, evidence=evidence)
