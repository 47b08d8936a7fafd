"""Operators between scalars and vectors, with vector matching."""

import math
import operator
from collections.abc import Callable
from typing import Final

import promql_parser as ast

from rundrill.detection.labels import Labels
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
    distinct,
)

ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": numbers.divide,
    "%": numbers.modulo,
    "^": numbers.power,
    "atan2": math.atan2,
}
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SETS: Final = ("and", "or", "unless")


class Operation:
    """One arithmetic operator or comparison on two numbers.

    A comparison without `bool` filters: it keeps its left value, or nothing.
    """

    def __init__(self, symbol: str, *, return_bool: bool, dialect: Dialect) -> None:
        compare = COMPARISONS.get(symbol)
        keeps_name = symbol == "atan2" and dialect is Dialect.PROMETHEUS_2
        self.drops_name = return_bool or (compare is None and not keeps_name)
        self.filters = compare is not None and not return_bool
        self.apply: Callable[[float, float], float | None]
        if compare is None:
            self.apply = ARITHMETIC[symbol]
        elif return_bool:
            self.apply = lambda a, b: float(compare(a, b))
        else:
            self.apply = lambda a, b: a if compare(a, b) else None


def between_scalars(operation: Operation, left: ScalarNode, right: ScalarNode) -> ScalarNode:
    def evaluate(moment: Moment) -> float:
        # The grammar asks for `bool` between scalars, so that there always is a number.
        value = operation.apply(left(moment), right(moment))
        return numbers.NAN if value is None else value

    return evaluate


def with_scalar(operation: Operation, left: VectorNode, right: ScalarNode) -> VectorNode:
    """`vector op scalar`."""

    def evaluate(moment: Moment) -> Vector:
        scalar, apply = right(moment), operation.apply
        pairs = ((labels, apply(value, scalar)) for labels, value in left(moment))
        kept = [(labels, value) for labels, value in pairs if value is not None]
        return _nameless(kept) if operation.drops_name else kept

    return evaluate


def scalar_with(operation: Operation, left: ScalarNode, right: VectorNode) -> VectorNode:
    """`scalar op vector`; a filter keeps the vector's value, not the scalar's."""

    def evaluate(moment: Moment) -> Vector:
        scalar, apply = left(moment), operation.apply
        kept: Vector = []
        for labels, value in right(moment):
            answer = apply(scalar, value)
            if answer is not None:
                kept.append((labels, value if operation.filters else answer))
        return _nameless(kept) if operation.drops_name else kept

    return evaluate


def _nameless(vector: Vector) -> Vector:
    return distinct([(labels.nameless(), value) for labels, value in vector])


class Matching:
    """`on`/`ignoring` and `group_left`/`group_right` of one operator."""

    def __init__(self, modifier: ast.BinModifier | None) -> None:
        names: list[str] = []
        on = False
        self.included: tuple[str, ...] = ()
        self.card = ast.VectorMatchCardinality.OneToOne
        if modifier is not None:
            fill = modifier.fill_values
            if fill.lhs is not None or fill.rhs is not None:
                raise UnsupportedError("fill() is not supported")
            if modifier.matching is not None:
                names = modifier.matching.labels
                on = modifier.matching.type == ast.LabelModifierType.Include
            self.included = tuple(modifier.group_labels or ())
            self.card = modifier.card
        self.signature = Projection(names, keep=on)
        self.many_is_right = self.card == ast.VectorMatchCardinality.OneToMany
        self.one_to_one = self.card == ast.VectorMatchCardinality.OneToOne

    def result(self, many: Labels, one: Labels, *, drops_name: bool) -> Labels:
        """The labels of a matched pair."""
        labels = many.nameless() if drops_name else many
        if self.one_to_one:
            names = self.signature.names
            labels = labels.only(names) if self.signature.keep else labels.without(names)
        if self.included:
            labels = labels.updated({name: one.value(name) for name in self.included})
        return labels


def between_vectors(
    operation: Operation, matching: Matching, left: VectorNode, right: VectorNode
) -> VectorNode:
    apply, signature = operation.apply, matching.signature

    def evaluate(moment: Moment) -> Vector:
        many, one = left(moment), right(moment)
        if not many or not one:
            return []
        if matching.many_is_right:
            many, one = one, many
        signature.begin()
        ones = _by_signature(one, matching)
        results: Vector = []
        taken: set[tuple[Labels, Labels]] = set()
        for labels, value in many:
            key = signature(labels)
            match = ones.get(key)
            if match is None:
                continue
            answer = apply(match[1], value) if matching.many_is_right else apply(value, match[1])
            if answer is None:
                continue
            found = matching.result(labels, match[0], drops_name=operation.drops_name)
            _take(taken, key, found, matching)
            results.append((found, answer))
        return distinct(results)

    return evaluate


def _by_signature(one: Vector, matching: Matching) -> dict[Labels, tuple[Labels, float]]:
    found: dict[Labels, tuple[Labels, float]] = {}
    for labels, value in one:
        key = matching.signature(labels)
        if key in found:
            side = "left" if matching.many_is_right else "right"
            raise EvaluationError(
                f"found duplicate series for the match group {key} on the {side} hand-side of "
                f"the operation: [{labels}, {found[key][0]}]; many-to-many matching not allowed"
            )
        found[key] = (labels, value)
    return found


def _take(
    taken: set[tuple[Labels, Labels]], key: Labels, result: Labels, matching: Matching
) -> None:
    """Each match group gives one result, or one for every distinct set of labels."""
    entry = (key, key) if matching.one_to_one else (key, result)
    if entry in taken:
        raise EvaluationError(
            "multiple matches for labels: "
            + (
                "many-to-one matching must be explicit (group_left/group_right)"
                if matching.one_to_one
                else "grouping labels must ensure unique matches"
            )
        )
    taken.add(entry)


def set_operation(
    symbol: str, matching: Matching, left: VectorNode, right: VectorNode
) -> VectorNode:
    """`and`, `unless`, `or`: elements are kept whole, matched by labels only."""
    signature = matching.signature

    def both(moment: Moment) -> Vector:
        signature.begin()
        keys = {signature(labels) for labels, _ in right(moment)}
        return [element for element in left(moment) if signature(element[0]) in keys]

    def without(moment: Moment) -> Vector:
        signature.begin()
        keys = {signature(labels) for labels, _ in right(moment)}
        return [element for element in left(moment) if signature(element[0]) not in keys]

    def either(moment: Moment) -> Vector:
        first = left(moment)
        signature.begin()
        keys = {signature(labels) for labels, _ in first}
        rest = [element for element in right(moment) if signature(element[0]) not in keys]
        return distinct(first + rest)

    return {"and": both, "unless": without, "or": either}[symbol]
