"""What an alert rule states in numbers: its comparisons and its windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import promql_parser as ast

from rundrill.detection.promql.scope import children, metric_names, parse, unwrapped
from rundrill.detection.rules import AlertRule, RecordingRule, RuleSet

_FLIPPED: Final[Mapping[str, str]] = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "=="}
_JOINING: Final = ("or", "and", "unless")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`... comparator value`, where the whole side decides whether the alert fires."""

    comparator: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """`windows_s` are the ranges it looks back over, those of the rules it reads included."""

    comparisons: tuple[Comparison, ...]
    windows_s: frozenset[float]


def stated(rule: AlertRule, rules: RuleSet) -> Stated:
    """Reads the rule's expression and those of the recording rules that it asks for."""
    tree = parse(rule.expr)
    recorded = {
        one.record: one.expr
        for group in rules.groups
        for one in group.rules
        if isinstance(one, RecordingRule)
    }
    return Stated(
        comparisons=comparisons_of(tree),
        windows_s=frozenset(_windows(tree, recorded, set())),
    )


def comparisons_of(tree: ast.Expr) -> tuple[Comparison, ...]:
    """The comparisons with numbers by which an alert fires, from left to right."""
    return tuple(_comparisons(tree))


def _comparisons(tree: ast.Expr) -> Iterator[Comparison]:
    node = unwrapped(tree)
    if not isinstance(node, ast.BinaryExpr):
        return
    op = str(node.op)
    if op in _JOINING:
        # Of `a unless b` the alert fires by `a`.
        for side in [node.lhs] if op == "unless" else [node.lhs, node.rhs]:
            yield from _comparisons(side)
        return
    if op not in _FLIPPED:
        return
    right, left = _number(node.rhs), _number(node.lhs)
    if right is not None:
        yield Comparison(comparator=op, value=right)
    elif left is not None:
        yield Comparison(comparator=_FLIPPED[op], value=left)


def _number(tree: ast.Expr) -> float | None:
    """Of a literal, or of arithmetic with literals (`5 * 60`)."""
    node = unwrapped(tree)
    if isinstance(node, ast.NumberLiteral):
        return float(node.val)
    if isinstance(node, ast.UnaryExpr):
        inner = _number(node.expr)
        return None if inner is None else -inner
    if isinstance(node, ast.BinaryExpr):
        left, right, op = _number(node.lhs), _number(node.rhs), str(node.op)
        if left is None or right is None:
            return None
        if op == "/":
            return left / right if right else None
        return {"*": left * right, "+": left + right, "-": left - right}.get(op)
    return None


def _windows(tree: ast.Expr, recorded: Mapping[str, str], seen: set[str]) -> Iterator[float]:
    if isinstance(tree, ast.MatrixSelector):
        yield tree.range.total_seconds()
    if isinstance(tree, ast.SubqueryExpr) and tree.range is not None:
        yield tree.range.total_seconds()
    if isinstance(tree, ast.VectorSelector) and tree.offset is not None:
        yield abs(tree.offset.total_seconds())
    for name in metric_names(tree) if not children(tree) else ():
        if name in recorded and name not in seen:
            seen.add(name)
            yield from _windows(parse(recorded[name]), recorded, seen)
    for child in children(tree):
        yield from _windows(child, recorded, seen)
