"""Severities that promise nothing."""

from collections.abc import Iterator
from typing import Final

from rundrill.claims import ResponseTime, Severity
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material


def _without_response_time(material: Material) -> Iterator[Found]:
    stated = {
        value.severity
        for _, value in material.runbook.having(ResponseTime)
        if value.term.seconds is not None or value.term.when
    }
    for claim, level in material.runbook.having(Severity):
        if level.response_time_s is None and level.id not in stated:
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
