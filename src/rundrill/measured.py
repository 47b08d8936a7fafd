"""What a drill measures beside its promises: how it was detected, what customers met. Frozen.

Times are seconds since the drill began, durations real seconds of the run.
"""

from dataclasses import dataclass
from typing import Literal

# ---------------------------------------------------------------- how it was detected

PartName = Literal["land", "harm", "condition", "for", "notify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionPart:
    """What ended at `end`: the fault had landed, the first customer was harmed, the rule's
    condition held, the alert fired, a receiver was told. Each begins where the one before ended.
    """

    name: PartName
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What a rule spends by its own design: no tuning of the service takes it away.

    `for_s` is always spent, `group_wait_s` by the first alert of a group. The others are the most
    that may come on top of it: scrapes and evaluations come at intervals, and a window may have to
    fill first.
    """

    for_s: float
    group_wait_s: float | None
    sampling_s: float
    window_s: float

    @property
    def least_s(self) -> float:
        return self.for_s + (self.group_wait_s or 0.0)

    @property
    def most_s(self) -> float:
        return self.least_s + self.sampling_s + self.window_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One alert, from the injection until somebody was told.

    `fired`: from silence. `early`: it was pending or firing before the fault, so it says nothing
    about it. `pending`: its condition held, but never long enough. `silent`: it never held.
    """

    alert: str
    role: Literal["expected", "tolerated", "other"]
    state: Literal["fired", "early", "pending", "silent"]
    landed: float | None
    first_harm: float | None
    pending: float | None
    firing: float | None
    notified: float | None
    parts: tuple[DetectionPart, ...]
    """One after the other from the injection; empty unless it fired."""
    total_s: float | None
    """From the injection until a receiver was told, or until it fired where nobody was."""
    floor: Floor | None
    """None in a run that does not hold the designs of its rules."""
    sentence: str
    notes: tuple[str, ...]
    """What came in another order than one expects."""
    line: int | None


# ---------------------------------------------------------------- what customers met


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactCondition:
    """A number by which the runbook tells a severity, and what customers met of it.

    `limit` and `worst` are in the base unit of the subject; None is *no data*.
    """

    severity: str
    declared: bool
    """Of the severity that the drill declares."""
    text: str
    line: int
    subject: str
    comparator: str
    limit: float
    unit: str
    first_met: float | None
    """None also where `worst` is: then nobody measured it."""
    worst: float | None
    announced: str
    """Whether the expected alerts fired before it was met; empty when it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """The oldest request in flight when it was oldest; seen while it hung, not afterwards."""

    seen_by: Literal["load", "service"]
    longest_s: float
    at: float
    slow_from: float | None
    """When a request had first waited for longer than the runbook calls slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a number of the steady state is: a percentile, over a window; None where it is not."""

    quantile: float | None
    window_s: float | None
