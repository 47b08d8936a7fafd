"""sum, min, topk and the like, by and without labels."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import promql_parser as ast

from rundrill.detection.labels import LABEL_NAME, Labels
from rundrill.detection.promql import numbers
from rundrill.detection.promql.values import (
    Dialect,
    EvaluationError,
    Moment,
    Projection,
    ScalarNode,
    UnsupportedError,
    Vector,
    VectorNode,
)

SIMPLE: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": numbers.total,
    "avg": numbers.mean,
    "min": numbers.lowest,
    "max": numbers.highest,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "stdvar": numbers.variance,
    "stddev": lambda values: math.sqrt(numbers.variance(values)),
}
RANKED: Final = ("topk", "bottomk")


def grouping(modifier: ast.AggModifier | None) -> Projection:
    """No modifier is `by ()`: one group."""
    if modifier is None:
        return Projection((), keep=True)
    return Projection(modifier.labels, keep=modifier.type == ast.AggModifierType.By)


def _groups(vector: Vector, group: Projection) -> dict[Labels, Vector]:
    found: dict[Labels, Vector] = {}
    group.begin()
    for element in vector:
        found.setdefault(group(element[0]), []).append(element)
    return found


def simple(name: str, group: Projection, inner: VectorNode) -> VectorNode:
    function, spread = SIMPLE[name], name in ("stddev", "stdvar")

    def evaluate(moment: Moment) -> Vector:
        results: Vector = []
        for labels, elements in _groups(inner(moment), group).items():
            values = [value for _, value in elements]
            if spread and len(values) == 1 and moment.dialect is Dialect.PROMETHEUS_2:
                results.append((labels, 0.0))  # also for infinity and not-a-number
            else:
                results.append((labels, function(values)))
        return results

    return evaluate


def quantile(q: ScalarNode, group: Projection, inner: VectorNode) -> VectorNode:
    def evaluate(moment: Moment) -> Vector:
        rank = q(moment)
        return [
            (labels, numbers.quantile(rank, (value for _, value in elements)))
            for labels, elements in _groups(inner(moment), group).items()
        ]

    return evaluate


def ranked(name: str, k: ScalarNode, group: Projection, inner: VectorNode) -> VectorNode:
    """`topk` and `bottomk`: whole elements, the best first; not-a-number is never better."""
    sign = -1.0 if name == "topk" else 1.0

    def key(element: tuple[Labels, float]) -> tuple[bool, float]:
        value = element[1]
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    def evaluate(moment: Moment) -> Vector:
        limit = k(moment)
        if math.isnan(limit) or not -(2**63) <= limit < 2**63:
            raise EvaluationError(f"scalar value {limit} overflows int64")
        if limit < 1:
            return []
        results: Vector = []
        for elements in _groups(inner(moment), group).values():
            results += sorted(elements, key=key)[: int(limit)]
        return results

    return evaluate


def count_values(label: str, group: Projection, inner: VectorNode) -> VectorNode:
    """How often each value occurs, the value as a label. Raises `UnsupportedError`."""
    if not LABEL_NAME.fullmatch(label):
        raise UnsupportedError(f"invalid label name {label!r} in count_values")

    def evaluate(moment: Moment) -> Vector:
        counts: dict[Labels, float] = {}
        group.begin()
        for labels, value in inner(moment):
            key = group(labels)
            if group.keep or label not in group.names:
                key = key.updated({label: numbers.text_of(value)})
            counts[key] = counts.get(key, 0.0) + 1
        return list(counts.items())

    return evaluate
