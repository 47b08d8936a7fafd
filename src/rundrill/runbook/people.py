"""Statements to people: stakeholders, escalations, contacts."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import Contact, Escalation, Stakeholder
from rundrill.runbook.durations import DURATION
from rundrill.runbook.levels import levels_in, match_level
from rundrill.runbook.meaning import PEOPLE, Meaning, words_of
from rundrill.runbook.names import in_brackets, people, recipient
from rundrill.runbook.promises import Promise
from rundrill.runbook.statements import Cell, Statement
from rundrill.runbook.terms import first_term
from rundrill.runbook.wordset import has_any, letters_in, word_set

_TOLD: Final = word_set(
    "stakeholder stakeholders notify notified audience recipients inform informed informs cc who"
    " whom"
    " tell told tells knows hear hears"
)
_REACHED = re.compile(
    r"(?:^|[.;]\s)(?:The\s)?([A-Z][\w '-]{1,40}?)\s(?:is|are)\s(?:at\s)?(\+?\d[\d ()/-]{4,})"
)
_ESCALATING: Final = frozenset({"escalation", "escalate", "escalates"})
_SEVERAL = re.compile(r"(?:^|[.;]\s)([A-Z][\w '/-]{1,40}):\s([^.;]+)")
_WHO: Final = word_set("who whom to escalate escalation contact role person team name owner")
_WHEN: Final = word_set("after when time delay at within if")
_REACH: Final = word_set(
    "phone email mail slack contact reach how number channel pager pagerduty handle mobile tel chat"
)
_REACHABLE = re.compile(
    r"[+(]?\d[\d\s().-]{5,}\d|@[\w-]+|\S+@\S+\.\w+|#[\w-]+|pagerduty|slack|\[", re.IGNORECASE
)
_ESCALATES = re.compile(r"\bescalat\w*\b", re.IGNORECASE)
_NEXT = re.compile(
    r"\bafter\s[^:.;]{0,60}:|\b(?:inform|call|page|notif(?:y|ies)|tell|wake|phone)s?\s(?:the\s)?"
    r"(?=(?:[\w-]+\s){0,3}(?:manager|lead|director|head|vp|cto|ceo|cio|president|principal)\b)",
    re.IGNORECASE,
)
_IS_CALLED = re.compile(
    r"\b(?:the\s)?(?P<who>(?:(?!and\s)[\w-]+\s){1,6}?)(?:is|are|gets?)\s(?:called|paged|woken|phoned|rung)\b",
    re.IGNORECASE,
)
_PAGES = re.compile(r"\W*(?:page|call|phone|wake|notify|contact)s?\s", re.IGNORECASE)
_TIER = re.compile(r"\W*(?:level|tier|step|stage|l)\s?\d\s?[:.)\u2013-]*\s*", re.IGNORECASE)
_SENTENCES = re.compile(r"[^.;!?]+(?:[.;!?](?!\s)[^.;!?]+)*")
_AFTER = re.compile(
    rf"\bafter\s(?:about\s)?{DURATION}[^.;:,]{{0,40}}?"
    r"(?:[:,]\s|\s(?=(?:call|page|wake|phone|inform|tell|notify|ring)\b))"
    r"(?:(?:call|page|wake|phone|inform|tell|notify|ring|the|your|our|a)\s)*"
    r"(?=(?:[\w-]+\s){0,3}(?:manager|lead|leader|director|head|vp|cto|ceo|cio|president|principal"
    r"|engineer|on-call|expert|architect|supervisor)\b)",
    re.IGNORECASE,
)
_UP: Final = ("escalat",)
_CALLING: Final = word_set(
    "after inform informs call calls page pages notify notifies tell tells wake wakes phone phones"
    " called paged woken phoned rung"
)
"""Where none of these is said, nobody is called."""
_ARROW = re.compile(r"\s?(?:\u2192|->|=>)\s?")
_NO: Final = frozenset({"", "no", "none", "n/a", "never"})
_HEARERS: Final = word_set(
    "desk team support customers customer users manager lead legal marketing sales partners board"
    " management owner owners director head officer finance accounting security staff clients press"
    " executives regulator vendor tenants product everybody"
)
_TO_TELL = re.compile(
    r"\b(?:report(?:ed)?\sto|write\sto|(?:is|are|be)\sto\shear|hear\sfrom|inform|notify|tell)\s(?:the\s)?"
    r"(?P<name>[A-Za-z][\w' -]{2,40}?)(?=\s(?:within|no\slater|by|at|immediately|that|if|when"
    r"|in)\b|[.,;(]|$)"
    r"|(?:^|[.;]\s)(?:the\s)?(?P<told>[A-Za-z][\w' -]{2,40}?)\s(?:is|are|must|has"
    r"|have)\s(?:to\s)?(?:be\s)?"
    r"(?:told|informed|notified|hear|know)\b",
    re.IGNORECASE,
)


def read_stakeholders(
    statement: Statement, *, level: str | None
) -> Iterator[tuple[int, Stakeholder]]:
    """Who is told of an incident, with the line."""
    if statement.cells:
        yield from _told_of_row(statement, level=level)
    if statement.cells or statement.form == "heading":
        return
    text = statement.text
    own = statement.level
    label, rest = statement.label
    if statement.section.meaning is Meaning.COMMUNICATION and own is None:
        yield from _told(statement, label, rest)
        return
    if own is not None and level is not None and _is_told(statement, text[own.end :]):
        rest = text[own.end :]
        _, colon, after = rest.partition(":")
        names = in_brackets(rest) or (after if colon else rest)
        for name in people(names):
            yield _line_of(statement, name), Stakeholder(severity=level, name=name)
    elif level is not None and set(words_of(label)[:2]) & _TOLD and own is None:
        for name in people(in_brackets(rest) or rest):
            yield _line_of(statement, name), Stakeholder(severity=level, name=name)


def _told_of_row(statement: Statement, *, level: str | None) -> Iterator[tuple[int, Stakeholder]]:
    """A row names people and levels, or has a column for each level: "Support | at once | 1 h"."""
    columns = [(found.id, cell) for cell in statement.cells if (found := match_level(cell.head))]
    if columns:
        levels = [
            one for one, cell in columns if cell.plain.strip(" -\u2013\u2014").lower() not in _NO
        ]
        named = list(statement.cells[:1])
    else:
        other = (cell for cell in statement.cells if cell.level is not None)
        levels = next((levels_in(cell.plain) for cell in other), [])
        named = [
            cell
            for cell in statement.cells
            if cell.words & _TOLD and not cell.words & {"when", "how"} and cell.level is None
        ]
        if not levels and level is not None:
            levels = [level]
    known: list[str | None] = [*levels]
    if not known and not columns and statement.section.meaning is Meaning.COMMUNICATION:
        known = [None]
    for cell in named:
        for name in people(cell.plain):
            for one in known:
                yield cell.text.line, Stakeholder(severity=one, name=name)


def _line_of(statement: Statement, name: str) -> int:
    return statement.line_at(max(statement.text.find(name), 0))


def _told(statement: Statement, label: str, rest: str) -> Iterator[tuple[int, Stakeholder]]:
    """ "Service desk: within 15 minutes", "Search: Sev 1, within 15 minutes", "tell Security"."""
    heard = set(words_of(statement.section.title)) & {"who", "whom", "stakeholders", "told", "tell"}
    named = levels_in(rest)
    if not label.lower().startswith(("notify", "inform", "tell")):
        heard |= set(words_of(label)) & _HEARERS
    if label and statement.form == "item" and heard and (named or first_term(rest)):
        for name in people(label):
            for one in named or (None,):
                yield statement.line, Stakeholder(severity=one, name=name)
        return
    for found in _TO_TELL.finditer(statement.text):
        name = (found["name"] or found["told"]).strip()
        if name and len(name.split()) <= 4:
            at = found.start("name") if found["name"] else found.start("told")
            yield statement.line_at(at), Stakeholder(severity=None, name=name)


def _is_told(statement: Statement, rest: str) -> bool:
    if re.match(r"\W*(?:notify|inform|tell)\b", rest, re.IGNORECASE):
        return True
    around = [statement.lead, statement.section.title]
    if statement.above is not None:
        around.append(statement.above.text)
    return any(set(words_of(text)) & (_TOLD | {"notification", "notifications"}) for text in around)


def read_escalations(
    statement: Statement, promises: list[Promise], *, level: str | None
) -> Iterator[tuple[int, Escalation]]:
    """Whom to turn to next, with the line; `promises` are those of the statement."""
    mine = [promise for promise in promises if promise.purpose == "escalation"]
    section = statement.section.meaning is Meaning.ESCALATION
    if statement.cells:
        yield from _of_row(statement, section=section, level=level)
        return
    if statement.form == "heading":
        if section and (tier := _TIER.match(statement.text)) and statement.text[tier.end() :]:
            to = recipient(statement.text[tier.end() :])
            yield statement.line, Escalation(severity=level, to=to, term=None)
        return
    label, rest = statement.label
    named = _ESCALATES.search(label) is not None
    parts = _ARROW.split(rest if named else statement.text)
    if (section or named) and len(parts) > 1:
        for part in parts:
            to = recipient(_TIER.sub("", part))
            if to:
                yield statement.line, Escalation(severity=level, to=to, term=first_term(part))
        return
    if not section and (
        (_CALLING.isdisjoint(letters_in(statement.text)) and not has_any(statement.text, _UP))
        or not any(
            pattern.search(statement.text) for pattern in (_ESCALATES, _NEXT, _AFTER, _IS_CALLED)
        )
    ):
        return
    for sentence in _SENTENCES.finditer(statement.text):
        yield from _of_sentence(statement, sentence, mine, level=level)


def _of_sentence(
    statement: Statement, sentence: re.Match[str], promises: list[Promise], *, level: str | None
) -> Iterator[tuple[int, Escalation]]:
    section = statement.section.meaning is Meaning.ESCALATION
    # Of "Escalation: if it lasts, escalate to the lead" the last one says to whom.
    found = _AFTER.search(sentence[0])
    if found is not None:
        to = recipient(sentence[0][found.end() :])
        term = first_term(found[0])
        yield statement.line_at(sentence.start()), Escalation(severity=level, to=to, term=term)
        return
    for found in _ESCALATES.finditer(sentence[0]):  # noqa: B007 - the last one is wanted
        pass
    if found is None and section:
        found = _PAGES.match(sentence[0])
    if found is None and (level is not None or statement.section.meaning in PEOPLE):
        found = _NEXT.search(sentence[0])
    inside = [p for p in promises if sentence.start() <= p.stated.start < sentence.end()]
    term = inside[0].stated.term if inside else None
    line = inside[0].line if inside else statement.line_at(sentence.start())
    if found is not None:
        text = sentence[0][found.end() :]
        if not _ESCALATES.match(found[0]):
            term = first_term(found[0]) or first_term(text) or term
        to = recipient(text)
    elif inside and (called := _IS_CALLED.search(sentence[0])) is not None:
        to = recipient(called["who"])
    elif section and statement.form == "item" and sentence.start() == 0:
        label, _ = statement.label
        tier = _TIER.match(statement.text)
        if tier is not None:
            to = recipient(statement.text[tier.end() :])
        else:
            to = recipient(label or sentence[0])
    else:
        return
    if to or inside:
        yield line, Escalation(severity=level, to=to, term=term)


def _of_row(
    statement: Statement, *, section: bool, level: str | None
) -> Iterator[tuple[int, Escalation]]:
    if not section:
        yield from _of_columns(statement, level=level)
        return
    who = _column(statement, _WHO) or next(
        (c for c in statement.cells if not first_term(c.plain)), None
    )
    when = _column(statement, _WHEN)
    if who is not None and who.plain:
        term = first_term(when.plain) if when is not None else None
        yield who.text.line, Escalation(severity=level, to=recipient(who.plain), term=term)


def _of_columns(statement: Statement, *, level: str | None) -> Iterator[tuple[int, Escalation]]:
    """A row of another table: whom, and after how long, may stand in one column or in two."""
    named = [cell for cell in statement.cells if cell.words & _ESCALATING and cell.level is None]
    told = [recipient(cell.plain.replace(", ", " and ")).replace(" and ", ", ") for cell in named]
    to = next((name for name in told if name), "")
    term = next((term for cell in named if (term := first_term(cell.plain)) is not None), None)
    if to.lower() not in ("", "none", "n/a", "nobody", "no") or (term is not None and not to):
        yield named[0].text.line, Escalation(severity=level, to=to, term=term)


def _column(statement: Statement, words: frozenset[str]) -> Cell | None:
    return next((cell for cell in statement.cells if cell.words & words), None)


def read_contacts(statement: Statement) -> Iterator[tuple[int, Contact]]:
    """The names with a way to reach them; a line may hold several: "Manager: 6100. Desk: 6120."."""
    contacts = statement.section.meaning is Meaning.CONTACTS
    if contacts and statement.form == "paragraph":
        for line in statement.source.lines:
            dotted = re.match(r"(.{2,60}?)\s?\.{3,}\s*(.+)", line.plain)
            if dotted is not None:
                yield line.line, Contact(name=dotted[1], reach=dotted[2])
        for reached in _REACHED.finditer(statement.text):
            yield statement.line_at(reached.start(1)), Contact(name=reached[1], reach=reached[2])
        several = list(_SEVERAL.finditer(statement.text))
        if len(several) > 1:
            for one in several:
                yield statement.line_at(one.start(1)), Contact(name=one[1], reach=one[2])
            return
    contact = _contact(statement)
    if contact is not None:
        yield statement.line, contact


def _contact(statement: Statement) -> Contact | None:
    if statement.form == "heading":
        return None
    contacts = statement.section.meaning is Meaning.CONTACTS
    if statement.cells:
        reach = [c for c in statement.cells[1:] if c.words & _REACH]
        if not contacts and not (reach and statement.section.meaning is Meaning.ESCALATION):
            return None
        rest = "; ".join(cell.plain for cell in reach or statement.cells[1:] if cell.plain)
        who = statement.cells[0]
        if not who.plain or first_term(who.plain) is not None:
            who = _column(statement, _WHO) or who
        return Contact(name=who.plain, reach=rest) if who.plain and contacts else None
    label, rest = statement.label
    if not contacts and not (
        label and statement.section.meaning is Meaning.ESCALATION and _REACHABLE.search(rest)
    ):
        return None
    if label and rest and first_term(label) is None and len(label) < 80:
        return Contact(name=re.sub(r"\s?\(.*", "", label), reach=rest)
    if statement.form == "item" and _REACHABLE.search(statement.text):
        name = re.split(
            r"\s[\u2013\u2014-]\s|[,:(]|\sat\s|\s(?=[+#@])", statement.text, maxsplit=1
        )[0]
        return Contact(name=name.strip(), reach=statement.text)
    return None
