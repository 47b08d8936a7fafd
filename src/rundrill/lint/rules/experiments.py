"""Failure modes that no drill ever proves."""

from collections.abc import Iterator
from typing import Final

from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.nature import failure_modes


def _without_experiment(material: Material) -> Iterator[Found]:
    experiments = material.experiments or ()
    drilled = {
        name
        for one in experiments
        if one.runbook == material.runbook_file
        for name in one.procedures
    }
    for procedure in failure_modes(material.runbook):
        if procedure.id not in drilled:
            yield Found(
                line=procedure.line,
                at=procedure.title,
                message=f"no experiment of this runbook follows `{procedure.id}`",
                fix="write one with this runbook and `procedure: [" + procedure.id + "]`;"
                " `rundrill init` begins one where the fault is a known one",
            )


RULES: Final = (
    Rule(
        id="failure-mode-without-experiment",
        level="warning",
        summary="A failure mode has a procedure, and no experiment of this runbook follows it.",
        check=_without_experiment,
        needs="experiments",
    ),
)
