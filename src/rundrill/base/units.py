"""Numbers to words with their units. One way to write each quantity, in every report."""

import math
from dataclasses import dataclass

NOT_REACHED = "not reached"
NO_DATA = "no data"


def seconds(value: float | None, *, fine: bool = True) -> str:
    """A duration: "240 ms", "14.2 s", "1 min 9.7 s", "20 min 5 s", "1 h 5 min".

    Without `fine` there are no tenths from one minute up.
    """
    if value is None:
        return NOT_REACHED
    if not math.isfinite(value):
        return NO_DATA
    if value < 0:
        return "\u2212" + seconds(-value, fine=fine)
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{_one_decimal(value)} s"
    if value < 3599.5:
        minutes, rest = divmod(round(value, 1 if fine and value < 600 else None), 60)
        return f"{minutes:.0f} min {_one_decimal(rest)} s" if rest >= 0.05 else f"{minutes:.0f} min"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def milliseconds(value: float | None) -> str:
    """A latency given in milliseconds: "3.2 ms", "45 ms", "2.1 s"."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    if value < 10:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    return seconds(value / 1000)


def ratio(value: float | None) -> str:
    """A share: "0.3 %"."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    percent = value * 100
    digits = 0 if abs(percent) >= 99.95 or percent == 0 else (1 if abs(percent) >= 1 else 2)
    return f"{percent:.{digits}f} %"


def count(value: float | None) -> str:
    """A number of things, in groups of three digits."""
    if value is None or not math.isfinite(value):
        return NO_DATA
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def quantity(value: float | None, unit: str) -> str:
    """A value in the base unit of a runbook's threshold."""
    if unit == "ratio":
        return ratio(value)
    if unit == "s":
        return NO_DATA if value is None else milliseconds(value * 1000)
    if unit == "req/min" and value is not None:
        return f"{count(value)} req/min"
    return count(value)


def factor(compression: float) -> str:
    """ "\u00d715"."""
    return f"\u00d7{compression:g}"


@dataclass(frozen=True, slots=True)
class Scale:
    """Time of this run against the runbook's time: one is `compression` times the other."""

    compression: float

    @property
    def compressed(self) -> bool:
        return self.compression != 1

    def runbook(self, run_s: float | None) -> str:
        """Seconds of the run, written in the runbook's time."""
        return seconds(None if run_s is None else run_s * self.compression, fine=False)

    def both(self, run_s: float | None) -> str:
        """ "28.4 s (\u00d715: 7 min 6 s)"; the second form only when time was compressed."""
        if run_s is None or not self.compressed:
            return seconds(run_s)
        return f"{seconds(run_s)} ({factor(self.compression)}: {self.runbook(run_s)})"


def _one_decimal(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
