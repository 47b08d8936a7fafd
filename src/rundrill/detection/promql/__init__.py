"""PromQL on the syntax tree of `promql-parser`. Pure: no clock, no input or output.

Agrees with Prometheus 3, or 2 by `Dialect`; `promtool test rules` is its reference in the tests.
Native histograms and experimental functions are refused when an expression is read.
"""

from rundrill.detection.promql.compiler import Expression, compile_expression
from rundrill.detection.promql.values import (
    Dialect,
    EvaluationError,
    Moment,
    UnsupportedError,
    Vector,
)

__all__ = [
    "Dialect",
    "EvaluationError",
    "Expression",
    "Moment",
    "UnsupportedError",
    "Vector",
    "compile_expression",
]
