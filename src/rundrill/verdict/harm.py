"""Did the fix itself hurt customers? Each remedial step against the fault before it.

The windows. A step's own time runs from its first command until the next remedial step begins, or
until the service had settled (it recovered, or that was given up), and at least ten seconds (or
ten requests, where the load is so light that they take longer); the undo ends it. Before it is
everything from the injection to that first command: what the fault and the earlier steps did.

The measure is the worst ten seconds of each, not the average: a short outage must not drown in a
long wait, and a fault whose harm grows until the alert fires must not be blamed on the step that
follows it. The last three seconds before the step count beside them: where an alert is quick, the
fault has not had ten. A step is harmful when its worst ten seconds were worse than the steady state
allows, and worse than all of these by more than chance makes them. What customers ask for is drawn:
a fault that hits one kind of payment hits 40 % of these ten seconds and 47 % of those. Up to three
standard errors are no difference.

A request counts in the second in which it was *due*: one that the fault let hang until it timed
out is the fault's. Requests that the load had to drop got no answer either, so they failed. Where
nothing was asked or nothing was answered there is no data, and no data is never harmless.
`verdict.customers` says who failed.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rundrill.events import CommandFinished, LoadSampled, RecoveryMissed
from rundrill.model import Finding, PlannedStep, StepHarm, Stretch
from rundrill.verdict.record import Record

STRETCH_S = 10.0
STRETCH_REQUESTS = 10
"""The worst ten seconds, or as long as ten requests take: 167 requests at 1000 a minute."""
LAST_SHARE = 0.3
"""Of a stretch: how it was just before the step."""
SLOW_SHARE = 0.05
"""The runbook's response time is a 95th percentile: one answer in twenty may take longer."""
CHANCE = 3.0
"""Standard errors. Of many stretches the worst counts, which is above the average by chance."""
ERROR_RATE = "error rate"


@dataclass(slots=True)
class _Second:
    """Of the requests due in the second that ended at `at`. `answered` says that any is known."""

    at: float
    requests: int
    failed: int
    slow: int
    answered: bool


@dataclass(frozen=True, slots=True)
class _Share:
    """`count` of `requests`, of which there is at least one."""

    count: int
    requests: int

    @property
    def value(self) -> float:
        return self.count / self.requests

    def above(self, other: "_Share") -> bool:
        """By more than chance makes of two equals (the pooled test of two proportions)."""
        pooled = (self.count + other.count) / (self.requests + other.requests)
        error = math.sqrt(pooled * (1 - pooled) * (1 / self.requests + 1 / other.requests))
        return self.value - other.value > CHANCE * error


@dataclass(frozen=True, slots=True)
class _Known:
    """A stretch of time, its worst ten seconds, and whether some part of it is no data."""

    stretch: Stretch
    failed: _Share | None
    slow: _Share | None
    blind: bool


@dataclass(frozen=True, slots=True)
class _Step:
    step: PlannedStep
    start: float
    line: int


def step_harms(record: Record) -> tuple[StepHarm, ...]:
    """One for each remedial step of which a command was run, in their order."""
    injected = record.times.injected
    steps = _remedies(record)
    if injected is None or not steps:
        return ()
    length_s = max(STRETCH_S, STRETCH_REQUESTS * 60 / record.plan.load.rate_per_min)
    account = _Account(record.all(LoadSampled), length_s)
    limit = error_limit(record)
    ends = _ends(record, [step.start for step in steps], length_s)
    return tuple(
        _judge(account, step, injected, end, limit) for step, end in zip(steps, ends, strict=True)
    )


def harm_findings(harms: Iterable[StepHarm]) -> Iterator[Finding]:
    for harm in harms:
        if harm.state == "harmful":
            yield Finding(
                id=f"harm-{harm.line}",
                severity="broken",
                text=f"Step {harm.number} of {harm.procedure} hurt customers more than the fault"
                f" had: {harm.text}",
                evidence=harm.evidence,
                line=harm.line,
            )


def error_limit(record: Record) -> float:
    """The share of failed requests that the steady state allows; none where it states nothing."""
    bound = next((b for b in record.plan.steady_state if b.subject == ERROR_RATE), None)
    return 0.0 if bound is None else bound.value


def _remedies(record: Record) -> list[_Step]:
    remedies = {(s.procedure, s.number): s for s in record.plan.steps if s.kind == "remedy"}
    found: dict[tuple[str, int], _Step] = {}
    for event in record.all(CommandFinished):
        key = (event.procedure, event.number)
        if key in remedies and key not in found:
            found[key] = _Step(remedies[key], event.at - event.duration_s, event.line)
    return sorted(found.values(), key=lambda step: step.start)


def _ends(record: Record, starts: Sequence[float], least_s: float) -> Iterator[float]:
    missed = record.last(RecoveryMissed)
    settled = record.times.recovered or (record.ended("recover") if missed is None else missed.at)
    limit = record.started("undo") or record.events[-1].at
    for start, following in pairwise([*starts, settled]):
        yield max(start, min(limit, max(following, start + least_s)))


