"""Severity levels, whether headings, list items or rows of a table describe them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rundrill.claims import Severity, Threshold
from rundrill.runbook.claims import Statement
from rundrill.runbook.commands import walk
from rundrill.runbook.markdown import ItemList, Paragraph, Table, Text
from rundrill.runbook.meaning import Meaning, clean_title, match_level, words_of
from rundrill.runbook.outline import Section
from rundrill.runbook.quantities import duration_s
from rundrill.runbook.thresholds import read_thresholds
from rundrill.runbook.wordset import word_set

_CODES = {"severity": "SEV", "priority": "P", "level": "L"}
_RESPONSE = re.compile(
    r"\b(?:response(?:\s(?:time|target|sla|within))?|respond(?:ed)?(?:\s(?:to\s)?(?:with)?in)?"
    r"|time\sto\srespond|acknowledg\w*|ack|sla|reaction(?:\stime)?)\b[\s\w()]{0,30}?[\s:=≤<\u2013-]{1,4}"
    r"(?=~?\s?\d)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\W*(?:escalat|notify|notification|communicat|update|owner|contact|page\b|exam)", re.IGNORECASE
)
_RESPONSE_COLUMN = word_set("response respond ack acknowledge acknowledgement sla reaction")
_META_COLUMN = word_set(
    "escalation escalate notify notification communication update updates owner contact who"
    " resolution resolve fix"
)


@dataclass(slots=True, kw_only=True)
class _Level:
    id: str
    name: str
    line: int
    section: str
    conditions: list[Statement] = field(default_factory=list)
    response_time_s: float | None = None
    response_line: int | None = None

    def take(self, statement: Statement) -> None:
        """A line that says how soon to respond, whom to tell, or when the level applies."""
        seconds = response_time_s(statement.text)
        if seconds is not None:
            if self.response_time_s is None:
                self.response_time_s, self.response_line = seconds, statement.line
        elif statement.text and not _LABEL.match(statement.text):
            self.conditions.append(statement)

    def severity(self) -> Severity:
        thresholds: list[Threshold] = []
        for one in self.conditions:
            thresholds += read_thresholds(one.text, line=one.line, section=self.section)
        return Severity(
            id=self.id,
            name=self.name,
            line=self.line,
            conditions=tuple(one.text for one in self.conditions),
            thresholds=tuple(threshold for threshold in thresholds if threshold.subject),
            response_time_s=self.response_time_s,
            response_line=self.response_line,
        )


def read_severities(sections: Iterable[Section]) -> tuple[Severity, ...]:
    """The levels in document order; a level described in two places is one."""
    merged: dict[str, Severity] = {}
    for section in sections:
        for level in _levels(section):
            read = level.severity()
            known = merged.get(read.id)
            merged[read.id] = read if known is None else _merge(known, read)
    return tuple(merged.values())


def response_time_s(text: str) -> float | None:
    """ "Response Time: 15 minutes" or "respond within 2 h" in seconds.

    "Slow response times (>3s)" states a symptom, no promise, and gives None.
    """
    if re.search(r"[<>≥]", text):
        return None
    found = _RESPONSE.search(text)
    return None if found is None else duration_s(text[found.end() : found.end() + 40])


def _merge(known: Severity, more: Severity) -> Severity:
    late = known.response_time_s is None
    return replace(
        known,
        conditions=known.conditions + more.conditions,
        thresholds=known.thresholds + more.thresholds,
        response_time_s=more.response_time_s if late else known.response_time_s,
        response_line=more.response_line if late else known.response_line,
    )


def _levels(section: Section) -> Iterator[_Level]:
    if section.meaning not in (Meaning.SEVERITY, Meaning.UNKNOWN):
        return
    level = _level(section.title, section.line, section.title)
    if level is not None:
        for block in walk(section.blocks):
            if isinstance(block, Paragraph):
                for line in block.text.lines:
                    level.take(Statement(line.line, line.plain))
        # Elsewhere "P1 ..." is a definition only when it promises something.
        if section.meaning is Meaning.SEVERITY or level.response_time_s is not None:
            yield level
    if level is not None or section.meaning is not Meaning.SEVERITY:
        return
    for block in section.blocks:
        if isinstance(block, ItemList):
            yield from _from_list(block, section)
        elif isinstance(block, Table):
            yield from _from_table(block, section)


def _level(text: str, line: int, section: str) -> _Level | None:
    found = match_level(text)
    if found is None:
        return None
    if found["kind"]:
        kind = found["kind"].lower()
        code = _CODES.get(kind, kind.upper()) + found["number"]
        rest = text[found.end() :].strip(" :\u2013\u2014-")
        if rest.startswith("("):
            rest = rest[1:].partition(")")[0]
        name = re.split(r"[(:.,;\u2013\u2014]|\s-\s", rest, maxsplit=1)[0].strip()
    else:
        code, name = found["name"].lower(), found["name"].capitalize()
    return _Level(id=code, name=name or code, line=line, section=section)


def _from_list(block: ItemList, section: Section) -> Iterator[_Level]:
    for item in block.items:
        text = item.text.plain
        level = _level(text, item.line, section.title)
        if level is None:
            continue
        # "**SEV1 (Critical)**: outage. Respond within 15 minutes." says all in one item.
        head, _, rest = text.partition(":")
        for sentence in re.split(r"(?<=[.;])\s", rest or head):
            level.take(Statement(item.line, clean_title(sentence).rstrip(" .;")))
        for inner in walk(item.blocks[1:]):
            if isinstance(inner, Paragraph):
                for line in inner.text.lines:
                    level.take(Statement(line.line, line.plain))
        yield level


def _from_table(block: Table, section: Section) -> Iterator[_Level]:
    heads = [set(words_of(head.plain)) for head in block.header]
    for row in block.rows:
        level = _level(row[0].plain, row[0].line, section.title)
        if level is None:
            continue
        for head, cell in zip(heads[1:], row[1:], strict=False):
            _take_cell(level, head, cell)
        yield level


def _take_cell(level: _Level, head: set[str], cell: Text) -> None:
    if _RESPONSE_COLUMN & head:
        seconds = duration_s(cell.plain)
        if seconds is not None and level.response_time_s is None:
            level.response_time_s, level.response_line = seconds, cell.line
    elif head & {"name", "label", "level"}:
        level.name = cell.plain or level.name
    elif not _META_COLUMN & head and cell.plain:
        level.conditions.append(Statement(cell.line, cell.plain))
