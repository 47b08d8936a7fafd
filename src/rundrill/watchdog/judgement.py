"""What the watchdog makes of what it was told. Pure: the time is an argument, nothing is asked.

A runner that still reports is asked to stop, since it undoes with all that it knows. One that
is silent, gone, or does not follow is not trusted to stop by itself: it is ended for certain, and
its fault undone from outside.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from rundrill.events import (
    DrillAborted,
    DrillEnded,
    Event,
    FaultInjected,
    FaultUndone,
    LoadSampled,
    LoadStopped,
    PhaseStarted,
    SteadyStateSampled,
)
from rundrill.plan.limits import ErrorBudget, Limits

REACT_S: Final = 10.0
"""How long the runner may take to begin to stop; an answer of the API server is waited for 5 s."""
END_S: Final = 120.0
"""How long its undo may take, and as long what comes after it: as it tells at a Ctrl-C."""
HEARD: Final = (
    PhaseStarted,
    LoadSampled,
    SteadyStateSampled,
    FaultInjected,
    FaultUndone,
    LoadStopped,
    DrillAborted,
    DrillEnded,
)
"""The events that are of use here; the observer's samples are the sign of life."""


def yields(event: Event) -> bool:
    """Whether the runner is ending the drill, or has ended it."""
    if isinstance(event, PhaseStarted):
        return event.phase == "undo"
    return isinstance(event, DrillAborted | FaultUndone | LoadStopped | DrillEnded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The runner is to undo and end the drill."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The runner is to be ended, and its fault undone without it."""

    why: str


class Harm:
    """Customer requests since the injection, by the second in which they ended.

    One that the load had to drop was a customer's, too.
    """

    def __init__(self, budget: ErrorBudget | None) -> None:
        self._budget = budget
        self._injected: float | None = None
        self._window: deque[LoadSampled] = deque()
        self.failed = 0
        self.last_at: float | None = None

    def hear(self, event: Event) -> None:
        if isinstance(event, FaultInjected):
            self._injected = event.at
        elif isinstance(event, LoadSampled):
            self.last_at = event.at
            # A sample is of the second before it; one in which the fault was made counts.
            if self._injected is not None and event.at > self._injected:
                self.failed += event.failed + event.dropped
                self._window.append(event)

    def beyond(self) -> str | None:
        """Which limit the harm has passed, as a sentence; None while it has passed none."""
        budget = self._budget
        if budget is None or self._injected is None or self.last_at is None:
            return None
        if budget.failed is not None and self.failed > budget.failed:
            return (
                f"{self.failed} customer requests failed since the injection,"
                f" the error budget is {budget.failed}"
            )
        if budget.share is None:
            return None
        start = self.last_at - budget.over_s
        while self._window and self._window[0].at <= start:
            self._window.popleft()
        if start < self._injected:
            return None  # the window has not passed once
        asked = sum(one.completed + one.dropped for one in self._window)
        failed = sum(one.failed + one.dropped for one in self._window)
        if asked == 0 or failed / asked <= budget.share:
            return None
        return (
            f"{failed / asked:.0%} of the customer requests of {budget.over_s:g} s failed,"
            f" the error budget is {budget.share:.0%}"
        )


class Watch:
    """One drill under watch, from its begin to its end. Times are readings of one clock.

    `lasts_s` is what the windows of its plan add up to.
    """

    def __init__(self, limits: Limits, *, lasts_s: float, now: float) -> None:
        self._limits = limits
        self._stated = limits.duration_s is not None
        self._lasts_s = lasts_s if limits.duration_s is None else limits.duration_s
        self._begun = now
        self._heard = now
        self._load_heard = now
        self._harm = Harm(limits.error_budget)
        self._injected = False
        self._sampled = True
        self._yielding_since: float | None = None
        self._stopped: tuple[str, float] | None = None
        self.ended = False

    @property
    def why(self) -> str | None:
        """Why the runner was asked to stop; None when it was not."""
        return None if self._stopped is None else self._stopped[0]

    def hear(self, event: Event, now: float) -> None:
        self._heard = now
        self._harm.hear(event)
        if isinstance(event, LoadSampled):
            self._load_heard = now
        elif isinstance(event, FaultInjected):
            self._injected = True
        elif yields(event):
            self._yielding_since = now
            self._sampled = self._sampled and not isinstance(event, LoadStopped)
            self.ended = isinstance(event, DrillEnded)

    def move(self, now: float, *, gone: bool, asked: str | None) -> Stop | TakeOver | None:
        """What is to be done now, if anything; `Stop` once.

        `gone`: nobody is at the other end any more. `asked`: why somebody else wants it to stop.
        """
        if self.ended:
            return None
        if gone:
            why = "the runner is gone and has not ended its drill"
            return TakeOver(why=why if self.why is None else f"{self.why}; {why}")
        return self._distrust(now) or (self._wanted(now, asked) if self._stopped is None else None)

    def _distrust(self, now: float) -> TakeOver | None:
        """Why the runner can no longer be asked."""
        silent_s = now - self._heard
        # When the load has ended nobody samples any more: then `END_S` is the limit.
        if silent_s > self._limits.silence_s and self._sampled:
            return TakeOver(
                why=f"the runner has told nothing for {silent_s:.0f} s,"
                f" the limit is {self._limits.silence_s:g} s"
            )
        if self._yielding_since is not None:
            if now - self._yielding_since > END_S:
                return TakeOver(why=f"the runner has not ended the drill in {END_S:g} s")
        elif self._stopped is not None and now - self._stopped[1] > REACT_S:
            return TakeOver(
                why=f"{self._stopped[0]}; the runner did not stop in {REACT_S:g} s when asked to"
            )
        return None

    def _wanted(self, now: float, asked: str | None) -> Stop | None:
        if self._yielding_since is not None:
            return None  # it ends already
        why = asked or self._harm.beyond() or self._overdue(now) or self._blind(now)
        if why is None:
            return None
        self._stopped = (why, now)
        return Stop(why=why)

    def _overdue(self, now: float) -> str | None:
        if now - self._begun <= self._lasts_s:
            return None
        whose = "the limit" if self._stated else "what its windows add up to"
        return f"the drill lasts longer than {self._lasts_s:.0f} s, {whose}"

    def _blind(self, now: float) -> str | None:
        """No data never passes: a budget that nobody counts against is none."""
        blind_s = now - self._load_heard
        if self._limits.error_budget is None or not self._injected:
            return None
        if blind_s <= self._limits.silence_s:
            return None
        return f"nothing is known of the customers for {blind_s:.0f} s, so nor of the error budget"
