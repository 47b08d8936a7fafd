"""What a rule finds, and what a rule is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from rundrill.lint.material import Material

Level = Literal["note", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("note", "warning", "error")
"""From the least to the worst. They are SARIF's own words."""

Need = Literal["rules", "resources", "kubectl", "experiments"]
"""What a rule cannot be checked without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a rule says of one line. `at` is the text that it is about, for the column.

    `in_rules` says that the line is one of the alert rules and not of the runbook; `elsewhere` is
    the path of another file with the words of that line.
    """

    line: int
    message: str
    fix: str
    at: str = ""
    claim: str | None = None
    in_rules: bool = False
    elsewhere: tuple[str, str] | None = None


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
