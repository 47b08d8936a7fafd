"""What a rule finds, and what a rule is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rundrill.lint.material import Material, SourceLine

Level = Literal["note", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("note", "warning", "error")
"""From the least to the worst. They are SARIF's own words."""

Need = Literal["rules", "resources", "kubectl", "experiments"]
"""What a rule cannot be checked without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule says of one line. `at` is the text that it is about, for the column.

    The line is one of the runbook, unless `source` says otherwise.
    """

    line: int
    message: str
    fix: str
    at: str = ""
    claim: str | None = None
    source: SourceLine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`summary` is one sentence that is true of every finding of this rule."""

    id: str
    level: Level
    summary: str
    check: Callable[[Material], Iterator[Found]]
    needs: Need | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One finding with its place. `column` is 1-based and counts characters."""

    rule: str
    level: Level
    path: str
    line: int
    column: int
    message: str
    fix: str
    claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Silenced:
    """A finding that a comment in the document silences, and why."""

    finding: LintFinding
    reason: str
