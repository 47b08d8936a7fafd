"""Many variants of one alert in one replay, and the same answer as each of them alone."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from unit.backtest.lived import RULES, Day, lived, shop

from rundrill.backtest import Sweep, compare, page, read_past, read_sweep, sweep, sweep_text
from rundrill.backtest.past import PastDrill
from rundrill.backtest.picture import picture
from rundrill.detection.rules import parse_rules
from rundrill.errors import RulesError, RundrillError


@pytest.fixture(scope="module")
def drills(tmp_path_factory: pytest.TempPathFactory) -> list[PastDrill]:
    return read_past([lived(tmp_path_factory.mktemp("runs") / "20260101-120000-shop")])


def swept(
    drills: list[PastDrill], what: str, alert: str = "Restarting", rules: str = RULES
) -> Sweep:
    return sweep(drills, parse_rules(rules, "alerts.yml"), alert, read_sweep(what))


def test_each_variant_is_what_it_would_be_alone(drills: list[PastDrill]) -> None:
    found = swept(drills, "threshold=1:4:1 for=0s,1m")
    assert len(found.points) == 8
    for point in found.points:
        number, for_s = point.variant.thresholds[1], point.variant.for_s
        rules = RULES.replace("10m > 3", f"10m > {number:g}\n    for: {for_s:g}s")
        (alone,) = compare(drills, parse_rules(rules, "new.yml"))
        (trial,) = [one for one in alone.judged if one.alert == "Restarting"]
        assert point.firing_s == trial.firing_s
    assert [p.as_it_is for p in found.points].count(True) == 1


def test_a_lower_threshold_is_faster_and_costs_false_alarms(drills: list[PastDrill]) -> None:
    found = swept(drills, "threshold=45%:100%:5%", "MemoryHigh")
    by_number = {p.variant.thresholds[1]: p for p in found.points}
    assert by_number[0.45].false_alarms == 0  # the drill tolerates it
    fast, slow = by_number[0.6].firing_s, by_number[0.85].firing_s
    assert fast is not None
    assert slow is not None
    assert fast < slow
    assert by_number[1.0].missed == 1


def test_an_expected_alert_that_begins_in_the_baseline_is_a_false_alarm(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-x")
    folder = day.drill(expected=("MemoryHigh",), tolerated=("Restarting", "SuccessLow"))
    day.recorder.close()
    found = swept(read_past([folder]), "threshold=0.4,0.6,0.85 for=0s,30s", "MemoryHigh")
    cost = {(p.variant.thresholds[1], p.variant.for_s): p for p in found.points}
    assert cost[0.4, 0.0].false_alarms == 1
    assert cost[0.6, 0.0].false_alarms == 0
    assert cost[0.6, 0.0].best
    assert not cost[0.85, 30.0].best
    assert cost[0.85, 30.0].as_it_is


def test_a_drill_that_does_not_know_the_alert_counts_its_firings(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(s % 220))
    day.drill("01-one", after_s=100.0)
    day.drill("02-two", expected=("MemoryHigh",), tolerated=(), after_s=80.0)
    day.recorder.close()
    found = swept(read_past([day.folder]), "threshold=3,20")
    three, twenty = found.points
    assert (three.expected, three.missed, three.false_alarms) == (1, 0, 1)
    assert (twenty.missed, twenty.false_alarms) == (1, 0)
    assert three.best
    assert twenty.best  # neither is better in every way


def test_what_is_missed_where_the_fix_came_first_may_only_be_slower(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-x", told=lambda s: shop(min(s, 75)))
    folder = day.drill(ill_s=20.0)
    day.recorder.close()
    found = swept(read_past([folder]), "threshold=3,30")
    (note,) = found.notes
    assert "the fault was there for 20.0 s only (limit 40.0 s)" in note
    assert note in sweep_text(found)
    assert swept(read_past([folder]), "threshold=2,3").notes == ()


def test_the_rule_as_it_is_is_always_there(drills: list[PastDrill]) -> None:
    found = swept(drills, "threshold=5 for=0s")
    assert [(p.variant.thresholds[1], p.as_it_is) for p in found.points] == [
        (5.0, False),
        (3.0, True),
    ]


def test_only_for_can_be_swept(drills: list[PastDrill]) -> None:
    found = swept(drills, "for=0s,30s,1m,20m")
    assert found.swept == ()
    assert [p.firing_s is None for p in found.points] == [False, False, False, True]
    assert "for" in sweep_text(found)
    picture(found, "p")


TWO = (
    RULES
    + """\
  - alert: Two
    expr: restarts_total > 3 or memory_ratio * 100 > 85
