"""Blackout windows: when no drill may run. Wall time comes as an argument; no clock is asked.

Two kinds, each in the wall time of its own zone, from its beginning up to and without its end:

    {weekly: fri 16:00 - mon 08:00, zone: Europe/Berlin}     one stretch, over the week's end too
    {weekly: mon-fri 22:00 - 06:00, zone: Europe/Berlin}     on each of the days, over midnight too
    {from: 2026-12-18, to: 2027-01-03, zone: UTC, why: freeze}   days, or days with a time

A time that a change of the clocks skips or has twice is taken so that the window is the longer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from rundrill.base.document import Node, nearest

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME: Final = r"(\d{1,2}):(\d{2})"
_STRETCH: Final = re.compile(rf"([a-z]+)\s+{_TIME}\s*(?:-|\u2013|to)\s*([a-z]+)\s+{_TIME}")
_EACH: Final = re.compile(rf"([a-z]+(?:\s*[-,]\s*[a-z]+)*)\s+{_TIME}\s*(?:-|\u2013|to)\s*{_TIME}")
_DATED: Final = re.compile(rf"(\d{{4}})-(\d{{2}})-(\d{{2}})(?:[ T]+{_TIME})?")
_WEEKLY_FIX: Final = (
    "write `fri 16:00 - mon 08:00`, or `mon-fri 22:00 - 06:00` for each of the days"
)
_DAY_MIN: Final = 24 * 60
_WEEK_MIN: Final = 7 * _DAY_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """`text` is the window as it was written, with its zone; `line` is where.

    `stretches` are (start, length) in minutes of wall time, the start from Monday 00:00; they are
    empty for a dated window, which has `first` and `last` as wall time instead.
    """

    text: str
    why: str
    line: int
    zone: tzinfo
    stretches: tuple[tuple[int, int], ...] = ()
    first: datetime | None = None
    last: datetime | None = None

    def reached(self, start: datetime, lasts_s: float) -> tuple[datetime, datetime] | None:
        """The first occurrence that [start, start + lasts_s] meets, else None.

        `start` has a zone; the occurrence is told in the window's own.
        """
        if start.tzinfo is None:
            raise ValueError("a time without a zone could be any")
        end = start + timedelta(seconds=lasts_s)
        for window in self._around(start, end):
            begin, over = (_instant(at) for at in window)
            if start < over and (begin < end or begin <= start):
                return window
        return None

    def _around(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Occurrences in order, with all that could meet the time between."""
        if self.first is not None and self.last is not None:
            yield self._earliest(self.first), self._latest(self.last)
            return
        local = start.astimezone(self.zone)
        monday = datetime.combine(local.date() - timedelta(days=local.weekday() + 7), time())
        until = end.astimezone(self.zone).replace(tzinfo=None) + timedelta(days=1)
        while monday <= until:
            for begin, length in self.stretches:
                at = monday + timedelta(minutes=begin)
                yield self._earliest(at), self._latest(at + timedelta(minutes=length))
            monday += timedelta(days=7)

    def _earliest(self, wall: datetime) -> datetime:
        return min(self._readings(wall), key=_instant)

    def _latest(self, wall: datetime) -> datetime:
        return max(self._readings(wall), key=_instant)

    def _readings(self, wall: datetime) -> list[datetime]:
        return [wall.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1)]


def read_blackout(node: Node) -> Blackout:
    """One window of a list. Raises the node's error with line and column."""
    weekly, first, last = node.find("weekly"), node.find("from"), node.find("to")
    zone_node, why = node.get("zone"), node.find("why")
    node.close()
    zone = _zone(zone_node)
    told = "" if why is None else why.text
    if weekly is not None:
        for other in (first, last):
            if other is not None:
                raise other.fail("a window is weekly or dated, not both", "make two of it")
        return Blackout(
            text=f"{weekly.text} {zone_node.text}",
            why=told,
            line=weekly.line,
            zone=zone,
            stretches=_weekly(weekly),
        )
    begin, end = node.get("from"), node.get("to")
    window = Blackout(
        text=f"{begin.text} to {end.text} {zone_node.text}",
        why=told,
        line=begin.line,
        zone=zone,
        first=_dated(begin, whole_day=False),
        last=_dated(end, whole_day=True),
    )
    assert window.first is not None
    assert window.last is not None
    if window.first >= window.last:
        raise end.fail("the window ends before it begins", f"it begins at {begin.text}")
    return window


