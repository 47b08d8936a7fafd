"""When the i-th request is due. Pure arithmetic: what makes the load open-loop.

The schedule knows nothing of the service, so a hang cannot slow it down. Several processes share
one schedule by its numbers: the k-th of n issues every n-th arrival, beginning with its own.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Evenly spaced arrivals of `rate_per_s`, after a linear ramp from 0 over `ramp_s`."""

    start: float
    rate_per_s: float
    ramp_s: float = 0.0

    def due(self, index: int) -> float:
        """The due time of arrival `index` (from 0), on the clock of `start`.

        The number of arrivals until t is the integral of the rate: rate * t^2 / (2 * ramp)
        within the ramp, and rate * (t - ramp / 2) after it; this is its inverse.
        """
        in_ramp = self.rate_per_s * self.ramp_s / 2
        if index < in_ramp:
            return self.start + math.sqrt(2 * index * self.ramp_s / self.rate_per_s)
        return self.start + self.ramp_s + (index - in_ramp) / self.rate_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the process `worker` (from 1) of `of` processes issues of one schedule."""

    worker: int = 1
    of: int = 1

    def indices(self) -> Iterator[int]:
        """The numbers of its arrivals, without end; every number is in exactly one share."""
        return itertools.count(self.worker - 1, self.of)

    def part(self, whole: int) -> int:
        """Its part of a limit; the parts of all sum to `whole` and differ by 1 at most."""
        return whole // self.of + (self.worker <= whole % self.of)


WHOLE: Final = Share()
"""Of one process alone."""
