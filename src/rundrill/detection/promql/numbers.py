"""Floating point as PromQL has it: nothing raises, everything is a float."""

import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

NAN: Final = math.nan
INFINITY: Final = math.inf


def divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return NAN
    return math.copysign(INFINITY, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    """The remainder with the sign of `a`."""
    try:
        return math.fmod(a, b)
    except ValueError:
        return NAN


def power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return -INFINITY if a < 0 and _is_odd(b) else INFINITY
    except ValueError:
        if a != 0:
            return NAN
        return math.copysign(INFINITY, a) if _is_odd(b) else INFINITY


def floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def ceil(value: float) -> float:
    return float(math.ceil(value)) if math.isfinite(value) else value


def total(values: Iterable[float]) -> float:
    """The sum, correctly rounded where it is finite."""
    numbers = list(values)
    try:
        return math.fsum(numbers)
    except OverflowError:
        return sum(numbers)
    except ValueError:  # infinities of both signs
        return NAN


def mean(values: Sequence[float]) -> float:
    """The average of at least one value; a sum that overflows does not spoil it."""
    whole = total(values)
    if math.isinf(whole) and not any(math.isinf(value) for value in values):
        return total(value / len(values) for value in values)
    return whole / len(values)


def variance(values: Sequence[float]) -> float:
    """The population variance of at least one value."""
    middle = mean(values)
    squares = [(value - middle) * (value - middle) for value in values]
    return total(squares) / len(values)


def quantile(q: float, values: Iterable[float]) -> float:
    """Linear between the two nearest ranks; not-a-number sorts first."""
    ordered = sorted(values, key=lambda v: (not math.isnan(v), 0.0 if math.isnan(v) else v))
    if math.isnan(q) or not ordered:
        return NAN
    if q < 0:
        return -INFINITY
    if q > 1:
        return INFINITY
    rank = q * (len(ordered) - 1)
    lower = int(rank)
    upper = min(len(ordered) - 1, lower + 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


def lowest(values: Iterable[float]) -> float:
    """The minimum; not-a-number counts only when there is nothing else."""
    return min((v for v in values if not math.isnan(v)), default=NAN)


def highest(values: Iterable[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=NAN)


def text_of(value: float) -> str:
    """The shortest decimal text without an exponent, as `count_values` writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse(text: str) -> float | None:
    """A number such as the value of an `le` label; None when it is none."""
    if not text or "_" in text or text != text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def total_function(function: Callable[[float], float]) -> Callable[[float], float]:
    """A function of `math` that answers not-a-number or infinity instead of raising."""

    def answer(value: float) -> float:
        try:
            return function(value)
        except OverflowError:
            return INFINITY
        except ValueError:
            return NAN

    return answer


def _is_odd(value: float) -> bool:
    return math.isfinite(value) and math.fmod(value, 2.0) in (1.0, -1.0)
