"""Comparisons as people write them: "> 5%", "p95 above 2 s", "3 or more in 10 minutes"."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from rundrill.claims import Comparator, Unit
from rundrill.runbook.comparators import NEGATED, SIGNS, WORDS
from rundrill.runbook.durations import DURATION, NUMBER, TIME_UNIT, duration_of, number_of, unit_s
from rundrill.runbook.units import MONEY, Measured, share, unit_at
from rundrill.runbook.wordset import KEPT, letters_in, word_set

_WINDOW_WORDS = (
    r"(?:(?:sustained|lasting|averaged|measured|persisting|persists|lasts)\s)?"
    r"(?:in|over|within|for|during|across|per|on|throughout)\s"
    r"(?:(?:the|any|a|an|each|every|at|least|last|past|previous|more|longer|than|rolling|period|of"
    r"|window|about|around|>=?|\u2265|~)\s?){0,5}"
)
_AFTER = re.compile(
    rf"(?:[\s,(]{{0,3}}(?:{_WINDOW_WORDS}|sustained\s(?:for\s)?)(?P<time>{DURATION}|{TIME_UNIT})"
    rf"|[\s,]{{0,2}}\((?P<in_brackets>{DURATION})(?:\s(?:avg|average|window|rolling))?\)"
    rf"|\s?/\s?(?P<slash>{DURATION})"
    rf"|,\s?(?P<comma>{DURATION})(?=\s?(?:[).;]|$)))",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"(?:\b{_WINDOW_WORDS}(?P<time>{DURATION})"
    rf"|(?P<mean>{DURATION})[\s-](?:window|average|avg|mean|moving|rolling|period|interval|rate)"
    r"|\b(?P<adjective>\d{1,4}-(?:second|minute|min|hour|day))\s(?=[a-z]))",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:(?!(?:in|over|within|during|per|for)\s)[a-z][\w-]{2,30}\s?){1,3}"
    r"(?=\s?(?:in|over|within|during|per|for)\s)",
    re.IGNORECASE,
)
_OF = re.compile(
    r"\sof\s(?:(?!(?:in|over|within|during|per|for)\s)[\w`-]{1,30}\s){1,4}(?=(?:in|over|within|during|for)\s)",
    re.IGNORECASE,
)
"""What a share is one of: "85 % of the limit for 10 minutes"."""
_SMALL: Final = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)(?![\w-])"
_COMPARISON = re.compile(
    r"(?:(?<!!)(?P<sign><=|>=|=<|=>|==|(?<![-=])>|[<=~\u2264\u2265\u2248])|\b(?P<word>"
    + "|".join(word.replace(" ", r"\s") for word in sorted(WORDS, key=len, reverse=True))
    + rf")\b)[\s:.]{{0,3}}(?:(?:about|the|around|a)\s)?[$\u20ac]?"
    # "<one line>" is to be filled in; a number in letters stands behind words only.
    rf"(?P<minus>(?<=[\s<>=~])[-\u2212](?=\d))?(?P<number>{NUMBER}|(?(word){_SMALL}|(?!)))"
    r"(?P<scale>\s?(?:(?-i:k|M)(?![\w/])|(?:thousand|million|billion)(?!\w)))?(?P<rest>\s?)",
    re.IGNORECASE,
)
_SUFFIXED = re.compile(
    rf"(?<![\w.,-])(?P<number>{NUMBER}|{_SMALL})(?P<unit>\s?%|\s?(?:percent|pct)(?!\w)|\s?{TIME_UNIT}"
    # The rate at which a budget burns is told in multiples, over its window.
    r"|x(?=\sor\smore\s(?:over|in|for)\s))?\s?"
    rf"(?:(?P<plus>\+)(?![\w+])(?P<after>\s?%|\s{TIME_UNIT})?"
    r"|\b(?:or|and)\s(?P<way>more|higher|above|greater|longer|over|slower|less"
    r"|lower|below|fewer|under|faster|up|worse)\b|(?P<bound>max(?:imum)?|at\smost|minimum|at\sleast)\b)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    rf"(?:\bbetween\s(?P<low>{NUMBER})(?P<low_scale>(?-i:k|M)(?![\w/]))?"
    rf"(?:\s?%|\s?{TIME_UNIT}|\s?[A-Za-z\u00b0\u00b5]{{1,3}})?\sand"
    rf"|(?<![\w.,/-])(?P<from>{NUMBER})(?P<from_scale>(?-i:k|M)(?![\w/]))?(?:\s?%|\s?{TIME_UNIT})?"
    rf"\s?(?:-|\u2013|to))\s?(?P<number>{NUMBER})(?P<scale>(?-i:k|M)(?![\w/]))?(?P<to>\s?)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"\b(?:warn(?:ing)?|crit(?:ical)?|red|yellow|amber|orange)\s?(?:at\s|from\s|:\s?|=\s?)?"
    rf"(?P<number>{NUMBER})\s?(?P<level>%|(?-i:ms|min|[smh]|GB|GiB)(?!\w))",
    re.IGNORECASE,
)
_GROUPED = re.compile(
    r"\b(?:warn(?:ing)?|alarm|alert|page|crit(?:ical)?)\s(?:at|from)\s(?P<number>\d{1,3}(?:,\d{3})+)"
    r"(?![\w%]|[.,]\d|\s?%)",
    re.IGNORECASE,
)
"""A count has no unit; the comma that groups it tells it from the number of something else."""
_AVAILABLE = re.compile(
    rf"\b(?:availability|uptime|success\s(?:rate|ratio))(?:\s(?:of|target|slo|objective|goal|at)){{0,2}}:?"
    rf"\s(?P<number>{NUMBER})\s?(?P<percent>%)",
    re.IGNORECASE,
)
_EXACT = re.compile(
    r"\b(?:must|should|shall|has\sto|have\sto|needs?\sto|(?:is|are)\sto|expected\sto)\s"
    rf"(?:always\s)?be\s(?:back\s)?(?:to\s|at\s|exactly\s)?(?P<number>{NUMBER}|zero(?!\w))",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s?(?:[.,;)]|\Z)")
_CODE = re.compile(r"\b(?:status|code|version|port|number)\b", re.IGNORECASE)
_AGAIN = re.compile(rf"\bor\s(?P<number>{NUMBER})\s?(?P<percent>%)", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_SMALL_WORDS: Final = word_set(
    "zero one two three four five six seven eight nine ten twelve twenty"
)
_NEVER = re.compile(
    r"\b(?:never|(?:must|should|may|does|do|will|can)\s?not|doesn't|don't)\s(?:\w+\s){0,2}$",
    re.IGNORECASE,
)
_OUT_OF = re.compile(
    r"\s?(?:in|out\sof)\s\d+\s(?!(?:seconds?|minutes?|mins?|hours?|days?|s|m|h)\b)",
    re.IGNORECASE,
)
_AT = re.compile(
    rf"\bat\s(?P<number>{NUMBER})\s?(?P<percent>%|percent(?!\w)|pct(?!\w))", re.IGNORECASE
)
_THOUSANDS: Final = {"1": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "billion": 1e9}
_MOST: Final = 0.5
_LESS = frozenset({"less", "lower", "below", "fewer", "under", "faster"})
_NEXT = re.compile(r"[\s,]{0,3}")
_JOINED = re.compile(r"\s?(?:is|are|was|goes|rises|stays|,)?\s?")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`[start, end)` is the comparison within the text; `window_end` is behind its window.

    `sign` tells a sign such as ">" from words.
    """

    start: int
    end: int
    window_end: int
    comparator: Comparator
    value: float
    unit: Unit
    window_s: float | None
    sign: bool
    noun: str = ""
    """What a rate counts: "queries"."""
    exact: bool = False
    """It says what the number has to be: "must be 0"."""
    between: bool = False
    """One end of a range."""


