"""Sections to procedures: which of them tell what to do, and in which steps."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rundrill.claims import Command, Procedure, Step
from rundrill.runbook import commands
from rundrill.runbook.bans import only_warns
from rundrill.runbook.durations import duration_at
from rundrill.runbook.forbidden import Forbidden, allowed, is_forbidden
from rundrill.runbook.markdown import (
    MAX_TEXT,
    CodeBlock,
    Content,
    Heading,
    Item,
    ItemList,
    Paragraph,
    Quote,
    Table,
)
from rundrill.runbook.meaning import (
    NO_PROCEDURES,
    PEOPLE,
    Ids,
    Meaning,
    is_imperative,
    is_step_heading,
    is_structure,
    slug,
    words_of,
)
from rundrill.runbook.outline import Section
from rundrill.runbook.text import Text
from rundrill.runbook.wordset import word_set

_NOT_STEPS = word_set(
    "symptom symptoms sign signs cause causes impact note notes background example examples"
    " prerequisites prerequisite requirements see references alerts"
)
_TASK = re.compile(r"^\[[ xX]?\]\s*")
_STATED_TIME = re.compile(
    r"\b(?:for|wait|during|over|soak|observe|monitor)\s"
    r"(?:(?:at least|another|about|up to|the next|a further|an additional|a minimum of|roughly)\s"
    r"|~\s?)*(?:\d{1,4}\s?(?:-|\u2013|to)\s?)?(?=\d)",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|unless|until)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Instructions:
    """`procedures` mend the service, `protocols` tell people; `sections` are by their ids."""

    procedures: tuple[Procedure, ...]
    protocols: tuple[Procedure, ...]
    sections: Mapping[str, Section]


def read_procedures(
    sections: Iterable[Section], programs: frozenset[str], forbidden: Forbidden
) -> Instructions:
    """What the document tells to do, in its order, each with a slug id of its own."""
    steps: dict[int, tuple[Section, list[Step]]] = {}
    sections = list(sections)
    topics = _topics(sections, programs, forbidden)
    for section in sections:
        owner = _owner(section, topics)
        found = _steps_of(section, programs, forbidden)
        if found:
            steps.setdefault(id(owner), (owner, []))[1].extend(found)
    names = _ids([owner for owner, _ in steps.values()])
    read = {
        name: (
            owner,
            Procedure(
                id=name,
                title=owner.title,
                section=owner.parent_title,
                line=owner.line,
                steps=tuple(
                    replace(step, number=number) for number, step in enumerate(unnumbered, start=1)
                ),
            ),
        )
        for name, (owner, unnumbered) in zip(names, steps.values(), strict=True)
    }
    return Instructions(
        procedures=tuple(one for owner, one in read.values() if owner.meaning not in PEOPLE),
        protocols=tuple(one for owner, one in read.values() if owner.meaning in PEOPLE),
        sections={name: owner for name, (owner, _) in read.items()},
    )


def _ids(owners: Sequence[Section]) -> list[str]:
    """The slugs of the titles; where several have one, with the titles above them.

    So none of them changes its meaning when another is added: the name is refused instead.
    """
    ids: list[str] = []
    taken = Ids()
    counted = Counter(slug(owner.title) for owner in owners)
    for owner in owners:
        name = slug(owner.title)
        at = owner.parent
        if counted[name] > 1:
            while at is not None and at.title and not at.is_first_title:
                name = f"{slug(at.title)}/{name}"
                at = at.parent
        ids.append(taken.take(name or "procedure"))
    return ids


def _topics(sections: Iterable[Section], programs: frozenset[str], forbidden: Forbidden) -> bool:
    """Whether the document has several: then its title is the name of no procedure."""
    return any(
        section.parent is not None
        and section.parent.is_first_title
        and not is_structure(section.title)
        and section.meaning not in PEOPLE
        and bool(_steps_of(section, programs, forbidden))
        for section in sections
    )


def _owner(section: Section, topics: bool) -> Section:
    """Headings such as "Diagnosis" or "Step 2: ..." belong to the heading above them."""
    while is_structure(section.title) and section.parent is not None and section.parent.title:
        if topics and section.parent.is_first_title:
            break
        section = section.parent
    return section


def _steps_of(section: Section, programs: frozenset[str], forbidden: Forbidden) -> list[Step]:
    if section.meaning in NO_PROCEDURES - PEOPLE:
        return []
    if section.meaning in PEOPLE:
        return _Steps(programs, forbidden, section).read_ordered()
    steps = _Steps(programs, forbidden, section).read()
    if is_step_heading(section.title):
        found = tuple(command for step in steps for command in step.commands)
        timed = next((step.duration_s for step in steps if step.duration_s is not None), None)
        own = _step(section.line, section.title, found)
        return [replace(own, duration_s=own.duration_s or timed)]
    if section.meaning is Meaning.PROCEDURE or any(step.commands for step in steps):
        return steps
    # Nothing says that this is a procedure but its own sentences.
    imperative = sum(is_imperative(step.text) for step in steps)
    ordered = any(isinstance(block, ItemList) and block.ordered for block in section.blocks)
    unknown = section.meaning is Meaning.UNKNOWN
    return steps if unknown and ordered and imperative * 2 > len(steps) else []


@dataclass(slots=True)
class _Steps:
    """Reads one section's blocks in order."""

    programs: frozenset[str]
    forbidden: Forbidden
    section: Section

    def read_ordered(self) -> list[Step]:
        """Only what is numbered."""
        return [
            step
            for block in _opened(self.section.blocks)
            if isinstance(block, ItemList) and block.ordered
            for step in self._from_list(block, ordered=True)
        ]

    def read(self) -> list[Step]:
        blocks = list(_opened(self.section.blocks))
        ordered = any(isinstance(block, ItemList) and block.ordered for block in blocks)
        steps: list[Step] = []
        lead: Text | None = None
        after_list = False
        for block in blocks:
            if isinstance(block, CodeBlock):
                if after_list:
                    # A block under a list whose writer did not indent it.
                    found = self._in_block(block)
                    more = tuple(one.command for one in found)
                    steps[-1] = replace(steps[-1], commands=steps[-1].commands + more)
                else:
                    steps += self._from_code(block, lead)
            elif isinstance(block, ItemList):
                if not _announces_no_steps(lead):
                    steps += self._from_list(block, ordered=ordered)
            elif isinstance(block, Paragraph):
                steps += self._from_paragraph(block)
            elif isinstance(block, Table):
                steps += self._from_table(block)
            after_list = bool(steps) and (
                isinstance(block, ItemList)
                or (isinstance(block, Paragraph) and is_step_heading(block.text.plain))
                or (after_list and isinstance(block, CodeBlock))
            )
            lead = block.text if isinstance(block, Paragraph) else None
        return steps

    def _from_list(self, block: ItemList, *, ordered: bool) -> Iterator[Step]:
        for item in block.items:
            step = self._from_item(item)
            if step is None:
                continue
            # Bullets beside a numbered list are notes unless they hold a command.
            if block.ordered or step.commands or (not ordered and is_imperative(step.text)):
                yield step

    def _from_item(self, item: Item) -> Step | None:
        all_found = commands.in_blocks(item.blocks, self.programs)
        found = allowed(all_found, self.forbidden)
        text = _TASK.sub("", self._prose(item.text))
        text = text or next((one.comment for one in found if one.comment), "")
        text = text or (found[0].command.text if found else "")
        if not text or (len(found) < len(all_found) and not found and only_warns(text)):
            return None
        return Step(
            number=0,
            line=item.line,
            text=text,
            commands=tuple(one.command for one in found),
            duration_s=stated_time_s(text),
        )

    def _from_paragraph(self, block: Paragraph) -> Iterator[Step]:
        for line in block.text.lines:
            found = self._in_text(line)
            if is_step_heading(line.plain):
                yield _step(line.line, self._prose(line), [one.command for one in found])
            elif found and not _labels_no_steps(line):
                text = self._prose(line) or found[0].command.text
                yield _step(line.line, text, [one.command for one in found])

    def _from_table(self, block: Table) -> Iterator[Step]:
        for row in block.rows:
            found = [one.command for cell in row for one in self._in_text(cell)]
            prose = next((text for cell in row if (text := self._prose(cell))), "")
            if found:
                yield _step(row[0].line, prose or found[0].text, found)

    def _from_code(self, block: CodeBlock, lead: Text | None) -> Iterator[Step]:
        """One step for each comment; what has none belongs to the step before it."""
        groups: list[list[commands.Found]] = []
        for one in self._in_block(block):
            if groups and not one.comment:
                groups[-1].append(one)
            else:
                groups.append([one])
        default = self._prose(lead) if lead is not None else ""
        if not default and is_structure(self.section.title):
            default = self.section.title
        for group in groups:
            text = group[0].comment or default or group[0].command.text
            yield _step(group[0].command.line, text, [one.command for one in group])

    def _in_block(self, block: CodeBlock) -> list[commands.Found]:
        return allowed(commands.in_block(block, self.programs), self.forbidden)

    def _in_text(self, text: Text) -> list[commands.Found]:
        return allowed(commands.in_text(text, self.programs), self.forbidden)

    def _prose(self, text: Text) -> str:
        """The words without the commands among them."""
        kept = (
            span.text
            for span in text.spans
            if not commands.is_command(span, self.programs)
            or is_forbidden(span.line, span.text, self.forbidden)
        )
        return " ".join("".join(kept).split()).rstrip(" :-\u2013\u2014")


