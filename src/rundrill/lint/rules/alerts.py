"""Alerts that nobody can build from what the runbook says."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import AlertClaim
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material

_NUMBER: Final = re.compile(r"(?<![\w.-])\d")
_MEANING: Final = re.compile(
    r"\b(?:mean(?:s|ing)|condition|trigger(?:s|ed)?|threshold|expression|description|summary|fires)\b",
    re.IGNORECASE,
)


def _without_number(material: Material) -> Iterator[Found]:
    for claim, alert in material.runbook.having(AlertClaim):
        # "NodeNotReady for 3 minutes" is no number of a measure, and yet says when.
        said = f"{material.line_text(claim.line)} {alert.text} {_meaning(claim.line, material)}"
        if alert.threshold is None and not _NUMBER.search(said):
            yield Found(
                line=claim.line,
                at=alert.text,
                message=f"`{alert.text}` states no number: nobody can say when it is to fire",
                fix="state one, such as `>5 in 1 minute`",
                claim=claim.id,
            )


def _meaning(number: int, material: Material) -> str:
    """What stands below an alert that is a heading, and in the part that tells what it means."""
    lines = material.runbook.lines
    level = lines[number - 1].level
    if not level:
        return ""
    told: list[str] = []
    means = True
    for line in lines[number:]:
        if line.level and line.level <= level:
            break
        if line.level:
            means = _MEANING.search(line.text) is not None
        elif means:
            told.append(material.line_text(line.number))
    return "\n".join(told)


RULES: Final = (
    Rule(
        id="alert-without-number",
        level="warning",
        summary="An alert is promised and no number says when it fires.",
        check=_without_number,
    ),
)
