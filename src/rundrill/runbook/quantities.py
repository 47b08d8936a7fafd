"""Durations, numbers and comparisons as people write them."""

import re
from dataclasses import dataclass
from typing import Literal

Comparator = Literal["<", "<=", ">", ">=", "~", "=="]
Unit = Literal["ratio", "s", "req/min", "count"]

_TIME = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_TIME_UNIT = (
    r"(?:milliseconds?|millis|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m"
    r"|hours?|hrs?|h|days?|d|weeks?|w)"
)
_NUMBER = r"\d{1,15}(?:,\d{3}){0,5}(?:\.\d{1,15})?"
_DURATION = re.compile(rf"({_NUMBER})\s?-?\s?({_TIME_UNIT})(?![\w/])", re.IGNORECASE)
_WINDOW = re.compile(
    rf"[\s,(]{{0,3}}(?:in|over|within|for|during|across|per)\s"
    rf"(?:the\s)?(?:any\s|a\s|last\s|past\s|more\sthan\s|at\sleast\s|>\s?)*"
    rf"({_NUMBER})?[\s-]?({_TIME_UNIT})(?![\w/])",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\s?[a-z-]{3,30}(?=\s(?:in|over|within|during|per)\s)", re.IGNORECASE)
_RATES = re.compile(
    r"(?:req(?:uest)?s?|transactions?|payments?|calls?)\s?(?:/|per)\s?"
    r"(?P<per>seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?!\w)"
    r"|(?P<short>rpm|rps|qps|tps)(?!\w)",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%|percent(?!\w)|pct(?!\w)", re.IGNORECASE)
_OTHER_UNIT = re.compile(r"(?:[KMGT]i?B?|bytes?|x)(?!\w)|/")
_WORDS: dict[str, Comparator] = {
    "above": ">", "over": ">", "exceeds": ">", "exceeding": ">", "exceed": ">",
    "greater than": ">", "more than": ">", "higher than": ">", "longer than": ">",
    "slower than": ">", "beyond": ">", "at least": ">=", "no less than": ">=",
    "not less than": ">=", "minimum": ">=", "below": "<", "under": "<", "less than": "<",
    "lower than": "<", "fewer than": "<", "faster than": "<", "at most": "<=",
    "no more than": "<=", "not more than": "<=", "up to": "<=", "maximum": "<=",
    "around": "~", "about": "~", "approximately": "~", "approx": "~", "roughly": "~",
    "circa": "~", "baseline": "~",
}  # fmt: skip
_SIGNS: dict[str, Comparator] = {
    "<": "<", "<=": "<=", "=<": "<=", "≤": "<=", ">": ">", ">=": ">=", "=>": ">=", "≥": ">=",
    "~": "~", "≈": "~", "=": "==", "==": "==",
}  # fmt: skip
_COMPARISON = re.compile(
    r"(?:(?P<sign><=|>=|=<|=>|==|[<>=~≤≥≈])|\b(?P<word>"
    + "|".join(sorted(_WORDS, key=len, reverse=True))
    + rf")\b)[\s:.]{{0,3}}(?P<number>{_NUMBER})(?P<kilo>k(?!\w))?\s?",
    re.IGNORECASE,
)
_SUFFIXED = re.compile(
    rf"(?<![\w.,])(?P<number>{_NUMBER})(?P<unit>\s?%|\s?(?:percent|pct|{_TIME_UNIT})(?!\w))?\s?"
    r"(?:(?P<plus>\+)(?!\w)|\bor\s(?P<way>more|higher|above|greater|less|lower|below|fewer)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`[start, end)` is the comparison within the text; `window_end` is behind its window."""

    start: int
    end: int
    window_end: int
    comparator: Comparator
    value: float
    unit: Unit
    window_s: float | None


def duration_s(text: str) -> float | None:
    """The first duration in `text`, in seconds: "15 minutes", "2h", "1.5 s"; else None."""
    found = _DURATION.search(text)
    return None if found is None else _number(found[1]) * _time_unit(found[2])


def duration_at(text: str, at: int) -> float | None:
    """The duration that begins at `at`, in seconds; None when there is none."""
    found = _DURATION.match(text, at)
    return None if found is None else _number(found[1]) * _time_unit(found[2])


def comparisons(text: str) -> list[Comparison]:
    """Every comparison with a number, in order. Sizes in bytes and multiples are left out."""
    read: list[Comparison] = []
    for found in sorted(
        (*_COMPARISON.finditer(text), *_SUFFIXED.finditer(text)), key=lambda match: match.start()
    ):
        comparison = _read(found, text)
        # "restarts > 3 over 10 minutes" has one comparison; the other number is its window.
        if comparison is not None and (not read or found.start() >= read[-1].window_end):
            read.append(comparison)
    return read


def _read(found: re.Match[str], text: str) -> Comparison | None:
    groups = found.groupdict()
    scale = 1000.0 if groups.get("kilo") else 1.0
    number = _number(groups["number"]) * scale
    if "sign" in groups:
        comparator = _SIGNS[groups["sign"]] if groups["sign"] else _WORDS[groups["word"].lower()]
        measured = _unit(text, found.end(), number)
    else:
        less = (groups["way"] or "").lower() in ("less", "lower", "below", "fewer")
        comparator = "<=" if less else ">="
        measured = _unit((groups["unit"] or "").strip(), 0, number)
        measured = measured and (measured[0], measured[1], found.end())
    if measured is None:
        return None
    value, unit, end = measured
    if unit == "count" and (counted := _COUNTED.match(text, end)):
        # "3 restarts in 10 minutes": what is counted stands between the number and its window.
        window = _WINDOW.match(text, counted.end())
    else:
        window = _WINDOW.match(text, end)
    return Comparison(
        start=found.start(),
        end=end,
        window_end=end if window is None else window.end(),
        comparator=comparator,
        value=value,
        unit=unit,
        window_s=None
        if window is None
        else (_number(window[1]) if window[1] else 1.0) * _time_unit(window[2]),
    )


def _unit(text: str, at: int, number: float) -> tuple[float, Unit, int] | None:
    """The number in its base unit, and where the unit ends; None when it cannot be compared."""
    if found := _PERCENT.match(text, at):
        # 15 digits keep 0.05 what 5/100 is, whatever the division leaves in the last place.
        return round(number / 100, 15), "ratio", found.end()
    if found := _RATES.match(text, at):
        per = (found["per"] or {"rpm": "m"}.get(found["short"].lower(), "s")).lower()
        return number * 60 / _time_unit(per), "req/min", found.end()
    if found := re.compile(rf"-?({_TIME_UNIT})(?![\w/])", re.IGNORECASE).match(text, at):
        return round(number * _time_unit(found[1]), 15), "s", found.end()
    if _OTHER_UNIT.match(text, at):
        return None
    return number, "count", at


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _time_unit(name: str) -> float:
    name = name.lower()
    return _TIME["ms" if name.startswith(("ms", "milli")) else name[0]]
