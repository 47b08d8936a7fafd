"""Whether a comparison states something about the service, or is a time or an amount to do."""

import re
from typing import Final

from rundrill.runbook.meaning import is_imperative, words_of
from rundrill.runbook.measures import MEASURES
from rundrill.runbook.parts import Role
from rundrill.runbook.quantities import Comparison
from rundrill.runbook.statements import Statement, label_of
from rundrill.runbook.units import MONEY

STEADY_WORDS = re.compile(
    r"\b(?:should|normal(?:ly)?|expected|baseline|healthy|typical(?:ly)?|steady|usual(?:ly)?)\b",
    re.IGNORECASE,
)
_PROMISE = re.compile(
    r"\b(?:respond\w*|response(?!\stimes?)|mitigat\w*|restor\w*|fix\w*|workaround|rto|ack\w*"
    r"|escalat\w*|notif\w*|updat\w*|resol\w*|page|call|inform|tell|announce|reply|sla|eta|m?tt[ar]"
    r"|declare|schedule|done|every|after)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\W*(?:response|ack\w*|reaction|first\sresponse|sla)\b", re.IGNORECASE)
_SYMPTOM = re.compile(
    r"\b(?:symptoms?|signs?|triggers?|conditions?|indicat(?:ors?|ions?))\b", re.IGNORECASE
)
_ANY_OF = re.compile(
    r"\b(?:if|when)\s(?:any|one|all|either|some)\s(?:of\s(?:the|these|them|this)|one)\b",
    re.IGNORECASE,
)
"""A lead such as "Use it if any of the following is true:" makes conditions of its list."""
_LASTING = re.compile(
    r"\b(?:unreachable|down|unavailable|silent|missing|stale|stuck|behind|not\s\w+)\sfor$",
    re.IGNORECASE,
)
_HOLDING = re.compile(
    r"\b(?:(?:running|runs?|open|idle|waiting|pending|locked|blocked|held|hung|left)(?:\sothers)?"
    r"|without\s(?:an?\s|any\s)?\w+)\sfor$",
    re.IGNORECASE,
)
_MUST_IN = re.compile(r"\b(?:must|should|shall|has\sto|have\sto)\s.*\bin\W*$", re.IGNORECASE)
_TAKES = re.compile(
    r"\b(?:waits?|sleep|retry|retries|takes?|took|taken|needs?|allow|give|timeout|keep|scale|start"
    r"|run|finish|complete|back|within|follows?|lasts?)\b",
    re.IGNORECASE,
)
_MUST_BE = re.compile(
    r"\b(?:must|should|shall|needs?\sto|has\sto|have\sto)\s(?:be|stay|remain|have|show|keep)\W*$",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|once|until|unless|while|should|must|fires?|alert|alarm|means?|trigger\w*"
    r"|threshold|provided|as\slong\sas|page[sd]?|expect\w*|normal\w*|healthy|symptoms?|stays?|remains?|slo|target|limit)\b",
    re.IGNORECASE,
)
_LIMITS = re.compile(r"\b(?:limits|thresholds|bounds)\b[^.;:]{0,30}:\s*\Z", re.IGNORECASE)
""" "Compare with these limits:" makes one of each item below it."""
_IS_FINE = re.compile(
    r"\s(?:is|are)\s(?:still\s|quite\s)?(?:normal|fine|ok(?:ay)?|healthy|expected|acceptable|good)\b",
    re.IGNORECASE,
)
""" "Up to 30 seconds is normal"."""
_MACHINES_S: Final = 10.0
_LOOSE: Final = frozenset({"~", "==", "<=", ">="})


