"""The alerts that a runbook names: items and rows of a section about them, and rules."""

import re
from dataclasses import dataclass
from typing import Final

from rundrill.claims import AlertClaim, Threshold
from rundrill.runbook.markdown import MAX_TEXT, ItemList
from rundrill.runbook.meaning import Meaning, words_of
from rundrill.runbook.quantities import comparisons
from rundrill.runbook.statements import Statement, label_of
from rundrill.runbook.subjects import metric_of, subject_of, words_about
from rundrill.runbook.wordset import word_set

RULE_NAME = re.compile(r"\W*([A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+|[A-Z]{2,}[a-z][A-Za-z0-9]+)\b")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ABOUT_ONE: Final = word_set(
    "severity condition threshold meaning action runbook impact description priority window expr"
    " query channel team owner summary trigger response fix cause causes note"
)
"""Labels of the lines that describe an alert named above them."""
_TROUBLE: Final = word_set(
    "high low down slow failed failing failures error errors missing lag full exceeded saturated"
    " late"
    " stuck expiry expiring expires unavailable burn rate usage latency restarting looping pressure"
    " gone drop dropped not too many degraded unhealthy backlog growing rejects stopped red tight"
    " failure timeout timeouts stale behind long lost loss use"
)
_WHOLE_NAME = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+\Z")
_COLUMN: Final = word_set("alert alerts alarm alarms alertname monitor rule")
_LABEL = re.compile(r"\W*(?:alert(?:\s?name)?|alarm|triggered\sby|alerts)\W*:\W*", re.IGNORECASE)


_TOLD = re.compile(
    r"\b(?:alerts?|alarms?|fires|firing|page[sd]?|pager|monitoring|raises|triggered|triggers)\b",
    re.IGNORECASE,
)
_NO_RULES: Final = frozenset(
    {
        "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "NotReady", "ConfigMap",
        "MemoryPressure", "DiskPressure", "StatefulSet", "DaemonSet", "ReplicaSet",
        "NetworkPolicy", "CronJob",
    }
)  # fmt: skip
"""Names that Kubernetes gives to states and kinds."""


@dataclass(frozen=True, slots=True)
class Named:
    """An alert that a statement names: its subject, the words its id is made of, its place."""

    subject: str
    key: str
    line: int
    start: int
    end: int

    def claim(self, statement: Statement, threshold: Threshold | None, *, name: str) -> AlertClaim:
        subject = self.subject or (threshold.subject if threshold is not None else "")
        return AlertClaim(
            id=name,
            line=self.line,
            text=statement.text,
            subject=subject or statement.text,
            threshold=threshold,
        )


def read_alerts(statement: Statement) -> list[Named]:
    """The alerts that a statement names, in order; each reaches to where the next begins."""
    text = _name(statement)
    if text:
        return [_named(text, statement)]
    if statement.cells or statement.form == "heading" or len(statement.text) > MAX_TEXT:
        return []
    found = [
        (statement.source.plain.find(span.text), span)
        for span in statement.source.spans
        if span.mark in ("code", "em") and _is_rule(span.text)
    ]
    around = f"{statement.text} {statement.lead}"
    if not found or (statement.section.meaning is not Meaning.ALERTS and not _TOLD.search(around)):
        return []
    ends = [*(at for at, _ in found[1:]), len(statement.text)][: len(found)]
    return [
        Named(span.text, _HUMP.sub(" ", span.text), span.line, at, end)
        for (at, span), end in zip(found, ends, strict=True)
    ]


def _is_rule(text: str) -> bool:
    """A name in humps, of three words or with one that tells of trouble: no "PagerDuty"."""
    if _WHOLE_NAME.match(text) is None or text in _NO_RULES or text.endswith("Exception"):
        return False
    words = _HUMP.split(text)
    return len(words) > 2 or bool({word.lower() for word in words} & _TROUBLE)


def _named(text: str, statement: Statement) -> Named:
    rule = RULE_NAME.match(text)
    end = len(statement.text)
    if rule is not None:
        return Named(rule[1], _HUMP.sub(" ", rule[1]), statement.line, 0, end)
    found = next(iter(comparisons(text[:MAX_TEXT])), None)
    if found is None and statement.form == "item":
        text = statement.label[0] or text
    before, after = (text, "") if found is None else (text[: found.start], text[found.end :])
    subject = words_about(before) or ("" if found else text)
    key = metric_of(subject) if found is None else subject_of(before, after)
    return Named(subject, key, statement.line, 0, end)


def _name(statement: Statement) -> str:
    """The words that name an alert; "" when the statement is about something else."""
    named = next((cell for cell in statement.cells if cell.words & _COLUMN), None)
    inside = statement.section.meaning is Meaning.ALERTS
    if statement.cells:
        if named is not None and (inside or named is statement.cells[0]):
            return named.plain
        return statement.cells[0].plain if inside else ""
    if statement.form == "heading" and _is_rule(statement.section.title):
        return statement.section.title
    if statement.form == "heading":
        parent = statement.section.parent
        title = statement.section.title
        under = parent is not None and parent.meaning is Meaning.ALERTS
        rule = RULE_NAME.match(title) or re.fullmatch(r"[a-z]\w*(?:[_-]\w+)+", title)
        described = under and any(
            set(words_of(label_of(item.text)[0])[:1]) & _ABOUT_ONE
            for block in statement.section.blocks
            if isinstance(block, ItemList)
            for item in block.items
        )
        return title if described or (under and rule is not None) else ""
    label = _LABEL.match(statement.text)
    if label is not None and (rule := RULE_NAME.match(statement.text[label.end() :])):
        return rule[1]
    if not inside or statement.above is not None:
        return ""
    if statement.form == "paragraph":
        rule = RULE_NAME.match(statement.text)
        ends = rule is not None and re.match(r"\W*(?:$|:)", statement.text[rule.end() :])
        return rule[1] if rule is not None and ends else ""
    # Numbered items are steps unless they state a number themselves.
    if set(words_of(statement.label[0])[:1]) & _ABOUT_ONE:
        return ""
    numbered = statement.ordered and not comparisons(statement.text[:MAX_TEXT])
    return "" if numbered or len(words_of(statement.text)) > 40 else statement.text
