"""The words that warn against a command, on both sides of it and above it.

The clause that holds a command decides: in "Do not page anybody; run `x`" nothing forbids `x`.
"""

import re
from typing import Final

from rundrill.runbook.meaning import is_imperative
from rundrill.runbook.wordset import has_any

WARNS: Final = re.compile(r"\A\W*(?:never|do not|don.?t|avoid|caution|warning)\b", re.IGNORECASE)
"""A sentence that begins so tells nothing to do."""
_FORBIDS: Final = (
    "not", "n't", "n\u2019t", "dont", "never", "avoid", "refrain", "warning", "caution", "danger",
    "forbidden", "prohibited", "banned", "off limits", "off-limits", "disallowed", "no account",
    "no circumstance", "no case", "no time", "nobody", "no one", "hands off", "stay away",
    "none of", "steer clear", "bad idea", "verboten", "taboo", "no-go", "illegal", "resist",
)  # fmt: skip
"""Without any of these nothing is forbidden of what stands below."""
_RUN: Final = (
    r"(?:runs?|running|use|using|do|doing|execute|executing|try|trying|apply|applying|issue|issuing"
    r"|type|typing|enter|invoke|invoking|start with|reach for)"
)
_BOUNDARY = re.compile(
    r"[.;!?](?:\s|$)|\s[-\u2013\u2014]\s|,\s(?!or\b|nor\b|and\sto\b|e\.g|for example"
    r"|even\b|neither\b|with\b|by\b|like\b|not\b|\ufffc|$)|\(\s?(?=(?:run|use|see|check|try)\b)"
    r"|(?:\u2192|\u21d2|->|=>)\s?|\b(?:but(?!\snot\b)|until|till|before|unless|without|then|because|since"
    r"|so that|and then)(?:\s|$)",
    re.IGNORECASE,
)
_SO_THAT = re.compile(
    r"\b(?:so\sthat|because|since)\s(?:we|you|they|it)\s(?:do|does|did|wo|ca)(?:n['\u2019]t|\snot)\b[^.;!?:]*\Z",
    re.IGNORECASE,
)
""" "Put it on hold so that we don't burn retries:" says what for."""
_ASIDE = re.compile(
    r",\s(?:not\s)?ever\b\s?,?|,\s(?:for|under|even|in)\s[^,.;:\ufffc]{1,40},", re.IGNORECASE
)
"""Words between two commas that say no more than how much it is forbidden."""
_SUBORDINATE = re.compile(
    r"\b(?:if|when|whenever|once|where|while|after|as|in case|that|which|who|to)\b", re.IGNORECASE
)
_OPENING = re.compile(
    r"(?:\A[\W\d]*|\b(?:[a-z]+ly|likewise|same|ever|still|nor|always|remember|stop"
    r"|operators|on-?callers"
    r"|everyone|everybody|staff|humans|somebody|someone|you|we|i|please|and|but|so|or"
    r"|also|just|here|now|again|warning|note|important"
    r"|caution|danger|nb|anyone|anybody|nobody|people|operators?|engineers?)\W*"
    r"|\A\W*(?:in|on|at|during|for|with|under|from|outside|even)\s[^:]*)\Z",
    re.IGNORECASE,
)
"""What stands before "do not" where it is an order, and not a symptom ("Pods do not start")."""
_NOWAY: Final = (
    r"(?:(?:forbidden|prohibited|disallowed|banned|illegal|dangerous|unsafe"
    r"|not (?:allowed|permitted|safe"
    r"|authori[sz]ed|supposed)|(?:a )?(?:very |really )?bad idea) (?:for \w+ )?to"
    r"|(?:nobody|no one|no-one|none of you|no operator)(?: (?:may|must|should|shall"
    r"|can|is to|ever)){0,2}"
    r"|(?:under|in) no (?:circumstances?|case|event)|on no account|at no (?:time|point)|by no means"
    r"|(?:resist|fight) (?:the )?(?:urge|temptation|impulse) to|(?:stay"
    r"|keep) (?:well |far )?away from"
    r"|steer (?:well )?clear of|hands off|no longer|stop (?=\w+ing\b)"
    r"|(?:must|should|shall|may|can|is|are) (?:under no circumstances?|on no account"
    r"|in no case|at no time)|(?:is|are) (?:not|never) to|(?:is|are)n['\u2019]t to"
    r"|(?:absolutely|definitely|certainly|emphatically|strictly) (?:not|never|no))"
)
"""Other words of an order: what they forbid stands behind them, or is done by it."""
_ALSO = re.compile(
    r"[^.;!?]*\b(?:and|or|nor)\s(?:also\s)?(?:to|from)\s(?!.*\b(?:run|use|call|try|restart)\b)",
    re.IGNORECASE,
)
SAME = re.compile(
    r"\A\W*(?:the\s)?(?:same\s(?:goes|applies|holds|is\strue|with|for|rule|warning)|likewise|ditto"
    r"|neither|nor|so\s(?:is|are|does)|as\s(?:is|does)|equally|and\salso)\b[^:.;]{0,30}\Z",
    re.IGNORECASE,
)
""" "The same goes for `y`", after a sentence that forbids `x`."""
_ORDER = re.compile(
    r"\b(?:do not|don['\u2019]?t|never(?!-)|avoid|refrain from|not to|"
    rf"{_NOWAY}|"
    r"(?:must|should|shall|may|can|need)\s?(?:not|n['\u2019]t|never))\b",
    re.IGNORECASE,
)
_BIDS = re.compile(
    r"\W*(?:be afraid|only|ever forget|forget\w*|hesitat\w+|skip\w*|omit\w*|miss\w*|mind|worry"
    r"|panic|neglect|fail to|wait\w*|page|wake|guess|assume|ignor\w+|leave|close|tell|inform"
    r"|escalate|rely|trust|confuse|proceed|continue|go on|call\s(?!\ufffc|the script|`))\b",
    re.IGNORECASE,
)
"""What is not to be done is something else than the command: "Do not wait: `x`"."""
_MANY = re.compile(
    r"\W*(?:more than|less than|fewer than|two|three|both|all|several|twice|at once"
    r"|at the same time|in parallel|\d+)\b",
    re.IGNORECASE,
)
"""It says how many at a time, or how often: "one after the other, never two at once"."""
_WHEN = re.compile(r"\W*(?:during|in|on|at|from|by|while|for)\b", re.IGNORECASE)
_STOP = re.compile(r"[.;!?]\s")
_MODAL = re.compile(rf"\W*(?:{_RUN}\b|be\s\w+\s(?:with|by|via|using)\b)", re.IGNORECASE)
_GERUND = re.compile(r"\W*(?:\w+ing\b|this\b|these\b|the following\b|\ufffc|$)", re.IGNORECASE)
_NOT_THESE = re.compile(
    r"(?:\b(?:instead of|rather than|in place of|no)|(?:,|\(|\band|\bbut|\A\W*) ?not)\s"
    rf"(?:(?:the|a|an|any|plain|manual|direct|usual|more|{_RUN})\s){{0,3}}"
    r"(?:\ufffc\W*(?:(?:or|and|nor)\W*)?){0,9}\Z",
    re.IGNORECASE,
)
_NOT_RUN = re.compile(
    r"(?:\b(?:no longer|under no circumstances?|(?:forbidden|prohibited|not allowed|not safe"
    r"|not permitted|dangerous|no need|no reason|the urge) to|stop|nobody|no one"
    r"|can(?:not|['\u2019]t))\s(?:ever\s)?"
    rf"{_RUN}\s(?:(?:the|a|an|any)\s)?|[\u274c\u26d4\U0001f6ab]\s?)\Z",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\A\W*(?:warning|caution|danger|dangerous|(?:absolutely|definitely|certainly|please)\snot"
    r"|do[\s-]nots?|no-?gos?|off[\s-]limits|never(?:,?\sever)?|hands\soff"
    r"|(?:also\s)?(?:\w+ly\s)?(?:forbidden|prohibited|banned|not"
    r" allowed)(?:\s[^:]{1,60}:|\s(?:commands?|actions?|operations?))?|don['\u2019]?ts?)\W*\Z",
    re.IGNORECASE,
)
_LIST = re.compile(r"\ufffc(?!\W*(?:(?:or|and|nor)\b\W*)?(?:\ufffc|\Z))", re.IGNORECASE)
"""A command that is followed by anything but the next of a list."""
_BEHIND = re.compile(
    r"\W{0,3}(?:(?:must|should|shall|may|can|is|are|will)\s?(?:not|n['\u2019]t"
    r"|never)\s(?:to\s)?(?:ever\s)?be\s(?:used|run|executed|done|called|applied|issued|typed|tried)"
    r"|(?:is|are|was|were|has\sbeen|have\sbeen|remains?)\s(?:(?:also|all|both|still"
    r"|now|\w+ly)\s){0,2}(?:forbidden|prohibited|disallowed|dangerous|banned|off[\s-]limits|taboo"
    r"|verboten|illegal|a\sno-?go|discouraged|deprecated|obsolete"
    r"|(?:not|never)\s(?:recommended|allowed|permitted|safe|acceptable|an\soption|ok(?:ay)?\b|to\sbe\b)"
    r"|never\s(?:used|run|executed|needed|right|the\sanswer))"
    r"|(?:is|are)n['\u2019]t\s(?:allowed|permitted|safe|an\soption|to\sbe)"
    r"|(?:must|should|shall|may|is|are)\s(?:under\sno\scircumstances?|on\sno\saccount|in\sno\scase"
    r"|at\sno\stime)\s(?:to\s)?be\s\w+"
    r"|[^.;!?\ufffc]{0,50}\s(?:is|are)\s(?:strictly\s)?(?:forbidden|prohibited|banned"
    r"|not\s(?:allowed|permitted))\b|(?:should|must|is\sto|are\sto)\sbe\savoided"
    r"|(?<=\()(?:never|do not|don['\u2019]t)\b"
    r"(?!\s(?:more|two|both|all|twice|in\sparallel|at\sonce))"
    r"|(?:never|do not|don['\u2019]t)(?:\s(?:run|use|do)(?:\s(?:this|it|that))?)?\s?[!.)]*\Z)",
    re.IGNORECASE,
)
_HARMS = re.compile(
    r"\s?(?:will|would|can|may|does)?\s?(?:corrupt|destroy|delete|lose|wipe|erase|kill|break|brick|ruin"
    r"|damage|drop|purge)s?\b[^.;!?\ufffc]{0,80}(?:[.!]|,|\Z)",
    re.IGNORECASE,
)
_WARNED = re.compile(r"(?i)(?:do not|don['\u2019]?t|never|must not)\s[^.!?\ufffc]{3,80}[.!]\s*\Z")
""" "Do not delete files by hand. `rm x` will corrupt the broker": the same, told twice."""
_COMMAND_NEXT = re.compile(r"\W*(?:\ufffc|\Z)")
PARTS = re.compile(r"[.;!?]\s|\s[-\u2013\u2014]\s")
_CONSENT = re.compile(
    r"\s(?:without|unless|until)\b[^.;:]{0,60}\b(?:consent|approv\w+|permission"
    r"|permitted|allowed|agree\w*"
    r"|asked|told|instructed|ordered|sign-?off|green\slight)\b[^.;]*\Z",
    re.IGNORECASE,
)
"""Who does it by a machine has nobody's consent: what is forbidden without it is forbidden."""
_PASSIVE = re.compile(
    r"\W*(?:ever\s)?be\s(?:used|run|executed|done|called|applied|issued|typed"
    r"|tried)\s?(?:[\w-]+\s?){0,4}:\W*(?:\ufffc\W*)*\Z",
    re.IGNORECASE,
)
""" "Must not be run: `x`"."""
_LATER = re.compile(
    r"[^.;!?\ufffc]{0,100}?[,;:(\u2013\u2014-]\s?(?:so\s|and\s|please\s)?"
    rf"(?:never|do not|don['\u2019]?t)\s(?:ever\s)?{_RUN}(?:\s(?:it|this|that)\b|\s?[.!)]*\Z)",
    re.IGNORECASE,
)
_NEXT = re.compile(
    r"[^.;!?\ufffc]{0,100}[.;!]\s(?:so\s|please\s)?(?:never|do not|don['\u2019]?t)\s(?:ever\s)?"
    rf"{_RUN}\s(?:it|this|that)\s?(?:[.!]|\Z)",
    re.IGNORECASE,
)
"""Behind the command: "`x` kills the cluster, never use it"; the next sentence, if that is all."""
TITLE = re.compile(
    rf"(?:\A\W*(?:what\s)?(?:do not|don['\u2019]?t|never|not to|avoid)\s(?:ever\s)?{_RUN}\b"
    r"|\A\W*(?:the\s)?(?:do[\s-]nots?|don['\u2019]?ts?|never|no-?gos?|ban(?:ned)?"
    r"|forbidden|dangerous|prohibited"
    r"|prohibitions?|off[\s-]limits|blacklist(?:ed)?|deny-?list)(?:\s(?:ever|do|run"
    r"|use|list|table|section"
    r"|commands?|actions?|operations?|things|these|this|areas?|zone)){0,3}\W*\Z"
    r"|\A\W*(?:commands?|actions?|things|operations?)\s(?:that\sare\s|which\sare\s"
    r"|you\s|we\s|to\s|nobody\s){0,2}"
    r"(?:must\snot|should\snot|shall\snot|may\snot|never|not\sto|do\snot"
    r"|don['\u2019]t|avoid|forbidden"
    r"|prohibited|banned|not\sallowed|off[\s-]limits)\b)",
    re.IGNORECASE,
)
_THESE = re.compile(
    rf"\W*(?:(?:ever\s)?{_RUN}\b(?!\s(?:the(?!\sfollowing)|an?|any|more|both)\b)"
    r"|.*\b(?:this|these|following|below)\b)",
    re.IGNORECASE,
)


def announces(lead: str) -> bool:
    """Whether it forbids what stands below it: "Never run:", "Do not use this in production."."""
    lead = lead[-300:].rstrip()
    if not has_any(lead, _FORBIDS):
        return False
    colon = lead.endswith(":")
    lead = _CONSENT.sub("", lead.rstrip(" .:!"))
    clause = clause_of(lead)
    if _LABEL.match(clause):
        return True
    found = None if _SO_THAT.search(lead) else _order_in(clause)
    if found is None or _is_aside(lead, clause, found):
        return False
    return colon or _THESE.match(clause, found.end()) is not None or found.end() == len(clause)


def forbids(before: str, after: str) -> bool:
    """Whether the words on both sides of a command, in its clause, forbid it."""
    clause = clause_of(before)
    if (
        _NOT_THESE.search(f"{clause} ")
        or _NOT_RUN.search(f"{clause} ")
        or _LABEL.match(clause)
        or _BEHIND.match(after)
        or _LATER.match(after)
        or _NEXT.match(after)
        or (_HARMS.match(after) and _WARNED.search(before))
    ):
        return True
    found = _order_in(clause)
    if found is None or _is_aside(before, clause, found):
        return False
    listed = _LIST.search(clause, found.end())
    if listed is not None and found[0].lower().endswith((" to", " from")):
        # "It is forbidden to run `x` on a primary, and to delete it (`y`)."
        return _ALSO.match(clause, listed.end()) is not None
    return listed is None


def _is_aside(text: str, clause: str, order: re.Match[str]) -> bool:
    """ "Restart it by hand, never during the day": the sentence tells to do it."""
    sentence = _STOP.split(text)[-1]
    behind = not sentence.lstrip().startswith(clause[:20])
    return behind and is_imperative(sentence) and _WHEN.match(clause, order.end()) is not None


def clause_of(before: str) -> str:
    before = " ".join(_ASIDE.sub(" ", before).split())
    return str(_BOUNDARY.split(before)[-1])


def _order_in(clause: str) -> re.Match[str] | None:
    """The words of a clause that forbid what follows them."""
    found = None
    for found in _ORDER.finditer(clause):  # noqa: B007 - the last one is wanted
        pass
    if found is None or any(one.match(clause, found.end()) for one in (_BIDS, _MANY)):
        return None
    prefix = clause[: found.start()]
    opening = _OPENING.search(prefix) is not None and _SUBORDINATE.search(prefix) is None
    word = found[0].lower()
    if word == "avoid":
        return found if opening and _GERUND.match(clause, found.end()) else None
    if word in ("not to", "refrain from") or word.endswith((" to", " from", " of", " off")):
        return found
    if re.fullmatch(_NOWAY, word):
        called = _MODAL.match(clause, found.end()) or _COMMAND_NEXT.match(clause, found.end())
        whole = word.startswith(("under", "on no", "in no", "at no", "by no"))
        return found if called or whole else None
    if word.startswith(("do", "never")):
        return found if opening else None
    if _PASSIVE.match(clause, found.end()):
        return found
    runs = _MODAL.match(clause, found.end()) or _COMMAND_NEXT.match(clause, found.end())
    return found if runs is not None and ":" not in clause[found.end() :] else None


def only_warns(text: str) -> bool:
    """Whether a text that holds such a command tells nothing to do besides."""
    return not any(is_imperative(clause) for clause in _BOUNDARY.split(text))
