"""Functions of a range: rates, changes, regressions, `*_over_time`."""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from rundrill.detection.promql import numbers
from rundrill.detection.promql.values import Dialect, Moment, Window

RangeFunction: TypeAlias = Callable[[Window, Moment], float | None]
"""One series' samples to one value; None when there are too few."""

_NEAR: Final = 1.1
"""Within so many sample distances of a boundary, a rate is extrapolated up to it."""


def _extrapolated(
    window: Window, moment: Moment, *, counter: bool, per_second: bool
) -> float | None:
    """The change over the whole range, from the samples that happen to lie in it.

    The rule is Prometheus's: up to the boundary when a sample could be expected near it, else
    by half the average distance, and for a counter never below its zero.
    """
    times, values = window.times, window.values
    if len(times) < 2:
        return None
    change = values[-1] - values[0]
    if counter:
        change = _with_resets(change, values)
    sampled = (times[-1] - times[0]) / 1000
    distance = sampled / (len(times) - 1)
    to_start = (times[0] - window.start_ms) / 1000
    to_end = (window.end_ms - times[-1]) / 1000
    to_zero = math.inf
    if counter and change > 0 and values[0] >= 0:
        to_zero = sampled * (values[0] / change)
    near = distance * _NEAR
    if moment.dialect is Dialect.PROMETHEUS_2:
        to_start = min(to_start, to_zero)
        to_start = to_start if to_start < near else distance / 2
    else:
        to_start = min(to_start if to_start < near else distance / 2, to_zero)
    to_end = to_end if to_end < near else distance / 2
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor /= (window.end_ms - window.start_ms) / 1000
    return change * factor


def _with_resets(change: float, values: Sequence[float]) -> float:
    """The change and what the counter had before each reset, added in their order."""
    last = values[0]
    for value in values:
        if value < last:
            change += last
        last = value
    return change


def rate(window: Window, moment: Moment) -> float | None:
    return _extrapolated(window, moment, counter=True, per_second=True)


def increase(window: Window, moment: Moment) -> float | None:
    return _extrapolated(window, moment, counter=True, per_second=False)


def delta(window: Window, moment: Moment) -> float | None:
    return _extrapolated(window, moment, counter=False, per_second=False)


def irate(window: Window, _: Moment) -> float | None:
    if len(window.times) < 2:
        return None
    before, last = window.values[-2:]
    seconds = (window.times[-1] - window.times[-2]) / 1000
    return (last if last < before else last - before) / seconds


def idelta(window: Window, _: Moment) -> float | None:
    if len(window.times) < 2:
        return None
    return window.values[-1] - window.values[-2]


def resets(window: Window, _: Moment) -> float:
    values = window.values
    return float(sum(1 for i in range(1, len(values)) if values[i] < values[i - 1]))


def changes(window: Window, _: Moment) -> float:
    count, last = 0, window.values[0]
    for value in window.values:
        if value != last and not (math.isnan(value) and math.isnan(last)):
            count += 1
        last = value
    return float(count)


def _line(window: Window, origin_ms: int) -> tuple[float, float]:
    """Slope per second and value at `origin_ms` of the least-squares line."""
    values, count = window.values, len(window.values)
    if all(value == values[0] for value in values[1:]):
        return (numbers.NAN, numbers.NAN) if math.isinf(values[0]) else (0.0, values[0])
    xs = [(time - origin_ms) / 1000 for time in window.times]
    sum_x, sum_y = numbers.total(xs), numbers.total(values)
    covariance = numbers.total(map(float.__mul__, xs, values)) - sum_x * sum_y / count
    spread = numbers.total(x * x for x in xs) - sum_x * sum_x / count
    slope = numbers.divide(covariance, spread)
    return slope, sum_y / count - slope * sum_x / count


def deriv(window: Window, _: Moment) -> float | None:
    return _line(window, window.times[0])[0] if len(window.times) >= 2 else None


def predict_linear(window: Window, moment: Moment, ahead_s: float) -> float | None:
    if len(window.times) < 2:
        return None
    slope, now = _line(window, moment.at_ms)
    return slope * ahead_s + now


def quantile_over_time(window: Window, _: Moment, q: float) -> float:
    return numbers.quantile(q, window.values)


RANGE_FUNCTIONS: Final[dict[str, RangeFunction]] = {
    "rate": rate,
    "increase": increase,
    "delta": delta,
    "irate": irate,
    "idelta": idelta,
    "resets": resets,
    "changes": changes,
    "deriv": deriv,
    "sum_over_time": lambda window, _: numbers.total(window.values),
    "avg_over_time": lambda window, _: numbers.mean(window.values),
    "min_over_time": lambda window, _: numbers.lowest(window.values),
    "max_over_time": lambda window, _: numbers.highest(window.values),
    "count_over_time": lambda window, _: float(len(window.values)),
    "present_over_time": lambda _window, _: 1.0,
    "last_over_time": lambda window, _: window.values[-1],
    "stddev_over_time": lambda window, _: math.sqrt(numbers.variance(window.values)),
    "stdvar_over_time": lambda window, _: numbers.variance(window.values),
}
KEEP_NAME: Final = frozenset({"last_over_time"})
