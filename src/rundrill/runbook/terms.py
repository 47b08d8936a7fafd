"""Times by which something is due: "within 5 minutes", "every half hour", "next business day"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from rundrill.claims import Term
from rundrill.runbook.durations import DURATION, duration_of
from rundrill.runbook.wordset import KEPT, letters_in, word_set

_PERIODS = {
    "hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0, "monthly": 2592000.0,
    "quarterly": 7776000.0, "yearly": 31536000.0, "annually": 31536000.0,
}  # fmt: skip
_EACH = {"month": 2592000.0, "quarter": 7776000.0, "year": 31536000.0}
_CALENDAR = (
    r"(?P<until>(?:on\s|by\s|within\s|no\slater\sthan\s)?)(?:the\s)?(?P<when>(?:the\s)?(?:next|same|following)\s(?:business\s|working\s)?day"
    r"|(?:end|close)\sof\s(?:the\s)?(?:next\s)?(?:business\s|working\s)?(?:day|business|week)|eod|nbd|cob"
    r"|(?:\d{1,3}|one|two|three|four|five)\s(?:business|working)[\s-](?:days?|hours?)"
    r"|next\s(?:week|sprint|release|morning|planning)|best\seffort|(?:when|as)\stime\s(?:allows|permits)"
    r"|(?:during\s)?(?:business|office|working)\shours)"
)
_NOW = (
    r"(?P<now>immediately|immediate|at\sonce|right\saway|straight\saway|instantly|without\sdelay"
    r"|asap)"
)
_TERM = re.compile(
    rf"\b(?P<word>T\s?\+|with\s?in|every|each|no\slater\sthan|not\slater\sthan|at\smost|after|in\sunder|in\sless\sthan"
    rf"|under|less\sthan|in|by|max(?:imum)?|up\sto|for)?(?P<bare>(?(word)[\s:]{{0,2}}|(?<![\w.,-])))"
    rf"(?:(?:at\smost|the\s(?:first|next|last|past|previous)|another|about|around|roughly|a\smaximum\sof|~|<=?|\u2264)\s?){{0,2}}"
    rf"(?P<time>{DURATION})"
    rf"|\b{_CALENDAR}(?!\w)|\b{_NOW}(?!\w)"
    r"|\b(?P<period>hourly|daily|weekly|monthly|quarterly|yearly|annually)(?!\w)"
    r"|\bwithin\sthe\s(?P<the>hour|day|week)(?!\w)"
    r"|\b(?:every|each|once\s(?:an?|every|per))\s(?P<each>minute|hour|day|week|month|quarter|year|half[\s-]hour)(?!\w)",
    re.IGNORECASE,
)
_TELLING = word_set(
    "ms s m h d w milliseconds millisecond millis msecs msec seconds second secs sec minutes minute"
    " mins min hours hour hrs hr days day weeks week month quarter year immediately immediate once"
    " away instantly delay asap hourly daily weekly monthly quarterly yearly annually business"
    " working sprint release morning planning effort allows permits eod nbd cob"
)
"""Without any of these there is no time, and the whole pattern need not be tried."""
_PAST = re.compile(r"\bthe\s(?:last|past|previous)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A term within a text, at [start, end). `word` is what stands before it: "within", "every".

    `at` is where the time itself begins.
    """

    start: int
    at: int
    end: int
    word: str
    term: Term
    every: bool


@lru_cache(maxsize=KEPT)
def terms_in(text: str) -> Sequence[Stated]:
    """Every time that `text` states, in order, whatever it is for."""
    if _TELLING.isdisjoint(letters_in(text)):
        return ()
    read: list[Stated] = []
    for found in _TERM.finditer(text):
        word = " ".join((found["word"] or found["until"] or "").lower().split())
        if found["when"]:
            term = Term(
                seconds=None, when=" ".join(found["when"].lower().removeprefix("the ").split())
            )
        elif found["now"]:
            term = Term(seconds=0.0)
        elif found["period"]:
            term = Term(seconds=_PERIODS[found["period"].lower()])
        elif found["the"]:
            word = "within"
            term = Term(seconds=duration_of(f"1 {found['the']}"))
        elif found["each"]:
            each = found["each"].lower()
            term = Term(seconds=_EACH.get(each) or duration_of(f"1 {each}") or 1800.0)
        elif _PAST.search(found[0]):
            continue  # a window of what was
        else:
            term = Term(seconds=duration_of(found["time"]))
        every = word in ("every", "each") or bool(found["period"] or found["each"])
        at = max(found.start(name) for name in ("time", "when", "now", "period", "each", "the"))
        read.append(Stated(found.start(), at, found.end(), word, term, every))
    # "Immediate (within 2 hours)" means the number.
    return [
        one
        for one, after in zip_longest(read, read[1:])
        if one.term.seconds != 0
        or one.word
        or after is None
        or re.search(r"\w", text[one.end : after.start])
    ]


def first_term(text: str) -> Term | None:
    """The first time that `text` states; None when it states none."""
    return next((one.term for one in terms_in(text)), None)
