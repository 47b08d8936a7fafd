"""`histogram_quantile` over classic `le` buckets."""

import math

from rundrill.detection.labels import Labels
from rundrill.detection.promql import numbers
from rundrill.detection.promql.values import Moment, Projection, ScalarNode, Vector, VectorNode

_Buckets = list[tuple[float, float]]  # upper bound, cumulative count


def histogram_quantile(q: ScalarNode, inner: VectorNode) -> VectorNode:
    group = Projection(("le",), keep=False)

    def evaluate(moment: Moment) -> Vector:
        rank = q(moment)
        histograms: dict[Labels, _Buckets] = {}
        group.begin()
        for labels, value in inner(moment):
            bound = numbers.parse(labels.value("le"))
            if bound is not None:
                histograms.setdefault(group(labels), []).append((bound, value))
        return [(labels, bucket_quantile(rank, found)) for labels, found in histograms.items()]

    return evaluate


def bucket_quantile(q: float, buckets: _Buckets) -> float:
    """Linear inside the bucket that holds the rank; not-a-number without a `+Inf` bucket."""
    if math.isnan(q):
        return numbers.NAN
    if not 0 <= q <= 1:
        return math.copysign(numbers.INFINITY, q)
    merged = _cumulative(buckets)
    if merged[-1][0] != numbers.INFINITY or len(merged) < 2:
        return numbers.NAN
    observations = merged[-1][1]
    if observations == 0:
        return numbers.NAN
    rank = q * observations
    last = len(merged) - 1
    index = next((i for i in range(last) if merged[i][1] >= rank), last)
    if index == last:
        return merged[-2][0]
    bound, count = merged[index]
    if index == 0:
        return bound if bound <= 0 else bound * numbers.divide(rank, count)
    below_bound, below = merged[index - 1]
    part = numbers.divide(rank - below, count - below)
    return below_bound + (bound - below_bound) * part


def _cumulative(buckets: _Buckets) -> _Buckets:
    """Sorted, equal bounds added up, and never falling: a race between scrapes may lower one."""
    merged: _Buckets = []
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        if merged and merged[-1][0] == bound:
            merged[-1] = (bound, merged[-1][1] + count)
        else:
            merged.append((bound, count))
    highest = merged[0][1]
    for index, (bound, count) in enumerate(merged):
        if count > highest:
            highest = count
        elif count < highest:
            merged[index] = (bound, highest)
    return merged
