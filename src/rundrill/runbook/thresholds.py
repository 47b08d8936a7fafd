"""Statements to `Threshold`: which number is stated about what."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rundrill.claims import Threshold, Unit
from rundrill.runbook.durations import unit_s
from rundrill.runbook.meaning import NO_NUMBERS, Meaning, is_imperative
from rundrill.runbook.measures import MEASURES
from rundrill.runbook.parts import Part, Role, parts_of
from rundrill.runbook.quantities import Comparison, may_compare, window_of
from rundrill.runbook.stated import STEADY_WORDS, is_stated
from rundrill.runbook.statements import Statement
from rundrill.runbook.subjects import metric_of, statistic_of, words_about
from rundrill.runbook.units import MONEY
from rundrill.runbook.wordset import word_set

_COUNTED_END = re.compile(
    r"\b(?:times|after|in|for|on|per|is|are|was|were|has|have|over|within|during|at|or|and|but|when"
    r"|if|to|since|while|the)\b|[.,;:()]",
    re.IGNORECASE,
)
_SHARE_END = re.compile(r"[.;:()]|,\s|\b(?:and|or|but|for|when|if|while)\b", re.IGNORECASE)
_RATED: Final = {
    "req": "requests",
    "": "throughput",
    "rps": "requests",
    "qps": "queries",
    "tps": "transactions",
    "rpm": "requests",
}
_TIMED: Final = word_set("latency time duration lag delay wait age")
_REQUESTS: Final = frozenset({"requests", "queries", "transactions", "payments", "calls"})
_FALLS = re.compile(
    r"\b(?:must|should|has\sto|shall|needs?\sto|will)\s(?:\w+\s){0,2}$|\b(?:falls?|drops?|returns?"
    r"|recovers?|back|be)\s(?:to\s)?$",
    re.IGNORECASE,
)
_DROPS = re.compile(
    r"\b(?:must|should|has\sto|have\sto|shall|needs?\sto|will)\s(?:have\s)?"
    r"(?:fall|fallen|drop|dropped|return|recover|come|go|sink|be)\s(?:back\s|down\s|to\s){0,3}$",
    re.IGNORECASE,
)
_RATIOS: Final = word_set("ratio rate utilisation utilization availability fraction share")
_THAT = re.compile(
    r"^\W*(?:check|verify|ensure|confirm|make\ssure|see)\s(?:that|whether|if)\s", re.IGNORECASE
)
_WHEN = re.compile(
    r"\b(?:if|when|whenever|once|while|until|unless|provided|as\slong\sas)\b", re.IGNORECASE
)
_STATES: Final = word_set("used use free left available")
"""Of what, the heading or the item above says."""
_NORMALLY = re.compile(
    r"(?<!not\s)\b(?:normal(?:ly)?|healthy|baseline|expected|typical(?:ly)?|usual(?:ly)?|want\sto\ssee"
    r"|should\s(?:see|look|be|show|read)|looks?\slike\sthis)\b[^.;]{0,40}:\s*$",
    re.IGNORECASE,
)
"""What introduces a list of what is normal."""
_FULL_STOP = re.compile(r"(?<!i\.e)(?<!e\.g)[.!?]\s")
_SENTENCE = re.compile(r"(?<!i\.e)(?<!e\.g)[.;!?]\s")
_LEADERS = re.compile(r"\s\.{3,}(?=\s)")
"""Dots that lead the eye to the number."""
_PRONOUN = re.compile(r"\b(?:it|this|that|they|these)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Read:
    """A threshold and where it stands in its statement's text."""

    start: int
    end: int
    threshold: Threshold


def read_thresholds(
    statement: Statement, *, level: str | None, known_level: bool
) -> Iterator[Read]:
    """Every threshold that a statement gives; `level` is the severity it belongs to."""
    if not may_compare(statement.text):
        return
    own = _role(statement, known_level=known_level)
    for part in parts_of(statement):
        role = part.role or own
        plain = part.text.plain
        begin, last = 0, ""
        for one in part.comparisons():
            before, carried = _before(plain[begin : one.start], last)
            subject = _subject(before, plain[one.end :], one, part, carried)
            begin = one.window_end
            if not subject or not is_stated(statement, one, plain, subject, role):
                continue
            last = subject
            unit, value = _as_ratio(one, subject, before)
            due = _due_within(plain, one)
            window_s = (
                (None if due else one.window_s)
                or part.window_s
                or window_of(before)
                or _rate_of(part, one)
            )
            threshold = Threshold(
                line=part.text.line_at(one.start),
                section=statement.section.title,
                text=part.said or statement.text,
                subject=subject,
                metric="throughput" if subject in _REQUESTS else metric_of(subject),
                comparator=one.comparator,
                value=value,
                unit=unit,
                window_s=window_s,
                statistic=statistic_of(before) or part.statistic,
                role=_normal_role(role, _SENTENCE.split(plain[: one.end])[-1]),
                severity=level,
            )
            yield Read(one.start, one.end if due else one.window_end, threshold)


