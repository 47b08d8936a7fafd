"""The recorded rules do again what they did; other rules get their own answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import plan
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.backtest.lived import RULES, Day, lived, shop

from rundrill.backtest import DrillTrial, compare, read_past, to_text
from rundrill.backtest.measure import AlertTrial
from rundrill.detection.recorder import FILE_NAME
from rundrill.detection.rules import parse_rules
from rundrill.errors import RulesError


def alert(trials: tuple[AlertTrial, ...] | None, name: str = "Restarting") -> AlertTrial:
    assert trials is not None
    return next(one for one in trials if one.alert == name)


def tried(folder: Path, rules: str | None = None) -> DrillTrial:
    new = None if rules is None else parse_rules(rules, "new.yml")
    (trial,) = compare(read_past([folder]), new)
    return trial


def rule(name: str, expr: str, more: str = "") -> str:
    return f"groups: [{{name: g, rules: [{{alert: {name}, expr: '{expr}'{more}}}]}}]"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("runs") / "20260101-120000-shop")


def test_unchanged_rules_reproduce_the_run_exactly(run: Path) -> None:
    trial = tried(run, RULES)
    assert trial.off_s == pytest.approx(0.0, abs=1e-9)
    assert trial.reproduced
    assert trial.passed
    assert trial.new == trial.old
    restarting = alert(trial.old)
    assert restarting.answer == "detected"
    assert restarting.firing_s == pytest.approx(12.0, abs=1.1)
    # What the events tell is the same number.
    drill = trial.drill
    fired = next(e for e in drill.lived if e.alert == "Restarting" and e.state == "firing")
    assert drill.injected is not None
    assert restarting.firing_s == pytest.approx(fired.at - drill.injected, abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(
    compression=st.sampled_from([1.0, 4.0, 15.0, 20.0]),
    injected=st.floats(5, 80),
    seed=st.integers(0, 1000),
)
def test_whatever_happened_is_reproduced(
    tmp_path_factory: pytest.TempPathFactory, compression: float, injected: float, seed: int
) -> None:
    day = Day(
        tmp_path_factory.mktemp("r") / "20260101-120000-x",
        compression=compression,
        told=lambda seconds: "" if int(seconds) % 41 == seed % 41 else shop(seconds, injected),
    )
    day.chance.seed(seed)
    folder = day.drill(baseline_s=60.0 + seed % 7)
    day.recorder.close()
    assert tried(folder).off_s == pytest.approx(0.0, abs=1e-9)


def test_a_faster_rule_is_faster_and_a_slower_one_late(run: Path) -> None:
    expr = "restarts_total - restarts_total offset 10m > {}"
    fast = tried(run, rule("Restarting", expr.format(1)))
    late = tried(run, rule("Restarting", expr.format(3), ", for: 8m"))
    assert alert(fast.new).firing_s == pytest.approx(6.0, abs=1.1)
    assert fast.passed
    assert alert(late.new).answer == "late"
    assert not late.passed


def test_a_for_is_compressed_like_the_windows(run: Path) -> None:
    """`for: 3m` is 12 s of a run that is compressed 15 times."""
    expr = "restarts_total - restarts_total offset 10m > 3"
    new = alert(tried(run, rule("Restarting", expr, ", for: 3m")).new)
    assert new.pending_s is not None
    assert new.firing_s is not None
    assert new.firing_s - new.pending_s == pytest.approx(12.0, abs=1.1)


def test_a_missed_alert_says_how_long_it_could_have_been_seen(run: Path) -> None:
    trial = tried(run, rule("Restarting", "restarts_total - restarts_total offset 10m > 300"))
    assert alert(trial.new).answer == "missed"
    assert not trial.passed
    assert not any("may be slower" in note for note in trial.notes)  # the limit had passed


def test_where_the_fix_came_first_a_missed_alert_may_only_be_slower(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-x", told=lambda s: shop(min(s, 75)))
    folder = day.drill(ill_s=20.0)
    day.recorder.close()
    trial = tried(folder, rule("Restarting", "restarts_total > 300"))
    assert any("the fault was there for 20.0 s only" in note for note in trial.notes)


def test_an_alert_that_the_new_file_does_not_have_is_missed(run: Path) -> None:
    trial = tried(run, rule("Other", "memory_ratio > 2"))
    assert alert(trial.new).answer == "no rule"
    assert not trial.passed
    assert "the file has no such alert" in to_text([trial], "new.yml")


def test_a_new_false_alarm_fails_and_an_old_one_does_not(tmp_path: Path) -> None:
    noisy = RULES + "  - alert: Noisy\n    expr: sum(rate(requests_total[1m])) > 1\n"
    day = Day(tmp_path / "20260101-120000-x", rules=noisy)
    folder = day.drill()
    day.recorder.close()
    assert tried(folder, noisy).passed
    assert alert(tried(folder).old, "Noisy").answer == "false"
    trial = tried(folder, noisy + "  - alert: More\n    expr: memory_ratio > 0.6\n")
    assert trial.new_false_alarms == ("More",)
    assert not trial.passed


def test_the_expected_alert_in_the_baseline_is_a_false_alarm(run: Path) -> None:
    trial = tried(run, rule("Restarting", "memory_ratio > 0.4"))
    restarting = alert(trial.new)
    assert restarting.answer == "early"
    assert (restarting.baseline_s or 0) > 50
    assert trial.new_false_alarms == ("Restarting",)
    assert not trial.passed


def test_pending_in_the_baseline_is_early_when_it_fires_after_the_fault(run: Path) -> None:
    trial = tried(run, rule("Restarting", "memory_ratio > 0.4", ", for: 16m"))
    assert alert(trial.new).answer == "early"


def test_flapping_is_counted(run: Path) -> None:
    assert alert(tried(run).old).flaps == 0
    trial = tried(run, rule("Restarting", "restarts_total % 2 == 1"))
    assert alert(trial.new).flaps >= 3
    assert "FLAPPED" in to_text([trial], "new.yml")


def test_a_metric_that_was_never_scraped_is_an_error_with_its_line(run: Path) -> None:
    for expr in ("latency_seconds > 2", "memory_ratio > 0.9 or latency_seconds > 2"):
        with pytest.raises(RulesError) as raised:
            tried(run, rule("Restarting", expr))
        assert "needs latency_seconds, which was never scraped" in str(raised.value)
        assert raised.value.line == 1


def test_through_a_recording_rule_it_is_the_same_error(run: Path) -> None:
    rules = """\
