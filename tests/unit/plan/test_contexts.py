"""`contexts` of service.yaml and its blackout windows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.base.document import parse
from rundrill.errors import ExperimentError
from rundrill.plan import blackout, read_service
from rundrill.plan.blackout import Blackout, read_blackout
from rundrill.plan.contexts import AROUND_S, longest_s, read_contexts
from tests.fakes import PLAN

SERVICE = Path("service.yaml")
BERLIN = ZoneInfo("Europe/Berlin")


def window(text: str) -> Blackout:
    return read_blackout(parse(text, SERVICE, ExperimentError))


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


WEEKEND = window("{weekly: fri 16:00 - mon 08:00, zone: Europe/Berlin}")
NIGHTS = window("{weekly: 'mon-fri 22:00 - 06:00', zone: Europe/Berlin}")


@pytest.mark.parametrize(
    ("start", "inside"),
    [
        ("2026-03-06T15:59", False), ("2026-03-06T16:00", True), ("2026-03-08T23:59", True),
        ("2026-03-09T00:00", True), ("2026-03-09T07:59", True), ("2026-03-09T08:00", False),
    ],
)  # fmt: skip
def test_a_window_goes_over_the_end_of_the_week(start: str, inside: bool) -> None:
    assert (WEEKEND.reached(at(start), 0.0) is not None) is inside


@pytest.mark.parametrize(
    ("start", "inside"),
    [
        ("2026-03-04T21:59", False), ("2026-03-04T22:00", True), ("2026-03-05T00:30", True),
        ("2026-03-05T06:00", False), ("2026-03-07T05:59", True),  # the night of Friday
        ("2026-03-07T23:00", False), ("2026-03-09T03:00", False),  # that of Sunday is none
    ],
)  # fmt: skip
def test_a_window_of_each_day_goes_over_midnight(start: str, inside: bool) -> None:
    assert (NIGHTS.reached(at(start), 0.0) is not None) is inside


def test_what_begins_before_and_ends_in_it_reaches_it() -> None:
    start = at("2026-03-06T15:00")
    assert WEEKEND.reached(start, 3600.0) is None  # over when it begins
    assert WEEKEND.reached(start, 3600.1) == (at("2026-03-06T16:00"), at("2026-03-09T08:00"))
    assert WEEKEND.reached(start.astimezone(UTC), 3600.1) is not None
    assert WEEKEND.reached(at("2026-03-09T08:00"), 5 * 24 * 3600.0) is not None
    assert WEEKEND.reached(at("2026-03-09T08:00"), 4 * 24 * 3600.0) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily 01:00 - 02:00", {0, 1, 2, 3, 4, 5, 6}),
        ("sat-mon 01:00 - 02:00", {5, 6, 0}),
        ("Monday, wed 01:00 to 02:00", {0, 2}),
        ("tue \u2013 tue 01:00 - 02:00", None),
        ("sun 01:00-02:00", {6}),
    ],
)
def test_days_are_one_or_several_or_a_range(text: str, days: set[int] | None) -> None:
    if days is None:
        with pytest.raises(ExperimentError, match="is no weekly window"):
            window(f"{{weekly: '{text}', zone: UTC}}")
        return
    found = window(f"{{weekly: '{text}', zone: UTC}}")
    met = {
        day
        for day in range(7)
        if found.reached(datetime(2026, 3, 2 + day, 1, 30, tzinfo=UTC), 0.0) is not None
    }
    assert met == days


def test_the_end_of_a_day_is_24() -> None:
    found = window("{weekly: 'sun 20:00 - 24:00', zone: UTC}")
    assert found.reached(datetime(2026, 3, 8, 23, 59, tzinfo=UTC), 0.0) is not None
    assert found.reached(datetime(2026, 3, 9, 0, 0, tzinfo=UTC), 0.0) is None


def test_a_window_is_wall_time_also_when_the_clocks_change() -> None:
    # On 2026-03-29 at 02:00 it becomes 03:00, in the weekend: it is an hour shorter, and in both
    # of its ends a wall clock shows what is written.
    met = WEEKEND.reached(at("2026-03-28T12:00"), 0.0)
    assert met is not None
    begin, end = met
    assert (begin.isoformat(), end.isoformat()) == (
        "2026-03-27T16:00:00+01:00", "2026-03-30T08:00:00+02:00",
    )  # fmt: skip
    assert end.astimezone(UTC) - begin.astimezone(UTC) == timedelta(days=2, hours=15)
    assert WEEKEND.reached(datetime(2026, 3, 30, 5, 59, tzinfo=UTC), 0.0) is not None
    assert WEEKEND.reached(datetime(2026, 3, 30, 6, 0, tzinfo=UTC), 0.0) is None
    assert WEEKEND.reached(datetime(2026, 10, 26, 6, 59, tzinfo=UTC), 0.0) is not None
    assert WEEKEND.reached(datetime(2026, 10, 26, 7, 0, tzinfo=UTC), 0.0) is None


@pytest.mark.parametrize(
    ("weekly", "first", "last"),
    [  # instants, UTC: the first and the last minute of the window of that night
        ("sun 02:30 - 03:30", "2026-03-29T00:30", "2026-03-29T01:29"),  # 02:30 is not there
        ("sun 01:30 - 02:30", "2026-03-29T00:30", "2026-03-29T01:29"),
        ("sun 02:30 - 03:30", "2026-10-25T00:30", "2026-10-25T02:29"),  # 02:30 is there twice
        ("sun 01:30 - 02:30", "2026-10-24T23:30", "2026-10-25T01:29"),
    ],
)
def test_in_doubt_a_window_is_the_longer(weekly: str, first: str, last: str) -> None:
    found = window(f"{{weekly: '{weekly}', zone: Europe/Berlin}}")
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    minute = timedelta(minutes=1)
    told = [found.reached(one, 0.0) is not None for one in (begin - minute, begin, end)]
    assert told == [False, True, True]
    assert found.reached(end + minute, 0.0) is None


def test_a_dated_window_is_of_days_or_of_times() -> None:
    found = window("{from: 2026-12-18, to: 2027-01-03, zone: UTC, why: the freeze}")
    assert (found.why, found.line) == ("the freeze", 1)
    for text, inside in (
        ("2026-12-17T23:59", False), ("2026-12-18T00:00", True), ("2027-01-03T23:59", True),
        ("2027-01-04T00:00", False),
    ):  # fmt: skip
        assert (found.reached(at(text, "UTC"), 0.0) is not None) is inside
    found = window("{from: 2026-12-18 16:00, to: 2026-12-18T17:30, zone: America/New_York}")
    assert found.reached(datetime(2026, 12, 18, 21, 0, tzinfo=UTC), 0.0) is not None
    assert found.reached(datetime(2026, 12, 18, 22, 30, tzinfo=UTC), 0.0) is None


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("{weekly: fri, zone: UTC}", 10, "is no weekly window: 'fri'"),
        ("{weekly: fri 4pm - mon 8am, zone: UTC}", 10, "is no weekly window"),
        ("{weekly: fri 16:00 - mon 25:00, zone: UTC}", 10, "there is no time 25:00"),
        ("{weekly: fri 16:60 - mon 20:00, zone: UTC}", 10, "there is no time 16:60"),
        ("{weekly: fri 24:01 - mon 20:00, zone: UTC}", 10, "there is no time 24:01"),
        ("{weekly: fry 16:00 - mon 20:00, zone: UTC}", 10, "'fry' is no day of the week"),
        ("{weekly: mon-wed-fri 16:00 - 20:00, zone: UTC}", 10, "is no range of days"),
        ("{weekly: mon 16:00 - 16:00, zone: UTC}", 10, "begins and ends at the same time"),
        ("{weekly: mon 16:00 - mon 16:00, zone: UTC}", 10, "begins and ends at the same time"),
        ("{weekly: [mon], zone: UTC}", 10, "expected a plain value"),
        ("{weekly: mon 16:00 - 17:00}", 1, "`zone` is missing"),
        ("{weekly: mon 16:00 - 17:00, zone: Europe/Berlim}", 35, "no time zone 'Europe/Berlim'"),
        ("{weekly: mon 16:00 - 17:00, zone: Europe}", 35, "there is no time zone 'Europe'"),
        ("{weekly: mon 16:00 - 17:00, zone: ../etc/passwd}", 35, "there is no time zone"),
        ("{weekly: mon 16:00 - 17:00, zone: ''}", 35, "there is no time zone ''"),
        ("{weekly: mon 16:00 - 17:00, zone: UTC, on: x}", 44, "unknown key `on`"),
        ("{weekly: mon 16:00 - 17:00, from: 2026-01-01, zone: UTC}", 35, "weekly or dated, not"),
        ("{from: 2026-01-01, zone: UTC}", 1, "`to` is missing"),
        ("{zone: UTC}", 1, "`from` is missing"),
        ("{from: 2026-02-30, to: 2026-03-01, zone: UTC}", 8, "there is no such day"),
        ("{from: 2026-01-01T10:00Z, to: 2026-03-01, zone: UTC}", 8, "is no day or time"),
        ("{from: 1826-01-01, to: 2026-03-01, zone: UTC}", 8, "is no year of drills"),
        ("{from: 2026-03-02, to: 2026-03-01, zone: UTC}", 24, "ends before it begins"),
        ("{from: 2026-03-02 10:00, to: 2026-03-02 10:00, zone: UTC}", 30, "ends before it begins"),
        ("weekends", 1, "expected a mapping"),
    ],
)
def test_nonsense_has_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(ExperimentError) as refused:
        window(text)
    assert message in str(refused.value)
    assert (refused.value.line, refused.value.column) == (1, column)


def test_a_machine_without_time_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blackout, "available_timezones", set)
    with pytest.raises(ExperimentError, match="install tzdata, or use UTC"):
        window("{weekly: mon 16:00 - 17:00, zone: Mars/Phobos}")


def test_a_time_without_a_zone_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        WEEKEND.reached(datetime(2026, 1, 1), 0.0)  # noqa: DTZ001 - that is the bug


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: a}\n- {name: a}", "service.yaml:2:10: `a` is there twice"),
        ("- {name: ''}", "is no name of a context"),
        ("- {name: ' a'}", "is no name of a context"),
        ("- {nam: a}", "`name` is missing"),
        ("- {name: a, blackouts: []}", "unknown key `blackouts`"),
        ("- {name: a, blackout: always}", "expected a list"),
        ("- a", "expected a mapping"),
        ("a", "expected a list"),
    ],
)
def test_contexts_that_cannot_be_meant_are_refused(text: str, message: str) -> None:
    with pytest.raises(ExperimentError) as refused:
        read_contexts(parse(text, SERVICE, ExperimentError))
    assert message in str(refused.value)


def test_they_are_a_part_of_service_yaml(tmp_path: Path) -> None:
    for name in ("manifests", "images.yaml", "locustfile.py"):
        (tmp_path / name).touch()
    text = """
