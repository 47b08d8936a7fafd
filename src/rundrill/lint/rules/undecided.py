"""What `rundrill init` left to decide in the files beside the runbook."""

from collections.abc import Iterator
from typing import Final

from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material, SourceLine
from rundrill.plan.undecided import FIX


def _undecided(material: Material) -> Iterator[Found]:
    for one in material.undecided:
        yield Found(
            line=one.line,
            at=one.word,
            message=one.problem,
            fix=FIX,
            source=SourceLine(path=str(one.path), text=one.written),
        )


RULES: Final = (
    Rule(
        id="value-undecided",
        level="warning",
        summary="A value that `rundrill init` could not know is still TODO, and no drill starts.",
        check=_undecided,
    ),
)
