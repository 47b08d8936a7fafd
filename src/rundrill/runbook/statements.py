"""Sections to statements: paragraphs, items, rows and headings, each with what stands around it.

The readers of claims look at statements only, so that a list, a table and a sentence that say the
same are read by the same rules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rundrill.runbook.durations import duration_of
from rundrill.runbook.lazy import lazy
from rundrill.runbook.level_runs import starts_of_levels
from rundrill.runbook.levels import (
    Level,
    announced_level,
    concluded_level,
    match_level,
    named_level,
)
from rundrill.runbook.markdown import (
    MAX_TEXT,
    PLAIN,
    Block,
    CodeBlock,
    ItemList,
    Paragraph,
    Quote,
    Table,
)
from rundrill.runbook.meaning import Meaning, words_of
from rundrill.runbook.outline import Section
from rundrill.runbook.text import Span, Text

_HIDDEN = "\ufffc"
_RUN = re.compile(f"{_HIDDEN}+")
_FULL_STOP = re.compile(r"[.!?]\s+(?=[A-Z])")
_SENTENCE_END = re.compile(r"(?:[.;!?]\s|,\s(?:and|or|while)\s)")
_PEOPLE = frozenset({"who", "whom", "audience", "stakeholder", "stakeholders", "team", "role"})
"""A table that begins with a column of people has its levels above the times to tell them."""
_COMPARED_LINE = re.compile(
    r"\s*[A-Za-z0-9][\w ./%()-]{1,50}?[\s:]\s*(?:[<>]=?|={1,2}|[\u2264\u2265~])\s?"
    r"\d[\d.,]*\s?[\w%/. ]{0,30}\Z"
)
_KINDS = frozenset({"severity", "priority", "prio", "level", "sev", "class", "tier"})
_DIGIT = re.compile(r"[0-5A-D]")
_TASK = re.compile(r"\s{0,3}\[([ xX]?)\](?=\s|$)\s*")
_LABEL = re.compile(
    r"\W{0,8}([^\W_][\w./&'()+#@-]*(?:\s[(\w][\w./&'()+#@-]*){0,6}?)\s?\*{0,2}:\*{0,2}(?:\s+|$)"
)
_DASHES = re.compile("[-\u2013\u2014=|\u2192]")
_DASHED = re.compile(
    r"\W{0,4}((?:[\w./&'()+@-]+\s){0,5}?[\w./&'()+@-]+)\s(?:[-\u2013\u2014=|]|->|\u2192)\s"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table with the words of its column's heading."""

    head: str
    words: frozenset[str]
    text: Text

    @property
    def plain(self) -> str:
        return self.text.plain

    @property
    def level(self) -> Level | None:
        """The severity level that the cell names."""
        lettered = bool(self.words & {"severity", "priority", "prio", "sev"})
        found = match_level(self.plain, lettered=lettered)
        if found is not None and found.numbered:
            return found if len(words_of(self.plain)) <= 8 else None
        # "High" is a level only where the column says so; there, any short name is one.
        kinds = self.words & _KINDS
        if not kinds:
            return None
        if _DIGIT.fullmatch(self.plain):
            return match_level(f"{min(kinds)} {self.plain}")
        name = self.plain.strip("*_ ")
        if found is None and 0 < len(words_of(name)) <= 3 and not name[0].isdigit():
            return Level(" ".join(words_of(name)), name, len(name), numbered=False)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Statement:
    """`lead` are the words that introduce its list or table, `above` the item it is nested in."""

    source: Text
    prose: Text
    """The same without its commands: other characters of no meaning stand in their place."""
    section: Section
    form: Literal["heading", "paragraph", "item", "row"]
    lead: str = ""
    above: "Statement | None" = None
    ordered: bool = False
    task: Literal["", "open", "done"] = ""
    cells: tuple[Cell, ...] = ()

    @property
    def text(self) -> str:
        return self.source.plain

    @property
    def line(self) -> int:
        return self.source.line

    def line_at(self, offset: int) -> int:
        return self.source.line_at(offset)

    def shown(self, text: str) -> str:
        """A part of the prose with its commands again."""
        if _HIDDEN not in text:
            return text
        hidden = {
            len(code): code
            for span in reversed(self.source.spans)
            if span.mark == "code" and (code := " ".join(span.text.split()))
        }
        return _RUN.sub(lambda run: hidden.get(len(run[0]), ""), text)

    @lazy
    def label(self) -> tuple[str, str]:
        """ "**Primary**: see the schedule" as label and rest; the label may be empty."""
        return label_of(self.source)

    @lazy
    def level(self) -> Level | None:
        """The severity level that it begins with; of a row, in whichever cell it stands."""
        if self.begins_level is not None or self.form in ("heading", "row"):
            return self.begins_level
        if self.form == "paragraph":
            return named_level(self.text)
        return concluded_level(self.text) if self.section.meaning is Meaning.SEVERITY else None

    @lazy
    def begins_level(self) -> Level | None:
        """That which stands at its beginning, and is still meant on the lines below."""
        if not self.cells:
            among = self.section.meaning is Meaning.SEVERITY
            prose = among and self.form == "paragraph"
            found = match_level(self.text, prose=prose, lettered=among)
            if found is None and among and self.form != "heading":
                return announced_level(self.source)
            return found
        return next((found for cell in self.cells if (found := cell.level)), None)


