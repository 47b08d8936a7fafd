"""Severity levels in sentences, as teams that write prose have them."""

import pytest

from rundrill.runbook import parse
from rundrill.runbook.levels import match_level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("An incident is **Critical** when nobody can book.", "critical"),
        ("An outage is classed as Major if one site is lost.", "major"),
        ("Any event counts as P2 where a customer waits.", "P2"),
        ("It is Minor when there is another way.", "minor"),
    ],
)
def test_a_sentence_that_defines_a_level(text: str, level: str) -> None:
    found = match_level(text, prose=True)
    assert found is not None
    assert found.id == level


@pytest.mark.parametrize(
    "text", ["An incident is critical to nobody.", "An outage is bad when it is Critical."]
)
def test_a_sentence_that_defines_none(text: str) -> None:
    assert match_level(text, prose=True) is None


def test_grades_are_severities_with_their_response_times() -> None:
    runbook = parse(
        "# S\n\n## How we grade incidents\n\n"
        "An incident is **Critical** when all is down. We respond within 10 minutes.\n\n"
        "An incident is **Minor** when there is another way. We respond within 4 hours.\n",
        "grades.md",
    )
    assert [(one.id, one.response_time_s) for one in runbook.severities] == [
        ("critical", 600.0),
        ("minor", 14400.0),
    ]
