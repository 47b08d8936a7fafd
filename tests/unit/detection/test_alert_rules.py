"""The rules that ship: what makes each of them fire, and what does not."""

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill.detection import AlertStatus, RecordingRule, ScrapeTarget, load_rules
from rundrill.detection.promql import Dialect, Moment, compile_expression
from rundrill.detection.rule_run import AlertRun, RecordingRun
from rundrill.detection.rules import compile_rule
from tests.unit.detection.fakes import Watched
from tests.unit.detection.promtool import PROMTOOL, Scenario, fill, labels_text, needs_promtool

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "runbooks" / "payment-service" / "alerts.yml"
RUNBOOK = ROOT / "runbooks" / "payment-service" / "runbook.md"
UNIT_TESTS = ROOT / "tests" / "golden" / "alerts.promtool.yml"
CRITICAL = (
    "PaymentSuccessRateLow",
    "PaymentResponseTimeHigh",
    "PaymentPodRestarting",
    "PaymentMemoryHigh",
    "PaymentDatabaseErrors",
)


@needs_promtool
def test_promtool_accepts_the_rules_and_its_unit_tests_of_them_hold() -> None:
    for command in (["check", "rules", str(ALERTS)], ["test", "rules", str(UNIT_TESTS)]):
        done = subprocess.run(
            [str(PROMTOOL), *command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_our_evaluator_gives_the_answers_of_the_same_unit_tests() -> None:
    document = yaml.safe_load(UNIT_TESTS.read_text())
    assert {
        case["alertname"]
        for test in document["tests"]
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    } >= set(CRITICAL)
    for test in document["tests"]:
        replay = Replay(test)
        for case in test.get("alert_rule_test", ()):
            expected = [
                {"alertname": case["alertname"], **alert["exp_labels"]}
                for alert in case["exp_alerts"]
            ]
            got = replay.firing[case["alertname"], _seconds(case["eval_time"])]
            told = (test["name"], case["alertname"], case["eval_time"])
            assert sorted(got, key=str) == sorted(expected, key=str), told
        for case in test.get("promql_expr_test", ()):
            wanted = {
                json.dumps(_series_labels(one["labels"]), sort_keys=True): one["value"]
                for one in case["exp_samples"]
            }
            got = replay.recorded[case["expr"], _seconds(case["eval_time"])]
            assert got == wanted, (test["name"], case["expr"], case["eval_time"])


SEVERITY_LINES = {
    "No payment goes through at all": ("P0", "no-payment"),
    "The database cannot be reached": ("P0", "database-unreachable"),
    "Someone has broken in": None,  # no metric tells it
    "Error rate above normal (>5%)": ("P1", "error-rate"),
    "Response time above normal (>3s)": ("P1", "response-time"),
    "One way of paying does not work": ("P1", "way-of-paying"),
    "A payment fails now and then": ("P2", "payment-fails"),
    "A feature that no payment needs is broken": ("P2", "feature"),
    "Performance degradation <20%": ("P2", "performance"),
}


def test_every_line_of_the_severity_levels_has_a_rule_or_is_known_to_have_none() -> None:
    """Both ways, with the level that the line stands under."""
    section = RUNBOOK.read_text(encoding="utf-8").split("## Severity levels\n")[1].split("\n## ")[0]
    said: dict[str, str] = {}
    for line in section.splitlines():
        if line.startswith("### "):
            level = line.removeprefix("### ")[:2]
        elif line.startswith("- ") and not line.startswith("- **"):
            said[line.removeprefix("- ")] = level
    assert said.keys() == SEVERITY_LINES.keys()
    ruled = {line: rule for line, rule in SEVERITY_LINES.items() if rule is not None}
    assert all(said[line] == level for line, (level, _) in ruled.items())
    recorded = [
        (rule.labels["severity"], rule.labels["condition"])
        for group in load_rules(ALERTS).groups
        for rule in group.rules
        if isinstance(rule, RecordingRule) and rule.record == "payments:severity_condition"
    ]
    assert recorded == list(ruled.values())


def test_the_rules_use_all_that_a_rules_file_can_say() -> None:
    alerts = load_rules(ALERTS).alerts.values()
    assert any(rule.for_s for rule in alerts)
    assert any(rule.keep_firing_for_s for rule in alerts)
    assert any("{{ $labels." in text for rule in alerts for text in rule.annotations.values())
    assert any("{{ $value" in text for rule in alerts for text in rule.annotations.values())


def test_each_critical_alert_names_a_claim_and_a_heading_of_the_runbook() -> None:
    runbook = RUNBOOK.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", runbook, re.MULTILINE)
    }
    alerts = load_rules(ALERTS).alerts
    assert tuple(name for name, rule in alerts.items() if "claim" in rule.annotations) == CRITICAL
    for rule in alerts.values():
        assert rule.annotations["runbook"].removeprefix("runbook.md#") in anchors, rule.name
        assert rule.labels["severity"] == ("critical" if rule.name in CRITICAL else "warning")
    claims = {alerts[name].annotations["claim"] for name in CRITICAL}
    section = runbook.split("### Critical alerts\n")[1].split("\n\n")[0]
    assert claims == {line.removeprefix("- ") for line in section.splitlines()}


# ---------------------------------------------------------------- restarts, compressed 15 times

TEN_MINUTES = 600 / 15


class Cluster:
    """kube-state-metrics with one pod: its count is a function of the clock."""

    def __init__(self, count: Callable[[float], int | None], phase: float) -> None:
        self.watched = Watched(ALERTS.read_text(), lambda: [self.target], compression=15)
        self.watched.clock.at = self.began = 5000 + phase
        self.count = count
        self.target = ScrapeTarget("kube-state-metrics", "k", self.fetch)
        self.down: tuple[float, float] = (0, 0)

    def fetch(self) -> str:
        at = self.watched.clock.at - self.began
        if self.down[0] <= at < self.down[1]:
            raise OSError("connection refused")
        count = self.count(at)
        labels = (
            'namespace="production",pod="payment-service-x",uid="1",container="payment-service"'
        )
        metric = "kube_pod_container_status_restarts_total"
        return "" if count is None else f"{metric}{{{labels}}} {count}\n"

    def fired_after(self, seconds: float, chance: random.Random) -> float | None:
        """Steps with uneven intervals; when the alert fired, counted from the start."""
        while self.watched.clock.at - self.began < seconds:
            self.watched.step(chance.uniform(0.85, 1.15))
        fired = [
            change.at - self.began
            for change in self.watched.changes
            if change.alert == "PaymentPodRestarting" and change.state is AlertStatus.FIRING
        ]
        return fired[0] if fired else None


def restarts(times: Sequence[float], base: int = 0) -> Callable[[float], int]:
    return lambda at: base + sum(1 for time in times if time <= at)


@pytest.mark.parametrize("seed", range(12))
def test_four_restarts_in_ten_minutes_fire_and_exactly_three_do_not(seed: int) -> None:
    chance = random.Random(seed)
    begin = chance.uniform(TEN_MINUTES + 2, 80)
    times = sorted(begin + chance.uniform(0, TEN_MINUTES - 4) for _ in range(4))
    fired = Cluster(restarts(times, base=7), chance.random()).fired_after(160, chance)
    assert fired is not None
    assert times[3] <= fired <= times[3] + 1.3
    assert Cluster(restarts(times[:3], 7), chance.random()).fired_after(160, chance) is None


@pytest.mark.parametrize("seed", range(12))
def test_a_new_pod_counts_from_zero_also_when_it_was_first_seen_restarted(seed: int) -> None:
    chance = random.Random(seed)
    born = chance.uniform(3, 70)
    times = [born + 0.1, *sorted(born + chance.uniform(1, TEN_MINUTES - 3) for _ in range(3))]

    def new(times: Sequence[float]) -> Callable[[float], int | None]:
        count = restarts(times)
        return lambda at: None if at < born else count(at)

    fired = Cluster(new(times), chance.random()).fired_after(born + 60, chance)
    assert fired is not None
    assert times[3] <= fired <= times[3] + 1.3
    assert Cluster(new(times[:3]), chance.random()).fired_after(born + 60, chance) is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("before", "after", "fires"), [(2, 2, True), (1, 2, False), (0, 4, True)])
