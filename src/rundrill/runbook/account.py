"""Every line of the document with what it was taken for; none is left out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from rundrill.claims import Claim, Line, Reading
from rundrill.runbook.commands import SESSIONS, SHELLS
from rundrill.runbook.forbidden import Forbidden
from rundrill.runbook.identify import Found
from rundrill.runbook.markdown import (
    MAX_TEXT,
    Block,
    CodeBlock,
    Heading,
    ItemList,
    Paragraph,
    Quote,
    Table,
    front_matter,
    normal,
    walk,
)
from rundrill.runbook.quantities import comparisons
from rundrill.runbook.terms import terms_in
from rundrill.runbook.text import Text

_DEFINITION = re.compile(r"\s{0,3}\[[^\]]+\]:\s")
_MARKS = " \t-*+>.)0123456789"
"""What begins an item or a quotation."""
_COMMENT = re.compile(r"\s*(?:#|//|--\s|;)")


def account(
    text: str,
    blocks: Sequence[Block],
    found: Iterable[Found],
    claims: Iterable[Claim],
    forbidden: Forbidden,
) -> tuple[Line, ...]:
    """A line is a claim when one stands on it; else it is what the Markdown says of it."""
    ids: dict[int, list[str]] = defaultdict(list)
    for claim in claims:
        ids[claim.line].append(claim.id)
    covered = {line for one in found for line in range(one.line, one.last_line + 1)} | set(ids)
    warned = {number for (line, _), last in forbidden.items() for number in range(line, last + 1)}
    readings: dict[int, Reading] = dict.fromkeys(range(1, len(front_matter(text)) + 1), "markup")
    levels: dict[int, int] = {}
    prose: dict[int, list[Text]] = defaultdict(list)
    _read_blocks(blocks, readings, levels, prose)
    lines = []
    for number, line in enumerate(normal(text).split("\n"), start=1):
        reading = readings.get(number, "unknown")
        if not line.strip():
            reading = "blank"
        elif number in levels:
            reading = "heading"
        elif number in warned:
            reading = "warning"
        elif number in covered:
            reading = "claim"
        elif number in prose:
            reading = _of_prose(line, prose[number])
        elif number not in readings and _DEFINITION.match(line):
            reading = "markup"
        lines.append(
            Line(
                number=number,
                text=line,
                reading=reading,
                claims=tuple(ids[number]),
                level=levels.get(number, 0),
            )
        )
    return tuple(lines)


def _read_blocks(
    blocks: Iterable[Block],
    readings: dict[int, Reading],
    levels: dict[int, int],
    prose: dict[int, list[Text]],
) -> None:
    for block in walk(blocks):
        match block:
            case Heading():
                _read_heading(block, readings, levels)
            case Paragraph():
                _read_text(block.text, prose)
            case CodeBlock():
                _read_code(block, readings)
            case Table():
                _read_table(block, readings, prose)
            case ItemList():
                for item in block.items:
                    prose.setdefault(item.line, [])
            case Quote():
                prose.setdefault(block.line, [])
            case _:  # HTML, a rule
                for number in range(block.line, block.line + len(block.lines)):
                    readings[number] = "markup"


def _read_heading(block: Heading, readings: dict[int, Reading], levels: dict[int, int]) -> None:
    lines = {block.line, *(line.line for line in block.text.lines)}
    levels.update(dict.fromkeys(lines, block.level))
    # The rule under a heading that is written on two lines.
    readings.setdefault(max(lines) + 1, "markup")


def _read_table(block: Table, readings: dict[int, Reading], prose: dict[int, list[Text]]) -> None:
    readings[block.line + 1] = "markup"
    for row in (block.header, *block.rows):
        for cell in row:
            _read_text(cell, prose)
        readings.setdefault(row[0].line, "prose")


def _read_text(text: Text, prose: dict[int, list[Text]]) -> None:
    for line in text.lines:
        prose[line.line].append(line)


def _of_prose(line: str, texts: Sequence[Text]) -> Reading:
    """A line of text; without any, the mark of a list, or of one that is nested too deep."""
    if not texts:
        return "unknown" if line.strip(_MARKS) else "markup"
    return "unknown" if any(_states_something(one.plain) for one in texts) else "prose"


def _states_something(text: str) -> bool:
    """A number that is compared, or a time, that no claim took."""
    if len(text) > MAX_TEXT:
        return True
    return any(one.sign or one.unit != "count" for one in comparisons(text)) or any(
        one.term.seconds and one.word for one in terms_in(text)
    )


def _read_code(block: CodeBlock, readings: dict[int, Reading]) -> None:
    if block.opened is not None:
        readings[block.opened] = "markup"
        readings[block.line + len(block.lines)] = "markup"
    shell = block.language in SHELLS | SESSIONS
    for number, line in enumerate(block.lines, start=block.line):
        comment = _COMMENT.match(line) is not None
        readings[number] = "prose" if shell and comment else "data"