def _opened(blocks: Iterable[Content]) -> Iterator[Content]:
    """The blocks, those of quotations included."""
    for block in blocks:
        if isinstance(block, Quote):
            yield from _opened(one for one in block.blocks if not isinstance(one, Heading))
        else:
            yield block


def stated_time_s(text: str) -> float | None:
    """How long a step is to take: "Monitor for 15 minutes" is 900; a deadline is not one."""
    text = text[:MAX_TEXT]
    condition = _CONDITION.search(text)
    end = len(text) if condition is None else condition.start()
    times = (duration_at(text, found.end()) for found in _STATED_TIME.finditer(text[:end]))
    return next((seconds for seconds in times if seconds is not None), None)


def _step(line: int, text: str, found: Sequence[Command]) -> Step:
    return Step(
        number=0, line=line, text=text, commands=tuple(found), duration_s=stated_time_s(text)
    )


def _labels_no_steps(text: Text) -> bool:
    """A line such as "Symptoms: ..." tells nothing to do."""
    return bool(_NOT_STEPS & set(words_of(text.plain)[:2]))


def _announces_no_steps(lead: Text | None) -> bool:
    """A label without words of its own, such as "Symptoms:", says it of the list below."""
    if lead is None or not lead.lines:
        return False
    last = lead.lines[-1]
    return len(words_of(last.plain)) <= 2 and _labels_no_steps(last)
