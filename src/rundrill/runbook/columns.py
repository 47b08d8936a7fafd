"""What the heading of a column says that the times below it are for."""

from typing import Final, Literal

from rundrill.runbook.levels import match_level
from rundrill.runbook.meaning import PEOPLE, Meaning
from rundrill.runbook.statements import Cell, Statement
from rundrill.runbook.wordset import word_set

Purpose = Literal["response", "escalation", "deadline"]

_RESPONSE_HEAD: Final = word_set(
    "response respond ack acknowledge acknowledgement acknowledgment sla reaction react answer"
    " pickup mtta tta"
)
_ESCALATION_HEAD: Final = word_set("escalation escalate escalates after")
_DEADLINE_HEAD: Final = word_set(
    "fixed solved restored repaired closed workaround"
    " update updates communication frequency cadence deadline due resolve resolution resolved fix"
    " notify notification within comms mitigation mitigate restore recovery rto time timeline"
    " interval target by"
)
_ELAPSED: Final = word_set("elapsed time after when minutes passed")


def purpose_of_column(statement: Statement, cell: Cell, *, level: str | None) -> Purpose | None:
    """What the times of a cell are for; None where its column does not say it."""
    named: Purpose | None = None
    if cell.words & _ESCALATION_HEAD and (
        cell.words != {"after"} or statement.section.meaning is Meaning.ESCALATION
    ):
        named = "escalation"
    if cell.words & _RESPONSE_HEAD and not cell.words & {"update", "updates"}:
        named = "response"
    elif cell.words & _DEADLINE_HEAD and named is None:
        named = "deadline"
    if (
        named == "deadline"
        and level is None
        and statement.section.meaning not in PEOPLE | {Meaning.POST_INCIDENT}
    ):
        named = None
    if match_level(cell.head) is not None and statement.section.meaning in PEOPLE:
        named = "deadline"
    return "escalation" if _is_elapsed(statement, cell) else named


def _is_elapsed(statement: Statement, cell: Cell) -> bool:
    """The first column of a table of who is called when: "15 min | + storage"."""
    first = cell is statement.cells[0] and bool(cell.words & _ELAPSED)
    return first and statement.section.meaning is Meaning.ESCALATION