_IS_SO = re.compile(
    r"\s?(?:(?!(?:in|over|within|for|on|at|and|or|to)\s)[\w-]+\s){0,3}?"
    r"(?:ready|healthy|alive|available|running|reachable|unhealthy|unreachable|online|offline"
    r"|(?:in|out\sof)\ssync|free|left|(?:in\s)?used?|failed|failing|missing|active|up|down)\b(?!-)",
    re.IGNORECASE,
)
"""How many are in a state: "fewer than 3 ready", "at least 3 instances are healthy"."""
_OF_ALL = re.compile(
    r"\s?(?:out\s)?of\s(?:the\s|our\s|all\s|its\s)?(?:\d{1,3}|two|three|four|five|six|seven|eight)\s[a-z]",
    re.IGNORECASE,
)
"""A quorum: "at least 2 of the 3 copies"."""
_IS_CALLED = re.compile(
    r"[^.;,:!?]{0,40}\b(?:is|are|means?|counts?\sas|becomes?)\s(?:an?\s)?[\w`]+", re.IGNORECASE
)
""" "More than 50 of them is a Class C"."""
_PER = re.compile(
    r"\s?(?:[a-z]\w{0,20}\s)?(?:per|at\sa|each)\s"
    r"(?:night|day|hour|minute|week|batch|node|host|shard|client|customer|user|region)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(r"\bexceed\w*\b", re.IGNORECASE)
_RHETORIC = re.compile(r"(?:one|1)\sor\smore\b", re.IGNORECASE)


def is_stated(statement: Statement, one: Comparison, text: str, subject: str, role: Role) -> bool:
    """`text` holds the comparison; `role` is that of its column or its section."""
    words = set(words_of(subject.replace("_", " "))) | set(subject.split())
    measured = bool(words & MEASURES)
    clause = re.split(r"[.;,]\s|\sor\s|\sand\s", text[: one.start])[-1][-80:]
    if _RHETORIC.match(text, one.start):
        return False  # any of them
    if one.unit == "s" and _is_time_to_act(statement, one, clause, text, role, measured=measured):
        return False
    if one.between and role == "other" and not STEADY_WORDS.search(text):
        return measured and one.unit != "s" and statement.form in ("item", "row")
    loose = one.comparator in _LOOSE
    if role == "alert" or _is_symptom(statement):
        return one.comparator != "~" or measured or one.unit == "req/min"
    if statement.form == "item" and one.comparator != "~" and _among_limits(statement):
        return True
    if role == "steady-state":
        return measured or one.sign or one.unit != "count" or not loose
    if one.unit == "ratio" or _MUST_BE.search(clause) or one.exact:
        return True
    if one.comparator == "==":
        return text.startswith("==", one.start)  # as in a rule: "up == 0"
    if one.sign or (one.comparator != "~" and _is_limit(statement, one, text, measured=measured)):
        return True
    conditional = role == "severity" or _CONDITION.search(text) is not None
    if one.comparator != "~" and _is_said_whole(statement, one, text, measured=measured):
        return True
    if one.unit == "count" and one.comparator != "~" and _IS_SO.match(text, one.end):
        return conditional or not loose
    return (measured and conditional) if loose else (measured or one.unit != "count" or conditional)


def _among_limits(statement: Statement) -> bool:
    """Whether what introduces the list, or the item above it, says that it is of limits."""
    above = statement.above
    leads = (statement.lead, "" if above is None else above.text)
    return any(_LIMITS.search(lead[-80:]) for lead in leads)


def _is_said_whole(statement: Statement, one: Comparison, text: str, *, measured: bool) -> bool:
    """A cell that is a comparison, an item that is one; or a number that is said to be a limit."""
    after = text[one.end :]
    ends = not text[one.window_end :].strip(" .")
    if statement.form == "row" and one.unit != "s" and ends and not text[: one.start].strip():
        return True
    before = text[: one.start].strip()
    words = before.split()
    named = 0 < len(words) <= 6 and before[-1].isalnum() and not is_imperative(before)
    limits = measured or one.comparator in (">", "<")
    if statement.form == "item" and ends and named and one.unit != "s" and limits:
        return True
    if one.unit not in ("count", "req/min"):
        return False
    if _OF_ALL.match(after) and not is_imperative(before):
        return True
    strict = one.comparator in (">", "<")
    return (strict and _IS_CALLED.match(after) is not None) or _PER.match(after) is not None


def _is_limit(statement: Statement, one: Comparison, text: str, *, measured: bool) -> bool:
    """An amount of money, a number within a window, "does not exceed", or a label's number."""
    if one.window_s is not None or MONEY.match(text, one.end) or _IS_FINE.match(text, one.end):
        return True
    if _BOUND.search(text, one.start, one.end) and (measured or one.unit != "count"):
        return True
    return measured and _is_whole(statement, one, text)


def _is_whole(statement: Statement, one: Comparison, text: str) -> bool:
    """Whether an item is its label and the number: "DB session count: no more than 180"."""
    before, colon, said = text[: one.start].partition(":")
    whole = bool(before.strip()) and bool(colon) and not said.strip()
    rest = text[one.window_end :].strip(" .")
    return statement.form == "item" and whole and len(rest.split()) <= 1


def _is_time_to_act(
    statement: Statement, one: Comparison, clause: str, text: str, role: Role, *, measured: bool
) -> bool:
    """How soon to respond, how long to wait, by when to be ready: nothing that is measured."""
    long = one.value >= 60
    if _IS_FINE.match(text, one.end):
        return False
    if _PROMISE.search(clause) and (long or not measured):
        return True
    if long and role == "severity" and _ANSWER.match(label_of(statement.prose)[0]):
        return True
    if not measured and _PROMISE.match(text[one.end :].strip()):
        return True  # "<15m ack"
    if _LASTING.search(clause.rstrip()) and one.comparator == ">" and _is_symptom(statement):
        return False
    if not clause.strip() and one.comparator == "<=" and not one.sign:
        # "Wait until it is back, at most 20 minutes"
        return _TAKES.search(text[max(one.start - 120, 0) : one.start]) is not None
    if _HOLDING.search(clause.rstrip()) and one.comparator == ">":
        return False
    if _MUST_IN.search(clause) and one.value < _MACHINES_S:
        return False  # "must come back in less than 200 ms"
    if clause.rstrip().endswith(" for") or _MUST_IN.search(clause):
        return True  # how long a state lasts; "must finish in less than 20 minutes"
    return one.comparator in _LOOSE and not one.sign and _TAKES.search(clause) is not None


def _is_symptom(statement: Statement) -> bool:
    """A line under "Symptoms:" or behind that label, or one that says when to do something."""
    if statement.form == "item" and _ANY_OF.search(statement.lead[-120:]):
        return True
    label, _ = statement.label
    around = f"{statement.section.title} {statement.lead[-60:]} {label}"
    return statement.form in ("item", "paragraph") and _SYMPTOM.search(around) is not None
