"""Deadlines that come after the time they belong to."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import Deadline
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.rules.thresholds import duration
from rundrill.runbook.meaning import Meaning, meaning_of

_TELLING: Final = re.compile(
    r"status ?page|updat|notif|stakeholder|communicat|inform|declar|announc|acknowledg|tell|post\b",
    re.IGNORECASE,
)
_OTHER: Final = re.compile(
    r"escalat|resol|restor|mitigat|workaround|\bfix|\bif\b|\bafter\b|unless|without", re.IGNORECASE
)


def _too_long(material: Material) -> Iterator[Found]:
    """Of what is told once during the response.

    An escalation comes when the response has failed, and a resolution is another promise.
    """
    levels = [one for one in material.runbook.severities if one.response_time_s is not None]
    for claim, value in material.runbook.having(Deadline):
        seconds = value.term.seconds
        if value.every or seconds is None:
            continue
        text = material.line_text(claim.line)
        meanings = {meaning_of(title) for title in claim.section}
        tells = _TELLING.search(f"{text} {value.subject}") or Meaning.COMMUNICATION in meanings
        if Meaning.POST_INCIDENT in meanings or not tells or _OTHER.search(text):
            continue
        for level in levels:
            assert level.response_time_s is not None
            if value.severity == level.id and seconds > level.response_time_s:
                yield Found(
                    line=claim.line,
                    at=claim.text,
                    message=f"{duration(seconds)} is longer than the response time of {level.id},"
                    f" {duration(level.response_time_s)} (line"
                    f" {level.response_line or level.line})",
                    fix="shorten it, or correct the response time",
                    claim=claim.id,
                )
                break


RULES: Final = (
    Rule(
        id="deadline-after-response-time",
        level="warning",
        summary="Something is due only after the response time of its severity.",
        check=_too_long,
    ),
)
