"""Schedules: the rules and words of the parser that Kubernetes uses."""

from datetime import UTC, datetime

import pytest

from localcluster.cron_schedule import ScheduleError, find_zone, parse

FROM = datetime(2026, 11, 23, 12, 45, 30, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", "2026-11-23T12:46:00"),
        ("*/15 * * * *", "2026-11-23T13:00:00"),
        ("50/5 * * * *", "2026-11-23T12:50:00"),
        ("0 3 * * *", "2026-11-24T03:00:00"),
        ("0 9-17/4 * * mon-fri", "2026-11-23T13:00:00"),
        ("0 0 * * Sun", "2026-11-29T00:00:00"),
        ("0 0 1 JAN ?", "2027-01-01T00:00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
        # Either day will do, unless one is a star.
        ("0 0 1 * tue", "2026-11-24T00:00:00"),
        ("0 0 */2 * tue", "2026-11-24T00:00:00"),
        ("@hourly", "2026-11-23T13:00:00"),
        ("@weekly", "2026-11-29T00:00:00"),
        ("@every 1h30m", "2026-11-23T14:15:30"),
    ],
)
def test_the_next_time(text: str, expected: str) -> None:
    found = parse(text).after(FROM)
    assert found is not None
    assert found.strftime("%Y-%m-%dT%H:%M:%S") == expected


def test_a_day_that_never_comes() -> None:
    assert parse("0 0 30 2 *").after(FROM) is None


def test_a_skipped_hour_is_skipped_and_a_repeated_one_comes_twice() -> None:
    schedule = parse("30 2 * * *", "America/New_York")
    found = schedule.after(datetime(2026, 3, 7, 12, tzinfo=UTC))
    assert found == datetime(2026, 3, 9, 6, 30, tzinfo=UTC)
    schedule = parse("30 1 * * *", "America/New_York")
    first = schedule.after(datetime(2026, 11, 1, 0, tzinfo=UTC))
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert schedule.after(first) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("61 * * * *", "end of range (61) above maximum (59): 61"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("9-3 * * * *", "beginning of range (9) beyond end of range (3): 9-3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@never", "unrecognized descriptor: @never"),
        ("@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'),
    ],
)
def test_a_schedule_that_cannot_be_read(text: str, problem: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert str(caught.value) == problem


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", ""])
def test_a_zone_that_there_is_not(name: str) -> None:
    with pytest.raises(ScheduleError, match="unknown time zone"):
        find_zone(name)
