"""The one clock. Durations never come from anywhere else."""

import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock that can also wait. Tests pass one that takes no real seconds."""

    def now(self) -> float:
        """Seconds of a monotonic clock; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits `seconds`; a negative or zero duration returns at once."""
        ...


class MonotonicClock:
    """The system's monotonic clock.

    On Linux and macOS it is one clock for all processes, so the times that the load
    generator writes can be compared with ours.
    """

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)  # noqa: TID251 - the one place that really waits
