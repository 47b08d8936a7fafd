"""A drill as a unit test: promtool agrees with it, and no longer does when the rules are worse."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fakes import plan
from unit.backtest.lived import RULES, Day, lived, shop

from rundrill.backtest import read_past, render, unit_test
from rundrill.backtest.promtool import number
from rundrill.backtest.stretch import only_speeds
from rundrill.detection.rules import parse_rules
from rundrill.errors import RulesError

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def promtool(folder: Path, test: str, rules: str) -> tuple[int, str]:
    """promtool's exit code and words, for this test of this rules file."""
    (folder / "alerts.yml").write_text(rules)
    (folder / "test.yml").write_text(test)
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(folder / "test.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def exported(folder: Path, rules: str = RULES) -> str:
    read = parse_rules(rules, "alerts.yml")
    return render([unit_test(drill, read) for drill in read_past([folder])], "alerts.yml")


@needs_promtool
def test_promtool_says_the_same_of_the_drill(tmp_path: Path) -> None:
    text = exported(lived(tmp_path / "20260101-120000-shop"))
    code, told = promtool(tmp_path, text, RULES)
    assert code == 0, told


@needs_promtool
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("10m > 3", "10m > 300"),  # it does not fire any more
        ("10m > 3", "10m > 4"),  # it fires later
        ("10m > 3", "10m > 2"),  # it fires earlier than in the drill
        ("10m > 3\n", "10m > 3\n    for: 1m\n"),
        ("10m > 3\n", "10m > 3 or restarts_total == 0\n"),  # it fires in the baseline
        (
            "  - alert: MemoryHigh",
            "  - {alert: New, expr: memory_ratio > 0.4}\n  - alert: MemoryHigh",
        ),
    ],
)
def test_promtool_fails_when_the_rules_get_worse(tmp_path: Path, old: str, new: str) -> None:
    text = exported(lived(tmp_path / "20260101-120000-shop"))
    assert old in RULES
    code, told = promtool(tmp_path, text, RULES.replace(old, new))
    assert code == 1
    assert "FAILED" in told


@needs_promtool
@pytest.mark.parametrize(
    ("compression", "interval"), [(1.0, "1s"), (12.0, "12s"), (13.7, "13s700ms"), (20.0, "20s")]
)
def test_whatever_the_compression(tmp_path: Path, compression: float, interval: str) -> None:
    # Ten minutes before the fault there are no samples of a run that is not compressed.
    rules = RULES.replace("offset 10m", "offset 20s") if compression == 1 else RULES
    day = Day(tmp_path / "20260101-120000-x", compression=compression, rules=rules)
    folder = day.drill()
    day.recorder.close()
    text = exported(folder, rules)
    code, words = promtool(tmp_path, text, rules)
    assert code == 0, words
    assert yaml.safe_load(text)["evaluation_interval"] == interval


GAPS = """\
groups:
- name: shop
  rules:
  - alert: Restarting
    expr: restarts_total > 3
  - alert: Gone
    expr: absent(memory_ratio)
  - alert: Odd
    expr: odd_ratio != odd_ratio or odd_ratio > 1e300
"""


@needs_promtool
def test_gaps_ends_and_odd_numbers_are_told_as_promtool_reads_them(tmp_path: Path) -> None:
    def told(seconds: float) -> str:
        text = shop(seconds) + "odd_ratio 1e+17\nodd_small 1e-17\n"
        if 30 < seconds < 40:
            text = text.replace("odd_ratio 1e+17\n", "odd_ratio -5e+21\n")
        if 40 < seconds < 44:
            return ""  # everything ends, and comes back
        return text

    rules = GAPS.replace("odd_ratio > 1e300", "odd_ratio > 1e300 or odd_small > 1")
    day = Day(tmp_path / "20260101-120000-x", rules=rules, told=told)
    folder = day.drill()
    day.recorder.close()
    text = exported(folder, rules)
    assert "stale" in text
    assert "Nothing is said of Gone: it fired in the drill" in text
    code, words = promtool(tmp_path, text, rules)
    assert code == 0, words


