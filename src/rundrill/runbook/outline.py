"""Blocks to sections: each heading with its own blocks, its parent and its meaning."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rundrill.runbook.levels import Level, match_level
from rundrill.runbook.markdown import Block, Content, Heading, Markup, Paragraph
from rundrill.runbook.meaning import NO_NUMBERS, Meaning, clean_title, meaning_of
from rundrill.runbook.text import Text


@dataclass(slots=True, kw_only=True)
class Section:
    """`level` 0 is what stands before the first heading."""

    level: int
    line: int
    title: str
    meaning: Meaning
    own_meaning: Meaning
    parent: "Section | None"
    heading: Text | None = None
    is_document: bool = False
    is_first_title: bool = False
    """The first heading, when it stands above all: it names the document."""
    blocks: list[Content] = field(default_factory=list)

    @property
    def level_of_severity(self) -> Level | None:
        """The severity level that it, or the nearest heading above it, describes."""
        at: Section | None = self
        while at is not None:
            among = at.meaning is Meaning.SEVERITY
            found = match_level(at.title, lettered=among)
            if found is not None and (found.numbered or among):
                return found
            at = at.parent
        return None

    @property
    def heading_blocks(self) -> list[Block]:
        """The blocks with the section's own heading, which may hold code, too."""
        own = [] if self.heading is None else [Paragraph(self.line, self.heading)]
        return [*own, *self.blocks]

    @property
    def parent_title(self) -> str:
        return "" if self.parent is None else self.parent.title


def outline(blocks: Iterable[Block]) -> list[Section]:
    """The sections in document order. A meaning is inherited by headings that have none.

    The title of the document gives none to the others: every runbook's says "incident".
    """
    blocks = tuple(blocks)
    titles = [block for block in blocks if isinstance(block, Heading) and block.level == 1]
    title = titles[0] if len(titles) == 1 else None
    sections = [
        Section(
            level=0,
            line=1,
            title="",
            meaning=Meaning.UNKNOWN,
            own_meaning=Meaning.UNKNOWN,
            parent=None,
        )
    ]
    open_sections = [sections[0]]
    folds: list[int] = []
    for block in blocks:
        if isinstance(block, Heading):
            if block.folded:
                folds.append(len(open_sections))
            while len(open_sections) > 1 and open_sections[-1].level >= block.level:
                open_sections.pop()
            sections.append(
                _section(
                    block,
                    open_sections[-1],
                    is_document=block is title,
                    is_first=len(sections) == 1,
                )
            )
            open_sections.append(sections[-1])
        else:
            open_sections[-1].blocks.append(block)
            if isinstance(block, Markup):
                # What stands behind a folded part belongs to what stood before it.
                for _ in range(min(block.unfolds, len(folds))):
                    del open_sections[max(folds.pop(), 1) :]
    return sections


def _section(heading: Heading, parent: Section, *, is_document: bool, is_first: bool) -> Section:
    title = clean_title(heading.text.plain)
    # "P0 (complete outage)" under the severities describes a level, not a failure mode.
    is_level = parent.meaning is Meaning.SEVERITY and match_level(title, lettered=True) is not None
    own = Meaning.UNKNOWN if is_document or is_level else meaning_of(title)
    # "Metrics" among the contacts or the commands to look up states no steady state.
    if own is Meaning.STEADY_STATE and parent.meaning in NO_NUMBERS:
        own = Meaning.UNKNOWN
    return Section(
        level=heading.level,
        line=heading.line,
        title=title,
        own_meaning=own,
        meaning=parent.meaning if own is Meaning.UNKNOWN else own,
        parent=parent,
        heading=heading.text,
        is_document=is_document,
        is_first_title=heading.level == 1 and parent.level == 0 and is_first,
    )
