"""What can be said of an expression without evaluating it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import promql_parser as ast

from rundrill.detection.labels import METRIC_NAME
from rundrill.detection.promql.values import UnsupportedError

_ABSENCE: Final = ("absent", "absent_over_time")
# Words that the parser does not know, and what its message does not say of them.
_EXPERIMENTAL: Final = re.compile(r"[\])]\s*(?P<word>smoothed|anchored)\b|\s(?P<trim></|>/)")
_PERCENTILES: Final = ("histogram_quantile", "quantile_over_time")
NOTHING_RECORDED: Final[Mapping[str, timedelta]] = MappingProxyType({})


def parse(text: str) -> ast.Expr:
    """The syntax tree. Raises `UnsupportedError` with the parser's own words."""
    try:
        tree: ast.Expr = ast.parse(text)
    except ValueError as error:
        found = _EXPERIMENTAL.search(text)
        if found is not None:
            raise UnsupportedError(f"`{found[found.lastgroup or 0]}` is not supported") from None
        raise UnsupportedError(str(error)) from None
    return tree


def children(node: ast.Expr) -> list[ast.Expr]:
    """The expressions directly inside; those of a range selector are part of it."""
    match node:
        case ast.BinaryExpr():
            return [node.lhs, node.rhs]
        case ast.AggregateExpr():
            return [node.expr] if node.param is None else [node.param, node.expr]
        case ast.Call():
            return list(node.args)
        case ast.UnaryExpr() | ast.ParenExpr() | ast.SubqueryExpr():
            return [node.expr]
    return []


def unwrapped(node: ast.Expr) -> ast.Expr:
    """Without the parentheses around it."""
    while isinstance(node, ast.ParenExpr):
        node = node.expr
    return node


def selectors(node: ast.Expr, *, of_absence: bool = True) -> list[ast.VectorSelector]:
    """Every selector; those asked only whether they are absent can be left out."""
    if isinstance(node, ast.VectorSelector):
        return [node]
    if isinstance(node, ast.MatrixSelector):
        return [node.vector_selector]
    if not of_absence and isinstance(node, ast.Call) and node.func.name in _ABSENCE:
        return []
    return [s for child in children(node) for s in selectors(child, of_absence=of_absence)]


def metric_names(node: ast.Expr, *, of_absence: bool = True) -> frozenset[str]:
    """The metrics that it asks for by name."""
    names: set[str] = set()
    for found in selectors(node, of_absence=of_absence):
        if found.name is not None:
            names.add(found.name)
        names |= {
            m.value
            for m in found.matchers.matchers
            if m.name == METRIC_NAME and m.op == ast.MatchOp.Equal
        }
    return frozenset(names)


def reach(
    node: ast.Expr, lookback: timedelta, recorded: Mapping[str, timedelta] = NOTHING_RECORDED
) -> timedelta:
    """How old a sample can be and still count. What a metric that is `recorded` reaches back
    itself comes on top of it.
    """
    match node:
        case ast.VectorSelector():
            return (node.offset or timedelta()) + lookback + _recorded(node, recorded)
        case ast.MatrixSelector():
            selector = node.vector_selector
            own = (selector.offset or timedelta()) + node.range
            return own + _recorded(node, recorded)
        case ast.SubqueryExpr():
            own = (node.offset or timedelta()) + (node.range or timedelta())
            return own + reach(node.expr, lookback, recorded)
    found = (reach(child, lookback, recorded) for child in children(node))
    return max(found, default=timedelta())


def _recorded(node: ast.Expr, recorded: Mapping[str, timedelta]) -> timedelta:
    return max((recorded[n] for n in metric_names(node) if n in recorded), default=timedelta())


def quantile(node: ast.Expr) -> float | None:
    """The first percentile that is asked for by a literal; None when there is none."""
    ranked = None
    if isinstance(node, ast.Call) and node.func.name in (
        "histogram_quantile",
        "quantile_over_time",
    ):
        ranked = unwrapped(node.args[0])
    elif isinstance(node, ast.AggregateExpr) and str(node.op) == "quantile":
        ranked = None if node.param is None else unwrapped(node.param)
    if isinstance(ranked, ast.NumberLiteral):
        return float(ranked.val)
    return next((q for child in children(node) if (q := quantile(child)) is not None), None)


def shortest_range(node: ast.Expr) -> timedelta | None:
    """The shortest range selector; None when there is none."""
    if isinstance(node, ast.MatrixSelector):
        return node.range
    found = (shortest_range(child) for child in children(node))
    return min((one for one in found if one is not None), default=None)