def label_of(source: Text) -> tuple[str, str]:
    """The words before a colon or, in bold, at the beginning; and what follows them."""
    text = source.plain
    head = text[:120]
    found = _LABEL.match(head) if ":" in head else None
    if found is not None:
        return found[1].strip(), text[found.end() :]
    bold = next(iter(source.spans), None)
    if bold is not None and bold.mark == "strong" and len(bold.text) < 80:
        name = bold.text.strip(" :-\u2013\u2014")
        return name, text[len(bold.text.strip()) :].lstrip(" :-\u2013\u2014\u2192|")
    found = None if _DASHES.search(head) is None else _DASHED.match(head)
    return ("", text) if found is None else (found[1].strip(), text[found.end() :])


def read_statements(
    sections: Iterable[Section], is_command: Callable[[Span], bool]
) -> tuple[Statement, ...]:
    """All statements in the order of the document."""
    reader = _Reader(is_command)
    return tuple(one for section in sections for one in reader.of_section(section))


@dataclass(frozen=True, slots=True)
class _Reader:
    is_command: Callable[[Span], bool]

    def of_section(self, section: Section) -> Iterator[Statement]:
        if section.heading is not None:
            yield Statement(
                source=section.heading,
                prose=self._prose(section.heading),
                section=section,
                form="heading",
            )
        yield from self._of_blocks(section.blocks, section, None)

    def _of_blocks(
        self, blocks: Iterable[Block], section: Section, above: Statement | None
    ) -> Iterator[Statement]:
        lead = ""
        owner: Statement | None = None
        for block in blocks:
            if isinstance(block, Paragraph):
                first: Statement | None = None
                for piece in self._pieces(block.text, section):
                    statement = Statement(
                        source=piece,
                        prose=self._prose(piece),
                        section=section,
                        form="paragraph",
                        above=above or first,
                    )
                    yield statement
                    if statement.begins_level is not None:
                        # What follows on the lines below "P1 - High" is still about P1.
                        first = statement
                    lead = piece.plain
                owner = first
            elif isinstance(block, ItemList):
                # A list below "**P1** - all is lost" is about P1.
                yield from self._of_list(block, section, lead, above or owner)
            elif isinstance(block, Table):
                yield from self._of_table(block, section, lead, above)
            elif isinstance(block, CodeBlock):
                yield from self._of_code(block, section, lead)
            elif isinstance(block, Quote):
                yield from self._of_blocks(block.blocks, section, above)

    def _of_code(self, block: CodeBlock, section: Section, lead: str) -> Iterator[Statement]:
        """The lines of a list of numbers that is aligned in a block: "hit ratio   >= 92 %"."""
        stated = section.meaning in (Meaning.STEADY_STATE, Meaning.ALERTS)
        if not stated or block.language not in PLAIN | {""}:
            return
        for line, text in enumerate(block.lines, start=block.line):
            if _COMPARED_LINE.match(text) is not None:
                source = Text(line, (Span(line, text),))
                yield Statement(
                    source=source, prose=source, section=section, form="item", lead=lead
                )

    def _of_list(
        self, block: ItemList, section: Section, lead: str, above: Statement | None
    ) -> Iterator[Statement]:
        for item in block.items:
            own, *more = pieces(item.text) or (Text(item.line, ()),)
            task = _TASK.match(own.plain)
            own = own if task is None else own.cut(task.end(), None)
            statement = Statement(
                source=own,
                prose=self._prose(own),
                section=section,
                form="item",
                lead=lead,
                above=above,
                ordered=block.ordered,
                task="" if task is None else "done" if task[1].strip() else "open",
            )
            yield statement
            for piece in more:
                yield Statement(
                    source=piece,
                    prose=self._prose(piece),
                    section=section,
                    form="paragraph",
                    above=statement,
                )
            first = item.blocks[0] if item.blocks else None
            rest = item.blocks[1:] if isinstance(first, Paragraph) else item.blocks
            yield from self._of_blocks(rest, section, statement)

    def _of_table(
        self, block: Table, section: Section, lead: str, above: Statement | None
    ) -> Iterator[Statement]:
        header, rows = _upright(block)
        heads = [(head.plain, frozenset(words_of(head.plain))) for head in header]
        for row in rows:
            source = _row(row)
            yield Statement(
                source=source,
                prose=self._prose(source),
                section=section,
                form="row",
                lead=lead,
                above=above,
                cells=tuple(
                    Cell(*head, self._prose(cell)) for head, cell in zip(heads, row, strict=False)
                ),
            )

    def _pieces(self, text: Text, section: Section) -> Iterator[Text]:
        for piece in pieces(text):
            starts = [0, *_sentences_of_levels(piece.plain), *starts_of_levels(piece)]
            if section.meaning is Meaning.SEVERITY:
                starts += [
                    found.end()
                    for found in _SENTENCE_END.finditer(piece.plain)
                    if match_level(piece.plain[found.end() :], prose=True)
                ]
            starts = sorted(set(starts))
            for start, end in zip(starts, [*starts[1:], None], strict=True):
                yield piece if len(starts) == 1 else piece.cut(start, end)

    def _prose(self, text: Text) -> Text:
        if not any(span.mark == "code" for span in text.spans):
            return text
        return Text(
            text.line,
            tuple(
                replace(span, text=_HIDDEN * len(" ".join(span.text.split())))
                if self.is_command(span)
                else span
                for span in text.spans
            ),
        )