groups:
- name: g
  rules:
  - {record: shop:slow, expr: 'latency_seconds'}
  - {alert: Slow, expr: 'shop:slow > 1'}
"""
    with pytest.raises(RulesError, match="Slow needs latency_seconds"):
        tried(run, rules)


def test_what_was_blind_in_the_run_is_told_and_no_error(tmp_path: Path) -> None:
    rules = RULES + "  - {alert: Blind, expr: 'nothing_total > 1'}\n"
    day = Day(tmp_path / "20260101-120000-x", rules=rules)
    folder = day.drill()
    day.recorder.close()
    trial = tried(folder, rules)
    assert trial.passed
    assert any("blind in the run" in note and "nothing_total" in note for note in trial.notes)
    with pytest.raises(RulesError, match="Blind needs other_total"):
        tried(folder, rules.replace("nothing_total", "other_total"))


def test_absence_needs_no_samples(run: Path) -> None:
    trial = tried(run, rule("Restarting", "absent(nothing_total)"))
    assert alert(trial.new).answer == "early"


def test_a_rule_that_cannot_be_evaluated_is_an_error(run: Path) -> None:
    with pytest.raises(RulesError, match=r"Restarting could not be evaluated .* s after the start"):
        tried(run, rule("Restarting", "restarts_total * on (job) requests_total > 3"))


def test_a_window_longer_than_the_samples_is_said_to_be_unfilled(run: Path) -> None:
    trial = tried(run, rule("Restarting", "increase(restarts_total[1h]) > 3"))
    (note,) = trial.notes
    assert "its window was not filled: it looks back 1 h (240.0 s of this run)" in note
    assert "of samples before the fault" in note
    assert tried(run).notes == ()


def test_a_window_too_short_for_the_compression_is_an_error(run: Path) -> None:
    with pytest.raises(RulesError, match="holds too few scrapes"):
        tried(run, rule("Restarting", "increase(restarts_total[30s]) > 3"))


def test_without_a_fault_every_alert_is_to_be_silent(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-dry", told=lambda s: shop(s, injected=1e9))
    folder = day.drill(plan=plan(arm="dry"))
    day.recorder.close()
    trial = tried(folder, RULES)
    assert trial.passed
    assert alert(trial.new).answer == "silent"
    noisy = tried(folder, rule("Restarting", "memory_ratio > 0.4"))
    assert noisy.new_false_alarms == ("Restarting",)
    assert not noisy.passed
    assert "the dry arm makes no fault" in to_text([noisy], "new.yml")


def test_drills_of_one_day_are_judged_each_in_its_own_time(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(s % 220))
    day.drill("01-one", after_s=100.0)
    day.drill("02-two", after_s=90.0)
    day.recorder.close()
    one, two = compare(read_past([day.folder]), parse_rules(RULES, "new.yml"))
    assert one.reproduced
    assert two.reproduced
    assert alert(one.new).firing_s == pytest.approx(12.0, abs=1.1)
    assert alert(two.new).firing_s == pytest.approx(12.0, abs=1.1)


def test_an_alert_that_fires_since_the_drill_before_is_early(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(min(s, 100)))
    rules = rule("Restarting", "memory_ratio > 0.9")
    day.drill("01-one")
    day.drill("02-two")
    day.recorder.close()
    _, two = compare(read_past([day.folder]), parse_rules(rules, "new.yml"))
    assert alert(two.new).answer == "early"


def test_what_changed_before_a_drill_could_hear_of_it_is_no_difference(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(s % 117))
    day.drill("01-one", ill_s=50.0, after_s=5.0)
    count = len(day.changes)
    folder = day.drill("02-two", deaf_s=10.0)
    day.recorder.close()
    # The next drill begins while alerts resolve, and is told of the later ones only.
    assert len(day.changes) - count > (folder / "events.jsonl").read_text().count("AlertChanged")
    _, two = compare(read_past([day.folder]), None)
    assert two.drill.heard == pytest.approx(10.0, abs=0.1)
    assert two.reproduced


def test_a_run_that_is_not_reproduced_is_told_and_does_not_pass(tmp_path: Path) -> None:
    folder = lived(tmp_path / "20260101-120000-shop")
    path = folder / "events.jsonl"
    kept = [line for line in path.read_text().splitlines() if "MemoryHigh" not in line[:80]]
    path.write_text("\n".join(kept) + "\n")
    trial = tried(folder, RULES)
    assert trial.off_s is None
    assert not trial.passed
    assert "NOT REPRODUCED" in to_text([trial], "new.yml")


def test_cut_samples_are_told(tmp_path: Path) -> None:
    folder = lived(tmp_path / "20260101-120000-shop")
    data = (folder / FILE_NAME).read_bytes()
    (folder / FILE_NAME).write_bytes(data[: len(data) * 2 // 3])
    trial = tried(folder)
    assert trial.reproduced  # as far as the samples go
    assert any("the samples end before the drill did" in note for note in trial.notes)


def test_seconds_are_also_told_as_stated(run: Path) -> None:
    text = to_text([tried(run, RULES)], "new.yml")
    assert "12 s (\u00d715: 3 min" in text
    assert "new.yml: 1 of 1 expected alerts detected in time; no new false alarm" in text
    assert "at most 0 ms apart" in text


def test_only_series_that_a_rule_asks_for_are_replayed_and_no_name_means_all(run: Path) -> None:
    named = tried(run, rule("Restarting", '{__name__="restarts_total",pod="a"} > 3'))
    every = tried(run, rule("Restarting", 'count({job="shop"}) > 3 and on () restarts_total > 3'))
    assert alert(named.new).firing_s == alert(every.new).firing_s


def test_a_trial_is_met_only_when_detected() -> None:
    one = AlertTrial(alert="A", role="expected", answer="detected")
    assert one.met
    for answer in ("late", "missed", "early", "no rule"):
        assert not replace(one, answer=answer).met
