"""Numbers and durations as people write them: "1,200", "2k", "half an hour", "1 h 30 min"."""

import re
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# A single letter is a unit in lower case only: "10M" is ten million.
TIME_UNIT: Final = (
    r"(?:milliseconds?|millis|msecs?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?"
    r"|(?-i:ms|[smhdw])|MS)(?![\w/])"
)
NUMBER: Final = r"\d{1,15}(?:[,\u202f\u00a0']\d{3}|\s\d{3}(?!\d)|\.000(?!\d)){0,4}(?:\.\d{1,15})?"
_WORDS: Final = {
    "half an": 0.5, "half a": 0.5, "quarter of an": 0.25, "an": 1.0, "a": 1.0, "one": 1.0,
    "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0,
    "nine": 9.0, "ten": 10.0, "twelve": 12.0, "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0,
    "half": 0.5, "a quarter of an": 0.25, "forty five": 45.0, "sixty": 60.0, "couple of": 2.0,
}  # fmt: skip
_WORD: Final = "|".join(
    word.replace(" ", r"[\s-]") for word in sorted(_WORDS, key=len, reverse=True)
)
DURATION: Final = (
    rf"(?:(?<![\w.,])(?:{NUMBER}\s?(?:-|\u2013|to)\s?)?{NUMBER}\+?[\s-]?{TIME_UNIT}"
    rf"(?:,?\s?(?:and\s)?{NUMBER}\s?{TIME_UNIT})?"
    rf"|\b(?:{_WORD})[\s-]{TIME_UNIT})"
)
"""A pattern without groups, to be used with IGNORECASE. Of a range, the end counts."""
_DURATION = re.compile(DURATION, re.IGNORECASE)
_PART = re.compile(
    rf"(?:(?P<number>{NUMBER})|\b(?P<word>{_WORD}))\+?[\s-]?(?P<unit>{TIME_UNIT})", re.IGNORECASE
)


def number_of(text: str) -> float:
    """ "1,200", "400 000" or "5.000" as a number, "three" too."""
    if not text[0].isdigit():
        return _WORDS[text.lower()]
    return float(re.sub(r"\.000(?!\d)|[^\d.]", lambda cut: cut[0].strip(" .,'\u202f\u00a0"), text))


def duration_of(text: str) -> float | None:
    """The first duration in `text`, in seconds: "15 minutes", "2h", "half an hour"; else None."""
    found = _DURATION.search(text)
    return None if found is None else _seconds(found[0])


def duration_at(text: str, at: int) -> float | None:
    """The duration that begins at `at`, in seconds; None when there is none."""
    found = _DURATION.match(text, at)
    return None if found is None else _seconds(found[0])


def unit_s(name: str) -> float:
    """A unit of time in seconds: "min" is 60."""
    name = name.lower()
    return _UNITS["ms" if name.startswith(("ms", "milli")) else name[0]]


def _seconds(text: str) -> float:
    total = 0.0
    for part in _PART.finditer(text):
        if part["number"]:
            number = number_of(part["number"])
        else:
            number = _WORDS[re.sub(r"[\s-]", " ", part["word"].lower())]
        total += number * unit_s(part["unit"])
    return round(total, 15)
