"""Steady-state thresholds and alert claims: lists, tables and lines that state a number."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rundrill.claims import AlertClaim, Threshold
from rundrill.runbook.commands import walk
from rundrill.runbook.markdown import Block, ItemList, Paragraph, Table, Text
from rundrill.runbook.meaning import Ids, Meaning, slug, words_of
from rundrill.runbook.outline import Section
from rundrill.runbook.quantities import comparisons, duration_s
from rundrill.runbook.thresholds import MAX_TEXT, read_thresholds, subject_of
from rundrill.runbook.wordset import word_set

_STEADY_WORDS = re.compile(
    r"\b(?:should|normal(?:ly)?|expected|baseline|healthy|typical(?:ly)?|steady)\b", re.IGNORECASE
)
_STEADY_COLUMN = word_set("normal healthy baseline target expected steady ok good objective slo")
_ALERT_COLUMN = word_set("alert warning critical page pages trigger")
_WINDOW_COLUMN = word_set("for duration window period within")
_RULE_NAME = re.compile(r"\W*([A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+)\b")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Statement:
    """A line, an item or a row that may state a number. `window_s` is from a column of its own."""

    line: int
    text: str
    window_s: float | None = None


def read_steady_state(sections: Iterable[Section]) -> tuple[Threshold, ...]:
    """What the runbook calls normal, in document order."""
    found: list[Threshold] = []
    for section in sections:
        if section.meaning not in (Meaning.STEADY_STATE, Meaning.UNKNOWN):
            continue
        for statement in _normal(section.blocks):
            # Elsewhere the sentence itself must say that it speaks of what is normal.
            if section.meaning is Meaning.STEADY_STATE or _STEADY_WORDS.search(statement.text):
                found += _read(statement, section)
    return tuple(threshold for threshold in found if threshold.subject)


def read_alerts(sections: Iterable[Section]) -> tuple[AlertClaim, ...]:
    """The alerts the runbook names, in document order.

    An id is made of what the alert is about and not of its number, so that it outlives a change
    of the threshold.
    """
    claims: list[AlertClaim] = []
    ids = Ids()
    for section in sections:
        if section.meaning is not Meaning.ALERTS:
            continue
        for statement in _alerts(section.blocks):
            threshold = next(iter(_read(statement, section)), None)
            claims.append(
                AlertClaim(
                    id=ids.take(_alert_id(statement.text, threshold)),
                    line=statement.line,
                    text=statement.text,
                    subject=threshold.subject if threshold else subject_of(statement.text),
                    threshold=threshold,
                )
            )
    return tuple(claims)


def read_statement(text: Text) -> Iterator[Statement]:
    """A paragraph as one statement, or one a line where several lines state a number."""
    lines = [line for line in text.lines if comparisons(line.plain[:MAX_TEXT])]
    if len(lines) > 1:
        for line in lines:
            yield Statement(line.line, line.plain)
    else:
        yield Statement(text.line, text.plain)


def _read(statement: Statement, section: Section) -> list[Threshold]:
    read = read_thresholds(statement.text, line=statement.line, section=section.title)
    return [
        replace(threshold, window_s=threshold.window_s or statement.window_s) for threshold in read
    ]


def _normal(blocks: Iterable[Block]) -> Iterator[Statement]:
    for block in walk(blocks):
        if isinstance(block, Paragraph):
            yield from read_statement(block.text)
        elif isinstance(block, Table):
            steady = _columns(block, _STEADY_COLUMN)
            alerting = _columns(block, _ALERT_COLUMN)
            chosen = steady or [at for at in range(1, len(block.header)) if at not in alerting]
            for row in block.rows:
                for at in chosen:
                    yield Statement(row[0].line, f"{row[0].plain}: {row[at].plain}")


def _alerts(blocks: Iterable[Block]) -> Iterator[Statement]:
    for block in blocks:
        if isinstance(block, ItemList):
            for item in block.items:
                # Numbered items are steps unless they state a number themselves.
                text = item.text.plain
                if text and (not block.ordered or comparisons(text[:MAX_TEXT])):
                    yield Statement(item.line, text)
        elif isinstance(block, Table):
            windows = _columns(block, _WINDOW_COLUMN)
            for row in block.rows:
                window_s = next((duration_s(row[at].plain) for at in windows), None)
                text = ": ".join(
                    cell.plain for at, cell in enumerate(row) if cell.plain and at not in windows
                )
                yield Statement(row[0].line, text, window_s)


def _columns(table: Table, names: frozenset[str]) -> list[int]:
    """Columns after the first whose heading holds one of `names`."""
    return [at for at, head in enumerate(table.header) if at and names & set(words_of(head.plain))]


def _alert_id(text: str, threshold: Threshold | None) -> str:
    name = _RULE_NAME.match(text)
    if name is not None:
        return slug(_HUMP.sub(" ", name[1]))
    subject = threshold.subject if threshold is not None else subject_of(text)
    return slug(subject) or "alert"