"""
)


def test_two_different_numbers_must_be_named(drills: list[PastDrill]) -> None:
    with pytest.raises(RulesError) as raised:
        swept(drills, "threshold=1:4:1", "Two", TWO)
    assert "compares with 2 numbers: 1) > 3, 2) > 85" in str(raised.value)
    assert "threshold#1=" in str(raised.value)
    found = swept(drills, "threshold#1=1,3 threshold#2=60,85", "Two", TWO)
    assert len(found.points) == 4
    assert "threshold#2" in sweep_text(found)
    ET.fromstring(picture(found, "p"))
    with pytest.raises(RulesError, match="no comparison #3"):
        swept(drills, "threshold#3=1", "Two", TWO)


def test_the_same_number_twice_is_one_threshold(drills: list[PastDrill]) -> None:
    rules = RULES + "  - {alert: Same, expr: 'restarts_total > 3 or restarts_total * 1 > 3'}\n"
    found = swept(drills, "threshold=1,3", "Same", rules)
    assert [dict(p.variant.thresholds) for p in found.points] == [
        {1: 1.0, 2: 1.0},
        {1: 3.0, 2: 3.0},
    ]
    assert found.points[0].variant.expr == "restarts_total > 1.0 or restarts_total * 1 > 1.0"


def test_percents_and_shares_are_not_mixed_up(drills: list[PastDrill]) -> None:
    with pytest.raises(RulesError) as raised:
        swept(drills, "threshold=80:95:5", "MemoryHigh")
    assert "compares with 0.85, a share of 1" in str(raised.value)
    assert "80%,85%,90%" in str(raised.value)
    assert swept(drills, "threshold=80%:95%:5%", "MemoryHigh").points[1].as_it_is
    # An expression in percents takes the numbers as they are.
    rules = RULES.replace("memory_ratio > 0.85", "memory_ratio * 100 > 85")
    assert len(swept(drills, "threshold=80:95:5", "MemoryHigh", rules).points) == 4


def test_what_cannot_be_swept_is_told(drills: list[PastDrill]) -> None:
    with pytest.raises(RulesError, match="there is no alert Nobody"):
        swept(drills, "for=1m", "Nobody")
    rules = RULES + "  - {alert: Gone, expr: absent(memory_ratio)}\n"
    with pytest.raises(RulesError, match="Gone compares with no number"):
        swept(drills, "threshold=1", "Gone", rules)
    with pytest.raises(RulesError, match="600 variants; 500 are the most"):
        swept(drills, "threshold=1:300:1 for=0s,1m")
    rules = RULES.replace("memory_ratio", "nothing_ratio")
    with pytest.raises(RulesError, match="needs nothing_ratio, which was never scraped"):
        swept(drills, "for=1m", "MemoryHigh", rules)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "nothing is swept"),
        ("treshold=1", "not understood: 'treshold=1'"),
        ("threshold", "not understood"),
        ("threshold=", "not understood"),
        ("threshold#0=1", "not understood"),
        ("threshold=a", "not a number: 'a'"),
        ("threshold=nan", "not a finite number"),
        ("threshold=1e999999999", "not a finite number"),
        ("threshold=1:2", "a range is from:to:step"),
        ("threshold=2:1:1", "goes upwards"),
        ("threshold=1:2:0", "goes upwards"),
        ("threshold=1:2:0.0001", "10001 numbers; 500 are the most"),
        ("threshold=1 threshold=2", "is there twice"),
        ("threshold=1 threshold#2=2", "with and without a number"),
        ("for=30", "not a duration: '30'"),
        ("for=1m for=2m", "`for` is there twice"),
    ],
)
def test_a_sweep_that_is_not_understood_is_refused_with_its_word(text: str, problem: str) -> None:
    with pytest.raises(RundrillError) as raised:
        read_sweep(text)
    assert problem in raised.value.problem
    assert "threshold=80%:95%:5%" in str(raised.value.fix)


def test_ranges_are_exact_and_inclusive() -> None:
    asked = read_sweep("threshold=80%:95%:5%,0.99 for=0s,1m30s,0s")
    assert asked.thresholds == {None: (0.8, 0.85, 0.9, 0.95, 0.99)}
    assert asked.fors_s == (0.0, 90.0)


def test_the_picture_has_every_point_and_its_words_are_escaped(drills: list[PastDrill]) -> None:
    name = "<b>&A"
    rules = RULES.replace("alert: Restarting", f"alert: '{name}'")
    found = swept(drills, "threshold=1:6:1 for=0s,30s", name, rules)
    root = ET.fromstring(picture(found, "p"))
    titles = [one for one in root.iter("circle") if one.find("title") is not None]
    assert len(titles) == 2 * len(found.points)
    text = page([found], drills)
    assert "<b>" not in text
    assert "<script" not in text
    assert "http" not in text
