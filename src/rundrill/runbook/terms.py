"""Times by which something is due: "within 5 minutes", "every half hour", "next business day"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from typing import Final

from rundrill.claims import Term
from rundrill.runbook.durations import DURATION, duration_of, number_of
from rundrill.runbook.wordset import KEPT, letters_in, word_set

_PERIODS = {
    "hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0, "monthly": 2592000.0,
    "quarterly": 7776000.0, "yearly": 31536000.0, "annually": 31536000.0,
}  # fmt: skip
_EACH = {"month": 2592000.0, "quarter": 7776000.0, "year": 31536000.0}
_YEAR: Final = 31536000.0
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_CALENDAR = (
    r"(?P<until>(?:on\s|by\s|within\s|no\slater\sthan\s|before\sthe\s(?=end|close|shift))?)(?:the\s)?(?P<when>(?:the\s)?(?:next|same|following)\s(?:business\s|working\s|b)?day"
    rf"|(?<=by\s)(?:the\s)?(?:(?:next|following)\s)?{_WEEKDAY}|(?:next|following)\s{_WEEKDAY}"
    r"|(?:end|close)\sof\s(?:the\s)?(?:next\s)?(?:business\s|working\s)?(?:day|business|week|shift)|shift\s(?:hand-?over|change)|eod|nbd|cob"
    r"|(?:\d{1,3}|one|two|three|four|five)\s(?:(?:business|working)[\s-](?:days?|hours?)|bdays?)"
    r"|next\s(?:week|sprint|release|morning|planning)|best\seffort|(?:when|as)\stime\s(?:allows|permits)"
    r"|(?:during\s)?(?:business|office|working)\shours)"
)
_NOW = (
    r"(?P<now>immediately|immediate|at\sonce|right\saway|straight\saway|instantly|without\sdelay"
    r"|asap)"
)
_CLOCK = (
    r"(?P<before>by|before|no\slater\sthan|not\slater\sthan)\s(?:about\s)?"
    r"(?P<clock>[0-2]?\d:[0-5]\d(?:\s?(?:am|pm|utc|gmt|ce?st|cet))?|1?\d\s?[ap]m|noon|midnight)"
    r"(?:\s(?:on\s)?(?:the\s)?(?:same|next|following)\s(?:business\s|working\s)?day)?"
)
_LONG = (
    r"(?P<bound>every|within|once\severy)\s(?P<count>\d{1,2}|an?|one|two|three|four|six|nine|twelve)\s"
    r"(?P<long>month|quarter|year)s?"
)
_TERM = re.compile(
    rf"\b(?P<word>T\s?\+|with\s?in|inside(?:\sof)?|every|each|no\slater\sthan|not\slater\sthan|at\smost|after|in\sunder|in\sless\sthan"
    rf"|under|less\sthan|in|by|max(?:imum)?|up\sto|for)?(?P<bare>(?(word)[\s:]{{0,2}}|(?<![\w.,-])))"
    rf"(?:(?:at\smost|the\s(?:first|next|last|past|previous)|another|about|around|roughly|a\smaximum\sof|~|<=?|\u2264)\s?){{0,2}}"
    rf"(?P<time>{DURATION})"
    rf"|\b{_CALENDAR}(?!\w)|\b{_NOW}(?!\w)|\b{_CLOCK}(?!\w)|\b{_LONG}(?!\w)"
    r"|\b(?P<period>hourly|daily|weekly|monthly|quarterly|yearly|annually)(?!\w)"
    r"|\bwithin\sthe\s(?P<the>half[\s-]hour|hour|day|week)(?!\w)"
    r"|\b(?:every|each|(?:once|one\s(?:update|message|e?-?mail|post))\s(?:an?|every|per))\s(?P<each>minute|hour|day|week|month|quarter|year|half[\s-]hour)(?!\w)",
    re.IGNORECASE,
)
_TELLING = word_set(
    "ms s m h d w milliseconds millisecond millis msecs msec seconds second secs sec minutes minute"
    " mins min hours hour hrs hr days day weeks week month quarter year immediately immediate once"
    " away instantly delay asap hourly daily weekly monthly quarterly yearly annually business"
    " working sprint release morning planning effort allows permits eod nbd cob shift noon midnight"
    " bday bdays am pm"
    " months quarters years monday tuesday wednesday thursday friday saturday sunday"
)
"""Without any of these there is no time, but for that of the clock: no pattern is tried."""
_BY: Final = word_set("by before than")
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
    words = letters_in(text)
    if _TELLING.isdisjoint(words) and (":" not in text or _BY.isdisjoint(words)):
        return ()
    read: list[Stated] = []
    for found in _TERM.finditer(text):
        said = found["word"] or found["until"] or found["before"] or found["bound"] or ""
        word = " ".join(said.lower().split()).removeprefix("once ")
        if found["when"]:
            term = Term(
                seconds=None, when=" ".join(found["when"].lower().removeprefix("the ").split())
            )
        elif found["clock"]:
            term = Term(seconds=None, when=found["clock"].lower())
        elif found["long"]:
            count = number_of(found["count"])
            term = Term(seconds=count * (_EACH.get(found["long"].lower()) or _YEAR))
        elif found["now"]:
            term = Term(seconds=0.0)
        elif found["period"]:
            term = Term(seconds=_PERIODS[found["period"].lower()])
        elif found["the"]:
            word = "within"
            the = found["the"].lower()
            term = Term(seconds=1800.0 if the.startswith("half") else duration_of(f"1 {the}"))
        elif found["each"]:
            each = found["each"].lower()
            term = Term(seconds=_EACH.get(each) or duration_of(f"1 {each}") or 1800.0)
        elif _PAST.search(found[0]):
            continue  # a window of what was
        else:
            term = Term(seconds=duration_of(found["time"]))
        every = word in ("every", "each") or bool(found["period"] or found["each"])
        at = max(
            found.start(name)
            for name in ("time", "when", "now", "period", "each", "the", "clock", "count")
        )
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
