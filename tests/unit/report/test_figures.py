"""Text, units, and the numbers that are shared by the reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill import events as e
from rundrill import model as m
from rundrill.base import units
from rundrill.report import figures
from rundrill.report.run import Run
from rundrill.report.svg import Value, linear, nice_ceiling, step_path, ticks
from rundrill.report.text import bounded, one_line, printable


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "not reached"),
        (float("nan"), "no data"),
        (0.24, "240 ms"),
        (0.9999, "1 s"),
        (14.23, "14.2 s"),
        (59.96, "1 min"),
        (69.7, "1 min 9.7 s"),
        (599.97, "10 min"),
        (1205, "20 min 5 s"),
        (3599.6, "1 h"),
        (3900, "1 h 5 min"),
        (-2, "\u22122 s"),
    ],
)
def test_a_duration_is_written_with_its_unit(value: float | None, words: str) -> None:
    assert units.seconds(value) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0312, "s", "31 ms"),
        (2.4, "s", "2.4 s"),
        (0.0012, "ratio", "0.12 %"),
        (0.12, "ratio", "12.0 %"),
        (1, "ratio", "100 %"),
        (998.0, "req/min", "998 req/min"),
        (12345.0, "count", "12,345"),
        (None, "s", "no data"),
        (None, "req/min", "no data"),
    ],
)
def test_a_quantity_is_written_in_its_unit(value: float | None, unit: str, words: str) -> None:
    assert units.quantity(value, unit) == words


def test_the_runbooks_time_is_the_factor_times_the_runs() -> None:
    assert units.Scale(15).both(26.8) == "26.8 s (\u00d715: 6 min 42 s)"
    assert units.Scale(1).both(26.8) == "26.8 s"
    assert units.Scale(15).both(None) == "not reached"


@given(st.text())
def test_printable_text_stays_as_it_is_and_twice_is_once(text: str) -> None:
    once = printable(text)
    assert printable(once) == once
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b", "a\u2400b"),
        ("50 %\rdone\r\n", "50 %\ndone\n"),
        ("\ud800", "\ufffd"),
        ("\u202edlrow", "<U+202E>dlrow"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("gr\u00fc\u00dfe \U0001f680", "gr\u00fc\u00dfe \U0001f680"),
    ],
)
def test_what_is_not_printable_is_shown_or_dropped(raw: str, clean: str) -> None:
    assert printable(raw) == clean


def test_long_text_is_cut_where_it_says() -> None:
    assert one_line("a  b\nc", 4) == "a b\u2026"
    assert bounded("x" * 30, 30) == "x" * 30
    assert bounded("a" * 50 + "b" * 50, 20).count("80 characters left out") == 1


def test_the_moments_come_in_their_order_and_the_missing_stay_in_place() -> None:
    rows = figures.moments(m.Times(injected=10, first_harm=11, landed=12, firing=20))
    assert [row.name for row in rows][:3] == ["injected", "first_harm", "landed"]
    assert [row.since_previous for row in rows][:3] == [None, 1, 1]
    assert rows[4].since_injection == 10
    assert [row.name for row in rows if row.at is None] == [
        "pending",
        "responded",
        "recovered",
        "undone",
    ]


def test_the_load_is_accounted_for_by_the_minute_after_its_ramp(runs) -> None:
    run = Run([runs.started(), *runs.load(0, 130)])
    rows = figures.load_minutes(run)
    assert [(row.name, row.start, row.end) for row in rows] == [
        ("ramp", 0, 5),
        ("minute 1", 5, 65),
        ("minute 2", 65, 125),
        ("minute 3", 125, 130),
    ]
    assert rows[0].asked is rows[0].deviation is None
    assert rows[1].asked == pytest.approx(1000)
    assert abs(rows[1].deviation) < 0.005
    assert sum(row.issued for row in rows) == sum(sample.issued for sample in run.samples)


def test_no_data_never_holds(runs) -> None:
    bound = runs.plan().steady_state[0]
    samples = [
        e.SteadyStateSampled(at=at, values={bound.subject: value}, holds=False, broken=())
        for at, value in ((1.0, 0.001), (2.0, None), (3.0, 0.2))
    ]
    period = figures.Period(name="fault", start=0, end=10)
    found = figures.bound_figures(bound, samples, period)
    assert (found.evaluations, found.no_data, found.broken, found.worst) == (3, 1, 2, 0.2)


def test_periods_follow_what_the_drill_reached(runs) -> None:
    held, invalid = runs.held(), runs.invalid()
    found = figures.periods(Run(held.events), held.verdict.times)
    assert [(p.name, p.start) for p in found] == [("baseline", 12), ("fault", 42.9), ("after", 88)]
    names = [p.name for p in figures.periods(Run(invalid.events), invalid.verdict.times)]
    assert names == ["baseline", "fault"]


def test_the_steps_are_told_in_the_order_in_which_they_were_met(runs) -> None:
    held = Run(runs.held().events)
    assert [(s.mark, s.state) for s in held.steps] == [
        ("A1", "done"),
        ("A2", "done"),
        ("A3", "done"),
        ("B3", "done"),
        ("B4", "done"),
        ("B5", "skipped"),
    ]
    broken = {s.mark: s.state for s in Run(runs.broken().events).steps}
    assert broken["A2"] == "refused"
    assert broken["B4"] == "stopped"
    assert {s.state for s in Run(runs.invalid().events).steps} == {"not reached"}


@pytest.mark.parametrize(
    ("kind", "exit_code", "state"),
    [
        ("diagnosis", None, "stopped"),
        ("remedy", None, "failed"),
        ("diagnosis", 1, "failed"),
        ("remedy", 0, "done"),
    ],
)
def test_a_command_without_end_fails_only_where_it_should_have_fixed(
    runs, kind: str, exit_code: int | None, state: str
) -> None:
    met = [
        runs.step(1.0, 1, 58, kind, "Look"),
        runs.command(2.0, 1, 58, "kubectl logs -f x", exit_code=exit_code),
    ]
    assert Run([runs.started(), *met]).steps[0].state == state


def test_a_phase_that_was_cut_off_is_neither_passed_nor_failed(runs) -> None:
    spans = {span.phase: span for span in Run(runs.aborted().events).phases}
    assert spans["detect"].passed is None
    assert spans["baseline"].passed is True


def test_a_staircase_breaks_at_gaps() -> None:
    same = linear(0, 10, 0, 10)
    values = [Value(0, 1, 5), Value(1, 2, None), Value(2, 3, 6), Value(9, 10, 7)]
    assert step_path(values, same, same) == "M0 5V5H1M2 6V6H3M9 7V7H10"
    assert step_path(values[:1], same, same, floor=0) == "M0 0V5H1V0Z"


def test_axes_are_round() -> None:
    assert ticks(0, 100, 6, [1, 5, 10, 20]) == [0, 20, 40, 60, 80, 100]
    assert [nice_ceiling(v) for v in (0, 0.013, 17, 21.7, 26, 100)] == [1, 0.02, 20, 25, 50, 100]
