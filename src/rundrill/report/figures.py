"""The numbers that the HTML and the JSON report share, from the events and the verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from rundrill.bounds import holds
from rundrill.events import LoadSampled, RecoveryMissed, SteadyStateSampled
from rundrill.model import Finding, SteadyStateBound, Times
from rundrill.report.run import Run

NOT_COMPRESSED: Final = frozenset({"baseline", "landed", "undone"})
"""Promises whose times the runbook does not state: compression leaves them alone."""
_WEIGHTS: Final = ("broken", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """baseline, fault or after: seconds of the run, half-open."""

    name: str
    start: float
    end: float

    def holds(self, at: float) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFigures:
    """A steady-state bound in one period. Values are in the unit of the bound; None: no data."""

    mean: float | None
    worst: float | None
    evaluations: int
    no_data: int
    broken: int
    """Evaluations in which the bound did not hold; no data is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """What the customers saw in one period. Rates are per second, latencies from due time."""

    seconds: int
    issued: int
    completed: int
    failed: int
    dropped: int
    error_ratio: float | None
    p50_ms: float | None
    """The median of the seconds' medians."""
    p95_ms: float | None
    """The worst second's."""
    p99_ms: float | None
    oldest_in_flight_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMinute:
    """`asked` is None while the load ramps up."""

    name: str
    start: float
    end: float
    asked: float | None
    issued: int
    dropped: int

    @property
    def deviation(self) -> float | None:
        """Delivered against asked, as a ratio: -0.002 is 0.2 % too little."""
        return self.issued / self.asked - 1 if self.asked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A point of the drill; times in seconds of the run, None where it was not reached."""

    name: str
    label: str
    at: float | None
    since_previous: float | None
    since_injection: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A measured time against its limit, both in seconds of the run."""

    name: str
    label: str
    measured: float | None
    limit: float
    stated: bool = True
    """The runbook states the limit, so compression divides it."""


