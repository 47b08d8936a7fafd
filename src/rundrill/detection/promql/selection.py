"""Instant and range selectors, offsets, `@`, subqueries."""

from array import array
from datetime import timedelta
from typing import cast

import promql_parser as ast

from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.promql.regex import compile_regex
from rundrill.detection.promql.values import (
    Dialect,
    Moment,
    RangeNode,
    UnsupportedError,
    Vector,
    VectorNode,
    Window,
)
from rundrill.detection.selector import LabelMatcher, Match, Selector

_MATCHES = (
    (ast.MatchOp.Equal, Match.EQUAL),
    (ast.MatchOp.NotEqual, Match.NOT_EQUAL),
    (ast.MatchOp.Re, Match.REGEX),
    (ast.MatchOp.NotRe, Match.NOT_REGEX),
)


def milliseconds(duration: timedelta | None) -> int:
    """A duration of the tree; an absent one is 0."""
    return 0 if duration is None else round(duration / timedelta(milliseconds=1))


def read_selector(node: ast.VectorSelector, dialect: Dialect) -> Selector:
    """Raises `UnsupportedError` for `or` between matchers and for regular expressions."""
    if node.matchers.or_matchers:
        raise UnsupportedError("`or` between label matchers is not supported")
    matchers = [_matcher(found, dialect) for found in node.matchers.matchers]
    if node.name is not None:
        matchers.insert(0, LabelMatcher(METRIC_NAME, Match.EQUAL, node.name))
    return Selector(tuple(matchers))


def _matcher(found: ast.Matcher, dialect: Dialect) -> LabelMatcher:
    match = next(ours for theirs, ours in _MATCHES if theirs == found.op)
    regex = match in (Match.REGEX, Match.NOT_REGEX)
    pattern = compile_regex(found.value, dialect) if regex else None
    return LabelMatcher(found.name, match, found.value, pattern)


class Shift:
    """`offset` and `@`: the moment a selector really looks at."""

    def __init__(self, offset: timedelta | None, at: ast.AtModifier | None) -> None:
        self.offset_ms = milliseconds(offset)
        self.of_query = at is not None  # start() and end() are the same for an instant query
        if at is not None and at.type == ast.AtModifierType.At:
            raise UnsupportedError(
                "`@` with a fixed time is not supported: samples are kept only as long as rules"
                " look back"
            )

    def __call__(self, moment: Moment) -> int:
        fixed = self.of_query and moment.query_ms is not None
        return cast("int", moment.query_ms if fixed else moment.at_ms) - self.offset_ms


def instant(node: ast.VectorSelector, dialect: Dialect) -> VectorNode:
    selector, shift = read_selector(node, dialect), Shift(node.offset, node.at)

    def select(moment: Moment) -> Vector:
        at_ms = shift(moment)
        earliest = at_ms - moment.lookback_ms + _open(moment)
        found: Vector = []
        for series in moment.store.select(selector):
            index = series.latest(at_ms, earliest)
            if index >= 0:
                found.append((series.labels, series.values[index]))
        return found

    return select


def sample_times(node: ast.VectorSelector, dialect: Dialect) -> VectorNode:
    """The time of each selected sample in Unix seconds: `timestamp(selector)`."""
    selector, shift = read_selector(node, dialect), Shift(node.offset, node.at)

    def select(moment: Moment) -> Vector:
        at_ms = shift(moment)
        earliest = at_ms - moment.lookback_ms + _open(moment)
        found: Vector = []
        for series in moment.store.select(selector):
            index = series.latest(at_ms, earliest)
            if index >= 0:
                time = series.times[index] / 1000 + moment.wall_offset_s
                found.append((series.labels, time))
        return found

    return select


def matrix(node: ast.MatrixSelector, dialect: Dialect) -> RangeNode:
    inner = node.vector_selector
    selector, shift = read_selector(inner, dialect), Shift(inner.offset, inner.at)
    range_ms = milliseconds(node.range)

    def select(moment: Moment) -> list[Window]:
        end = shift(moment)
        start = end - range_ms
        first = start + _open(moment)
        windows: list[Window] = []
        for series in moment.store.select(selector):
            low, high = series.bounds(first, end)
            if low < high:
                times, values = series.times[low:high], series.values[low:high]
                windows.append(Window(series.labels, times, values, start, end))
        return windows

    return select


def subquery(node: ast.SubqueryExpr, inner: VectorNode) -> RangeNode:
    """Evaluates `inner` at every multiple of the step in the range."""
    shift, range_ms = Shift(node.offset, node.at), milliseconds(node.range)
    stated_step = milliseconds(node.step)

    def select(moment: Moment) -> list[Window]:
        step = stated_step or moment.step_ms
        end = shift(moment)
        start = end - range_ms
        first = start + _open(moment)
        times: dict[Labels, array[int]] = {}
        values: dict[Labels, array[float]] = {}
        for at_ms in _steps(first, end, step):
            for labels, value in inner(moment.moved(at_ms)):
                times.setdefault(labels, array("q")).append(at_ms)
                values.setdefault(labels, array("d")).append(value)
        return [Window(key, times[key], values[key], start, end) for key in times]

    return select


def _steps(first_ms: int, last_ms: int, step_ms: int) -> range:
    """The multiples of the step in [first_ms, last_ms]: the same from whichever moment asked."""
    return range(-(-first_ms // step_ms) * step_ms, last_ms + 1, step_ms)


def _open(moment: Moment) -> int:
    """1 ms where the left boundary is excluded."""
    return 0 if moment.dialect is Dialect.PROMETHEUS_2 else 1
