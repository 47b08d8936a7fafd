"""The state machine, by itself and against promtool's alert tests."""

import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from rundrill.detection.alerts import AlertMachine, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.promql import Dialect, EvaluationError, Moment, compile_expression
from tests.unit.detection.promtool import PROMTOOL, Scenario, fill, needs_promtool

A, B = Labels({"__name__": "x", "pod": "a"}), Labels({"__name__": "x", "pod": "b"})


def test_without_for_an_alert_fires_at_once_and_since_is_that_evaluation() -> None:
    machine = AlertMachine("Down", labels={"severity": "page"})
    assert machine.advance([], 1.0).status is AlertStatus.INACTIVE
    state = machine.advance([(A, 7.0)], 2.0)
    assert (state.status, state.since, state.value) == (AlertStatus.FIRING, 2.0, 7.0)
    assert state.labels == {"alertname": "Down", "pod": "a", "severity": "page"}


def test_the_most_advanced_series_stands_for_the_rule() -> None:
    machine = AlertMachine("Down", for_s=2)
    machine.advance([(A, 1.0)], 0)
    machine.advance([(A, 1.0), (B, 5.0)], 1)
    state = machine.advance([(A, 1.0), (B, 5.0)], 2)
    assert state.status is AlertStatus.FIRING
    assert state.labels["pod"] == "a"
    assert [(s.labels["pod"], s.status) for s in state.series] == [
        ("a", AlertStatus.FIRING),
        ("b", AlertStatus.PENDING),
    ]
    # The first one resolves; the other has been waiting since 1 s.
    state = machine.advance([(B, 5.0)], 3)
    assert (state.status, state.since, state.labels["pod"]) == (AlertStatus.FIRING, 2, "b")
    assert state.series[0].active_since == 1
    assert state.series[0].fired_at == 3


def test_a_gap_in_the_waiting_time_begins_it_anew() -> None:
    machine = AlertMachine("Down", for_s=2)
    for at, present in ((0, True), (1, False), (2, True), (3, True)):
        state = machine.advance([(A, 1.0)] if present else [], at)
    assert state.status is AlertStatus.PENDING
    assert machine.advance([(A, 1.0)], 4).status is AlertStatus.FIRING


def test_keep_firing_holds_a_firing_alert_but_not_a_pending_one() -> None:
    machine = AlertMachine("Down", for_s=1, keep_firing_for_s=2)
    machine.advance([(A, 1.0)], 0)
    assert machine.advance([], 1).status is AlertStatus.INACTIVE
    machine.advance([(A, 1.0)], 2)
    machine.advance([(A, 1.0)], 3)
    assert machine.advance([], 4).status is AlertStatus.FIRING
    assert machine.advance([(A, 1.0)], 5).status is AlertStatus.FIRING
    assert machine.advance([], 6).status is AlertStatus.FIRING
    assert machine.advance([], 7).status is AlertStatus.FIRING
    assert machine.advance([], 8).status is AlertStatus.INACTIVE


def test_fractions_of_seconds_do_not_delay_by_an_evaluation() -> None:
    machine = AlertMachine("Down", for_s=0.3)
    at = 100_000.1
    for _ in range(3):
        machine.advance([(A, 1.0)], at)
        at += 0.1
    assert machine.advance([(A, 1.0)], at).status is AlertStatus.FIRING


def test_two_series_that_become_one_alert_are_an_error_and_change_nothing() -> None:
    machine = AlertMachine("Down", labels={"pod": "all"})
    machine.advance([(A, 1.0)], 0)
    with pytest.raises(EvaluationError, match="same labelset"):
        machine.advance([(A, 1.0), (B, 1.0)], 1)
    assert machine.state.status is AlertStatus.FIRING


@needs_promtool
def test_firing_alerts_are_those_of_promtool_at_every_evaluation(tmp_path: Path) -> None:
    tests = []
    scenarios = []
    for seed in range(24):
        chance = random.Random(seed)
        for_s, keep_s = chance.choice((0, 5, 12, 30)), chance.choice((0, 0, 7, 15))
        series = {f'x{{pod="{pod}"}}': _presence(chance) for pod in "abc"}
        scenarios.append((for_s, keep_s, Scenario(1000, series, [])))
        rules = tmp_path / f"rules{seed}.yml"
        rule = {"alert": f"A{seed}", "expr": "x > 0", "for": f"{for_s}s"}
        rule |= {"keep_firing_for": f"{keep_s}s"} if keep_s else {}
        rules.write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
        tests.append(
            {
                "interval": "1s",
                "input_series": [{"series": k, "values": " ".join(v)} for k, v in series.items()],
                "alert_rule_test": [
                    {"alertname": f"A{seed}", "eval_time": f"{at}s", "exp_alerts": []}
                    for at in range(120)
                ],
            }
        )
    for seed, test in enumerate(tests):
        document = {"rule_files": [f"rules{seed}.yml"], "evaluation_interval": "1s"}
        (tmp_path / f"test{seed}.yml").write_text(json.dumps({**document, "tests": [test]}))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", *(f"test{n}.yml" for n in range(len(tests)))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    theirs = _firing(done.stdout + done.stderr)
    ours = {
        (seed, at): pods
        for seed, (for_s, keep_s, scenario) in enumerate(scenarios)
        for at, pods in _our_firing(scenario, for_s, keep_s).items()
    }
    assert ours == theirs
    assert len(ours) > 300


def _presence(chance: random.Random) -> list[str]:
    values: list[str] = []
    while len(values) < 120:
        values += [chance.choice(("1", "0", "_", "stale", "1"))] * chance.choice((1, 2, 6, 20))
    return values[:120]


def _our_firing(scenario: Scenario, for_s: float, keep_s: float) -> dict[int, frozenset[str]]:
    store = fill(scenario)
    machine = AlertMachine("A", for_s=for_s, keep_firing_for_s=keep_s)
    expression = compile_expression("x > 0", Dialect.PROMETHEUS_2)
    found = {}
    for at in range(120):
        moment = Moment(store, at * 1000, dialect=Dialect.PROMETHEUS_2)
        state = machine.advance(expression.evaluate(moment), at)
        pods = frozenset(s.labels["pod"] for s in state.series if s.status is AlertStatus.FIRING)
        if pods:
            found[at] = pods
    return found


def _firing(report: str) -> dict[tuple[int, int], frozenset[str]]:
    """From promtool's complaints: every alert it got where none was expected."""
    found = {}
    for seed, time, got in re.findall(
        r"alertname: A(\d+), time: (\S+),.*?got:\[(.*?)\n *\]", report, re.DOTALL
    ):
        minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", time).groups()
        at = int(minutes or 0) * 60 + int(seconds or 0)
        found[int(seed), at] = frozenset(re.findall(r'pod="(\w)"', got))
    return found