def test_a_count_that_went_back_counts_both_sides(
    before: int, after: int, fires: bool, seed: int
) -> None:
    chance = random.Random(seed)
    reset = 70.0
    early = [reset - chance.uniform(3, 12) for _ in range(before)]
    late = [reset + chance.uniform(3, 20) for _ in range(after)]

    def count(at: float) -> int:
        return restarts(early, base=5)(at) if at < reset else restarts(late)(at)

    fired = Cluster(count, chance.random()).fired_after(130, chance)
    assert (fired is not None) is fires


def test_restarts_spread_over_more_than_ten_minutes_do_not_fire() -> None:
    chance = random.Random(3)
    times = [60 + n * (TEN_MINUTES / 3 + 0.8) for n in range(8)]
    assert Cluster(restarts(times), 0.3).fired_after(170, chance) is None


def test_an_old_count_is_no_restart_when_the_watching_has_just_begun() -> None:
    assert Cluster(restarts([], base=9), 0.3).fired_after(60, random.Random(1)) is None


def test_a_scrape_that_failed_ten_minutes_ago_does_not_make_an_old_pod_new() -> None:
    for length in (1.0, 4.0, 15.0):
        cluster = Cluster(restarts([], base=9), 0.3)
        cluster.down = (50.0, 50.0 + length)
        assert cluster.fired_after(150, random.Random(1)) is None, length


