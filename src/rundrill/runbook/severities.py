"""Severity levels, whether headings, list items, sentences or rows of a table describe them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rundrill.claims import Severity, Threshold
from rundrill.runbook.levels import Level, match_level, twins_of
from rundrill.runbook.meaning import PEOPLE, Meaning
from rundrill.runbook.outline import Section
from rundrill.runbook.statements import Statement
from rundrill.runbook.wordset import has_any, word_set

_SEVERITY_WORDS = word_set(
    "severity severities priority priorities prio level levels sev sevs class grade"
)
_NAME_COLUMNS = word_set("name label level title severity")
_META = word_set(
    "response respond ack acknowledge acknowledgement acknowledgment sla reaction escalation"
    " escalate notify notification communication update updates owner contact who resolution"
    " resolve fix example examples frequency cadence stakeholders time"
)
_LABEL = re.compile(
    r"\W*(?:escalat|notify|notification|communicat|update|owner|contact|page\b|exam|ack\w*\s(?:in|with)"
    r"|respon\w*(?:\s\w+){0,2}\s?(?:[:=<]|(?:with)?in\s)|[\w\s]{3,20}:\s)",
    re.IGNORECASE,
)
_ANSWERS = re.compile(
    r"\b(?:respon|ack|react|sla|repl|pick\sup)\w*\b.*(?:\d|immediate|day)", re.IGNORECASE
)
_ANSWERED = ("respon", "ack", "react", "sla")
_ARROW = re.compile(r"\s?(?:\u2192|\u21d2|->|=>)")
_LIST = 3
"""Levels in a list that is one of levels wherever it stands."""
_ON_IT = re.compile(r"\bon\sit\swithin\b", re.IGNORECASE)


@dataclass(slots=True)
class Levels:
    """The levels that the document defines, and which of them a statement speaks of."""

    defined: dict[str, tuple[Level, Statement]] = field(default_factory=dict)
    definers: set[int] = field(default_factory=set)
    """Statements, by identity, that define a level."""
    sections: dict[int, str] = field(default_factory=dict)
    """Sections, by identity, that are about one."""
    names: dict[str, str] = field(default_factory=dict)
    twins: dict[str, list[str]] = field(default_factory=dict)
    """Levels described together: "P3/P4"."""

    def define(self, level: Level, statement: Statement) -> None:
        """Takes the level, and those that are described together with it."""
        self.defined.setdefault(level.id, (level, statement))
        for twin in twins_of(statement.text, level):
            if twin.id not in self.defined:
                self.defined[twin.id] = (twin, statement)
                self.twins.setdefault(level.id, []).append(twin.id)

    def of(self, statement: Statement) -> str | None:
        """The id of the level that the statement belongs to."""
        at: Statement | None = statement
        while at is not None:
            if (known := self._known(at.level)) is not None:
                return known
            at = at.above
        section: Section | None = statement.section
        while section is not None:
            if id(section) in self.sections:
                return self.sections[id(section)]
            section = section.parent
        return None

    def describes(self, statement: Statement) -> bool:
        """Whether it is part of the definition of a level."""
        at: Statement | None = statement
        while at is not None:
            if id(at) in self.definers:
                return True
            at = at.above
        section: Section | None = statement.section
        while section is not None:
            if id(section) in self.sections:
                return True
            section = section.parent
        return False

    def _known(self, level: Level | None) -> str | None:
        if level is None:
            return None
        return level.id if level.id in self.defined else self.names.get(level.name.lower())


def find_levels(statements: Sequence[Statement]) -> Levels:
    """The levels in document order, each with the statement that defines it."""
    levels = Levels()
    promising = _promising(statements)
    listed = _listed(statements)
    for wanted in (_defines, lambda one, level: id(one) in listed or _mentions(one, level)):
        for statement in statements:
            level = statement.level
            if level is None:
                continue
            if not wanted(statement, level) and (wanted is _defines or id(statement) not in listed):
                continue
            if statement.form == "heading" and not _describes(statement, promising):
                continue
            if level.id in levels.defined and statement.section.meaning is not Meaning.SEVERITY:
                if statement.form == "heading":
                    levels.sections[id(statement.section)] = level.id
                continue
            levels.define(level, statement)
            levels.definers.add(id(statement))
            if statement.form == "heading":
                levels.sections[id(statement.section)] = level.id
        if levels.defined:
            break
    for level, _ in levels.defined.values():
        levels.names.setdefault(level.name.lower(), level.id)
    return levels


def _listed(statements: Sequence[Statement]) -> set[int]:
    """The items, by identity, of lists of levels with names, some with a time to respond."""
    lists: dict[tuple[int, str, int], list[Statement]] = {}
    for one in statements:
        if one.form == "item":
            lists.setdefault((id(one.section), one.lead, id(one.above)), []).append(one)
    found: set[int] = set()
    for items in lists.values():
        if len(items) < _LIST or items[0].section.meaning in PEOPLE | {Meaning.ALERTS}:
            continue
        names = {one.begins_level.id for one in items if one.begins_level is not None}
        if len(names) == len(items) and any(_ANSWERS.search(one.text[:500]) for one in items):
            found.update(id(one) for one in items)
    return found


def _promising(statements: Sequence[Statement]) -> set[int]:
    """The sections, by identity, in which something says how soon to respond."""
    found: set[int] = set()
    for statement in statements:
        if has_any(statement.text, _ANSWERED) and _ANSWERS.search(statement.text[:500]):
            section: Section | None = statement.section
            while section is not None:
                found.add(id(section))
                section = section.parent
    return found


def _describes(statement: Statement, promising: set[int]) -> bool:
    """Elsewhere than among the severities "P1 ..." is a definition only when it promises."""
    parent = statement.section.parent
    among = parent is not None and parent.meaning is Meaning.SEVERITY
    return among or id(statement.section) in promising


def _defines(statement: Statement, level: Level) -> bool:
    meaning = statement.section.meaning
    parent = statement.section.parent
    if statement.form == "heading":
        under = parent is not None and parent.meaning is Meaning.SEVERITY
        return under or (level.numbered and meaning not in PEOPLE | {Meaning.POST_INCIDENT})
    if statement.form == "row":
        if any(cell.words & {"alert", "alerts", "alarm"} for cell in statement.cells):
            return False
        first = statement.cells[0]
        headed = bool(first.words & _SEVERITY_WORDS)
        return statement.cells[0].level is not None and (
            meaning is Meaning.SEVERITY or (headed and meaning not in PEOPLE)
        )
    above = statement.above
    if statement.form == "item" and above is not None and above.level is not None:
        return False
    if statement.section.level_of_severity is not None:
        return False
    announced = set(re.findall(r"[a-z]+", statement.lead.lower())) & _SEVERITY_WORDS
    return meaning is Meaning.SEVERITY or (
        bool(announced) and statement.form == "item" and meaning not in PEOPLE
    )


def _mentions(statement: Statement, level: Level) -> bool:
    """Where no section defines them, the first place that gives each a promise of its own."""
    if not level.numbered:
        promises = _ANSWERS.search(statement.text) or _ON_IT.search(statement.text)
        return statement.begins_level is None and promises is not None
    return statement.form != "paragraph" or len(statement.text) > 3


def level_name(level: Level, statement: Statement) -> str:
    """The name beside the level's id; of a row, that of its own column."""
    for cell in statement.cells[1:]:
        named = match_level(cell.plain)
        if not level.name and named is not None and not named.numbered and len(cell.plain) < 20:
            return named.name
        if cell.words & _NAME_COLUMNS and cell.plain and len(cell.plain) < 40:
            return cell.plain
    return level.name or level.id


def conditions_of(statements: Iterable[Statement]) -> Iterator[str]:
    """When the level applies, of the statements that describe it."""
    for statement in statements:
        if statement.form == "heading":
            continue
        if statement.cells:
            for cell in statement.cells[1:]:
                if cell.plain and not cell.words & (_META | {"name", "label", "level"}):
                    yield statement.shown(cell.plain)
            continue
        text = statement.text
        own = statement.level
        if own is not None and statement.form == "item" and statement.begins_level is None:
            text = _ARROW.split(text, maxsplit=1)[0]
        elif own is not None:
            text = text[own.end :].partition(":")[2] or text[own.end :]
        for sentence in re.split(r"(?<=[.;])\s", text):
            sentence = sentence.strip(" .;*")  # noqa: PLW2901
            if sentence and not _LABEL.match(sentence):
                yield sentence


def make_severity(
    level: Level,
    statement: Statement,
    *,
    conditions: Iterable[str],
    thresholds: Iterable[Threshold],
    response: tuple[float | None, int | None],
) -> Severity:
    return Severity(
        id=level.id,
        name=level_name(level, statement),
        line=statement.line,
        conditions=tuple(conditions),
        thresholds=tuple(thresholds),
        response_time_s=response[0],
        response_line=response[1],
    )
