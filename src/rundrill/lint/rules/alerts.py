"""Alerts that nobody can build from what the runbook says."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import AlertClaim
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material

_NUMBER: Final = re.compile(r"(?<![\w.-])\d")


def _without_number(material: Material) -> Iterator[Found]:
    for claim, alert in material.runbook.having(AlertClaim):
        # "NodeNotReady for 3 minutes" is no number of a measure, and yet says when.
        said = f"{material.line_text(claim.line)} {alert.text}"
        if alert.threshold is None and not _NUMBER.search(said):
            yield Found(
                line=claim.line,
                at=alert.text,
                message=f"`{alert.text}` states no number: nobody can say when it is to fire",
                fix="state one, such as `>5 in 1 minute`",
                claim=claim.id,
            )


RULES: Final = (
    Rule(
        id="alert-without-number",
        level="warning",
        summary="An alert is promised and no number says when it fires.",
        check=_without_number,
    ),
)
