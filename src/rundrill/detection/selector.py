"""Which series an expression means: a metric name and label matchers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from rundrill.detection.labels import METRIC_NAME, Labels


class Match(Enum):
    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition on one label. `pattern` is set for the two regular-expression kinds."""

    label: str
    match: Match
    value: str
    pattern: re.Pattern[str] | None = None

    def accepts(self, value: str) -> bool:
        if self.pattern is None:
            return (value == self.value) is (self.match is Match.EQUAL)
        found = self.pattern.fullmatch(value) is not None
        return found is (self.match is Match.REGEX)


@dataclass(frozen=True, slots=True)
class Selector:
    """All series that meet every matcher. `name` is the metric's name when one is required."""

    matchers: tuple[LabelMatcher, ...]
    name: str | None = field(init=False)

    def __post_init__(self) -> None:
        names = [m.value for m in self.matchers if _requires_name(m)]
        object.__setattr__(self, "name", names[0] if names else None)

    def accepts(self, labels: Labels) -> bool:
        value: Callable[[str], str] = labels.value
        return all(matcher.accepts(value(matcher.label)) for matcher in self.matchers)


def _requires_name(matcher: LabelMatcher) -> bool:
    return matcher.label == METRIC_NAME and matcher.match is Match.EQUAL
