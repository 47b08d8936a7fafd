"""Text to `Runbook`: joins what the readers found."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rundrill.claims import ReviewDate, Runbook
from rundrill.runbook import commands
from rundrill.runbook.account import account
from rundrill.runbook.forbidden import read_forbidden
from rundrill.runbook.identify import Found, identify
from rundrill.runbook.markdown import Heading, front_matter, read_blocks
from rundrill.runbook.meaning import clean_title
from rundrill.runbook.outline import Section, outline
from rundrill.runbook.procedures import read_procedures
from rundrill.runbook.reader import Reading
from rundrill.runbook.severities import find_levels
from rundrill.runbook.statements import read_statements
from rundrill.runbook.things import read_reviews


def parse(text: str, path: str) -> Runbook:
    """Reads a Markdown runbook; `path` is only named in the result. Any text is read."""
    with _uncollected():
        return _parse(text, path)


@dataclass(slots=True)
class _Pause:
    lock: threading.Lock = field(default_factory=threading.Lock)
    readings: int = 0
    was_on: bool = False


_PAUSE: Final = _Pause()


@contextmanager
def _uncollected() -> Iterator[None]:
    """A tree of small values leaves nothing to collect, and looking for it takes a third of the
    time.

    The pause is the whole process's, so readings that overlap share one: the first begins it and
    the last ends it, as it was before.
    """
    with _PAUSE.lock:
        if _PAUSE.readings == 0:
            _PAUSE.was_on = gc.isenabled()
            gc.disable()
        _PAUSE.readings += 1
    try:
        yield
    finally:
        with _PAUSE.lock:
            _PAUSE.readings -= 1
            if _PAUSE.readings == 0 and _PAUSE.was_on:
                gc.enable()


def _parse(text: str, path: str) -> Runbook:
    blocks = read_blocks(text)
    sections = outline(blocks)
    programs = commands.learn_programs(blocks)
    statements = read_statements(sections, lambda span: commands.is_command(span, programs))
    forbidden = read_forbidden(sections, programs)
    instructions = read_procedures(sections, programs, forbidden)
    reading = Reading(levels=find_levels(statements))
    for statement in statements:
        reading.read(statement)
    reading.read_code(sections, programs, forbidden)
    reading.read_steps(instructions)
    settings = front_matter(text)
    reading.found += _settings(settings, sections[0])
    for severity in reading.severities:
        _, statement = reading.levels.defined[severity.id]
        reading.add_severity(statement, severity)
    alerts = reading.name_alerts()
    claims = identify(reading.found)
    return Runbook(
        path=path,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        title=next(
            (clean_title(block.text.plain) for block in blocks if isinstance(block, Heading)), ""
        ),
        claims=claims,
        lines=account(text, blocks, reading.found, claims, forbidden),
        severities=reading.severities,
        procedures=instructions.procedures,
        protocols=instructions.protocols,
        steady_state=reading.steady_state,
        alerts=alerts,
    )


def _settings(lines: list[str], document: Section) -> list[Found]:
    """The dates in the settings that stand above the text."""
    return [
        Found(
            line=number,
            text=line,
            section=document,
            key="next" if review.next else "last",
            test="lint",
            value=review,
        )
        for number, line in enumerate(lines, start=1)
        for _, review in read_reviews(line)
        if isinstance(review, ReviewDate)
    ]