def _sentences_of_levels(text: str) -> list[int]:
    """Where the sentences begin that name a level, and those behind them."""
    if len(text) > MAX_TEXT:
        return []
    starts = [0, *(found.end() for found in _FULL_STOP.finditer(text))]
    named = [
        named_level(text[start:end]) is not None
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]
    return [
        start
        for start, before, own in zip(starts[1:], named, named[1:], strict=False)
        if before or own
    ]


def _upright(block: Table) -> tuple[tuple[Text, ...], tuple[tuple[Text, ...], ...]]:
    """The table with its severity levels in rows, however it was written."""
    levels = [match_level(head.plain) for head in block.header[1:]]
    people = _PEOPLE.intersection(words_of(block.header[0].plain))
    numbered = all(one is not None and one.numbered for one in levels)
    elapsed = all(duration_of(row[0].plain) is not None for row in block.rows)
    if people or elapsed or len(levels) < 2 or not (numbered or _are_names(block, levels)):
        return block.header, block.rows
    corner = Text(block.line, (Span(block.line, "severity"),))
    header = (corner, *(row[0] for row in block.rows))
    return header, tuple(
        (head, *(row[at] for row in block.rows))
        for at, head in enumerate(block.header[1:], start=1)
    )


def _are_names(block: Table, levels: Sequence[Level | None]) -> bool:
    """Whether the columns are levels with names, each said once, below an empty corner.

    Where the cells are levels themselves it is a matrix of impact and urgency.
    """
    if block.header[0].plain or None in levels or len(set(levels)) < len(levels):
        return False
    return not any(match_level(cell.plain) for row in block.rows for cell in row[1:])


def _row(row: Sequence[Text]) -> Text:
    """The filled cells as one text, a bar between them."""
    spans: list[Span] = []
    for cell in row:
        if cell.spans:
            spans += [Span(cell.line, " | ")] * bool(spans)
            spans += cell.spans
    return Text(row[0].line, tuple(spans))


def pieces(text: Text) -> tuple[Text, ...]:
    """A paragraph at its breaks and before the labels that begin its lines."""
    found: list[list[Span]] = []
    for line in text.lines:
        # The break that ends a line is counted to the line it leads to.
        broken = any(span.mark == "break" for span in line.spans)
        spans = [span for span in line.spans if span.mark != "break"]
        if not found or broken or _begins(line):
            found.append([])
        found[-1] += spans
    return tuple(Text(spans[0].line, tuple(spans)) for spans in found if spans)


def _begins(line: Text) -> bool:
    """A line in a paragraph that begins with a label in bold states something of its own."""
    first = next((span for span in line.spans if span.text.strip()), None)
    if first is None or first.mark != "strong":
        return False
    return _LABEL.match(line.plain[:120]) is not None or match_level(line.plain) is not None
