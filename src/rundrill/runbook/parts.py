"""The texts of a statement in which numbers are looked for: the whole, or each cell of a row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rundrill.claims import Comparator
from rundrill.runbook.alerts import RULE_NAME
from rundrill.runbook.durations import duration_of
from rundrill.runbook.meaning import Meaning, words_of
from rundrill.runbook.measures import MEASURES
from rundrill.runbook.quantities import Comparison, comparisons, quantity
from rundrill.runbook.statements import Cell, Statement
from rundrill.runbook.subjects import statistic_of, words_about
from rundrill.runbook.text import Span, Text
from rundrill.runbook.wordset import word_set

Role = Literal["steady-state", "alert", "severity", "other"]

_NAMES: Final = word_set("metric metrics signal measure indicator sli check what measured")
_UNIT_OF = re.compile(
    r"[(\[](%|percent|ms|s|secs?|seconds|mins?|minutes|h|hours|[KMGT]i?B|req/s|rps)[)\]]",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_IS_MEASURED = re.compile(
    r"\s(?:(?:falls?|drops?|rises?|goes|stays?|is|of\s(?:the|a)\s[\w-]+\sis)\s)?"
    r"(?:above|below|over|under|higher\sthan|lower\sthan|more\sthan|less\sthan|exceeds?)\s\d",
    re.IGNORECASE,
)
"""A name that goes on so is that of a metric: "`FreeableMemory` falls below 4 GiB"."""
_HIDDEN: Final = "\ufffc"
_NORMAL: Final = word_set(
    "normal healthy baseline target expected steady ok good objective slo usual green goal typical"
)
_USUAL: Final = word_set("normal usual typical")
_AIMS: Final = word_set("target objective slo goal limit max maximum")
_ALARM: Final = word_set(
    "alert warning warn critical page pages trigger alarm threshold red yellow amber orange bad"
    " degraded limit crit unhealthy investigate danger"
)
_WINDOW: Final = word_set("for duration window period within over sustained lasting")
_TIMES: Final = word_set(
    "response respond ack acknowledge acknowledgement sla reaction update updates escalation"
    " escalate after deadline due resolve resolution frequency time cadence communication notify"
    " who eta comms restore"
)
_ANSWERS: Final = _TIMES - word_set("time after frequency who")
"""In a column's heading they say that its times are people's, whatever stands beside them."""
_PLAIN: Final = (
    _NORMAL
    | _ALARM
    | word_set(
        "condition conditions value definition description when example examples criteria metric"
        " signal"
        " measure indicator impact fires meaning what level severity name symptom symptoms max min"
        " maximum minimum current number range bound upper lower"
    )
)
_HIGH_IS_GOOD: Final = word_set(
    "success availability uptime hit free available remaining headroom left"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A text in which numbers are looked for, with what is known of them already."""

    text: Text
    cell: bool = False
    subject: str = ""
    name: str = ""
    """The row's name as it is written, and its column's."""
    said: str = ""
    """What the cell states, with the row's name before it."""
    statistic: str | None = None
    statement: Statement | None = None
    """The statement that it is the whole of."""
    named: bool = False
    """The row has the name of an alert, which is no subject while its condition names one."""
    window_s: float | None = None
    implied: Comparator | None = None
    role: Role | None = None
    """Of a column such as "Normal"; else that of the statement counts."""

    @property
    def around(self) -> str:
        """What the list or the section is about."""
        return "" if self.statement is None else _around(self.statement)

    def comparisons(self) -> Sequence[Comparison]:
        """The numbers in it; one alone is compared as its label or its column's heading says."""
        found = comparisons(self.text.plain, cell=self.cell)
        if found or self.implied is None:
            return found
        plain = self.text.plain
        at = plain.find(":") + 1 if not self.cell else 0
        read = quantity(plain[at:])
        if read is None or (read[1] == "count" and not self.cell):
            return []
        end = len(plain) - len(read[2])
        if self.implied == "~" and read[0] == 0:
            return [Comparison(at, end, end, "==", 0.0, read[1], None, sign=True)]
        return [Comparison(at, end, end, self.implied, read[0], read[1], None, sign=True)]