@needs_promtool
def test_a_game_day_is_a_test_for_each_drill(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-game-day", told=lambda s: shop(s % 220))
    day.drill("01-one", after_s=100.0)
    day.drill("02-two", after_s=80.0)
    day.recorder.close()
    text = exported(day.folder)
    assert [one["name"] for one in yaml.safe_load(text)["tests"]] == [
        "20260101-120000-game-day/01-one",
        "20260101-120000-game-day/02-two",
    ]
    code, words = promtool(tmp_path, text, RULES)
    assert code == 0, words


@needs_promtool
def test_a_dry_arm_asserts_that_nothing_fires(tmp_path: Path) -> None:
    day = Day(tmp_path / "20260101-120000-dry", told=lambda s: shop(s, injected=1e9))
    folder = day.drill(plan=plan(arm="dry"), tolerated=())
    day.recorder.close()
    text = exported(folder)
    assert promtool(tmp_path, text, RULES)[0] == 0
    assert promtool(tmp_path, text, RULES.replace("> 0.85", "> 0.4"))[0] == 1


RATES = """\
groups:
- name: shop
  rules:
  - alert: Restarting
    expr: sum(rate(requests_total[5m])) * 60 > {limit}
"""


@needs_promtool
def test_a_rate_is_as_high_as_it_was(tmp_path: Path) -> None:
    """Stretched time would make it `compression` times slower, and 1,200 a minute never be met."""
    rules = RATES.format(limit=1200)
    day = Day(tmp_path / "20260101-120000-x", rules=rules)
    folder = day.drill()
    day.recorder.close()
    text = exported(folder, rules)
    assert "so they count 15 times as much:\n    #   requests_total\n" in text
    code, words = promtool(tmp_path, text, rules)
    assert code == 0, words


def test_what_cannot_be_told_in_stretched_time_is_refused(tmp_path: Path) -> None:
    """The counter is asked for a rate and for its size: no factor does for both."""
    rules = RATES.format(limit="1200 and sum(requests_total) > 0")
    day = Day(tmp_path / "20260101-120000-x", rules=rules)
    folder = day.drill()
    day.recorder.close()
    with pytest.raises(RulesError) as raised:
        exported(folder, rules)
    assert "and on the samples stretched 15 times: never" in str(raised.value)
    assert raised.value.line == 4


def test_a_drill_without_its_alert_cannot_be_exported(tmp_path: Path) -> None:
    folder = lived(tmp_path / "20260101-120000-shop")
    with pytest.raises(RulesError, match="Restarting was missed in 20260101-120000-shop"):
        exported(folder, RULES.replace("10m > 3", "10m > 300"))


def test_only_series_that_the_rules_need_are_there(tmp_path: Path) -> None:
    rules = RULES.replace(
        "restarts_total - restarts_total", 'restarts_total{pod="a"} - restarts_total'
    )
    read = yaml.safe_load(exported(lived(tmp_path / "20260101-120000-shop"), rules))
    series = [one["series"] for one in read["tests"][0]["input_series"]]
    assert not any(one.startswith("up{") for one in series)
    assert len(series) == 5


def test_speeds_are_told_from_sizes() -> None:
    def found(*exprs: str) -> set[str]:
        lines = "".join(f"  - {{alert: A{n}, expr: '{e}'}}\n" for n, e in enumerate(exprs))
        return set(only_speeds(parse_rules(f"groups:\n- name: g\n  rules:\n{lines}", "a.yml")))

    assert found("rate(a[5m]) > 1", "absent(a)") == {"a"}
    assert found("rate(a[5m]) > 1", "a > 1") == set()
    assert found("rate(a[5m]) > 1", "increase(a[5m]) > 1") == set()
    assert found("max_over_time(rate(a[5m])[10m:1m]) > 1") == {"a"}
    assert found("rate(a[5m:1m]) > 1", "rate(sum(b)[5m:1m]) > 1") == {"a"}
    assert found("histogram_quantile(0.9, sum by (le) (irate(a[5m]))) > 1") == {"a"}
    assert found("rate(a[5m]) > 1", '{job="x"} > 1') == set()


def test_numbers_are_written_as_promtool_reads_them() -> None:
    assert [number(v) for v in (3.0, -2.5, 1e-7, 1e21, -1e21, float("inf"), float("-inf"))] == [
        "3", "-2.5", "1e-07", "1e21", "-1e21", "Inf", "-Inf",
    ]  # fmt: skip
    assert number(float("nan")) == "NaN"
