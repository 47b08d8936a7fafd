"""The state machine, by itself and against promtool's alert tests.

`RUNDRILL_DIFFERENTIAL=400` compares that many rules; `pytest --update-golden` stores answers anew.
"""

import os
from pathlib import Path

import pytest

from rundrill.detection.alerts import AlertMachine, AlertStatus
from rundrill.detection.labels import Labels
from rundrill.detection.promql import EvaluationError
from tests.unit.detection.alert_cases import (
    alert_case,
    alert_differences,
    ask_promtool_for_alerts,
    store_alert_answers,
    stored_alert_answers,
)
from tests.unit.detection.promtool import needs_promtool

CASES = int(os.environ.get("RUNDRILL_DIFFERENTIAL", "40"))
STORED = 24

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
    cases = [alert_case(seed) for seed in range(CASES)]
    answers = ask_promtool_for_alerts(cases, tmp_path)
    wrong = [
        difference
        for case, firing in zip(cases, answers, strict=True)
        for difference in alert_differences(case, firing)
    ]
    assert not wrong, "\n".join(wrong[:20])
    assert sum(len(pods) for firing in answers for pods in firing.values()) > 100 * CASES


def test_stored_answers_of_promtool_about_alerts_still_hold(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if request.config.getoption("--update-golden"):
        cases = [alert_case(500 + number) for number in range(STORED)]
        store_alert_answers(cases, ask_promtool_for_alerts(cases, tmp_path))
    stored = stored_alert_answers()
    wrong = [one for case, firing in stored for one in alert_differences(case, firing)]
    assert not wrong, "\n".join(wrong[:20])
    assert {bool(case.keep_firing_for_s) for case, _ in stored} == {True, False}
    assert len({case.for_s for case, _ in stored}) > 3
    assert len({case.expr for case, _ in stored}) > 4