class _Account:
    """The load by due time; by the time of the answer in a run that holds no ages.

    `length_s` is how long the stretches are of which the worst one counts.
    """

    def __init__(self, samples: Sequence[LoadSampled], length_s: float) -> None:
        self._length_s = length_s
        self._counts_slow = any(sample.slow is not None for sample in samples)
        self._by_due = self._counts_slow or any(sample.failed_ages for sample in samples)
        seconds = {_key(sample.at): self._second(sample) for sample in samples}
        for sample in samples if self._by_due else ():
            for ages, name in ((sample.failed_ages, "failed"), (sample.slow_ages, "slow")):
                for age, count in ages.items():
                    due = seconds.get(_key(sample.at - int(age)))
                    if due is not None:  # else it was due before the drill began
                        setattr(due, name, getattr(due, name) + count)
                        due.answered = True
        self._seconds = [seconds[key] for key in sorted(seconds)]
        self._middles = [second.at - 0.5 for second in self._seconds]
        last = max(samples, key=lambda sample: sample.at, default=None)
        waiting = last is not None and last.in_flight > 0
        # Nobody will ever know how those ended that were still waiting when the record did.
        self._open_from = last.at - last.oldest_in_flight_s if last and waiting else math.inf

    def before(self, start: float, end: float) -> _Known:
        """What is known of [start, end), its last seconds by themselves among it.

        The worst of it is that of whole seconds: what failed in the one in which the step began
        may be the step's doing.
        """
        whole = max((s.at for s in self._seconds if start < s.at <= end), default=end)
        last = max(start, whole - LAST_SHARE * self._length_s)
        return self._known(start, end, [*self._parts(start, whole), self._part(last, whole)])

    def after(self, start: float, end: float) -> _Known:
        """What is known of [start, end)."""
        return self._known(start, end, [*self._parts(start, end)])

    def _known(self, start: float, end: float, parts: Sequence[_Second]) -> _Known:
        inside = self._inside(start, end)
        told = [part for part in parts if part.requests and part.answered]
        failed = _worst(_Share(part.failed, part.requests) for part in told)
        slow = _worst(_Share(part.slow, part.requests) for part in told)
        if not self._counts_slow:
            slow = None
        stretch = Stretch(
            start=start,
            end=end,
            requests=sum(s.requests for s in inside),
            failed=sum(s.failed for s in inside),
            slow=sum(s.slow for s in inside) if self._counts_slow else None,
            worst_failed=None if failed is None else failed.value,
            worst_slow=None if slow is None else slow.value,
        )
        blind = len(told) < len(parts) or end > self._open_from
        return _Known(stretch, failed, slow, blind)

    def _inside(self, start: float, end: float) -> Sequence[_Second]:
        """A second belongs to the time that holds its middle."""
        return self._seconds[bisect_left(self._middles, start) : bisect_left(self._middles, end)]

    def _second(self, s: LoadSampled) -> _Second:
        return _Second(
            at=s.at,
            requests=(s.issued if self._by_due else s.completed) + s.dropped,
            failed=s.dropped + (0 if self._by_due else s.failed),
            slow=0,
            answered=s.completed > 0 or s.dropped > 0,
        )

    def _parts(self, start: float, end: float) -> Iterator[_Second]:
        """Every stretch of the length that fits, a second apart; one shorter where none does."""
        count = max(0, int(end - start - self._length_s + 1e-9)) + 1
        for left in (start + step for step in range(count)):
            yield self._part(left, min(end, left + self._length_s))

    def _part(self, left: float, right: float) -> _Second:
        inside = self._inside(left, right)
        requests = sum(s.requests for s in inside)
        return _Second(
            at=right,
            requests=requests,
            # One that was sent late may be counted in the second before it.
            failed=min(requests, sum(s.failed for s in inside)),
            slow=min(requests, sum(s.slow for s in inside)),
            answered=any(s.answered for s in inside),
        )


def _worst(shares: Iterable[_Share]) -> _Share | None:
    return max(shares, key=lambda share: share.value, default=None)


def _key(at: float) -> int:
    return round(at * 1000)


def _judge(account: _Account, step: _Step, injected: float, end: float, limit: float) -> StepHarm:
    before = account.before(injected, step.start)
    during = account.after(step.start, end)
    failing = _worse(during.failed, before.failed, limit)
    slower = _worse(during.slow, before.slow, SLOW_SHARE)
    state: Literal["harmless", "harmful", "unknown"]
    if "yes" in (failing, slower):
        state = "harmful"
    elif during.blind or "unknown" in (failing, slower):
        state = "unknown"
    else:
        state = "harmless"
    return StepHarm(
        procedure=step.step.procedure,
        number=step.step.number,
        line=step.line,
        text=step.step.text,
        state=state,
        evidence=_evidence(
            before.stretch, during.stretch, blind=during.blind, slower=slower == "yes"
        ),
        before=before.stretch,
        during=during.stretch,
    )


def _worse(during: _Share | None, before: _Share | None, limit: float) -> str:
    if during is None or during.value <= limit:
        return "no"
    if before is None:
        return "unknown"
    return "yes" if during.above(before) else "no"


def _evidence(before: Stretch, during: Stretch, *, blind: bool, slower: bool) -> str:
    if during.worst_failed is None:
        return "no request completed while it ran"
    told = (
        f"at worst {during.worst_failed:.2%} of the requests failed after it,"
        f" {_share(before.worst_failed)} before it"
    )
    if slower and during.worst_slow is not None:
        told += f"; {during.worst_slow:.2%} were slow after it, {_share(before.worst_slow)} before"
    return f"{told}; for some of that time there is no data" if blind else told


def _share(value: float | None) -> str:
    return "nothing is known of those" if value is None else f"{value:.2%}"
