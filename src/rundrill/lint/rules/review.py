"""Is somebody going to look at the document again?"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from rundrill.claims import ReviewDate
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material

STALE_DAYS: Final = 365
"""Where no next review is stated, a document that nobody has updated for a year is overdue."""


def _missing(material: Material) -> Iterator[Found]:
    stated = list(material.runbook.having(ReviewDate))
    for claim, value in stated:
        if value.next and value.date is None:
            yield Found(
                line=claim.line,
                at=value.text,
                message=f"the next review has no date: {value.text}",
                fix="write the day, as 2027-03-01",
                claim=claim.id,
            )
    if not stated:
        yield Found(
            line=1,
            message="nothing says when the document is reviewed next",
            fix="add a line such as `**Next review**: 2027-03-01`",
        )


def _overdue(material: Material) -> Iterator[Found]:
    stated = list(material.runbook.having(ReviewDate))
    has_next = any(value.next and value.date for _, value in stated)
    for claim, value in stated:
        if value.date is None:
            continue
        days = (material.today - date.fromisoformat(value.date)).days
        if value.next and days > 0:
            message = f"the review was due on {value.date}, {_days(days)} ago"
        elif not value.next and not has_next and days > STALE_DAYS:
            message = f"last updated on {value.date}, {_days(days)} ago"
        else:
            continue
        yield Found(
            line=claim.line,
            at=value.date,
            message=message,
            fix="review the document and set the next date",
            claim=claim.id,
        )


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


RULES: Final = (
    Rule(
        id="review-missing",
        level="warning",
        summary="No day is set on which the document is reviewed.",
        check=_missing,
    ),
    Rule(
        id="review-overdue",
        level="warning",
        summary="The day of the review has passed.",
        check=_overdue,
    ),
)
