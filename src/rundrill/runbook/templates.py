"""Blocks that hold the words of a message to send."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rundrill.claims import Template
from rundrill.runbook.commands import in_block
from rundrill.runbook.markdown import PLAIN, Block, CodeBlock, ItemList, Paragraph, Quote
from rundrill.runbook.meaning import Meaning
from rundrill.runbook.outline import Section
from rundrill.runbook.placeholders import find_in_prose

_LANGUAGES = PLAIN | {"", "markdown", "md"}
_SENT = re.compile(
    r"\b(?:templates?|messages?|announce\w*|post(?:ed|s)?|slack|e?-?mails?|say|tell|text|wording|write"
    r"|send|copy|notice|banner|status\spage|declare|statement|template)\b",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\W*[A-Z][\w /-]{1,40}:\s")


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    line: int
    first: int | None
    """The line of the first of its lines, which follow each other; of a quotation, none."""
    template: Template


def read_templates(section: Section, programs: frozenset[str]) -> Iterator[FoundTemplate]:
    yield from _in(section.blocks, section, programs, section.title)


def _in(
    blocks: Iterable[Block], section: Section, programs: frozenset[str], lead: str
) -> Iterator[FoundTemplate]:
    for block in blocks:
        if isinstance(block, Paragraph):
            lead = block.text.plain
        elif isinstance(block, ItemList):
            for item in block.items:
                yield from _in(item.blocks, section, programs, lead)
        elif isinstance(block, CodeBlock):
            if _is_message(block, section, programs, lead):
                line = block.line if block.opened is None else block.opened
                yield FoundTemplate(line, block.line, Template(lines=block.lines))
        elif isinstance(block, Quote) and _SENT.search(lead[-120:]) and lead.rstrip().endswith(":"):
            lines = tuple(
                line.plain
                for one in block.blocks
                if isinstance(one, Paragraph)
                for line in one.text.lines
            )
            if lines:
                yield FoundTemplate(block.line, None, Template(lines=lines))


def _is_message(block: CodeBlock, section: Section, programs: frozenset[str], lead: str) -> bool:
    if block.language not in _LANGUAGES or in_block(block, programs):
        return False
    lines = [line for line in block.lines if line.strip()]
    if not lines:
        return False
    people = section.meaning in (Meaning.COMMUNICATION, Meaning.ESCALATION, Meaning.CONTACTS)
    open_fields = sum(bool(find_in_prose(line)) for line in lines)
    fields = sum(_FIELD.match(line) is not None for line in lines)
    said = _SENT.search(lead[-160:]) is not None
    return people or (said and (open_fields > 0 or fields > 1)) or (open_fields > 1 and fields > 1)
