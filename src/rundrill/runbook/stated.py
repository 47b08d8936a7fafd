"""Whether a comparison states something about the service, or is a time or an amount to do."""

import re
from typing import Final

from rundrill.runbook.meaning import words_of
from rundrill.runbook.measures import MEASURES
from rundrill.runbook.parts import Role
from rundrill.runbook.quantities import Comparison
from rundrill.runbook.statements import Statement, label_of

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
_SYMPTOM = re.compile(r"\b(?:symptoms?|signs?|triggers?|conditions?|indicators?)\b", re.IGNORECASE)
_ANY_OF = re.compile(
    r"\b(?:if|when)\s(?:any|one|all|either|some)\s(?:of\s(?:the|these|them|this)|one)\b",
    re.IGNORECASE,
)
"""A lead such as "Use it if any of the following is true:" makes conditions of its list."""
_LASTING = re.compile(
    r"\b(?:unreachable|down|unavailable|silent|missing|stale|stuck|behind|not\s\w+)\sfor$",
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
    r"|threshold|page[sd]?|expect\w*|normal\w*|healthy|symptoms?|stays?|remains?|slo|target|limit)\b",
    re.IGNORECASE,
)
_LOOSE: Final = frozenset({"~", "==", "<=", ">="})


def is_stated(statement: Statement, one: Comparison, text: str, subject: str, role: Role) -> bool:
    """`text` holds the comparison; `role` is that of its column or its section."""
    words = set(words_of(subject.replace("_", " "))) | set(subject.split())
    measured = bool(words & MEASURES)
    clause = re.split(r"[.;,]\s|\sor\s|\sand\s", text[: one.start])[-1][-80:]
    if one.unit == "s" and _is_time_to_act(statement, one, clause, text, role, measured=measured):
        return False
    if one.between and role == "other" and not STEADY_WORDS.search(text):
        return False
    loose = one.comparator in _LOOSE
    if role == "alert" or _is_symptom(statement):
        return one.comparator != "~" or measured or one.unit == "req/min"
    if role == "steady-state":
        return measured or one.sign or one.unit != "count" or not loose
    if one.unit == "ratio" or _MUST_BE.search(clause):
        return True
    if one.comparator == "==":
        return False
    if one.sign or (one.window_s is not None and one.comparator != "~"):
        return True
    conditional = role == "severity" or _CONDITION.search(text) is not None
    return (measured and conditional) if loose else (measured or one.unit != "count" or conditional)


def _is_time_to_act(
    statement: Statement, one: Comparison, clause: str, text: str, role: Role, *, measured: bool
) -> bool:
    """How soon to respond, how long to wait, by when to be ready: nothing that is measured."""
    long = one.value >= 60
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
