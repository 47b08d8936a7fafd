"""Severity levels by their names: P1, SEV-2, Severity 3, Critical."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rundrill.runbook.text import Text
from rundrill.runbook.wordset import KEPT

_CODES = {"severity": "SEV", "priority": "P", "prio": "P", "level": "L", "category": "CAT"}
_NUMBERED = re.compile(r"\s*\d{1,2}(?:\.\d{1,2}){1,3}[.)]?\s+(?=\S)")
"""The number of a paragraph: "3.1 Critical: ..."."""
_ASKED = re.compile(
    r"\W*(?:q\d{0,3}\s?[:.)]\s*)?what(?:['\u2019]s|\s(?:is|makes|counts\sas))\s(?:an?\s)?",
    re.IGNORECASE,
)
""" "Q: What is a P1?" """
_LEVEL = re.compile(
    r"[\W\u2139]*(?:(?:(?P<kind>severity|priority|prio|sev|impact|urgency|level|class|category|tier|p|s)(?:\slevel)?[\s-]?"
    r"(?P<number>\d|(?<=[\s-])(?-i:[A-D](?=\W*(?:$|[:(\u2013\u2014]|\s-))))(?![\w.%])"
    r"|(?P<name>critical|high|medium|moderate|low|major|minor|informational|info|urgent"
    r"|emergency|catastrophic|trivial|blocker|severe|serious|red|orange|amber|yellow|green)"
    r"\b(?=\W*$|\s*[:(/|,=\u2013\u2014-]|\s(?:severity|priority|impact|incidents?)\b)))",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\b(?:(?P<kind>severity|priority|prio|sev|p)[\s-]?(?P<number>\d))(?![\w.%])", re.IGNORECASE
)
_IN_PROSE = re.compile(
    r"\W*(?:(?:it|this|that|(?:an?|the|any|every)\s(?:level|severity|incident|outage|event|issue|problem))"
    r"\s(?:is|becomes|counts\sas|is\s(?:called|classed\sas|rated|classified\sas))\s(?:an?\s)?)?\W*"
    r"(?:(?P<kind>severity|priority|prio|sev|p|s)[\s-]?(?P<number>\d)(?![\w.%])"
    r"|(?P<name>critical|high|medium|moderate|low|major|minor|urgent|emergency)\b)"
    r"(?=\W*\s(?:(?:incident|one|issue|outage|event)s?\s)?"
    r"(?:when|means|is|if|for|applies|covers|where|otherwise|as\ssoon)\b)",
    re.IGNORECASE,
)
_WRITTEN: Final = frozenset({"priority", "impact", "urgency", "category", "class", "tier"})
"""Words that stay in the name: their codes are this reader's own."""
_CONDITION = re.compile(
    r"(?:all|any|some|most|many|several|single|one|more\sthan|fewer\sthan|less\sthan|no|not|every|each"
    r"|up\sto|at\sleast|over|under|a|an|the|customers?|users?)\s[^:]*?(?:[,.;]\s|[.;]\Z)",
    re.IGNORECASE,
)
_NAME_END = re.compile(r"[(:.,;=|\u2013\u2014\u2192]|\s-\s")
_LETTERED = re.compile(r"\W*(?P<kind>l)[\s-]?(?P<number>\d)(?![\w.%])", re.IGNORECASE)
"""A level only where something says so: elsewhere "L2" is a tier of support, or a cache."""
_CAPITALS: Final = (
    "Critical", "Major", "Minor", "High", "Medium", "Moderate", "Low", "Urgent", "Severe",
)  # fmt: skip
_NAMED = re.compile(
    r"\b(?:(?:treat|count|class|rate|handle|regard)\w*\s(?:\w+\s){0,2}as|is|becomes)\s(?:an?\s)?\W{0,3}"
    rf"(?P<name>(?-i:{'|'.join(_CAPITALS)}))\b(?=\W{{0,3}}[:;(])",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    r"[\W\u2139]{0,8}(?P<name>critical|high|medium|moderate|low|major|minor|urgent|emergency|severe"
    r"|blocker|trivial|red|orange|amber|yellow|green)\b",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"(?:\u2192|\u21d2|->|=>|:\s(?=\W{0,3}(?:sev|p)[\s-]?\d))\s*\W{0,3}"
    r"(?:(?P<kind>severity|priority|prio|sev|p|s)[\s-]?(?P<number>\d)(?![\w%]|\.\d)"
    r"|(?P<name>critical|high|medium|moderate|low|major|minor|urgent|emergency|severe|blocker|red"
    r"|orange|amber|yellow|green)\b(?=\W*(?:$|[.:;,(\u2013\u2014])))",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:best\seffort|(?:next|same)\s(?:\w+\s)?(?:day|week|sprint|release)|no\s(?:clock|target|sla"
    r"|hurry|deadline)|none|n/a|otherwise|\W+)\Z",
    re.IGNORECASE,
)
"""Behind a level these say how soon, and not what it is called."""
_TWIN = re.compile(
    r"\W*(?P<kind>[A-Za-z]{1,8})[\s-]?(?P<number>\d)\s?(?P<joint>/|,|&|\+|and|or|to|-|\u2013)\s?"
    r"(?:[A-Za-z]{1,8}[\s-]?)?(?P<last>\d)(?![\w.%])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Level:
    """A level that a text begins with; `end` is where the text goes on."""

    id: str
    name: str
    end: int
    numbered: bool


def announced_level(text: Text) -> Level | None:
    """The name that a line among the severities begins with, in bold or as a sentence.

    "**Red** all is down", "Critical. All is down": elsewhere these are words as any other.
    """
    plain = text.plain
    found = _ANNOUNCED.match(plain)
    if found is None:
        return None
    bold = any(
        one.mark == "strong" and one.text.strip(" .:") == found["name"] for one in text.spans[:3]
    )
    if not bold and plain[found.end() : found.end() + 1] != ".":
        return None
    return Level(found["name"].lower(), found["name"].capitalize(), found.end(), numbered=False)


def named_level(sentence: str) -> Level | None:
    """The level that a sentence gives what it tells of: "we treat it as **Critical**: ..."."""
    said = any(name in sentence for name in _CAPITALS)
    found = _NAMED.search(sentence[:500]) if said else None
    if found is None:
        return None
    return Level(found["name"].lower(), found["name"], found.end(), numbered=False)


def concluded_level(item: str) -> Level | None:
    """The level that an item comes to: "one site is off -> **High**. Reply in 20 minutes"."""
    found = _CONCLUDED.search(item[:500])
    if found is None:
        return None
    if found["name"]:
        return Level(found["name"].lower(), found["name"].capitalize(), found.end(), numbered=False)
    code = _CODES.get(found["kind"].lower(), found["kind"].upper()) + found["number"]
    return Level(code, "", found.end(), numbered=True)


@lru_cache(maxsize=KEPT)
def match_level(text: str, *, prose: bool = False, lettered: bool = False) -> Level | None:
    """The level that `text` begins with, and the name beside it: "P0 - Critical (outage)".

    `prose` also takes "It is High when ...", `lettered` "L1".
    """
    number = _NUMBERED.match(text) or _ASKED.match(text)
    start = 0 if number is None else number.end()
    found = _LEVEL.match(text, start)
    if found is None and lettered:
        found = _LETTERED.match(text, start)
    if found is None and prose and (found := _IN_PROSE.match(text)) and found["kind"]:
        code = _CODES.get(found["kind"].lower(), found["kind"].upper()) + found["number"]
        return Level(code, "", found.end(), numbered=True)
    if found is None:
        return None
    if not found["kind"]:
        name = found["name"].capitalize()
        return Level(found["name"].lower(), name, found.end(), numbered=False)
    kind = found["kind"].lower()
    code = _CODES.get(kind, kind.upper()) + found["number"]
    rest = text[found.end() :]
    # "P1/SEV1" is one level with two names.
    if other := re.match(r"\s?/\s?(?:sev|p|s)[\s-]?\d\b", rest, re.IGNORECASE):
        rest = rest[other.end() :]
    end = len(text) - len(rest)
    rest = rest.strip(" :\u2013\u2014-*")
    inner = re.match(r"\(([^()]*)\)", rest)
    name = _NAME_END.split(inner[1] if inner else rest, maxsplit=1)[0].strip()
    sentence = name[:1].islower() and len(name.split()) > 2
    # "Priority 1 - All users, or all of a site, ...": a condition and no name.
    sentence = sentence or (inner is None and _CONDITION.match(rest) is not None)
    sentence = sentence or _NO_NAME.match(name) is not None
    if sentence or not name:
        name = " ".join(found[0].split()).lstrip("*_ ") if kind in _WRITTEN else ""
    return Level(code, name, end, numbered=True)


def twins_of(text: str, level: Level) -> list[Level]:
    """The other levels of "P3/P4" or "SEV3-SEV5", described together with the first."""
    found = _TWIN.match(text) if level.numbered else None
    if found is None or found["last"] <= found["number"]:
        return []
    first = int(found["last"])
    if found["joint"] in ("to", "-", "\u2013"):
        first = int(found["number"]) + 1
    code = level.id.rstrip("0123456789")
    return [
        replace(level, id=f"{code}{number}", name="")
        for number in range(first, int(found["last"]) + 1)
    ]


def levels_in(text: str) -> list[str]:
    """The numbered levels that `text` names anywhere, in order."""
    found = (
        _CODES.get(one["kind"].lower(), one["kind"].upper()) + one["number"]
        for one in _INSIDE.finditer(text)
    )
    return list(dict.fromkeys(found))
