"""Times that somebody is given, and those after which it has taken too long.

"They have 10 minutes to pick up", "Not back in 30 minutes: escalate", "Online in 8 minutes?"
"""

import re
from typing import Final, Literal

from rundrill.runbook.meaning import Meaning
from rundrill.runbook.statements import Statement
from rundrill.runbook.terms import Stated

_GIVEN = re.compile(r"\b(?:has|have|gets?)\s(?:only\s|just\s|about\s|then\s)?$", re.IGNORECASE)
_TO_DO = re.compile(r"\s(?:to|towards?|in\swhich\sto)\s", re.IGNORECASE)
_GIVE = re.compile(r"\b(?:give|allow|grant)\s(?:it|them|\w+)\s(?:up\sto\s)?$", re.IGNORECASE)
_SPENT = re.compile(
    r"\b(?:give\sup|stop\strying)\s$|\bspend\s(?:no\s|not\s)?(?:at\smost|(?:more|longer)\sthan)\s$"
    r"|\btime-?box(?:ed)?(?:\s(?:of|to|is))?:?\s$",
    re.IGNORECASE,
)
_ELSE = re.compile(r"\.\s(?:if|else|otherwise|then)\b", re.IGNORECASE)
_UNDONE = re.compile(
    r"\b(?:not|no|nobody|none|nothing|still|without|cannot|(?:is|are|ca|wo|do|does|did|has|have|was)n['\u2019]t"
    r"|un(?:solved|resolved|answered|acknowledged|fixed))\b",
    re.IGNORECASE,
)
_WORK = re.compile(
    r"\b(?:progress|answer\w*|ack\w*|repl(?:y|ies)|response|fix|solution|improvement|effect|success)\s*$",
    re.IGNORECASE,
)
_LASTED = re.compile(
    r"\b(?:if|when|once)\b[^.;]*\b(?:has|have)\s(?:lasted|taken|gone\son|dragged\son)\s(?:for\s)?$",
    re.IGNORECASE,
)
_TELLS_IF = re.compile(
    r"\b(?:inform|tell|notif|call|page|involve|escalat|warn|alert)\w*\b[^.;]*\b(?:if|when|should)\b[^.;]*"
    r"\b(?:longer|more)\sthan\s$",
    re.IGNORECASE,
)
_THEN = re.compile(
    r"(?:\son\s(?:an?\s)?[\w-]{1,12})?\s?(?:\u2192|->|=>|:(?=\s|\Z)|\?|,\s(?=\w))", re.IGNORECASE
)
_LATER = re.compile(r"\slater\s?[,:?\u2192]", re.IGNORECASE)
_LATER_STILL = re.compile(
    r"\slater\s(?:and\s)?(?:it['\u2019]?s\s|it\sis\s)?still\b[^.?:]{0,40}[?:,]", re.IGNORECASE
)
_CHAIN = re.compile(r"\s(?:after\sthat|later)\b", re.IGNORECASE)
_CALLS = re.compile(
    r"\W*(?:(?:then|please|the|you)\s)?(?:wake|call|page|ring|phone|escalat|raise|involve|bring|get|inform)"
    r"|[^.]{0,60}\b(?:is|gets|are)\s(?:called|paged|woken)",
    re.IGNORECASE,
)
_OUGHT = re.compile(
    r"\b(?:should|must|shall|expect|needs?\sto|has\sto|have\sto|ought\sto)\b[^.;:\d]*$",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:did|was|were|has|have|had|any|changed|there|more|less|fewer|over|under|often|many|much"
    r"|times|once|twice)\b|\d",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s?(?:[.;)](?:\s|\Z)|\Z)")
_PRESENT = re.compile(r"\b(?:is|are|be)\s(?:on|at|in|there|online)\b[^.;,]*$", re.IGNORECASE)
_APART = re.compile(r"(?:\s[-\u2013\u2014|\u00b7]|,)\s$")
_PAPER = re.compile(
    r"\b(?:report|update|draft|summary|review|statement|notice|write-?up)\s*$", re.IGNORECASE
)
_SHORT_S: Final = 60.0
"""What is over sooner is waited for by a command."""
_OF_SERVICE: Final = frozenset(
    {Meaning.ALERTS, Meaning.STEADY_STATE, Meaning.BACKGROUND, Meaning.SEVERITY}
)
"""Where a state that lasts is a symptom."""


def overdue(
    statement: Statement, plain: str, clause: str, stated: Stated
) -> Literal["escalation", "deadline"] | None:
    """Whether at the time something has not been done, and something else follows."""
    if statement.section.meaning in _OF_SERVICE or (stated.term.seconds or 0) < _SHORT_S:
        return None
    rest = plain[stated.end :]
    told = _then(clause, stated, rest)
    if told is None:
        return None
    return "escalation" if _CALLS.match(rest[told:]) else "deadline"


def _then(clause: str, stated: Stated, rest: str) -> int | None:
    """Where in `rest` begins what follows; None where the time is no condition."""
    undone = _UNDONE.search(clause) is not None
    later = _LATER.match(rest) if undone else _LATER_STILL.match(rest)
    if later is not None:
        return later.end()
    if _TELLS_IF.search(clause) and _ENDS.match(rest):
        return 0
    then = _THEN.match(rest)
    if then is None:
        return None
    late = undone and stated.word in ("after", "in", "within", "inside")
    # "If it is not back within 10 minutes, roll back" is a step of a procedure.
    late = late and not (stated.word in ("within", "inside") and "," in then[0])
    late = late or (stated.word == "for" and undone and _WORK.search(clause) is not None)
    return then.end() if late or _LASTED.search(clause) else None


def is_next(rest: str) -> bool:
    """ "..., and 20 minutes after that their manager"."""
    return _CHAIN.match(rest) is not None


def is_given(plain: str, clause: str, stated: Stated) -> bool:
    """Whether somebody, or something, has the time to do it."""
    rest = plain[stated.end :]
    if (_GIVEN.search(clause) and _TO_DO.match(rest)) or _SPENT.search(clause):
        return True
    return _GIVE.search(clause) is not None and _ELSE.match(rest) is not None


def is_expected(statement: Statement, plain: str, clause: str, stated: Stated) -> bool:
    """ "Queue should halve in 10 min", "Runners online in 8 minutes?", "first report in 4 h"."""
    if stated.word not in ("in", "within") or (stated.term.seconds or 0) < _SHORT_S:
        return False
    rest = plain[stated.end :]
    if _PAPER.search(clause):
        return True
    if rest.startswith("?"):
        return statement.form != "heading" and bool(clause.strip()) and not _PAST.search(clause)
    return _OUGHT.search(clause) is not None and _ENDS.match(rest) is not None


def is_present(clause: str, stated: Stated) -> bool:
    """ "An incident commander is on the bridge in 10 minutes"."""
    return stated.word in ("in", "within") and _PRESENT.search(clause) is not None


def is_whole_sentence(statement: Statement, clause: str, plain: str, stated: Stated) -> bool:
    """ "S2 one site is off. 1h": of a line that begins with a level, the time that ends it."""
    begins = statement.begins_level is not None and stated.word == "" and stated.start > 0
    if (stated.term.when or "").endswith(" hours"):
        return False  # "Within 2 hours, office hours"
    apart = not clause.strip() or _APART.search(clause) is not None
    return begins and apart and not plain[stated.end :].strip(" .")
