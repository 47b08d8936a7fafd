"""Scraping: every target asked at once, each bounded; what it answered goes into the store."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection.exposition import ExpositionError, samples, series_labels
from rundrill.detection.labels import METRIC_NAME, Labels
from rundrill.detection.recorder import Recorder
from rundrill.detection.store import SampleStore, Series


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """Something that answers in the Prometheus text format.

    `fetch` gives the text or raises; it runs in a thread of its own and may take any time.
    `labels` are set on every sample, as are `job` and `instance`; a sample's own label of the
    same name becomes `exported_<name>`, as in Prometheus.
    """

    job: str
    instance: str
    fetch: Callable[[], str]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.job, self.instance


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFailure:
    """A target did not answer, or not in the text format. `at` is the scrape's start."""

    at: float
    job: str
    instance: str
    error: str


_Answer = str | Exception
_LINES_KEPT: Final = 1024


class Scraper:
    """Asks targets; the threads are daemons and there is at most one for each target."""

    def __init__(self, *, timeout_s: float, clock: Clock) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._hanging: dict[tuple[str, str], threading.Thread] = {}

    def scrape(self, targets: Sequence[ScrapeTarget]) -> dict[tuple[str, str], _Answer]:
        """The text or the failure of each target, after at most the time-out."""
        self._hanging = {key: t for key, t in self._hanging.items() if t.is_alive()}
        answers: dict[tuple[str, str], _Answer] = {}
        queue: SimpleQueue[tuple[tuple[str, str], _Answer]] = SimpleQueue()
        waiting: dict[tuple[str, str], threading.Thread] = {}
        for target in targets:
            if target.key in self._hanging:
                answers[target.key] = TimeoutError("still hangs in an earlier scrape")
                continue
            name = f"scrape {target.job} {target.instance}"
            thread = threading.Thread(target=_ask, args=(target, queue), name=name, daemon=True)
            waiting[target.key] = thread
            thread.start()
        deadline = self._clock.now() + self._timeout_s
        while waiting:
            try:
                left = max(0.0, min(self._timeout_s, deadline - self._clock.now()))
                key, answer = queue.get(timeout=left)
            except Empty:
                break
            del waiting[key]
            answers[key] = answer
        for key, thread in waiting.items():
            answers[key] = TimeoutError(f"no answer within {self._timeout_s:g} s")
            self._hanging[key] = thread
        return answers


def _ask(target: ScrapeTarget, queue: "SimpleQueue[tuple[tuple[str, str], _Answer]]") -> None:
    try:
        queue.put((target.key, target.fetch()))
    except Exception as error:  # noqa: BLE001 - any failure of a target is data, told as such
        queue.put((target.key, error))


@dataclass(slots=True)
class _Known:
    """What is remembered of a target between scrapes."""

    labels: Labels
    up: Series
    lines: dict[str, Series] = field(default_factory=dict)
    present: frozenset[Series] = frozenset()
    """What ends when it is missed: not a sample with a time of its own, as cAdvisor gives. Those
    stay visible for the lookback, as in Prometheus (`track_timestamps_staleness` off): its page
    lacks a container now and then."""


class Ingester:
    """Writes answers into the store, with `up` and the ends of series that disappeared.

    A recorder is told the same.
    """

    def __init__(self, store: SampleStore, recorder: Recorder | None = None) -> None:
        self._store = store
        self._recorder = recorder
        self._known: dict[tuple[str, str], _Known] = {}

    def ingest(self, target: ScrapeTarget, answer: _Answer, at_ms: int) -> str | None:
        """Returns why the scrape failed, or None. A failed one ends all series of the target."""
        known = self._target(target, at_ms)
        failure: str | None = None
        found: dict[Series, float] = {}
        timed: set[Series] = set()
        if isinstance(answer, str):
            try:
                found = self._read(known, answer, timed)
            except ExpositionError as error:
                failure = f"not the text format: {error}"
        else:
            failure = f"{type(answer).__name__}: {answer}"
        ended = known.present.difference(found)
        self._store.end(ended, at_ms)
        for series, value in found.items():
            self._store.append_to(series, at_ms, value)
        known.present = frozenset(found.keys() - timed)
        if len(known.lines) > 2 * len(found) + _LINES_KEPT:
            known.lines = {text: one for text, one in known.lines.items() if one in found}
        up = 0.0 if failure else 1.0
        self._store.append_to(known.up, at_ms, up)
        if self._recorder is not None:
            self._recorder.scraped({**found, known.up: up}, ended)
        return failure

    def keep_only(self, targets: Sequence[ScrapeTarget], at_ms: int) -> None:
        """Ends the series of targets that are no longer there."""
        keys = {target.key for target in targets}
        for key in [key for key in self._known if key not in keys]:
            self._forget(key, at_ms)

    def _forget(self, key: tuple[str, str], at_ms: int) -> None:
        known = self._known.pop(key)
        gone = [*known.present, known.up]
        self._store.end(gone, at_ms)
        if self._recorder is not None:
            self._recorder.scraped({}, gone)

    def _target(self, target: ScrapeTarget, at_ms: int) -> _Known:
        own = Labels({**target.labels, "job": target.job, "instance": target.instance})
        known = self._known.get(target.key)
        if known is not None and known.labels == own:
            return known
        if known is not None:
            self._forget(target.key, at_ms)
        up = self._store.series(own.updated({METRIC_NAME: "up"}))
        self._known[target.key] = known = _Known(own, up)
        return known

    def _read(self, known: _Known, text: str, timed: set[Series]) -> dict[Series, float]:
        """What has a time of its own is also put into `timed`."""
        found: dict[Series, float] = {}
        cached = known.lines
        for line, value, is_timed in samples(text):
            series = cached.get(line)
            if series is None:
                labels = with_target(series_labels(line), known.labels)
                series = cached[line] = self._store.series(labels)
            if series in found:
                raise ExpositionError(f"the series {line} is there twice")
            found[series] = value
            if is_timed:
                timed.add(series)
        return found


def with_target(labels: Labels, target: Labels) -> Labels:
    """A sample's labels under those of its target; what they hide becomes `exported_<name>`."""
    moved = {f"exported_{name}": labels[name] for name in target if name in labels}
    return labels.updated({**moved, **target})
