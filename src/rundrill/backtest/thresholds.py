"""The numbers that an alert compares with, and the same expression with other numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rundrill.detection import AlertRule, Comparison, RuleSet, stated
from rundrill.detection.promql import UnsupportedError
from rundrill.detection.promql.scope import parse
from rundrill.detection.stated import comparisons_of

_PROBE: Final = 918273.5
"""A number that stands in no rule: where it can be put in, the threshold is."""
_MOST_TOKENS: Final = 12
_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\#[^\n]*|\[[^\]]*\])
      | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<number>(?:0x[0-9a-fA-F]+|[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+)(?![a-zA-Z_:]))
      | (?P<part>[-+*/()\s])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def thresholds(rule: AlertRule, rules: RuleSet) -> Sequence[Comparison]:
    """In the order in which they stand in the rule."""
    return stated(rule, rules).comparisons


def with_thresholds(rule: AlertRule, values: Mapping[int, float]) -> str:
    """The rule's expression with the comparisons of these positions (from 0) made with others.

    The rest of the text stays as it is. Raises `ValueError` when a number cannot be told from
    the text around it.
    """
    spans = {index: _span(rule.expr, index) for index in values}
    text = rule.expr
    for index, (start, end) in sorted(spans.items(), key=lambda item: item[1], reverse=True):
        text = f"{text[:start]}{values[index]!r}{text[end:]}"
    return text


def _span(expr: str, index: int) -> tuple[int, int]:
    """Where the number of a comparison stands: the shortest text that can be one instead of it.

    The parser's tree has no places, so it is asked: a number is put in, and the tree says
    whether it has become that comparison's, and nothing else has changed.
    """
    tokens = [(m.lastgroup or "", m.start(), m.end()) for m in _TOKEN.finditer(expr)]
    before = comparisons_of(parse(expr))
    wanted = [
        Comparison(comparator=one.comparator, value=_PROBE if n == index else one.value)
        for n, one in enumerate(before)
    ]
    for length in range(1, _MOST_TOKENS + 1):
        for first in range(len(tokens) - length + 1):
            span = tokens[first : first + length]
            if not _may_be_number(expr, span):
                continue
            start, end = span[0][1], span[-1][2]
            try:
                tree = parse(f"{expr[:start]}{_PROBE!r}{expr[end:]}")
            except UnsupportedError:
                continue
            if list(comparisons_of(tree)) == wanted:
                return start, end
    raise ValueError(f"its number cannot be told from the text around it: {expr}")


def _may_be_number(expr: str, span: Sequence[tuple[str, int, int]]) -> bool:
    kinds = [kind for kind, _, _ in span]
    blank = any(expr[start:end].isspace() for _, start, end in (span[0], span[-1]))
    return "number" in kinds and not blank and set(kinds) <= {"number", "part"}
