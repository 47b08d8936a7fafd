"""Names of people, teams and things in a text: "Immediate to VP Engineering (by phone)"."""

import re
from collections.abc import Iterator

from rundrill.runbook.terms import terms_in

_LEADING = re.compile(
    r"(?:\W|\b(?:escalate[ds]?|escalation|immediate(?:ly)?|to|tell|tells|page|pages|notify|notifies"
    r"|notified|call|calls|inform|informs|contact|contacts|via|the|our|a|an|then|and|also|is|are|must"
    r"|be|should|please|loop|in|bring|with|ask|involve|it|up|leave|for|them|on|at|if|by|alert|ping"
    r"|email|mail|message|wake|hand|over|no|later|than|within|after|post)\b(?!-))+",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"(?:\W|\b(?:within|after|by|via|at|on|in|for|if|and|or|when|then|the|no|later|than|is|are|must|to"
    r"|be|notified|informed|immediately)\b)+$",
    re.IGNORECASE,
)
_END = re.compile(
    r"[.;:(\[|]|,\s|\s[\u2013\u2014-]\s|\s(?:if|when|unless|who|which|whatever|via|through|by\s(?:phone|slack|mail)"
    r"|because|so\sthat|in\s#|for)\s",
    re.IGNORECASE,
)
_JOINTS = re.compile(r"\s?(?:,|;|\+|&|\band\b|\bor\b|/(?=\s?[A-Z]))\s?")


def recipient(text: str) -> str:
    """Whom a text tells to turn to, its times and verbs left out; "" when it names nobody."""
    text = without_terms(text)
    if re.match(r"\W*if\b", text, re.IGNORECASE):
        return ""
    found = _LEADING.match(text)
    text = text[found.end() if found else 0 :]
    return _TRAILING.sub("", _END.split(text, maxsplit=1)[0]).strip(" *_`")


def without_terms(text: str) -> str:
    """`text` with its times blanked out."""
    for stated in reversed(terms_in(text)):
        text = f"{text[: stated.start]} {text[stated.end :]}"
    return re.sub(r"\b(?:immediate(?:ly)?|at once)\b", " ", text, flags=re.IGNORECASE)


def people(text: str) -> Iterator[str]:
    """The names in a list such as "CEO, CTO and the VP Engineering"."""
    for part in _JOINTS.split(without_terms(text)):
        name = part.strip(" .:*_`()-\u2013\u2014")
        found = _LEADING.match(name)
        name = name[found.end() if found else 0 :].strip()
        name = _TRAILING.sub("", name)
        if name and len(name.split()) <= 5 and not name.isdigit():
            yield name


def in_brackets(text: str) -> str:
    """What stands in the first pair of round brackets."""
    found = re.search(r"\(([^()]*)\)", text)
    return "" if found is None else found[1]