_Reader = Callable[[re.Match[str], str, bool], list[Comparison]]


def may_compare(text: str) -> bool:
    """Whether there is a number at all."""
    return _DIGIT.search(text) is not None or not _SMALL_WORDS.isdisjoint(letters_in(text))


@lru_cache(maxsize=KEPT)
def comparisons(text: str, *, cell: bool = False) -> Sequence[Comparison]:
    """Every comparison with a number, in order. Multiples and speeds in bits are left out.

    In a `cell` of a table "300-800 ms" is a range, while a sentence may mean a time to wait.
    """
    if not may_compare(text):
        return ()
    words, chars = letters_in(text), frozenset(text)
    matches = [
        (found, one.reader)
        for one in _PATTERNS
        if one.may_match(words, chars)
        for found in one.pattern.finditer(text)
    ]
    read: list[Comparison] = []
    for found, reader in sorted(matches, key=lambda match: match[0].start()):
        # "restarts > 3 over 10 minutes" has one comparison; the other number is its window.
        if read and found.start() < read[-1].window_end:
            continue
        if reader is _again and not (
            read and _NEXT.fullmatch(text, read[-1].window_end, found.start())
        ):
            continue
        for comparison in reader(found, text, cell):
            if reader is _again:
                if comparison.window_s is None or read[-1].unit != "ratio":
                    continue
                comparison = replace(comparison, comparator=read[-1].comparator)  # noqa: PLW2901
            if read and _is_window(read[-1], comparison, text):
                comparison = replace(comparison, window_s=read.pop().value)  # noqa: PLW2901
            read.append(comparison)
    return read