def _instant(at: datetime) -> datetime:
    """Two times of one zone are compared by their wall time alone, so not by these."""
    return at.astimezone(UTC)


def _zone(node: Node) -> tzinfo:
    if node.text == "UTC":
        return UTC  # known also where there is no database
    try:
        return ZoneInfo(node.text)
    except (ValueError, OSError, KeyError) as error:
        known = available_timezones()
        if not known:
            raise node.fail(
                "this machine has no time zones to look it up in", "install tzdata, or use UTC"
            ) from error
        raise node.fail(
            f"there is no time zone {node.text!r}",
            nearest(node.text, known) if node.text else "write one such as Europe/Berlin or UTC",
        ) from error


def _weekly(node: Node) -> tuple[tuple[int, int], ...]:
    text = node.text.strip().lower()
    if (found := _STRETCH.fullmatch(text)) is not None:
        begin = _day(node, found[1]) * _DAY_MIN + _minutes(node, found[2], found[3])
        end = _day(node, found[4]) * _DAY_MIN + _minutes(node, found[5], found[6])
        length = (end - begin) % _WEEK_MIN
        if length == 0:
            raise node.fail("begins and ends at the same time: is that never, or always?")
        return ((begin % _WEEK_MIN, length),)
    if (found := _EACH.fullmatch(text)) is not None:
        begin, end = _minutes(node, found[2], found[3]), _minutes(node, found[4], found[5])
        length = end - begin if end > begin else end - begin + _DAY_MIN
        if end == begin:
            raise node.fail("begins and ends at the same time: is that never, or the whole day?")
        return tuple((day * _DAY_MIN + begin, length) for day in _days(node, found[1]))
    raise node.fail(f"is no weekly window: {node.text!r}", _WEEKLY_FIX)


def _days(node: Node, text: str) -> list[int]:
    """ "mon-wed, sun" as numbers from Monday, 0; a range may go over the week's end."""
    if text == "daily":
        return list(range(7))
    days: set[int] = set()
    for part in text.split(","):
        names = [name.strip() for name in part.split("-")]
        if len(names) > 2:
            raise node.fail(f"is no range of days: {part.strip()!r}", _WEEKLY_FIX)
        first, last = _day(node, names[0]), _day(node, names[-1])
        days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return sorted(days)


def _day(node: Node, name: str) -> int:
    for names in (_DAYS, _LONG):
        if name in names:
            return names.index(name)
    raise node.fail(f"{name!r} is no day of the week", nearest(name, _DAYS))


def _minutes(node: Node, hours: str, minutes: str) -> int:
    """Since midnight; 24:00 is the end of the day."""
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _DAY_MIN:
        raise node.fail(f"there is no time {hours}:{minutes}", "write it from 00:00 to 24:00")
    return total


def _dated(node: Node, *, whole_day: bool) -> datetime:
    """Wall time; of a day without a time its beginning, or its end when `whole_day`."""
    found = _DATED.fullmatch(node.text.strip())
    if found is None:
        raise node.fail(
            f"is no day or time: {node.text!r}",
            "write `2026-12-18` or `2026-12-18 16:00`, and its zone under `zone`",
        )
    if not 2000 <= int(found[1]) < 3000:
        raise node.fail(f"is no year of drills: {found[1]}")
    try:
        day = datetime(int(found[1]), int(found[2]), int(found[3]))  # noqa: DTZ001 - wall time
        if found[4] is None:
            return day + timedelta(days=1 if whole_day else 0)
        return day + timedelta(minutes=_minutes(node, found[4], found[5]))
    except ValueError as error:
        raise node.fail(f"there is no such day: {node.text!r}") from error
