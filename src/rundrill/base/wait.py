"""The one polling loop. A timeout says what it waited for."""

from collections.abc import Callable
from typing import TypeVar

from rundrill.base.clock import Clock

T = TypeVar("T")


class WaitTimeoutError(Exception):
    """What was waited for did not come within its budget."""

    def __init__(self, what: str, budget_s: float) -> None:
        super().__init__(f"waited {budget_s:.1f} s for {what}")
        self.what = what
        self.budget_s = budget_s


def until(
    find: Callable[[], T | None],
    *,
    what: str,
    budget_s: float,
    every_s: float,
    clock: Clock,
) -> T:
    """Calls `find` every `every_s` seconds until it gives something other than None or False.

    The last look is taken at or after the end of the budget, so that a slow machine cannot
    miss what was there in time. Raises `WaitTimeoutError`.
    """
    deadline = clock.now() + budget_s
    while True:
        started = clock.now()
        found = find()
        if found is not None and found is not False:
            return found
        if started >= deadline:
            raise WaitTimeoutError(what, budget_s)
        clock.sleep(min(every_s, max(0.0, deadline - clock.now())))
