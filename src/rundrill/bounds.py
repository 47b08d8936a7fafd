"""A number against a bound, the same way wherever it is asked. Pure."""

from rundrill.model import SteadyStateBound

ABOUT = 0.1
"""`~1000 req/min` holds within a tenth: runbooks state it as a rough normal, not as a bound."""


def compare(value: float, comparator: str, limit: float) -> bool:
    """`value comparator limit`, where `~` means about."""
    match comparator:
        case "<":
            return value < limit
        case "<=":
            return value <= limit
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "==":
            return value == limit
        case _:
            return abs(value - limit) <= ABOUT * limit


def holds(bound: SteadyStateBound, value: float | None) -> bool:
    """No data never holds."""
    return value is not None and compare(value, bound.comparator, bound.value)


def shown(value: float | None, unit: str) -> str:
    """A value as a person writes it in that unit."""
    if value is None:
        return "no data"
    if unit == "ratio":
        return f"{value:.2%}"
    if unit == "s":
        return f"{value * 1000:.0f} ms"
    return f"{value:.0f}" if unit == "count" else f"{value:.0f} {unit}"