def by_weight(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The heaviest first; among equals the order stays."""
    return tuple(sorted(findings, key=lambda finding: _WEIGHTS.index(finding.severity)))


def periods(run: Run, times: Times) -> tuple[Period, ...]:
    """Those of baseline, fault and after that the run reached."""
    spans = {span.phase: span for span in run.phases}
    found: list[Period] = []
    if "baseline" in spans:
        found.append(
            Period(name="baseline", start=spans["baseline"].start, end=spans["baseline"].end)
        )
    undo = spans["undo"].start if "undo" in spans else run.end
    if times.injected is not None:
        missed = run.first(RecoveryMissed)
        end = times.recovered or (missed.at if missed else undo)
        found.append(Period(name="fault", start=times.injected, end=end))
    if times.recovered is not None:
        soak = spans.get("soak")
        found.append(
            Period(
                name="after",
                start=soak.start if soak else times.recovered,
                end=soak.end if soak else undo,
            )
        )
    return tuple(found)


def bound_figures(
    bound: SteadyStateBound, samples: Sequence[SteadyStateSampled], period: Period
) -> BoundFigures:
    inside = [s.values.get(bound.subject) for s in samples if period.holds(s.at)]
    values = [value for value in inside if value is not None]
    return BoundFigures(
        mean=fmean(values) if values else None,
        worst=_worst(bound, values),
        evaluations=len(inside),
        no_data=len(inside) - len(values),
        broken=sum(not holds(bound, value) for value in inside),
    )


def load_figures(samples: Sequence[LoadSampled], period: Period) -> LoadFigures:
    """A second belongs to the period that holds its middle."""
    inside = [s for s in samples if period.holds(s.at - 0.5)]
    completed = sum(s.completed for s in inside)
    failed = sum(s.failed for s in inside)
    medians = [s.p50_ms for s in inside if s.p50_ms is not None]
    return LoadFigures(
        seconds=len(inside),
        issued=sum(s.issued for s in inside),
        completed=completed,
        failed=failed,
        dropped=sum(s.dropped for s in inside),
        error_ratio=failed / completed if completed else None,
        p50_ms=median(medians) if medians else None,
        p95_ms=max((s.p95_ms for s in inside if s.p95_ms is not None), default=None),
        p99_ms=max((s.p99_ms for s in inside if s.p99_ms is not None), default=None),
        oldest_in_flight_s=max((s.oldest_in_flight_s for s in inside), default=0.0),
    )


def load_minutes(run: Run) -> tuple[LoadMinute, ...]:
    """The ramp, then minute by minute; the last one may be shorter and is asked for less."""
    if not run.samples:
        return ()
    load = run.plan.load
    start = run.samples[0].at - 1
    end = run.samples[-1].at
    edges = [start]
    if load.ramp_s > 0:
        edges.append(min(start + load.ramp_s, end))
    while edges[-1] < end - 0.5:
        edges.append(min(edges[-1] + 60, end))
    rows: list[LoadMinute] = []
    minute = 0
    for index, (left, right) in enumerate(pairwise(edges)):
        ramp = index == 0 and load.ramp_s > 0
        minute += 0 if ramp else 1
        inside = [s for s in run.samples if left <= s.at - 0.5 < right]
        rows.append(
            LoadMinute(
                name="ramp" if ramp else f"minute {minute}",
                start=left,
                end=right,
                asked=None if ramp else load.rate_per_min * len(inside) / 60,
                issued=sum(s.issued for s in inside),
                dropped=sum(s.dropped for s in inside),
            )
        )
    return tuple(rows)


_MOMENTS = (
    ("injected", "fault injected"),
    ("landed", "fault landed"),
    ("first_harm", "first harm to a customer"),
    ("pending", "alert pending"),
    ("firing", "alert firing"),
    ("notified", "a receiver was told"),
    ("responded", "responder began"),
    ("recovered", "recovered"),
    ("undone", "undone"),
)


def moments(times: Times) -> tuple[Moment, ...]:
    """In the order in which they came; those that were not reached stay in their place.

    That a receiver was told is left out where none was: there may be none.
    """
    known = [one for one in _MOMENTS if one[0] != "notified" or times.notified is not None]
    reached = sorted(
        (getattr(times, name), index)
        for index, (name, _) in enumerate(known)
        if getattr(times, name) is not None
    )
    order = iter([index for _, index in reached])
    rows: list[Moment] = []
    previous: float | None = None
    for name, label in known:
        if getattr(times, name) is None:
            rows.append(
                Moment(name=name, label=label, at=None, since_previous=None, since_injection=None)
            )
            continue
        own_name, own_label = known[next(order)]
        at: float = getattr(times, own_name)
        rows.append(
            Moment(
                name=own_name,
                label=own_label,
                at=at,
                since_previous=None if previous is None else at - previous,
                since_injection=None if times.injected is None else at - times.injected,
            )
        )
        previous = at
    return tuple(rows)


def spans(run: Run, times: Times) -> tuple[Span, ...]:
    """The times a runbook makes promises about, against the limits of this run."""
    windows = run.plan.windows
    undo = next((span.start for span in run.phases if span.phase == "undo"), None)
    return (
        Span(
            name="time_to_land",
            label="Fault landed, from injection",
            measured=_between(times.injected, times.landed),
            limit=windows.land_budget_s,
            stated=False,
        ),
        Span(
            name="time_to_detect",
            label="Time to detect (TTD): injection to firing",
            measured=_between(times.injected, times.firing),
            limit=windows.detect_budget_s,
        ),
        Span(
            name="time_to_recover_from_detection",
            label="Time to recover (TTR) from detection",
            measured=_between(times.firing, times.recovered),
            limit=windows.response_time_s,
        ),
        Span(
            name="time_to_recover_from_injection",
            label="Time to recover (TTR) from injection",
            measured=_between(times.injected, times.recovered),
            limit=windows.response_time_s,
        ),
        Span(
            name="time_to_undo",
            label="Undo, from its beginning",
            measured=_between(undo, times.undone),
            limit=windows.undo_budget_s,
            stated=False,
        ),
    )


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


def _worst(bound: SteadyStateBound, values: Iterable[float]) -> float | None:
    """The value nearest to breaking the bound, or farthest beyond it."""
    if bound.comparator in ("<", "<="):
        return max(values, default=None)
    if bound.comparator in (">", ">="):
        return min(values, default=None)
    return max(values, key=lambda value: abs(value - bound.value), default=None)
