"""A runbook to what is wrong with it. Pure: no file, no clock, no process, no cluster.

What a rule must know of the world beside the document (today's date, what kubectl answers, what a
cluster holds) is in its `Material`; `rundrill.lint_command` gathers it.
"""

from rundrill.lint.calls import Call, calls_of
from rundrill.lint.check import Result, check
from rundrill.lint.finding import LEVELS, Level, LintFinding, Silenced
from rundrill.lint.material import Drilled, Material
from rundrill.lint.rules import RULES
from rundrill.lint.rules.resources import kinds_named

__all__ = [
    "LEVELS",
    "RULES",
    "Call",
    "Drilled",
    "Level",
    "LintFinding",
    "Material",
    "Result",
    "Silenced",
    "calls_of",
    "check",
    "kinds_named",
]
