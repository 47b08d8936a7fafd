"""Which two numbers are about the same thing, and which of two bounds is met first."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from rundrill.claims import Threshold
from rundrill.runbook.wordset import word_set

_NUMBER = re.compile(
    r"(?:[<>\u2264\u2265=~]=?\s*)?(?P<digits>\d+(?:[.,]\d+)*)"
    r"(?:\s?(?:%|(?:percent|ms|milliseconds?|s|secs?|seconds?|mins?|minutes?|h|hours?|k|GB|GiB|MB"
    r"|MiB|rps)\b))?"
)
_SCALES: Final = (1.0, 100.0, 1000.0, 1 / 60, 1 / 3600, 1e-3, 1e-6, 1e-9, 2.0**-20, 2.0**-30)
"""How a value may be written that is kept as ratio, seconds or bytes."""

Direction = Literal["above", "below"]

_CORES: Final[tuple[tuple[str, frozenset[str]], ...]] = tuple(
    (core, word_set(words))
    for core, words in (
        ("success", "success"),
        ("error rate", "error errors failure 5xx"),
        ("response time", "response latency p50 p90 p95 p99"),
        ("throughput", "throughput traffic"),
        ("memory", "memory ram"),
        ("cpu", "cpu"),
        ("disk", "disk"),
        ("restarts", "restart restarts"),
        ("lag", "lag"),
        ("queue", "queue backlog"),
    )
)
_FILLER: Final = word_set(
    "rate ratio time times usage count number percentage percent level of the a an in on per for"
    " service overall total api http request requests pod pods container average"
)
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is measured: `core` is the usual name where there is one, `more` what narrows it."""

    core: str
    more: frozenset[str]
    unit: str
    statistic: str | None


def measure_of(threshold: Threshold, title: str) -> Measure:
    """`title` is the document's: its own name narrows nothing ("payment success rate")."""
    words = _WORD.findall(threshold.subject.lower())
    core = next((name for name, known in _CORES if known & set(words)), "")
    rest = set(words) - _FILLER - set(_WORD.findall(title.lower()))
    for name, known in _CORES:
        if name == core:
            rest -= known
    return Measure(
        core=core or " ".join(sorted(rest)),
        more=frozenset(rest) if core else frozenset(),
        unit=threshold.unit,
        statistic=threshold.statistic,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A threshold as one of a few measures; a success rate is told as an error rate."""

    threshold: Threshold
    measure: Measure
    direction: Direction
    value: float


def bound_of(threshold: Threshold, title: str) -> Bound | None:
    """None for what states no bound (`~1000`, `== 3`), or nothing that could be compared."""
    if threshold.comparator not in ("<", "<=", ">", ">="):
        return None
    measure = measure_of(threshold, title)
    direction: Direction = "above" if threshold.comparator.startswith(">") else "below"
    value = threshold.value
    if not measure.core:
        return None
    if measure.core == "success" and threshold.unit == "ratio":
        measure = Measure(
            core="error rate",
            more=measure.more,
            unit=measure.unit,
            statistic=measure.statistic,
        )
        direction = "below" if direction == "above" else "above"
        value = 1.0 - value
    return Bound(threshold=threshold, measure=measure, direction=direction, value=value)


def bounds_of(thresholds: Iterable[Threshold], title: str) -> list[Bound]:
    return [bound for one in thresholds if (bound := bound_of(one, title)) is not None]


def same_measure(one: Bound, other: Bound) -> bool:
    """Whether their numbers can be compared. Two different statistics or windows are not one."""
    return (
        (one.measure.core, one.measure.more, one.measure.unit)
        == (other.measure.core, other.measure.more, other.measure.unit)
        and (
            one.measure.statistic is None
            or other.measure.statistic is None
            or one.measure.statistic == other.measure.statistic
        )
        and (one.measure.unit != "count" or one.threshold.window_s == other.threshold.window_s)
    )


def number_in(threshold: Threshold) -> str:
    """The number as the runbook writes it: "> 5%"; the whole text where no word is it."""
    for found in _NUMBER.finditer(threshold.text):
        try:
            written = float(found["digits"].replace(",", ""))
        except ValueError:  # "1.2.3" is a version
            continue
        if any(close(written, threshold.value * scale) for scale in _SCALES):
            return found[0]
    return threshold.text


def close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-9 + 1e-6 * max(abs(one), abs(other))


def later(one: float, other: float, direction: Direction) -> bool:
    """Whether a value that gets worse meets `one` only after `other`."""
    if close(one, other):
        return False
    return one > other if direction == "above" else one < other
