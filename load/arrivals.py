"""When the i-th request is due. Pure arithmetic: what makes the load open-loop.

The schedule knows nothing of the service, so a hang cannot slow it down.
"""

import math
from dataclasses import dataclass


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
