"""Syntax tree to functions: everything that can be refused is refused here, once."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, cast

import promql_parser as ast

from rundrill.detection.labels import Labels
from rundrill.detection.promql import aggregate, binary, functions, over_time, relabel, selection
from rundrill.detection.promql.histogram import histogram_quantile
from rundrill.detection.promql.scope import (
    metric_names,
    parse,
    quantile,
    reach,
    shortest_range,
    unwrapped,
)
from rundrill.detection.promql.values import (
    Dialect,
    Moment,
    RangeNode,
    ScalarNode,
    UnsupportedError,
    Vector,
    VectorNode,
    Window,
    distinct,
)

_PI: Final = 3.141592653589793


class Expression:
    """One PromQL expression, ready to be evaluated any number of times.

    `metrics` are the names it needs samples of, without those it only asks to be absent.
    """

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text.strip()
        self._tree = parse(text)
        self.dialect = dialect
        self.metrics = metric_names(self._tree, of_absence=False)
        self.all_metrics = metric_names(self._tree)
        self.shortest_range: timedelta | None = shortest_range(self._tree)
        build = _Builder(dialect)
        self.is_scalar = build.is_scalar(self._tree)
        self._evaluate: VectorNode
        if self.is_scalar:
            self._evaluate = functions.to_vector(build.scalar(self._tree))
        else:
            self._evaluate = build.vector(self._tree)

    def reach_ms(self, lookback_ms: int) -> int:
        """How old a sample can be and still count."""
        age = reach(self._tree, timedelta(milliseconds=lookback_ms))
        return selection.milliseconds(age)

    def longest_range(self, recorded: Mapping[str, timedelta]) -> timedelta:
        """How far it looks back: ranges, offsets and subqueries, on top of what the recording
        rules of the metrics in `recorded` look back. 0 when it only asks for now.
        """
        return max(timedelta(), reach(self._tree, timedelta(), recorded))

    @property
    def quantile(self) -> float | None:
        """The percentile that it asks for; None when it is none."""
        return quantile(self._tree)

    def evaluate(self, moment: Moment) -> Vector:
        """The elements at that moment; a scalar is one element without labels.

        Raises `EvaluationError` when the data do not allow an answer.
        """
        return self._evaluate(moment)


def compile_expression(text: str, dialect: Dialect = Dialect.PROMETHEUS_3) -> Expression:
    """Reads an expression. Raises `UnsupportedError` with what is wrong or not supported."""
    return Expression(text, dialect)


class _Builder:
    """One method for each kind of value; `vector` and `scalar` go by the node's type."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def is_scalar(self, node: ast.Expr) -> bool:
        match node:
            case ast.NumberLiteral():
                return True
            case ast.Call():
                return bool(node.func.return_type == ast.ValueType.Scalar)
            case ast.UnaryExpr() | ast.ParenExpr():
                return self.is_scalar(node.expr)
            case ast.BinaryExpr():
                return self.is_scalar(node.lhs) and self.is_scalar(node.rhs)
        return False

    # ------------------------------------------------------------ by type

    def scalar(self, node: ast.Expr) -> ScalarNode:
        match node:
            case ast.NumberLiteral():
                number = node.val
                return lambda _: number
            case ast.ParenExpr():
                return self.scalar(node.expr)
            case ast.UnaryExpr():
                inner = self.scalar(node.expr)
                return lambda moment: -inner(moment)
            case ast.BinaryExpr():
                left, right = self.scalar(node.lhs), self.scalar(node.rhs)
                return binary.between_scalars(self.operation(node), left, right)
            case ast.Call() if node.func.name == "time":
                return functions.now
            case ast.Call() if node.func.name == "pi":
                return lambda _: _PI
            case ast.Call() if node.func.name == "scalar":
                return functions.to_scalar(self.vector(node.args[0]))
        raise _unsupported(node)

    def vector(self, node: ast.Expr) -> VectorNode:
        match node:
            case ast.VectorSelector():
                return selection.instant(node, self.dialect)
            case ast.ParenExpr():
                return self.vector(node.expr)
            case ast.UnaryExpr():
                return functions.each(lambda value: -value, self.vector(node.expr))
            case ast.BinaryExpr():
                return self.binary_expression(node)
            case ast.AggregateExpr():
                return self.aggregation(node)
            case ast.Call():
                return self.call(node)
        raise _unsupported(node)

    def ranges(self, node: ast.Expr) -> RangeNode:
        node = unwrapped(node)
        if isinstance(node, ast.SubqueryExpr):
            return selection.subquery(node, self.vector(node.expr))
        # The parser lets nothing else be asked for a range.
        return selection.matrix(cast("ast.MatrixSelector", node), self.dialect)

    # ------------------------------------------------------------ by construct

    def binary_expression(self, node: ast.BinaryExpr) -> VectorNode:
        if self.is_scalar(node.rhs):
            return binary.with_scalar(
                self.operation(node), self.vector(node.lhs), self.scalar(node.rhs)
            )
        if self.is_scalar(node.lhs):
            return binary.scalar_with(
                self.operation(node), self.scalar(node.lhs), self.vector(node.rhs)
            )
        matching = binary.Matching(node.modifier)
        left, right = self.vector(node.lhs), self.vector(node.rhs)
        if str(node.op) in binary.SETS:
            return binary.set_operation(str(node.op), matching, left, right)
        return binary.between_vectors(self.operation(node), matching, left, right)

    def operation(self, node: ast.BinaryExpr) -> binary.Operation:
        return_bool = node.modifier is not None and node.modifier.return_bool
        return binary.Operation(str(node.op), return_bool=return_bool, dialect=self.dialect)

    def aggregation(self, node: ast.AggregateExpr) -> VectorNode:
        name, group = str(node.op), aggregate.grouping(node.modifier)
        inner = self.vector(node.expr)
        if name in aggregate.SIMPLE:
            return aggregate.simple(name, group, inner)
        if name == "quantile":
            return aggregate.quantile(self.scalar(_parameter(node)), group, inner)
        if name in aggregate.RANKED:
            return aggregate.ranked(name, self.scalar(_parameter(node)), group, inner)
        if name == "count_values":
            return aggregate.count_values(_string(_parameter(node)), group, inner)
        raise UnsupportedError(f"{name} is not supported")

    def call(self, node: ast.Call) -> VectorNode:
        name, args = node.func.name, list(node.args)
        if name in over_time.RANGE_FUNCTIONS:
            function = over_time.RANGE_FUNCTIONS[name]
            return self.each_window(name, args[0], lambda _: function)
        if name in functions.MATHEMATICS:
            inner = self.vector(args[0]) if args else functions.to_vector(functions.now)
            return functions.each(functions.MATHEMATICS[name], inner)
        special = getattr(self, f"_call_{name}", None)
        if special is None:
            raise UnsupportedError(f"function {name}() is not supported")
        built: VectorNode = special(args)
        return built

    def each_window(
        self,
        name: str,
        argument: ast.Expr,
        function_at: Callable[[Moment], over_time.RangeFunction],
    ) -> VectorNode:
        windows, keep_name = self.ranges(argument), name in over_time.KEEP_NAME

        def labels_of(window: Window) -> Labels:
            return window.labels if keep_name else window.labels.nameless()

        def evaluate(moment: Moment) -> Vector:
            function = function_at(moment)
            results: Vector = []
            for window in windows(moment):
                value = function(window, moment)
                if value is not None:
                    results.append((labels_of(window), value))
            return distinct(results)

        return evaluate

    # ------------------------------------------------------------ functions with their own shape

    def _call_predict_linear(self, args: list[ast.Expr]) -> VectorNode:
        ahead = self.scalar(args[1])

        def function_at(moment: Moment) -> over_time.RangeFunction:
            seconds = ahead(moment)
            return lambda window, at: over_time.predict_linear(window, at, seconds)

        return self.each_window("predict_linear", args[0], function_at)

    def _call_quantile_over_time(self, args: list[ast.Expr]) -> VectorNode:
        rank = self.scalar(args[0])

        def function_at(moment: Moment) -> over_time.RangeFunction:
            q = rank(moment)
            return lambda window, at: over_time.quantile_over_time(window, at, q)

        return self.each_window("quantile_over_time", args[1], function_at)

    def _call_histogram_quantile(self, args: list[ast.Expr]) -> VectorNode:
        return histogram_quantile(self.scalar(args[0]), self.vector(args[1]))

    def _call_absent(self, args: list[ast.Expr]) -> VectorNode:
        inner = unwrapped(args[0])
        selector = (
            selection.read_selector(inner, self.dialect)
            if isinstance(inner, ast.VectorSelector)
            else None
        )
        return functions.absent(self.vector(inner), selector)

    def _call_absent_over_time(self, args: list[ast.Expr]) -> VectorNode:
        inner = unwrapped(args[0])
        selector = (
            selection.read_selector(inner.vector_selector, self.dialect)
            if isinstance(inner, ast.MatrixSelector)
            else None
        )
        return functions.absent(self.ranges(inner), selector)

    def _call_timestamp(self, args: list[ast.Expr]) -> VectorNode:
        inner = unwrapped(args[0])
        if isinstance(inner, ast.VectorSelector):
            times = selection.sample_times(inner, self.dialect)
            return functions.each(lambda time: time, times)
        return functions.times_of(self.vector(inner))

    def _call_vector(self, args: list[ast.Expr]) -> VectorNode:
        return functions.to_vector(self.scalar(args[0]))

    def _call_sort(self, args: list[ast.Expr]) -> VectorNode:
        return functions.in_order(self.vector(args[0]), descending=False)

    def _call_sort_desc(self, args: list[ast.Expr]) -> VectorNode:
        return functions.in_order(self.vector(args[0]), descending=True)

    def _call_round(self, args: list[ast.Expr]) -> VectorNode:
        to = self.scalar(args[1]) if len(args) > 1 else lambda _: 1.0
        return functions.round_to(self.vector(args[0]), to)

    def _call_clamp(self, args: list[ast.Expr]) -> VectorNode:
        low, high = self.scalar(args[1]), self.scalar(args[2])
        return functions.clamp(self.vector(args[0]), low, high)

    def _call_clamp_min(self, args: list[ast.Expr]) -> VectorNode:
        return functions.clamp(self.vector(args[0]), self.scalar(args[1]), None)

    def _call_clamp_max(self, args: list[ast.Expr]) -> VectorNode:
        return functions.clamp(self.vector(args[0]), None, self.scalar(args[1]))

    def _call_label_replace(self, args: list[ast.Expr]) -> VectorNode:
        texts = [_string(arg) for arg in args[1:]]
        return relabel.label_replace(self.vector(args[0]), texts, self.dialect)

    def _call_label_join(self, args: list[ast.Expr]) -> VectorNode:
        return relabel.label_join(self.vector(args[0]), [_string(arg) for arg in args[1:]])


def _parameter(node: ast.AggregateExpr) -> ast.Expr:
    return cast("ast.Expr", node.param)  # the parser asks for it


def _string(node: ast.Expr) -> str:
    return cast("ast.StringLiteral", unwrapped(node)).val  # the parser asks for it


def _unsupported(node: ast.Expr) -> UnsupportedError:
    return UnsupportedError(f"not supported here: {node.prettify()}")
