"""Statements to promises: which of their times are response times, escalations, deadlines.

A time belongs to the nearest word before it that tells what it is for: respond, escalate, update.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.runbook.columns import Purpose, purpose_of_column
from rundrill.runbook.levels import levels_in
from rundrill.runbook.meaning import PEOPLE, Meaning, is_imperative
from rundrill.runbook.statements import Cell, Statement
from rundrill.runbook.terms import Stated, terms_in
from rundrill.runbook.text import Text
from rundrill.runbook.waits import (
    is_expected,
    is_given,
    is_next,
    is_present,
    is_whole_sentence,
    overdue,
)

_PURPOSE = re.compile(
    r"\b(?:(?P<response>respon(?:se|d)\w*|m?tta|answer\w*|ack\w*|repl(?:y|ies)|reaction|react|first\sresponse|engage\w*|sla|pick(?:ed)?\sup)"
    r"|(?P<escalation>escalat\w*)"
    r"|(?P<deadline>upd(?:at\w*)?|notif\w*|communicat\w*|inform\w*|post(?:ed|s|ing)?|announc\w*|tell|told|report\w*"
    r"|publish\w*|resol(?:v|u)\w*|mitigat\w*|restor\w*|recover\w*|call|know|hear|open|declare\w*|send|sent"
    r"|writ\w*|schedul\w*|complet\w*|finish\w*|done|over|page|hand|join|assign\w*|review\w*|check\w*"
    r"|status|held|hold|share\w*|file|create\w*|start\w*|due|clos(?:e|ed|es|ing)|draft\w*|follow\w*|contact\w*|begin\w*|ready|back"
    r"|fail\w*\sover|rto|rpo|m?ttr))\b",
    re.IGNORECASE,
)
_MUST = re.compile(
    r"\b(?:must|should|shall|needs?\sto|has\sto|have\sto|is\sto|are\sto|expected|required|due|deadline"
    r"|no\slater|latest|goal|target|promise\w*|aim)\b",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"\b(?:runs?|scrap\w+|polls?|polled|retr(?:y|ies)|refresh\w*|rotat\w+|cron\w*|expires?|ttl|backoff"
    r"|evaluat\w+|sampled?|flush\w*|heartbeats?|syncs?|renew\w*|collect\w*|happen\w*|batch\w*|interval"
    r"|backups?|snapshots?|compact\w*|rebalanc\w*)\b",
    re.IGNORECASE,
)
_IF = re.compile(
    r"\b(?:if|unless|when|whenever|(?<!at\s)once|while|where|until)\b[^.;:]*$", re.IGNORECASE
)
_ANSWERED = re.compile(
    r"\b(?:response|ack\w*|reaction)\s(?:times?|targets?|slas?)\b|\bslas?\b|\bto\srespond\b",
    re.IGNORECASE,
)
_AT_MOST = re.compile(r"(?:<=|\u2264)\s?$")
_SENTENCE = re.compile(r"[.;!?]\s")
_PART = re.compile(r"[,;.]\s|\s[-\u2013|]\s")
_ESCALATE = re.compile(r"\bescalat", re.IGNORECASE)
_COMPARED = re.compile(r"[>\u2265]\s?$|\b(?:above|over|than|exceeds?)\s$", re.IGNORECASE)
_CYCLE = re.compile(r"\breview\s(?:cycle|frequency|schedule|cadence|interval)\b", re.IGNORECASE)
_BESIDE = re.compile(
    r"\b(?:m?ttr|resol\w+|fix\w*|update\w*|communication|status|restor\w+|recover\w+|rto|mitigat\w+)"
    r"(?:\s(?:time|target|frequency|interval|cadence|sla|within|goal|in|to))*\W{0,4}$",
    re.IGNORECASE,
)
_COUNT_BEFORE = re.compile(r"(?:\d|\b(?:twice|two|three|times|many))\s?(?:[\w-]+\s){0,3}$")
_BACK_UNDER = re.compile(
    r"\b(?:must|should|has\sto|have\sto|needs?\sto|will|shall)\s(?:(?P<drops>fall|drop|return|recover|come|go"
    r"|sink|be)\s|\w+\s){0,3}(?:(?:under|below|above|over|to|less\sthan|more\sthan)\s|[<>]=?\s?|[\u2264\u2265]\s?)[\d.,]+\s?\S{0,5}\s*$",
    re.IGNORECASE,
)
"""What a number has to be again by the time: "must drop under 150 ms within 5 min"."""
_UNTIL = re.compile(r"\b(?:wait|until|back)\b[^.;]*[,(]\s?$", re.IGNORECASE)
_NUMBERED = re.compile(r"\A\W*\d{1,2}(?:\.\d{1,2}){0,3}[.)]?\s+(?=[A-Z])")
"""The number of a paragraph counts nothing."""
_SHOULD = re.compile(r"\b(?:you|we|they)\s(?:must|should|shall|have\sto|need\sto)\s", re.IGNORECASE)
_COUNTED_IN = re.compile(r"\d\s?(?:min\w*|h\w*|s\w*|days?),?\s(?:(?:in|during|within)\s)?\Z")
_AFTERWARDS = re.compile(r"\s?after\s(?:the|its|every|each)\b", re.IGNORECASE)
_TELLS = re.compile(
    r"\b(?:tell|inform|notify|announce|page|call|ring|wake|phone|telephone|alert|contact|involve)\b[^,;.]*$",
    re.IGNORECASE,
)
_LATE = re.compile(
    r"\s?(?:after|into)\b[^.;,]{0,40},\s(?:then\s)?(?:the\s)?"
    r"(?:call|page|wake|phone|ring|escalate|inform|involve)\b",
    re.IGNORECASE,
)
""" "If it is still red 30 minutes after you started, call the vendor"."""
_STARTS = re.compile(
    r"\b(?:you|we|someone|somebody|work|(?:the\s)?on-?call|engineers?)\b[^,;.:]{0,24}"
    r"\b(?:starts?|begins?|on\sit|(?:on|at)\s(?:a|the|their)\s(?:laptop|keyboard|desk|bridge|call)|online"
    r"|on\ssite|logged\sin|looks?(?:\s(?:at|into)(?:\sit)?)?)\s*$",
    re.IGNORECASE,
)
"""How soon somebody begins: under a level that is its response time."""
_LONGER = re.compile(
    r"\b(?:if|when|should)\b.*\b(?:(?:longer|more)\sthan|[>\u2265])\s?$", re.IGNORECASE
)
_BRINGS = re.compile(
    r"\s?(?:\u2192|->|=>)|,\s(?:then\s)?"
    r"(?:bring|get|call|page|wake|ring|phone|inform|involve|escalate|loop)\b",
    re.IGNORECASE,
)
""" "If it lasts longer than an hour, bring in the manager"."""
_STUCK = re.compile(
    r"\b(?:not|no|without|un)\s?(?:\w+\s)?(?:mitigat\w+|resol\w+|fixe?d?|progress|answer\w*|ack\w*)\b",
    re.IGNORECASE,
)
_CALLS = re.compile(
    r"\W*(?:then\s)?(?:wake|call|page|ring|phone|(?:it|this)\s(?:becomes|is\s(?:raised|upgraded|promoted))"
    r"|(?:raise|upgrade)\sit)\b",
    re.IGNORECASE,
)
_STILL = re.compile(r"\bstill\b[^.;:]*$", re.IGNORECASE)
_CALLED = re.compile(
    r"\b(?:wakes?|calls?|called|paged?|pages|rings?|woken|phoned?)\b", re.IGNORECASE
)
_WAITS: Final = frozenset(
    {"at most", "in", "under", "less than", "max", "maximum", "in less than", "in under"}
)
_REPEATS: Final = re.compile(r"\W*(?:repeat|note|record|do\s(?:it|this|so))\b", re.IGNORECASE)
_SOON_S: Final = 10.0
"""What has to be there sooner is an answer of a machine."""
_DUE: Final = frozenset(
    {"within", "with in", "inside", "inside of", "no later than", "not later than", "by", "before"}
)


@dataclass(frozen=True, slots=True)
class Promise:
    """A time with its purpose; `text` is the statement or cell it stands in, at `stated`."""

    purpose: Purpose
    stated: Stated
    text: Text
    head: str = ""

    @property
    def line(self) -> int:
        return self.text.line_at(self.stated.at)


def read_promises(
    statement: Statement, *, level: str | None, taken: Sequence[tuple[int, int]]
) -> Iterator[Promise]:
    """The promises of a statement; `taken` are the parts of its text that are thresholds."""
    if statement.cells:
        for cell in statement.cells:
            yield from _of_cell(statement, cell, level=level)
        return
    text = statement.prose
    plain = text.plain
    for stated in terms_in(plain):
        if any(start <= stated.at < end for start, end in taken):
            continue
        purpose = _purpose(statement, plain, stated, level=level)
        if purpose is not None:
            yield Promise(purpose, stated, text)


def _of_cell(statement: Statement, cell: Cell, *, level: str | None) -> Iterator[Promise]:
    plain = cell.plain
    named = purpose_of_column(statement, cell, level=level)
    # A number that is compared is no time to respond, unless the column says so.
    if named is None and re.search(r"[<>\u2264\u2265]", plain):
        return
    for stated in terms_in(plain):
        if named == "escalation" and stated.term.seconds == 0:
            continue  # who is called first
        purpose = named or _purpose(statement, plain, stated, level=level, bare=False)
        if purpose is not None:
            yield Promise(purpose, stated, cell.text, cell.head)


def _purpose(
    statement: Statement, plain: str, stated: Stated, *, level: str | None, bare: bool = True
) -> Purpose | None:
    """What a time is for; None when it is no promise."""
    clause = _SENTENCE.split(plain[: stated.start])[-1]
    rest = _SENTENCE.split(plain[stated.end :])[0]
    if _CYCLE.search(clause):
        return None
    named = _named(statement, clause, rest, stated, level=level)
    people = statement.section.meaning in PEOPLE or level is not None
    if named == "response" and people:
        return None if _COMPARED.search(clause) else "response"
    if named == "escalation" or statement.section.meaning is Meaning.ESCALATION:
        return "escalation"
    if _following_purpose(rest) == "escalation" or (people and is_next(rest)):
        return "escalation"
    if (late := overdue(statement, plain, clause, stated)) is not None:
        return late
    if level is not None and bare and is_whole_sentence(statement, clause, plain, stated):
        return "response"
    people = people or statement.section.meaning is Meaning.POST_INCIDENT
    time = _Time(statement, stated, plain, clause, named, level is not None, people, bare)
    return "deadline" if time.is_due() else None


def _named(
    statement: Statement, clause: str, rest: str, stated: Stated, *, level: str | None
) -> Purpose | None:
    """The purpose that words say: those before the time, behind it, or above the line."""
    named = _last_purpose(clause)
    if level is not None and _STARTS.search(clause):
        return "response"
    if _calls_next(statement, clause, rest, stated):
        return "escalation"
    if named != "escalation" and _IF.search(clause) and _ESCALATE.search(rest):
        return "escalation"
    if level is not None and _last_purpose(_PART.split(clause)[-1]) is None:
        # "P1: <30m ack, <4h MTTR" says it behind the time.
        named = _last_purpose(_PART.split(rest[:40])[0]) or named
    if named in (None, "deadline"):
        named = _labelled(statement) or named
    if named is None and level is not None and statement.level is not None:
        named = _announced(statement)
    if named is None and stated.word.lower().startswith("t+"):
        named = _following_purpose(rest)
    return named


def _calls_next(statement: Statement, clause: str, rest: str, stated: Stated) -> bool:
    """Whether somebody else is called when the time is over."""
    stuck = _STUCK.search(clause) is not None
    if _CALLED.search(clause) and re.match(r"\s?without\b", rest) and _STUCK.match(rest.strip()):
        return True
    if _LONGER.search(clause) and _BRINGS.match(rest):
        return True
    waits = _IF.search(clause) is not None or _STILL.search(clause) is not None
    if waits and _LATE.match(rest):
        return True
    after = stated.word == "after"
    if after and not clause.strip() and statement.section.meaning in PEOPLE:
        return True
    return (stuck or (after and waits)) and _CALLS.match(rest) is not None


@dataclass(frozen=True, slots=True)
class _Time:
    """A time that is neither to respond nor to escalate, with what tells whether it is due."""

    statement: Statement
    stated: Stated
    plain: str
    clause: str
    named: Purpose | None
    leveled: bool
    people: bool
    bare: bool

    def is_due(self) -> bool:
        if self.stated.term.seconds == 0 or self.stated.term.when is not None:
            return self._on_the_calendar()
        if self._is_machines() or (self.stated.term.seconds or 60) < _SOON_S:
            return False
        if self.stated.every:
            orders = (self.plain, self.clause, self.plain[self.stated.end :])
            bids = any(is_imperative(one) or _REPEATS.match(one) for one in orders)
            return self.named is not None or self.people or bids
        if self._is_limit() or is_given(self.plain, self.clause, self.stated):
            return True
        if is_expected(self.statement, self.plain, self.clause, self.stated):
            return True
        if self.leveled and is_present(self.clause, self.stated):
            return True
        conditional = _IF.search(self.clause) is not None and not _bids_then(self.clause)
        if self.stated.word in _DUE:
            clause = _NUMBERED.sub("", self.clause)
            counted = _COUNT_BEFORE.search(clause) is not None
            return not counted and (self.people or not conditional)
        if self.stated.word in _WAITS:
            obliged = self.people or _MUST.search(self.clause) is not None
            return self.named is not None and obliged and not conditional
        if self.stated.word:
            return False
        if _AT_MOST.search(self.clause) and self.named == "deadline":
            return not conditional  # "tell security <= 15m"
        return self.people and self._stands_alone()

    def _is_limit(self) -> bool:
        """By when something is over: named by what has to be so by then, and by no verb."""
        word = self.stated.word
        back = _BACK_UNDER.search(self.clause)
        if back is not None and (word == "within" or (word == "in" and back["drops"])):
            return True
        if word == "at most" and _UNTIL.search(self.clause):
            return True
        rest = self.plain[self.stated.end :]
        named = self.named == "deadline" and _MUST.search(self.clause) is not None
        return word == "" and named and _AFTERWARDS.match(rest) is not None

    def _on_the_calendar(self) -> bool:
        if self.stated.term.seconds == 0 and (_TELLS.search(self.clause) or self._is_order()):
            return True
        if self.statement.form == "heading" and (self.stated.term.when or "").endswith(" hours"):
            return False  # "L2 (page, office hours)" says when somebody is paged
        if (self.stated.term.when or "").endswith(" hours") and _COUNTED_IN.search(self.clause):
            return False  # "30 minutes, business hours": when those are counted
        if self.people and (self.named == "deadline" or len(self.plain) < 80):
            return True
        obliged = self.named is not None or _MUST.search(self.clause) is not None
        due = obliged or self.stated.word in _DUE or bool(levels_in(self.plain))
        return due and self.stated.term.when is not None

    def _is_machines(self) -> bool:
        """A job that runs every hour promises nothing to people."""
        if self.stated.word in _DUE and is_imperative(self.clause):
            return False  # "Rotate the key within 24 hours"
        machine = _MACHINE.search(self.clause) is not None
        obliged = self.stated.word in _DUE and _MUST.search(self.clause) is not None
        return machine and (self.stated.every or (self.named is None and not obliged))

    def _is_order(self) -> bool:
        """ "Roll back immediately", and all that a level has at once where people are told."""
        if self.people and self.leveled:
            return True
        last = _PART.split(self.clause)[-1]
        return is_imperative(last) and _IF.search(last) is None

    def _stands_alone(self) -> bool:
        """ "MTTR 1 hour", or "P1: 30 minutes" where people are told."""
        if self.named == "deadline" and _BESIDE.search(self.clause):
            return True
        if not self.bare:
            return False
        if self.leveled and self.statement.section.meaning in PEOPLE:
            return True
        label, _ = self.statement.label
        due = _last_purpose(label) == "deadline" or _MUST.search(label) is not None
        return due and self.clause.rstrip().endswith(":")


def _bids_then(clause: str) -> bool:
    """ "If it stays red, tell the owner ...": what is to be done then is behind the condition."""
    _, comma, then = clause.rpartition(", ")
    if not comma or _IF.search(then):
        return False
    return is_imperative(then) or _SHOULD.search(then) is not None


def _labelled(statement: Statement) -> Purpose | None:
    """The purpose that a label such as "**Escalation**:" gives to all that follows."""
    label, _ = statement.label
    found = _PURPOSE.match(label)
    named = None if found is None else _name(found)
    return named if named in ("response", "escalation") else None


def _announced(statement: Statement) -> Purpose | None:
    """The purpose of the list that a level's line stands in: "Response times:"."""
    around = [statement.lead, statement.section.title]
    if statement.above is not None:
        around.insert(0, statement.above.text)
    for text in around:
        if _ANSWERED.search(text):
            return "response"
    return None


def _last_purpose(text: str) -> Purpose | None:
    found = None
    for found in _PURPOSE.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return None if found is None else _name(found)


def _following_purpose(text: str) -> Purpose | None:
    found = _PURPOSE.search(text[:80])
    return None if found is None else _name(found)


def _name(found: re.Match[str]) -> Purpose:
    if found["response"]:
        return "response"
    return "escalation" if found["escalation"] else "deadline"
