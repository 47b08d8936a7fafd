"""What expressions evaluate to, and at which moment."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from rundrill.detection.labels import Labels
from rundrill.detection.store import SampleStore


class Dialect(Enum):
    """Whose rules count where the two generations of Prometheus differ.

    2: ranges and the look-back include their left boundary, `.` in a regular expression does
    not match a line feed, a counter is extrapolated by up to 1.1 sample distances towards its
    zero, `atan2` keeps the metric's name, the spread of a single value is 0. 3: the left boundary
    is excluded, `.` matches everything, half a distance, no name, not-a-number for infinity.
    """

    PROMETHEUS_2 = 2
    PROMETHEUS_3 = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """When and over what an expression is evaluated. Times are milliseconds of one clock.

    `wall_offset_s` added to that clock gives Unix time, for `time()` and `timestamp()`.
    `step_ms` is the resolution of a subquery that states none.
    """

    store: SampleStore
    at_ms: int
    lookback_ms: int = 300_000
    dialect: Dialect = Dialect.PROMETHEUS_3
    wall_offset_s: float = 0.0
    step_ms: int = 60_000
    query_ms: int | None = None
    """The moment of the whole query, for `@ start()` inside a subquery; None outside one."""

    def moved(self, at_ms: int) -> "Moment":
        query = self.at_ms if self.query_ms is None else self.query_ms
        return replace(self, at_ms=at_ms, query_ms=query)


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one series in a range. `times` ascends; never empty."""

    labels: Labels
    times: "array[int]"
    values: "array[float]"
    start_ms: int
    end_ms: int


Vector: TypeAlias = list[tuple[Labels, float]]
ScalarNode: TypeAlias = Callable[[Moment], float]
VectorNode: TypeAlias = Callable[[Moment], Vector]
RangeNode: TypeAlias = Callable[[Moment], list[Window]]


class UnsupportedError(ValueError):
    """The expression cannot be read, or asks for something this evaluator refuses."""


class EvaluationError(Exception):
    """The data do not allow an answer, such as a match that is not one to one."""


def distinct(vector: Vector) -> Vector:
    """The vector, or `EvaluationError` when two of its elements have the same labels."""
    if len(vector) > 1 and len({labels for labels, _ in vector}) != len(vector):
        raise EvaluationError("vector cannot contain metrics with the same labelset")
    return vector


class Projection:
    """Labels reduced to some names, or to all but some (and never the metric's name then).

    Answers are kept, since the same series come back at every evaluation: whoever evaluates says
    `begin` first, and what was not asked for in the last evaluations is forgotten.
    """

    _TURNS = 16

    def __init__(self, names: Iterable[str], *, keep: bool) -> None:
        self.names = tuple(sorted(set(names)))
        self.keep = keep
        self._answers: dict[Labels, Labels] = {}
        self._older: dict[Labels, Labels] = {}
        self._turn = 0

    def begin(self) -> "Projection":
        """Another evaluation begins."""
        self._turn += 1
        if self._turn >= self._TURNS:
            # Whoever is still there moves over from the older answers.
            self._older, self._answers, self._turn = self._answers, {}, 0
        return self

    def __call__(self, labels: Labels) -> Labels:
        answer = self._answers.get(labels)
        if answer is None:
            answer = self._older.pop(labels, None)
            if answer is None:
                answer = self._new(labels)
            self._answers[labels] = answer
        return answer

    def _new(self, labels: Labels) -> Labels:
        return labels.only(self.names) if self.keep else labels.nameless().without(self.names)
