"""Bugs as they are made in an evaluator of PromQL, each put in by replacing one small part of it.

A comparison that does not notice them would prove nothing.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from rundrill.detection.alerts import AlertMachine, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.promql import (
    aggregate,
    binary,
    compiler,
    histogram,
    numbers,
    over_time,
    relabel,
    selection,
)
from rundrill.detection.promql.values import Moment, Projection, Window
from rundrill.detection.store import SampleStore, Series

Seed = Callable[[pytest.MonkeyPatch], None]


# ---------------------------------------------------------------- which samples


def _left_boundary_is_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(selection, "_open", lambda _moment: 1)


def _look_back_is_longer(patch: pytest.MonkeyPatch) -> None:
    latest = Series.latest
    patch.setattr(Series, "latest", lambda self, at, first: latest(self, at, first - 60_000))


def _staleness_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SampleStore, "end", lambda *_: None)


def _an_ended_series_never_comes_back(patch: pytest.MonkeyPatch) -> None:
    latest = Series.latest

    def once(self: Series, at_ms: int, earliest_ms: int) -> int:
        return -1 if self.ends and self.ends[0] <= at_ms else latest(self, at_ms, earliest_ms)

    patch.setattr(Series, "latest", once)


def _offset_has_the_other_sign(patch: pytest.MonkeyPatch) -> None:
    shifted = selection.Shift.__call__
    patch.setattr(
        selection.Shift,
        "__call__",
        lambda self, moment: shifted(self, moment) + 2 * self.offset_ms,
    )


def _at_is_ignored_in_subqueries(patch: pytest.MonkeyPatch) -> None:
    moved = Moment.moved

    def forgetful(self: Moment, at_ms: int) -> Moment:
        there = moved(self, at_ms)
        object.__setattr__(there, "query_ms", None)
        return there

    patch.setattr(Moment, "moved", forgetful)


def _subqueries_begin_at_their_own_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(selection, "_steps", lambda first, last, step: range(first, last + 1, step))


# ---------------------------------------------------------------- functions of ranges


def _extrapolates_too_far(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(over_time, "_NEAR", 2.0)


def _resets_are_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(over_time, "_with_resets", lambda change, _values: change)


def _a_reset_loses_the_new_value(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        over_time,
        "_with_resets",
        lambda change, v: (
            change + sum(v[i - 1] - v[i] for i in range(1, len(v)) if v[i] < v[i - 1])
        ),
    )


def _irate_takes_the_first_two(patch: pytest.MonkeyPatch) -> None:
    def irate(window: Window, moment: Moment) -> float | None:
        first = Window(
            window.labels, window.times[:2], window.values[:2], window.start_ms, window.end_ms
        )
        return over_time.irate(first, moment)

    patch.setitem(over_time.RANGE_FUNCTIONS, "irate", irate)


def _not_a_number_is_a_change(patch: pytest.MonkeyPatch) -> None:
    def changes(window: Window, _: Moment) -> float:
        values = window.values
        return float(sum(values[i] != values[i - 1] for i in range(1, len(values))))

    patch.setitem(over_time.RANGE_FUNCTIONS, "changes", changes)


def _predicts_from_the_last_sample(patch: pytest.MonkeyPatch) -> None:
    line = over_time._line
    patch.setattr(over_time, "_line", lambda window, _origin: line(window, window.times[-1]))


# ---------------------------------------------------------------- operators


def _without_is_by(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        aggregate,
        "grouping",
        lambda modifier: Projection(() if modifier is None else modifier.labels, keep=True),
    )


def _a_match_takes_any(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        binary,
        "_by_signature",
        lambda one, matching: {matching.signature(labels): (labels, v) for labels, v in one},
    )


def _matching(change: Callable[[binary.Matching], None]) -> Seed:
    def seed(patch: pytest.MonkeyPatch) -> None:
        made = binary.Matching.__init__

        def init(self: binary.Matching, modifier: Any) -> None:
            made(self, modifier)
            change(self)

        patch.setattr(binary.Matching, "__init__", init)

    return seed


def _on_is_ignoring(matching: binary.Matching) -> None:
    signature = matching.signature
    matching.signature = Projection(signature.names, keep=not signature.keep)


def _group_left_copies_nothing(matching: binary.Matching) -> None:
    matching.included = ()


def _bool_is_ignored(patch: pytest.MonkeyPatch) -> None:
    made = binary.Operation.__init__

    def init(self: binary.Operation, symbol: str, *, return_bool: bool, dialect: Any) -> None:
        made(self, symbol, return_bool=False, dialect=dialect)

    patch.setattr(binary.Operation, "__init__", init)


def _the_name_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Labels, "nameless", lambda self: self)


def _modulo_has_the_sign_of_the_divisor(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(binary.ARITHMETIC, "%", lambda a, b: a % b if b else math.nan)


def _topk_is_bottomk(patch: pytest.MonkeyPatch) -> None:
    ranked = aggregate.ranked
    other = {"topk": "bottomk", "bottomk": "topk"}
    patch.setattr(aggregate, "ranked", lambda name, *rest: ranked(other[name], *rest))


def _not_a_number_is_the_minimum(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(
        aggregate.SIMPLE,
        "min",
        lambda values: math.nan if any(map(math.isnan, values)) else min(values),
    )


def _deviation_is_that_of_a_sample(patch: pytest.MonkeyPatch) -> None:
    whole = numbers.variance
    patch.setattr(
        numbers, "variance", lambda v: whole(v) * len(v) / (len(v) - 1) if len(v) > 1 else whole(v)
    )


# ---------------------------------------------------------------- other functions


def _a_bucket_is_its_upper_bound(patch: pytest.MonkeyPatch) -> None:
    def quantile(q: float, buckets: list[tuple[float, float]]) -> float:
        merged = histogram._cumulative(buckets)
        rank = q * merged[-1][1]
        return next((bound for bound, count in merged if count >= rank), math.nan)

    patch.setattr(histogram, "bucket_quantile", quantile)


def _buckets_may_fall(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(histogram, "_cumulative", sorted)


def _a_quantile_is_the_lower_rank(patch: pytest.MonkeyPatch) -> None:
    exact = numbers.quantile

    def lower(q: float, values: Any) -> float:
        ordered = list(values)
        steps = len(ordered) - 1
        inside = 0 <= q <= 1 and steps > 0
        return exact(math.floor(q * steps) / steps if inside else q, ordered)

    patch.setattr(numbers, "quantile", lower)


class _Anywhere:
    def __init__(self, pattern: Any) -> None:
        self.fullmatch = pattern.search


def _a_pattern_matches_anywhere(patch: pytest.MonkeyPatch) -> None:
    compiled = selection.compile_regex
    for module in (selection, relabel):
        patch.setattr(module, "compile_regex", lambda *given: _Anywhere(compiled(*given)))


def _timestamp_is_the_evaluation(patch: pytest.MonkeyPatch) -> None:
    builder = compiler._Builder
    patch.setattr(
        builder,
        "_call_timestamp",
        lambda self, args: compiler.functions.times_of(self.vector(args[0])),
    )


EXPRESSION_BUGS: Final[Mapping[str, Seed]] = {
    "the left boundary of a range is open": _left_boundary_is_open,
    "the look-back is a minute longer": _look_back_is_longer,
    "staleness is ignored": _staleness_is_ignored,
    "a series that ended never comes back": _an_ended_series_never_comes_back,
    "offset has the other sign": _offset_has_the_other_sign,
    "@ is ignored in a subquery": _at_is_ignored_in_subqueries,
    "subqueries begin at their own start": _subqueries_begin_at_their_own_start,
    "a rate is extrapolated too far": _extrapolates_too_far,
    "resets are ignored": _resets_are_ignored,
    "a reset loses what came after it": _a_reset_loses_the_new_value,
    "irate takes the first two samples": _irate_takes_the_first_two,
    "NaN after NaN is a change": _not_a_number_is_a_change,
    "predict_linear begins at the last sample": _predicts_from_the_last_sample,
    "without is by": _without_is_by,
    "a match that is not unique takes any": _a_match_takes_any,
    "on is ignoring": _matching(_on_is_ignoring),
    "group_left copies no label": _matching(_group_left_copies_nothing),
    "bool is ignored": _bool_is_ignored,
    "the metric's name is kept": _the_name_is_kept,
    "a remainder has the divisor's sign": _modulo_has_the_sign_of_the_divisor,
    "topk is bottomk": _topk_is_bottomk,
    "NaN is the minimum": _not_a_number_is_the_minimum,
    "stddev is that of a sample": _deviation_is_that_of_a_sample,
    "a bucket is not interpolated": _a_bucket_is_its_upper_bound,
    "buckets may fall": _buckets_may_fall,
    "a quantile is not interpolated": _a_quantile_is_the_lower_rank,
    "a pattern matches anywhere": _a_pattern_matches_anywhere,
    "timestamp is that of the evaluation": _timestamp_is_the_evaluation,
}


# ---------------------------------------------------------------- alerts


def _machine(change: Callable[[AlertMachine], None]) -> Seed:
    def seed(patch: pytest.MonkeyPatch) -> None:
        made = AlertMachine.__init__

        def init(self: AlertMachine, name: str, **options: Any) -> None:
            made(self, name, **options)
            change(self)

        patch.setattr(AlertMachine, "__init__", init)

    return seed


def _for_is_ignored(machine: AlertMachine) -> None:
    machine._for_ms = 0


def _for_is_one_longer(machine: AlertMachine) -> None:
    machine._for_ms += 1 if machine._for_ms else 0


def _keep_firing_is_ignored(machine: AlertMachine) -> None:
    machine._keep_ms = 0


def _a_gap_does_not_reset_for(patch: pytest.MonkeyPatch) -> None:
    drop = AlertMachine._drop

    def keep_pending(self: AlertMachine, found: Mapping[Labels, float], at: float) -> None:
        waiting = {k: a for k, a in self._active.items() if a.status is AlertStatus.PENDING}
        drop(self, found, at)
        self._active.update(waiting)

    patch.setattr(AlertMachine, "_drop", keep_pending)


def _for_counts_from_firing(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes back after firing fires at once."""
    take = AlertMachine._take
    fired: dict[tuple[int, Labels], float] = {}

    def remember(self: AlertMachine, found: Mapping[Labels, float], at: float) -> None:
        take(self, found, at)
        for key, active in self._active.items():
            if active.status is AlertStatus.FIRING:
                fired.setdefault((id(self), key), active.active_since)
            active.active_since = fired.get((id(self), key), active.active_since)

    patch.setattr(AlertMachine, "_take", remember)