name: pay
local: {manifests: manifests, images: images.yaml}
load: {locustfile: locustfile.py, namespace: production, service: pay, port: 8080}
scrape: []
audit: kubectl version
"""
    path = tmp_path / "service.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_service(path).contexts == ()
    path.write_text(f"{text}contexts:\n  - name: staging-eu\n", encoding="utf-8")
    assert [(one.name, one.line) for one in read_service(path).contexts] == [("staging-eu", 8)]
    path.write_text(f"{text}contexts:\n  - name: [a]\n", encoding="utf-8")
    with pytest.raises(ExperimentError, match=r"service.yaml:8:11: expected a plain value"):
        read_service(path)


def test_the_longest_a_drill_can_take_has_every_budget_in_it() -> None:
    # 20 + 30 + 40 + 120 + 60 + 60, and three commands of a minute
    assert longest_s(PLAN) == AROUND_S + 330 + 3 * 60


@given(
    begin=st.integers(0, 7 * 1440 - 1),
    length=st.integers(1, 7 * 1440 - 1),
    probe=st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - see below
    lasts_s=st.floats(0, 8 * 86400),
)
def test_a_week_agrees_with_counting_its_minutes(
    begin: int, length: int, probe: datetime, lasts_s: float
) -> None:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

    def told(minutes: int) -> str:
        day, rest = divmod(minutes % (7 * 1440), 1440)
        return f"{days[day]} {rest // 60:02}:{rest % 60:02}"

    found = window(f"{{weekly: {told(begin)} - {told(begin + length)}, zone: UTC}}")
    start = probe.replace(tzinfo=UTC)
    into_s = (start - datetime(2024, 1, 1, tzinfo=UTC)).total_seconds() % (7 * 86400)
    since_s = (into_s - begin * 60) % (7 * 86400)
    expected = since_s < length * 60 or since_s + lasts_s > 7 * 86400
    if abs(since_s + lasts_s - 7 * 86400) > 1e-3:  # a timedelta counts microseconds
        assert (found.reached(start, lasts_s) is not None) is expected