def test_the_alert_resolves_when_the_pod_is_gone() -> None:
    times = [60.0, 61, 62, 63]
    count = restarts(times)
    cluster = Cluster(lambda at: count(at) if at < 70 else None, 0.3)
    cluster.fired_after(75, random.Random(1))
    told = [c for c in cluster.watched.changes if c.alert == "PaymentPodRestarting"]
    assert [str(change.state) for change in told] == ["firing", "inactive"]
    assert told[1].at - cluster.began < 71.5


# ---------------------------------------------------------------- promtool's file by our rules


class Replay:
    """One test of promtool's file by our rules: what fires, and what is recorded, every 15 s."""

    def __init__(self, test: dict[str, Any]) -> None:
        rules = load_rules(ALERTS, Dialect.PROMETHEUS_2)
        series = {one["series"]: list(_values(one["values"])) for one in test["input_series"]}
        store = fill(Scenario(_seconds(test["interval"]) * 1000, series, []))
        runs = [
            (AlertRun if hasattr(rule, "for_s") else RecordingRun)(
                rule, compile_rule(rule, rules, 1), 1 if hasattr(rule, "for_s") else store
            )
            for group in rules.groups
            for rule in group.rules
        ]
        self.firing: dict[tuple[str, int], list[dict[str, str]]] = {}
        self.recorded: dict[tuple[str, int], dict[str, float]] = {}
        asked = {
            case["expr"]: compile_expression(case["expr"])
            for case in test.get("promql_expr_test", ())
        }
        for at in range(0, 3601, 15):
            moment = Moment(store, at * 1000, dialect=Dialect.PROMETHEUS_2)
            for run in runs:
                if isinstance(run, RecordingRun):
                    run.evaluate(moment)
                else:
                    run.evaluate(moment, at)
                    self.firing[run.rule.name, at] = [
                        dict(s.labels) for s in run.state.series if s.status is AlertStatus.FIRING
                    ]
                assert run.error is None
            for text, expression in asked.items():
                self.recorded[text, at] = {
                    labels_text(labels): value for labels, value in expression.evaluate(moment)
                }


def _series_labels(text: str) -> dict[str, str]:
    name, _, body = text.partition("{")
    return {"__name__": name, **dict(re.findall(r'(\w+)="([^"]*)"', body))}


def _values(notation: str) -> Iterator[str]:
    """promtool's notation: `1x3` is four times 1, `0+2x3` is 0 2 4 6, `_x3` three gaps."""
    for word in notation.split():
        grown = re.fullmatch(r"([\d.]+)\+([\d.]+)x(\d+)", word)
        kept = re.fullmatch(r"([\d.]+)x(\d+)", word)
        gaps = re.fullmatch(r"_x(\d+)", word)
        if grown:
            start, step, count = float(grown[1]), float(grown[2]), int(grown[3])
            yield from (str(start + step * n) for n in range(count + 1))
        elif kept:
            yield from [kept[1]] * (int(kept[2]) + 1)
        elif gaps:
            yield from ["_"] * int(gaps[1])
        else:
            yield word


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    assert found
    return int(found[1] or 0) * 60 + int(found[2] or 0)
