"""Which commands a document warns against: "Do not use `...`", "Never run:". Nobody runs those.

The clause that holds a command decides: in "Do not page anybody; run `x`" nothing forbids `x`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rundrill.runbook import commands
from rundrill.runbook.bans import PARTS, SAME, TITLE, announces, clause_of, forbids
from rundrill.runbook.markdown import Block, CodeBlock, ItemList, Paragraph, Quote, Table
from rundrill.runbook.outline import Section
from rundrill.runbook.shell import strip_prompt, without_comment
from rundrill.runbook.text import Text

Place = tuple[int, str]
"""The line and the text of a command."""
Forbidden = dict[Place, int]
"""Each with the last of its lines."""

_ABOVE = re.compile(
    r"\A\W*(?:(?:(?:none|not\sone|no\sone)\sof\s(?:these|those|them|the\sabove|the\scommands)"
    r"|(?:all\sof\s|any\sof\s)?(?:these|those|the\sabove"
    r"|the\scommands\sabove)(?:\s(?:commands|actions))?)\b"
    r"[^.;!?]{0,60}\b(?:(?:may|must|should|shall|can|are|is)\s(?:not\s"
    r"|never\s)?(?:to\s)?(?:ever\s)?be"
    r"\s(?:used|run|executed|done|called|applied|issued|typed|tried)|(?:are|is)\s(?:strictly\s)?"
    r"(?:forbidden|prohibited|banned|not\sallowed|not\spermitted|off[\s-]limits|allowed|permitted))"
    r"|(?:do\snot|don['\u2019]?t|never)\s(?:ever\s)?(?:run|use|execute|do|try|issue|type)\s"
    r"(?:any\sof\s(?:these|those|them|the\sabove)|these|those|the\sabove)\b(?!\s\w+\sbefore))",
    re.IGNORECASE,
)
_WHY_NOT: Final = re.compile(
    r"\A\W*(?:why\s(?:not|(?:it['\u2019]s\s|it\sis\s)?(?:forbidden|banned|dangerous|prohibited))"
    r"|reason\snot\sto)\b",
    re.IGNORECASE,
)
_NO_CELL: Final = re.compile(
    r"\A\W*(?:never|forbidden|prohibited|banned|not\sallowed|not\spermitted|off[\s-]limits"
    r"|do\snot\s(?:run|use)|don['\u2019]t(?:\s(?:run|use))?|[\u274c\u26d4\U0001f6ab])\W*\Z",
    re.IGNORECASE,
)
_PERMITS: Final = re.compile(r"\b(?:allowed|permitted|safe|ok|okay|may\srun)\b", re.IGNORECASE)
_NO: Final = re.compile(r"\A\W*no(?:pe)?\W*\Z", re.IGNORECASE)


def read_forbidden(sections: Iterable[Section], programs: frozenset[str]) -> Forbidden:
    """The commands that are warned against."""
    found: Forbidden = {}
    for section in sections:
        at: Section | None = section
        while at is not None and TITLE.match(at.title) is None:
            at = at.parent
        for one in _in(section.heading_blocks, programs, banned=at is not None):
            found[one.command.line, one.command.text] = one.last_line
    return found


def allowed(found: Iterable[commands.Found], forbidden: Forbidden) -> list[commands.Found]:
    """Those that nothing warns against."""
    return [one for one in found if (one.command.line, one.command.text) not in forbidden]


def _in(
    blocks: Iterable[Block], programs: frozenset[str], *, banned: bool
) -> Iterator[commands.Found]:
    lead = ""
    blocks = list(blocks)
    for block, after in zip_longest(blocks, blocks[1:]):
        below = banned or announces(lead)
        if not isinstance(block, Paragraph) and isinstance(after, Paragraph):
            below = below or _ABOVE.match(after.text.plain[:300]) is not None
        lead = ""
        if isinstance(block, Paragraph):
            yield from _of_text(block.text, programs, banned=banned)
            lead = block.text.plain
        elif isinstance(block, CodeBlock):
            for one in commands.in_block(block, programs):
                last = block.lines[one.last_line - block.line]
                beside = last[len(without_comment(last)) :].lstrip("# ")
                if below or any(
                    announces(part)
                    for said in (one.comment, beside)
                    for part in PARTS.split(said)
                    if part
                ):
                    yield one
        elif isinstance(block, ItemList):
            for item in block.items:
                yield from _in(item.blocks, programs, banned=below)
        elif isinstance(block, Quote):
            yield from _in(block.blocks, programs, banned=below)
        elif isinstance(block, Table):
            yield from _of_table(block, programs, banned=below)


def _of_table(block: Table, programs: frozenset[str], *, banned: bool) -> Iterator[commands.Found]:
    heads = [
        banned or announces(head.plain) or TITLE.match(head.plain) is not None
        for head in block.header
    ]
    whole = any(_WHY_NOT.match(head.plain) for head in block.header)
    for row in block.rows:
        all_of_it = whole or _refuses(block.header, row)
        for head, cell in zip(heads, row, strict=False):
            yield from _of_text(cell, programs, banned=head or all_of_it)


def _refuses(header: Sequence[Text], row: Sequence[Text]) -> bool:
    """Whether a cell of the row says that what the row names is not to be run."""
    return any(
        _NO_CELL.match(cell.plain) is not None
        or (_PERMITS.search(head.plain) is not None and _NO.match(cell.plain) is not None)
        for head, cell in zip(header, row, strict=False)
    )


def _of_text(text: Text, programs: frozenset[str], *, banned: bool) -> Iterator[commands.Found]:
    before = ""
    last = ""
    marks = [commands.is_command(span, programs) for span in text.spans]
    if True not in marks:
        return
    for at, (span, is_command) in enumerate(zip(text.spans, marks, strict=True)):
        if is_command:
            rest = zip(text.spans[at + 1 : at + 9], marks[at + 1 : at + 9], strict=True)
            after = "".join("\ufffc" if mark else one.text for one, mark in rest)
            is_banned = (
                forbids(before, after[:120])
                or (banned and forbids(f"never run {before}", after[:120]))
                or (bool(last) and SAME.match(clause_of(before)) is not None)
            )
            last = before if is_banned else ""
            if is_banned:
                # The same that `commands.in_text` finds, of this span alone.
                yield from commands.in_text(Text(span.line, (span,)), programs)
        before = (before + ("\ufffc" if is_command else span.text))[-300:]


def is_forbidden(line: int, text: str, forbidden: Forbidden) -> bool:
    """Whether the command that is written so on this line is warned against."""
    return (line, strip_prompt(text)) in forbidden