def _before(text: str, last: str) -> tuple[str, str]:
    """The words of the sentence before a number, and the subject that goes on into it.

    Where the sentence has only a pronoun, that is about what the sentence before is about.
    """
    *sentences, before = _SENTENCE.split(_LEADERS.sub(" ", text) if "..." in text else text)
    if _PRONOUN.search(before) and not words_about(before):
        before = f"{' '.join(sentences[-1:])} {before}"
    return before, "" if _FULL_STOP.search(text) else last


def _subject(before: str, after: str, one: Comparison, part: Part, last: str) -> str:
    """What the number is about, in the text's own words.

    "Lag above 5,000 messages" is about the lag; "more than 2% of the queries fail" says it after
    the number. A second number in a sentence is still about the first's subject.
    """
    before = _THAT.sub("", before)
    ahead = "" if _tells_what_to_do(before) else words_about(before)
    beside = re.split(r"[,;(]|\s(?:and|or)\s", before)[-1]
    if (
        ":" not in beside
        and not part.subject
        and not words_about(beside)
        and set(words_about("", after[:40]).split()[:3]) & MEASURES
    ):
        counted = words_about("", _COUNTED_END.split(after.strip(), maxsplit=1)[0])
        if counted:
            return (part.around or counted) if set(counted.split()) <= _STATES else counted
    if ahead and set(re.split(r"[\s_]", ahead)) & MEASURES:
        return ahead
    if part.subject and not (part.named and one.unit != "s"):
        return part.subject
    if not ahead and one.unit == "s" and statistic_of(before) in ("p50", "p90", "p95", "p99"):
        return last if set(last.split()) & _TIMED else "latency"
    if last and not ahead:
        return last
    behind = _behind(after, one)
    if not behind and not ahead and not part.subject:
        return part.around or words_about("", after)
    if not ahead and set(behind.split()) <= _STATES:
        return part.around or behind
    return behind or ahead or part.subject


def _tells_what_to_do(before: str) -> bool:
    """ "Drain the node when more than ...": what is to be done is not what the number is about."""
    order, *condition = _WHEN.split(before)
    return bool(condition) and is_imperative(order) and not words_about(condition[-1])


def _behind(after: str, one: Comparison) -> str:
    """The words after a number, where they say what is counted."""
    if one.unit == "req/min":
        return _RATED.get(one.noun[:3], one.noun if len(one.noun) > 1 else "")
    ends = _COUNTED_END if one.unit == "count" else _SHARE_END
    money = MONEY.match(after)
    said = ends.split(after[money.end() if money else 0 :].strip(), maxsplit=1)[0]
    words = words_about("", said)
    if one.unit in ("ratio", "bytes"):
        counted = re.match(r"\s?(?:of|are|is)\s", after) is not None
        begins = said.lower().startswith(words.split()[0]) if words else False
        return words if counted or (begins and set(words.split()[:1]) & MEASURES) else ""
    return (
        words
        if one.unit == "count" and not one.sign and re.match(r"\s?[a-z]", after, re.IGNORECASE)
        else ""
    )


def _due_within(text: str, one: Comparison) -> bool:
    """ "Must fall below 0.5% within 10 minutes" says by when, not over how long."""
    after = text[one.end : one.window_end]
    if re.match(r"\s?in\s\d", after) and _DROPS.search(text[: one.start]):
        return True
    return "within" in after and _FALLS.search(text[: one.start]) is not None


def _as_ratio(one: Comparison, subject: str, before: str) -> tuple[Unit, float]:
    """ "error ratio > 0.02" is a ratio, and so is "`Use%` at 90"."""
    if one.unit == "count":
        if one.value <= 1 and set(re.split(r"[\s_]", subject)) & _RATIOS and one.value != 0:
            return "ratio", one.value
        if before.rstrip(" `)*|:").removesuffix(" at").rstrip(" `)").endswith("%"):
            return "ratio", one.value / 100
    return one.unit, one.value


def _rate_of(part: Part, one: Comparison) -> float | None:
    """A row about "errors per minute" counts in windows of a minute."""
    if one.unit != "count":
        return None
    found = re.search(
        r"\bper\s(second|minute|hour|day)\b|/\s?(min|s|h)\b", part.name, re.IGNORECASE
    )
    return None if found is None else unit_s(found[1] or found[2])


def _normal_role(role: Role, text: str) -> Role:
    return "steady-state" if role == "other" and STEADY_WORDS.search(text) else role


def _role(statement: Statement, *, known_level: bool) -> Role:
    if known_level:
        return "severity"
    meaning = statement.section.meaning
    if meaning is Meaning.STEADY_STATE:
        return "steady-state"
    if (
        statement.form == "item"
        and meaning not in NO_NUMBERS | {Meaning.ALERTS}
        and _NORMALLY.search(statement.lead[-80:])
    ):
        return "steady-state"
    return "alert" if meaning is Meaning.ALERTS else "other"
