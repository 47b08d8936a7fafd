"""A circuit breaker for one gateway. No I/O; time is an argument.

closed -> open after `failures` failures in a row; open -> half-open after `open_s`, when one
trial is let through; half-open -> closed if it succeeds, open again if it fails.
"""

from collections.abc import Callable
from enum import IntEnum


class BreakerState(IntEnum):
    """The values of the metric payments_breaker_state."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Breaker:
    """Ask `allow` before a call, then tell `succeed`, `fail` or `forget`, exactly one of them."""

    def __init__(
        self,
        *,
        failures: int,
        open_s: float,
        now: Callable[[], float],
        changed: Callable[[BreakerState], None] = lambda _state: None,
    ) -> None:
        self._limit = failures
        self._open_s = open_s
        self._now = now
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._opened_at = 0.0
        self._trial_running = False

    @property
    def state(self) -> BreakerState:
        return self._state

    @property
    def rejecting(self) -> bool:
        """True when `allow` would say no now. Changes nothing."""
        if self._state is BreakerState.OPEN:
            return self._now() - self._opened_at < self._open_s
        return self._trial_running

    def allow(self) -> bool:
        """Whether a call may be made now."""
        if self.rejecting:
            return False
        if self._state is BreakerState.CLOSED:
            return True
        self._become(BreakerState.HALF_OPEN)
        self._trial_running = True
        return True

    def succeed(self) -> None:
        """The gateway answered. Also ends an open state that an older call outlived."""
        self._failures = 0
        self._trial_running = False
        self._become(BreakerState.CLOSED)

    def fail(self) -> None:
        """The gateway did not answer, or not usefully."""
        self._failures += 1
        if self._state is BreakerState.HALF_OPEN or self._failures >= self._limit:
            # A call that began before the breaker opened must not prolong the open state.
            if self._state is not BreakerState.OPEN:
                self._opened_at = self._now()
            self._trial_running = False
            self._become(BreakerState.OPEN)

    def forget(self) -> None:
        """The call was abandoned and says nothing about the gateway."""
        self._trial_running = False

    def _become(self, state: BreakerState) -> None:
        if state is not self._state:
            self._state = state
            self._changed(state)
