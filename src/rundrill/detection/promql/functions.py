"""Functions of instant vectors: mathematics, sorting, absence, time."""

import math
from collections.abc import Callable
from typing import Final

from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql import numbers
from rundrill.detection.promql.calendar import CALENDAR
from rundrill.detection.promql.values import (
    Moment,
    RangeNode,
    ScalarNode,
    Vector,
    VectorNode,
    distinct,
)
from rundrill.detection.selector import Match, Selector

_BARE: Final[dict[str, Callable[[float], float]]] = {
    "acos": math.acos,
    "acosh": math.acosh,
    "asin": math.asin,
    "asinh": math.asinh,
    "atan": math.atan,
    "cos": math.cos,
    "cosh": math.cosh,
    "exp": math.exp,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
    "deg": math.degrees,
    "rad": math.radians,
}


def _edge(function: Callable[[float], float], *edges: float) -> Callable[[float], float]:
    """Infinity with the sign of the first edge whose value Python's function refuses."""

    def answer(value: float) -> float:
        if value in edges:
            return -numbers.INFINITY if value <= 0 else numbers.INFINITY
        return function(value)

    return numbers.total_function(answer)


def _sinh(value: float) -> float:
    try:
        return math.sinh(value)
    except OverflowError:
        return math.copysign(numbers.INFINITY, value)


def _sign(value: float) -> float:
    return value if value == 0 or math.isnan(value) else math.copysign(1.0, value)


MATHEMATICS: Final[dict[str, Callable[[float], float]]] = {
    **{name: numbers.total_function(function) for name, function in _BARE.items()},
    **CALENDAR,
    "abs": abs,
    "ceil": numbers.ceil,
    "floor": numbers.floor,
    "ln": _edge(math.log, 0.0),
    "log2": _edge(math.log2, 0.0),
    "log10": _edge(math.log10, 0.0),
    "atanh": _edge(math.atanh, -1.0, 1.0),
    "sinh": _sinh,
    "sgn": _sign,
}


def each(function: Callable[[float], float], inner: VectorNode) -> VectorNode:
    """The function of every value; the metric's name is dropped."""

    def evaluate(moment: Moment) -> Vector:
        return distinct([(labels.nameless(), function(v)) for labels, v in inner(moment)])

    return evaluate


def round_to(inner: VectorNode, to: ScalarNode) -> VectorNode:
    def evaluate(moment: Moment) -> Vector:
        inverse = numbers.divide(1.0, to(moment))

        def nearest(value: float) -> float:
            return numbers.divide(numbers.floor(value * inverse + 0.5), inverse)

        return each(nearest, inner)(moment)

    return evaluate


def clamp(inner: VectorNode, low: ScalarNode | None, high: ScalarNode | None) -> VectorNode:
    """Nothing at all when the bounds are the wrong way round."""

    def evaluate(moment: Moment) -> Vector:
        least = -numbers.INFINITY if low is None else low(moment)
        most = numbers.INFINITY if high is None else high(moment)

        def bounded(value: float) -> float:
            if math.isnan(value) or math.isnan(least) or math.isnan(most):
                return numbers.NAN
            return max(least, min(most, value))

        elements = inner(moment)
        return [] if most < least else each(bounded, lambda _: elements)(moment)

    return evaluate


def in_order(inner: VectorNode, *, descending: bool) -> VectorNode:
    """`sort` and `sort_desc`; not-a-number comes last in both."""
    sign = -1.0 if descending else 1.0

    def key(element: tuple[Labels, float]) -> tuple[bool, float]:
        return (True, 0.0) if math.isnan(element[1]) else (False, sign * element[1])

    return lambda moment: sorted(inner(moment), key=key)


def absent(inner: VectorNode | RangeNode, selector: Selector | None) -> VectorNode:
    """1 when there is nothing, labelled with what the selector asks to be equal."""
    labels = absence_labels(selector)
    return lambda moment: [] if inner(moment) else [(labels, 1.0)]


def absence_labels(selector: Selector | None) -> Labels:
    """The `=` labels of a selector; one that is matched twice says nothing."""
    if selector is None:
        return Labels()
    matchers = [m for m in selector.matchers if m.label != METRIC_NAME]
    names = [matcher.label for matcher in matchers]
    return Labels(
        (m.label, m.value) for m in matchers if m.match is Match.EQUAL and names.count(m.label) == 1
    )


def to_scalar(inner: VectorNode) -> ScalarNode:
    def evaluate(moment: Moment) -> float:
        vector = inner(moment)
        return vector[0][1] if len(vector) == 1 else numbers.NAN

    return evaluate


def to_vector(inner: ScalarNode) -> VectorNode:
    nothing = Labels()
    return lambda moment: [(nothing, inner(moment))]


def now(moment: Moment) -> float:
    """Unix time of the evaluation in seconds."""
    return moment.at_ms / 1000 + moment.wall_offset_s


def times_of(inner: VectorNode) -> VectorNode:
    """`timestamp()` of what is not a plain selector: the moment itself."""
    return lambda moment: distinct([(lb.nameless(), now(moment)) for lb, _ in inner(moment)])
