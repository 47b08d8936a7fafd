"""Who is to be told, and how to reach them."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import (
    Claim,
    Contact,
    Dashboard,
    Escalation,
    Stakeholder,
    Threshold,
)
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.rules.placeholders import is_open

_SCHEDULE = re.compile(r"\b(?:schedule|rota|roster|rotation|on-?call calendar)\b", re.IGNORECASE)
_REACH = re.compile(
    r"https?://|`[^`]+`|\]\(|[@#]\w|(?:^|\s)/\w|\+?\d[\d ()-]{4,}|\w@\w", re.IGNORECASE
)
"""What somebody can use at night: a link, a name in backticks, a handle, a channel, a number."""
_LEVEL: Final = re.compile(r"\A[A-Za-z]+[ -]?\d:\s+")
_CHANNEL: Final = re.compile(
    r"\b(?:banner|channel|page|site|list|feed|ticket|blog)\b", re.IGNORECASE
)


def _missing(material: Material) -> Iterator[Found]:
    contacts = list(material.runbook.having(Contact))
    for claim, value in contacts:
        if is_open(value.reach):
            yield Found(
                line=claim.line,
                at=value.reach,
                message=f"nobody says how to reach {value.name}",
                fix="write the number, the address or the channel",
                claim=claim.id,
            )
    # Whoever is among the contacts without a number was told of above.
    known = " ".join(
        f"{claim.text} {value.name} {value.reach}".lower() for claim, value in contacts
    )
    told: set[str] = set()
    measured = {
        (claim.line, value.text.lower().partition(":")[0].strip())
        for claim, value in material.runbook.having(Threshold)
    }
    for claim, written in _people(material):
        name = _LEVEL.sub("", written)
        key = name.lower()
        # What is measured is nobody, and a channel is reached by its name.
        if (claim.line, key) in measured or _CHANNEL.search(name):
            continue
        if key in known or key in told or _REACH.search(material.line_text(claim.line)):
            continue
        told.add(key)
        yield Found(
            line=claim.line,
            at=name,
            message=f"{name} is to be told, and no contact says how to reach them",
            fix="add them to the contacts",
            claim=claim.id,
        )


def _people(material: Material) -> Iterator[tuple[Claim, str]]:
    for claim in material.runbook.claims:
        if isinstance(claim.value, Escalation) and claim.value.to:
            yield claim, claim.value.to
        elif isinstance(claim.value, Stakeholder):
            yield claim, claim.value.name


def _schedule(material: Material) -> Iterator[Found]:
    for claim, value in material.runbook.having(Contact):
        found = _SCHEDULE.search(value.reach)
        if found is not None and not _REACH.search(material.line_text(claim.line)):
            yield Found(
                line=claim.line,
                at=value.reach,
                message=f"{value.name} is whoever a {found[0].lower()} names, and there is no link"
                " to it",
                fix="link it",
                claim=claim.id,
            )


def _dashboards(material: Material) -> Iterator[Found]:
    for claim, value in material.runbook.having(Dashboard):
        if value.url is None and "](" not in material.line_text(claim.line):
            yield Found(
                line=claim.line,
                message=f"the dashboard `{value.name}` has no link",
                fix="link it: searching for it costs minutes of the response time",
                claim=claim.id,
            )


RULES: Final = (
    Rule(
        id="contact-missing",
        level="warning",
        summary="Somebody is to be called or told, and the runbook does not say how.",
        check=_missing,
    ),
    Rule(
        id="schedule-missing",
        level="warning",
        summary="Who is on call stands in a schedule to which there is no link.",
        check=_schedule,
    ),
    Rule(
        id="dashboard-without-link",
        level="note",
        summary="A dashboard is named and not linked.",
        check=_dashboards,
    ),
)