def _keep_firing_holds_what_is_pending(patch: pytest.MonkeyPatch) -> None:
    drop = AlertMachine._drop

    def keep(self: AlertMachine, found: Mapping[Labels, float], at: float) -> None:
        pending = [a for a in self._active.values() if a.status is AlertStatus.PENDING]
        for active in pending:
            active.status = AlertStatus.FIRING
        drop(self, found, at)
        for active in pending:
            active.status = AlertStatus.PENDING

    patch.setattr(AlertMachine, "_drop", keep)


def _keep_firing_is_not_begun_anew(patch: pytest.MonkeyPatch) -> None:
    take = AlertMachine._take

    def forgetful(self: AlertMachine, found: Mapping[Labels, float], at: float) -> None:
        since = {key: active.kept_since for key, active in self._active.items()}
        take(self, found, at)
        for key, kept_since in since.items():
            self._active[key].kept_since = kept_since

    patch.setattr(AlertMachine, "_take", forgetful)


ALERT_BUGS: Final[Mapping[str, Seed]] = {
    "for is ignored": _machine(_for_is_ignored),
    "for takes one evaluation more": _machine(_for_is_one_longer),
    "a gap does not begin for anew": _a_gap_does_not_reset_for,
    "for counts from an earlier firing": _for_counts_from_firing,
    "keep_firing_for is ignored": _machine(_keep_firing_is_ignored),
    "keep_firing_for holds what is pending": _keep_firing_holds_what_is_pending,
    "keep_firing_for is not begun anew": _keep_firing_is_not_begun_anew,
    "staleness is ignored": _staleness_is_ignored,
}
