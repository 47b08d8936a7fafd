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


_DAYS: Final = (
    (re.compile(r"\b(?:next|following) (?:(?:business|working) )?day\b|\btomorrow\b"), 8),
    (re.compile(r"\bnext week\b|\b(?:business|working) days\b"), 24),
)
"""Terms of the calendar, with the hours that pass at the least before anybody calls them late."""


def _at_least(when: str | None) -> float | None:
    return next(
        (hours * 3600.0 for term, hours in _DAYS if term.search((when or "").lower())), None
    )


def _as_written(words: str, text: str) -> str:
    at = text.lower().find(words.lower())
    return text[at : at + len(words)] if at >= 0 else ""


def _too_long(material: Material) -> Iterator[Found]:
    """Of what is told once during the response.

    An escalation comes when the response has failed, and a resolution is another promise.
    """
    levels = [one for one in material.runbook.severities if one.response_time_s is not None]
    for claim, value in material.runbook.having(Deadline):
        seconds = value.term.seconds
        if seconds is None:
            seconds = _at_least(value.term.when)
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
                    at=_as_written(value.term.when or "", text) or claim.text,
                    message=f"{value.term.when or duration(seconds)} is later than the response"
                    f" time of {level.id}, {duration(level.response_time_s)} (line"
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
