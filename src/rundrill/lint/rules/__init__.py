"""The rules: one small file a family, one table. Its order is that of docs/lint.md."""

from collections.abc import Iterator, Mapping
from typing import Final

from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.rules import (
    alerts,
    commands,
    contacts,
    deadlines,
    drift,
    experiments,
    placeholders,
    procedures,
    resources,
    review,
    severities,
    thresholds,
    undecided,
)


def _by_the_silences(_material: Material) -> Iterator[Found]:
    """`rundrill.lint.silences` finds these itself, after all others."""
    yield from ()


RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule
    for rule in (
        *placeholders.RULES,
        *contacts.RULES,
        *review.RULES,
        *commands.RULES,
        *resources.RULES,
        *procedures.RULES,
        *thresholds.RULES,
        *alerts.RULES,
        *severities.RULES,
        *deadlines.RULES,
        *drift.RULES,
        *experiments.RULES,
        *undecided.RULES,
        Rule(
            id="silence-without-reason",
            level="error",
            summary="A comment silences a rule and does not say why.",
            check=_by_the_silences,
        ),
        Rule(
            id="silence-unused",
            level="warning",
            summary="A comment silences a rule that finds nothing there.",
            check=_by_the_silences,
        ),
    )
}