def quantity(text: str) -> tuple[float, Unit, str] | None:
    """A text that is a number with its unit and nothing else before it, and what follows."""
    found = re.match(rf"\W{{0,3}}({NUMBER})(\s?(?-i:[kM])(?![\w/]))?\s?", text)
    if found is None:
        return None
    scale = _THOUSANDS[found[2].strip().lower()] if found[2] else 1.0
    measured = unit_at(text, found.end(), number_of(found[1]) * scale)
    return None if measured is None else (measured[0], measured[1], text[measured[2] :])


def window_of(text: str) -> float | None:
    """The window that a text states before its number: "restarts in the last 10 minutes"."""
    found = _BEFORE.search(text)
    return (
        None if found is None else duration_of(found["time"] or found["mean"] or found["adjective"])
    )


def _is_window(first: Comparison, second: Comparison, text: str) -> bool:
    """ "errors over 5 min > 5%": the first of the two is the window of the second."""
    return (
        first.unit == "s"
        and not first.sign
        and first.window_s is None
        and second.unit != "s"
        and _JOINED.fullmatch(text, first.end, second.start) is not None
    )


def _compared(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "> 5%", "more than 3"."""
    number = number_of(found["number"])
    if found["scale"]:
        number *= _THOUSANDS[found["scale"].strip().lower()]
    if found["minus"]:
        number = -number
    measured = unit_at(text, found.end(), number)
    if measured is None or _OUT_OF.match(text, measured[2]):
        return []
    if found["sign"]:
        return [_comparison(found.start(), SIGNS[found["sign"]], measured, text, sign=True)]
    word = re.sub(r"\s", " ", found["word"].lower())
    comparator = WORDS[word]
    if word in ("faster than", "slower than") and measured[1] != "s":
        comparator = ">" if word == "faster than" else "<"
    if word in ("better than", "worse than") and (
        number < 0 or (measured[1] == "ratio" and measured[0] >= _MOST)
    ):
        # A level in dBm, an availability: more of it is better.
        comparator = ">" if word == "better than" else "<"
    if _NEVER.search(text[max(0, found.start() - 60) : found.start()]):
        comparator = NEGATED.get(comparator, comparator)
    return [_comparison(found.start(), comparator, measured, text)]


def _suffixed(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "5+", "90% or more", "30 s max"."""
    bound = (found["bound"] or "").lower()
    less = (found["way"] or "").lower() in _LESS or bound in ("max", "maximum", "at most")
    measured = unit_at(
        (found["unit"] or found["after"] or "").strip().removeprefix("x"),
        0,
        number_of(found["number"]),
    )
    assert measured is not None  # a share, a time or a bare number
    sign = found["plus"] is not None
    whole = (measured[0], measured[1], found.end())
    return [_comparison(found.start(), "<=" if less else ">=", whole, text, sign=sign)]


def _between(found: re.Match[str], text: str, cell: bool) -> list[Comparison]:
    """ "between 5 and 10 %", "900 to 1,500 req/s"."""
    low, high = number_of(found["low"] or found["from"]), number_of(found["number"])
    low *= _THOUSANDS[(found["low_scale"] or found["from_scale"] or found["scale"] or "1").lower()]
    high *= _THOUSANDS[(found["scale"] or "1").lower()]
    least, most = unit_at(text, found.end(), low), unit_at(text, found.end(), high)
    if most is None or least is None or low >= high:
        return []
    # "900 to 1,500" of something that has no unit may be anything, "3 to 5 minutes" a wait.
    if found["low"] is None and not cell and most[1] in ("count", "s"):
        return []
    ends = (
        _comparison(found.start(), ">=", least, text),
        _comparison(found.start(), "<=", most, text),
    )
    return [replace(one, between=True) for one in ends]


def _at(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "CPU at 100 %"."""
    whole: Measured = (share(number_of(found["number"])), "ratio", found.end())
    return [_comparison(found.start(), ">=", whole, text)]


def _named(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "warning 70 %, critical 90 %"."""
    measured = unit_at(text, found.start("level"), number_of(found["number"]))
    return [] if measured is None else [_comparison(found.start(), ">", measured, text)]


def _grouped(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "warn at 5,000"."""
    whole: Measured = (number_of(found["number"]), "count", found.end())
    return [_comparison(found.start(), ">", whole, text)]


def _available(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "availability 99.9 % over 30 days"; without a window it may be anything."""
    whole: Measured = (share(number_of(found["number"])), "ratio", found.end())
    one = _comparison(found.start("number"), ">=", whole, text)
    return [] if one.window_s is None else [one]


def _again(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "above 2% over 5 minutes, or 0.5 % over an hour": compared as the number before it."""
    whole: Measured = (share(number_of(found["number"])), "ratio", found.end())
    return [_comparison(found.start(), ">", whole, text)]


def _exact(found: re.Match[str], text: str, _cell: bool) -> list[Comparison]:
    """ "must be 0", "has to be 0.00 EUR"; any other number may be the name of something."""
    zero = found["number"].lower() == "zero"
    measured = unit_at(text, found.end(), 0.0 if zero else number_of(found["number"]))
    if measured is None or measured[1] not in ("count", "ratio", "bytes"):
        return []
    amount = MONEY.match(text, measured[2]) is not None
    alone = _ENDS.match(text, measured[2]) and not _CODE.search(text[: found.start()][-40:])
    if measured[0] != 0 and measured[1] != "ratio" and not amount and not alone:
        return []
    return [replace(_comparison(found.start("number"), "==", measured, text), exact=True)]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """`words` and `chars`: without one of either there is no match; `percent` needs its sign."""

    pattern: re.Pattern[str]
    reader: _Reader
    words: frozenset[str]
    chars: frozenset[str] = frozenset()
    percent: bool = False

    def may_match(self, words: frozenset[str], chars: frozenset[str]) -> bool:
        if self.percent and "%" not in chars:
            return False
        return not (self.words.isdisjoint(words) and self.chars.isdisjoint(chars))


_BOUNDS: Final = word_set(
    "more higher above greater longer over slower up worse max maximum most minimum least"
)
_ALARMS: Final = word_set("warn warning crit critical")
_PATTERNS: Final = (
    _Pattern(
        _COMPARISON,
        _compared,
        frozenset(max(word.split(), key=len) for word in WORDS),
        frozenset("".join(SIGNS)),
    ),
    _Pattern(_SUFFIXED, _suffixed, _BOUNDS | _LESS, frozenset("+")),
    _Pattern(_BETWEEN, _between, word_set("between to"), frozenset("-\u2013")),
    _Pattern(_AT, _at, word_set("at")),
    _Pattern(_NAMED, _named, _ALARMS | word_set("red yellow amber orange")),
    _Pattern(_GROUPED, _grouped, _ALARMS | word_set("alarm alert page")),
    _Pattern(_AVAILABLE, _available, word_set("availability uptime success"), percent=True),
    _Pattern(_EXACT, _exact, word_set("be")),
    _Pattern(_AGAIN, _again, word_set("or"), percent=True),
)


def _comparison(
    start: int,
    comparator: Comparator,
    measured: Measured,
    text: str,
    *,
    sign: bool = False,
) -> Comparison:
    value, unit, end = measured
    after = _AFTER.match(text, end)
    if after is None and (counted := _COUNTED.match(text, end)):
        # "3 restarts in 10 minutes": what is counted stands between the number and its window.
        after = _AFTER.match(text, counted.end())
    if after is None and unit == "ratio" and (whole := _OF.match(text, end)):
        after = _AFTER.match(text, whole.end())
    window_s = None
    if after is not None:
        time = after["time"] or after["in_brackets"] or after["slash"] or after["comma"]
        window_s = duration_of(time) if time[0].isdigit() or " " in time else unit_s(time)
        window_s = duration_of(time) if window_s is None else window_s
    elif unit == "bytes" and (speed := _PER_TIME.search(text, end - 10, end)) is not None:
        window_s = unit_s(speed[1])  # bytes a second are bytes within a second
    return Comparison(
        start=start,
        end=end,
        window_end=end if after is None else after.end(),
        comparator=comparator,
        value=value,
        unit=unit,
        window_s=window_s,
        sign=sign,
        noun=_noun(text, end) if unit == "req/min" else "",
    )


_PER_TIME = re.compile(r"(?:/|per)\s?([a-z]+)\Z")


def _noun(text: str, end: int) -> str:
    """The word that a rate's unit begins with: "queries per second", "req/s"."""
    found = re.search(
        r"([A-Za-z]\w*)\s?(?:/|per\s|a\s)\s?[a-z]+\Z|([a-z]+)\Z", text[max(0, end - 40) : end]
    )
    return "" if found is None else (found[1] or found[2]).lower()
