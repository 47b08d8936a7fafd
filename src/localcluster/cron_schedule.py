"""The times of a CronJob: five fields, names, steps, `@hourly` and `@every 90m`. Pure.

The rules and the words of refusal are those of the parser that Kubernetes uses: Sunday is 0 and
never 7; a day matches by either of its two fields, unless one of them is a star; a time that a
change of the clocks skips is skipped, and one that it repeats comes twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A date that does not come within five years never does: 30 February.
_LONGEST: Final = timedelta(days=5 * 366)
_DESCRIPTORS: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Not from `calendar`: its names follow the machine's language.
_MONTHS: Final[Mapping[str, int]] = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_WEEKDAYS: Final[Mapping[str, int]] = {
    "sun": 0,
    "mon": 1,
    "tue": 2,
    "wed": 3,
    "thu": 4,
    "fri": 5,
    "sat": 6,
}
_UNITS_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|us|ns|m|s)")


class ScheduleError(ValueError):
    """A schedule that cannot be read, in the words of the real parser."""


class Schedule(Protocol):
    """When something is due."""

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than `moment`, in the schedule's zone; None when there is none."""
        ...


def parse(text: str, zone: str | None = None) -> Schedule:
    """`zone` is a name such as `Europe/Paris`; without one times are UTC, as on a control plane
    whose machines run in UTC. Raises `ScheduleError`."""
    place = UTC if zone is None else find_zone(zone)
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith("@every "):
        return _Every(_duration(text.removeprefix("@every ")), place)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != 5:
        shown = " ".join(fields)
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{shown}]")
    minutes, _ = _field(fields[0], 0, 59, {})
    hours, _ = _field(fields[1], 0, 23, {})
    days, any_day = _field(fields[2], 1, 31, {})
    months, _ = _field(fields[3], 1, 12, _MONTHS)
    weekdays, any_weekday = _field(fields[4], 0, 6, _WEEKDAYS)
    return _Fields(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=not (any_day or any_weekday),
        zone=place,
    )


def find_zone(name: str) -> tzinfo:
    """Raises `ScheduleError` for a name that the machine's time zone database does not have."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"unknown time zone {name}") from error


@dataclass(frozen=True, slots=True)
class _Every:
    period: timedelta
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        return (moment.replace(microsecond=0) + self.period).astimezone(self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo

    def after(self, moment: datetime) -> datetime | None:
        local = moment.astimezone(self.zone)
        for day in self._days_from(local.date()):
            for found in self._times_of(day, local.hour if day == local.date() else 0):
                if found > moment:
                    return found
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        day, last = first, first + _LONGEST
        while day <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            on_day, on_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
            if (on_day or on_weekday) if self.either_day else (on_day and on_weekday):
                yield day
            day += timedelta(days=1)

    def _times_of(self, day: date, from_hour: int) -> Iterator[datetime]:
        """In order, of the hours from `from_hour` on."""
        for hour in self.hours:
            if hour < from_hour:
                continue
            repeated = []
            for minute in self.minutes:
                naive = datetime.combine(day, time(hour, minute))
                first = naive.replace(tzinfo=self.zone)
                if first.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) != naive:
                    continue  # the clocks skip it
                yield _fixed(first)
                second = first.replace(fold=1)
                if second.utcoffset() != first.utcoffset():
                    repeated.append(_fixed(second))
            yield from repeated


def _fixed(moment: datetime) -> datetime:
    """With the offset of its instant: two times of one zone compare without their offsets, so
    that the two readings of a repeated hour would be equal."""
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta()), fold=0)


def _duration(text: str) -> timedelta:
    parts = _DURATION.findall(text)
    if not parts or "".join(parts) != text:
        raise ScheduleError(
            f'failed to parse duration @every {text}: time: invalid duration "{text}"'
        )
    seconds = 0.0
    for part in parts:
        number = part.rstrip("hmsun")
        seconds += float(number) * _UNITS_S[part[len(number) :]]
    return timedelta(seconds=max(1, int(seconds)))


def _field(text: str, low: int, high: int, names: Mapping[str, int]) -> tuple[frozenset[int], bool]:
    """The values, and whether the field is a star, which leaves the day to the other field."""
    values: set[int] = set()
    star = False
    for part in text.split(","):
        if not part:
            continue
        found, is_star = _range(part, low, high, names)
        values.update(found)
        star = star or is_star
    return frozenset(values), star


def _range(text: str, low: int, high: int, names: Mapping[str, int]) -> tuple[range, bool]:
    span, *steps = text.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if len(ends) > 2:
        raise ScheduleError(f"too many hyphens: {text}")
    start, end = low, high
    if not star:
        start = _value(ends[0], names)
        end = _value(ends[1], names) if len(ends) == 2 else start
    if len(steps) > 1:
        raise ScheduleError(f"too many slashes: {text}")
    step = 1
    if steps:
        step = _value(steps[0], {})
        if len(ends) == 1:
            end = high  # `5/15` goes on to the end
        star = star and step <= 1
    if start < low:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise ScheduleError(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {text}")
    return range(start, end + 1, step), star


def _value(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise ScheduleError(
            f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
        )
    if int(text) < 0:
        raise ScheduleError(f"negative number ({text}) not allowed: {text}")
    return int(text)
