"""Severities that promise nothing."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import ResponseTime, Severity
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material

_TIME: Final = re.compile(
    r"\brespon\w*\W[^<>]{0,20}\d|\bwithin\b|\b(?:business|working) days?\b"
    r"|\d\s?(?:min|h\b|hour|day|d\b)",
    re.IGNORECASE,
)
_OTHER: Final = re.compile(r"escalat|notif|inform|updat|tell", re.IGNORECASE)


def _says(level: Severity, material: Material) -> bool:
    """Whether the lines of the level speak of a time in words that were not understood."""
    lines = [one.line for one in material.runbook.severities if one.line > level.line]
    headings = [
        one.number for one in material.runbook.lines if one.level and one.number > level.line
    ]
    end = min([*lines, *headings, level.line + 6])
    texts = [material.line_text(number) for number in range(level.line, end + 1)]
    return any(_TIME.search(text) and not _OTHER.search(text) for text in texts)


def _without_response_time(material: Material) -> Iterator[Found]:
    stated = {
        value.severity
        for _, value in material.runbook.having(ResponseTime)
        if value.term.seconds is not None or value.term.when
    }
    for claim, level in material.runbook.having(Severity):
        if level.response_time_s is None and level.id not in stated and not _says(level, material):
            yield Found(
                line=claim.line,
                at=level.id,
                message=f"{level.id} states no response time: no response to it can be late",
                fix="add a line such as `**Response time**: 30 minutes`",
                claim=claim.id,
            )


RULES: Final = (
    Rule(
        id="severity-without-response-time",
        level="warning",
        summary="A severity does not say how soon somebody has to respond.",
        check=_without_response_time,
    ),
)