def parts_of(statement: Statement) -> Iterator[Part]:
    """The texts, each with what is known of its numbers before they are read."""
    if not statement.cells:
        yield Part(
            _without_rule(statement.prose),
            implied=_implied_of(statement),
            statement=statement,
        )
        return
    windows = [
        cell for cell in statement.cells[1:] if _WINDOW & cell.words and not _ANSWERS & cell.words
    ]
    window_s = next((duration_of(cell.plain) for cell in windows), None)
    first = _name_cell(statement.cells)
    unit = next((cell.plain for cell in statement.cells if cell.words == {"unit"}), "")
    name = "" if first.level else words_about(first.plain) or first.plain
    rule = RULE_NAME.match(first.plain) is not None
    falling = _falls(statement.cells[1:])
    for cell in statement.cells:
        if cell in windows or (
            _TIMES & cell.words and not _ALARM & cell.words and cell is not first
        ):
            continue
        yield Part(
            cell.text if cell is first else _with_unit(cell, unit),
            cell=True,
            subject=_subject_of_cell(cell, name, first),
            name=f"{first.plain} {cell.head}",
            said=cell.plain if cell is first else f"{first.plain}: {cell.plain}",
            statistic=statistic_of(first.plain) or statistic_of(cell.head),
            named=rule,
            window_s=window_s,
            implied=_implied_by(cell, name, falling) if cell is not first else None,
            role=_role_of(cell) if cell is not first else None,
        )


def _around(statement: Statement) -> str:
    """The subject of a line that names none: that of the item above it, or of the heading."""
    above = statement.above
    while above is not None:
        if above.level is None and len(above.text.split()) <= 8:
            words = words_about(above.text.rstrip(" :"))
            if words:
                return words
        above = above.above
    title = words_about(_HUMP.sub(" ", statement.section.title))
    return title if set(title.split()) & MEASURES else ""


def _without_rule(text: Text) -> Text:
    """The name of an alert at the beginning is not what its number is about."""
    rule = RULE_NAME.match(text.plain)
    if rule is None or not text.spans or _IS_MEASURED.match(text.plain, rule.end(1)):
        return text
    hidden = _HIDDEN * len(rule[1])
    name = rule[1]
    return Text(
        text.line, tuple(replace(one, text=one.text.replace(name, hidden, 1)) for one in text.spans)
    )


def _subject_of_cell(cell: Cell, name: str, first: Cell) -> str:
    if cell is first:
        return ""
    own = cell.words - _PLAIN
    return words_about(cell.head) if own and (not name or own & MEASURES) else name


def _role_of(cell: Cell) -> Role | None:
    if cell.words & _NORMAL:
        return "steady-state"
    return "alert" if cell.words & _ALARM else None


def _falls(cells: Sequence[Cell]) -> bool:
    """Whether the numbers fall from warning to critical: then less is worse."""
    read = [quantity(cell.plain) for cell in cells if cell.words & _ALARM]
    values = [one[0] for one in read if one is not None]
    return len(values) > 1 and values[0] > values[-1]


def _implied_by(cell: Cell, name: str, falling: bool) -> Comparator | None:
    """What "85%" means under "Critical" or "Normal"."""
    good = falling or bool(set(words_of(name)) & _HIGH_IS_GOOD)
    if cell.words & _ALARM:
        return "<" if good else ">"
    if cell.words & _AIMS:
        return ">=" if good else "<="
    return "~" if cell.words & _NORMAL else None


def _implied_of(statement: Statement) -> Comparator | None:
    """What "CPU: 85%" means in a list of alerts or of what is normal."""
    label, rest = statement.label
    if not label or len(words_of(rest)) > 6:
        return None
    if statement.section.meaning is Meaning.STEADY_STATE:
        return ">=" if set(words_of(label)) & _HIGH_IS_GOOD else "~"
    if set(words_of(label)[:1]) & _USUAL:
        return "~"
    if statement.section.meaning is Meaning.ALERTS and statement.form == "item":
        return "<" if set(words_of(statement.text)) & _HIGH_IS_GOOD else ">"
    return None


def _name_cell(cells: Sequence[Cell]) -> Cell:
    """The cell that names the row: that of its column, or the first with words."""
    named = (cell for cell in cells if cell.words & _NAMES and words_about(cell.plain))
    worded = (cell for cell in cells if words_about(cell.plain) or cell.level)
    return next(named, None) or next(worded, cells[0])


def _with_unit(cell: Cell, unit: str) -> Text:
    """A bare number with the unit of its row, or of its column: "Latency (ms)"."""
    found = _UNIT_OF.search(cell.head)
    unit = found[1] if found is not None else unit
    if not unit or not cell.plain[-1:].isdigit():
        return cell.text
    return Text(cell.text.line, (*cell.text.spans, Span(cell.text.line, f" {unit}")))
