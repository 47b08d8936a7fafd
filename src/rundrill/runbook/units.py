"""The units of numbers, each told as its base unit: ratios, seconds, bytes, counts."""

import re
from typing import Final

from rundrill.claims import Unit
from rundrill.runbook.durations import TIME_UNIT, unit_s

_PER = r"(?P<per>seconds?|secs?|minutes?|mins?|hours?|hrs?|(?-i:[smh]))(?!\w)"
_RATES = re.compile(
    r"(?:req(?:uest)?s?|transactions?|txns?|payments?|calls?|messages?|msgs?|ops|operations|queries"
    r"|writes|reads)"
    rf"\s?(?:/|per\s|a\s)\s?{_PER}"
    rf"|[a-z][\w-]{{0,20}}\s?/\s?(?P<slash>seconds?|secs?|minutes?|mins?|hours?|(?-i:[smh]))(?!\w)"
    rf"|/\s?(?P<alone>seconds?|secs?|minutes?|mins?|hours?|(?-i:[smh]))(?!\w)"
    r"|(?P<short>rpm|rps|qps|tps|ops/s)(?!\w)",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%|percent(?!\w)|per\scent(?!\w)|pct(?!\w)", re.IGNORECASE)
_BYTES = re.compile(
    r"(?P<scale>[KMGTkmgt])(?P<binary>i)?(?P<byte>B|b)?(?!\w)(?!/)|(?:bytes?|B)(?!\w)"
)
_SPEED = re.compile(
    r"(?P<scale>[KMGTkmgt])?(?P<binary>i)?(?:B|bytes?)\s?(?:/|per\s)\s?"
    r"(?P<per>seconds?|secs?|minutes?|mins?|hours?|[smh])(?!\w)"
)
_OTHER_UNIT = re.compile(
    r"[KMGT]?i?[Bb](?:ytes|its)?/|x(?!\w)|\u00d7|times\s(?:the|as|more|higher|normal|usual|its|slower)|/\d"
    r"|:[0-5]\d(?!\d)"
)
_TIME = re.compile(rf"-?({TIME_UNIT})", re.IGNORECASE)
MONEY: Final = re.compile(
    r"\s?(?:EUR|USD|GBP|CHF|euros?|dollars?|pounds|cents?|[\u20ac$\u00a3])(?!\w)", re.IGNORECASE
)
"""What stands behind an amount."""

Measured = tuple[float, Unit, int]
"""A number in its base unit, and where its unit ends."""


def share(percent: float) -> float:
    """15 digits keep 0.05 what 5/100 is, whatever the division leaves in the last place."""
    return round(percent / 100, 15)


def unit_at(text: str, at: int, number: float) -> Measured | None:
    """The number in its base unit, and where the unit ends; None when it cannot be compared."""
    if found := _PERCENT.match(text, at):
        return share(number), "ratio", found.end()
    if found := _SPEED.match(text, at):
        return _bytes(number, found), "bytes", found.end()
    if _OTHER_UNIT.match(text, at):
        return None
    if found := _RATES.match(text, at):
        short = {"rpm": "m"}.get((found["short"] or "").lower(), "s")
        per = found["per"] or found["slash"] or found["alone"] or short
        return number * 60 / unit_s(per), "req/min", found.end()
    if found := _TIME.match(text, at):
        return round(number * unit_s(found[1]), 15), "s", found.end()
    if found := _BYTES.match(text, at):
        return _bytes(number, found), "bytes", found.end()
    return number, "count", at


def _bytes(number: float, found: re.Match[str]) -> float:
    power = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}[(found["scale"] or "").lower()]
    return float(number * (1024 if found["binary"] else 1000) ** power)
