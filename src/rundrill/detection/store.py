"""Samples in memory, for as long as some rule may look back at them.

Not thread-safe: its owner holds a lock.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.selector import Selector

_TRIM_AT_LEAST: Final = 32
_SELECTIONS_KEPT: Final = 4096


class Series:
    """One series: ascending times in milliseconds, their values, and where it ended.

    An end is Prometheus's staleness marker: nothing is visible from it on until the next
    sample. It is kept beside the samples, so that ranges need no filter.
    """

    __slots__ = ("ends", "labels", "times", "values")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self.ends: array[int] = array("q")

    def latest(self, at_ms: int, earliest_ms: int) -> int:
        """The index of the last sample in [earliest_ms, at_ms]; -1 when none or ended."""
        times = self.times
        index = len(times) - 1
        if index >= 0 and times[index] > at_ms:
            index = bisect_right(times, at_ms) - 1
        if index < 0 or times[index] < earliest_ms:
            return -1
        if self.ends:
            after = bisect_right(self.ends, times[index])
            if after < len(self.ends) and self.ends[after] <= at_ms:
                return -1
        return index

    def bounds(self, first_ms: int, last_ms: int) -> tuple[int, int]:
        """The slice of samples in [first_ms, last_ms]."""
        times = self.times
        size = len(times)
        stop = size if size and times[-1] <= last_ms else bisect_right(times, last_ms)
        return bisect_left(times, first_ms, 0, stop), stop

    def forget_before(self, at_ms: int) -> None:
        # Moving an array's rest is cheap, but not for every sample: trim in batches.
        old = bisect_left(self.times, at_ms)
        if old >= _TRIM_AT_LEAST or old == len(self.times):
            del self.times[:old]
            del self.values[:old]
            del self.ends[: bisect_left(self.ends, at_ms)]


class SampleStore:
    """Every series of the last `retention_ms`, indexed by metric name."""

    def __init__(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self._series: dict[Labels, Series] = {}
        self._by_name: dict[str, list[Series]] = {}
        self._seen: set[str] = set()
        self._selections: dict[Selector, list[Series]] = {}
        self._selections_of: dict[str | None, set[Selector]] = {}

    def __len__(self) -> int:
        return len(self._series)

    @property
    def samples(self) -> int:
        """How many samples are held."""
        return sum(len(series.times) for series in self._series.values())

    def series(self, labels: Labels) -> Series:
        """The series of these labels, made when it is new."""
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = Series(labels)
            name = labels.value(METRIC_NAME)
            self._by_name.setdefault(name, []).append(found)
            self._seen.add(name)
            self._forget_selections(name)
        return found

    def append(self, labels: Labels, at_ms: int, value: float) -> Series:
        """Adds one sample. Raises `ValueError` when time does not go forward."""
        series = self.series(labels)
        self.append_to(series, at_ms, value)
        return series

    def append_to(self, series: Series, at_ms: int, value: float) -> None:
        """`append` for a series that `series` gave before; it may have been forgotten since."""
        times = series.times
        if times:
            if times[-1] >= at_ms:
                raise ValueError(f"{series.labels}: a sample at {at_ms} ms is not newer")
        elif series.labels not in self._series:
            self._series[series.labels] = series
            name = series.labels.value(METRIC_NAME)
            self._by_name.setdefault(name, []).append(series)
            self._forget_selections(name)
        times.append(at_ms)
        series.values.append(value)

    def end(self, series: Iterable[Series], at_ms: int) -> None:
        """Marks series as gone from `at_ms` on (a staleness marker)."""
        for one in series:
            one.ends.append(at_ms)

    def select(self, selector: Selector) -> Sequence[Series]:
        """The series that a selector means, whether or not they have samples now."""
        found = self._selections.get(selector)
        if found is None:
            if len(self._selections) >= _SELECTIONS_KEPT:
                self._selections.clear()
                self._selections_of.clear()
            among = (
                self._series.values()
                if selector.name is None
                else self._by_name.get(selector.name, ())
            )
            found = [one for one in among if selector.accepts(one.labels)]
            self._selections[selector] = found
            self._selections_of.setdefault(selector.name, set()).add(selector)
        return found

    def has_seen(self, metric: str) -> bool:
        """True when the metric ever had a sample, also one that is forgotten by now."""
        return metric in self._seen

    def forget_old(self, now_ms: int) -> None:
        """Drops what is older than the retention, and series that have nothing left."""
        oldest = now_ms - self.retention_ms
        empty: list[Series] = []
        for series in self._series.values():
            series.forget_before(oldest)
            if not series.times:
                empty.append(series)
        for series in empty:
            name = series.labels.value(METRIC_NAME)
            del self._series[series.labels]
            self._by_name[name].remove(series)
            self._forget_selections(name)

    def _forget_selections(self, name: str) -> None:
        for key in (name, None):
            for selector in self._selections_of.pop(key, ()):
                self._selections.pop(selector, None)
