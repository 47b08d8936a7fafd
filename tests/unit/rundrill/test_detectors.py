"""`--detector`: who detects, and what is refused before anything is started."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.cli import BAD_INPUT, main
from rundrill.detection import AlertChange, AlertStatus, Detector, ScrapeTarget, load_rules
from rundrill.detection.labels import Labels
from rundrill.detection.prometheus import PrometheusDetector, find_program
from rundrill.detection.prometheus.rules_file import rules_text
from rundrill.detection.prometheus.server import Server
from rundrill.detectors import (
    BESIDE,
    DEFAULT,
    Detecting,
    detector_choice,
    make_beside,
    make_detector,
    require_usable,
)
from rundrill.errors import DetectionError, MachineError
from tests.unit.detection.prometheus_program import needs_prometheus

TOP = Path(__file__).parents[3]
ALERTS = TOP / "runbooks/payment-service/alerts.yml"
CRASH_LOOP = str(TOP / "experiments/crash-loop.yaml")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `prometheus` on PATH that only knows its version."""
    path = tmp_path / "bin" / "prometheus"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho 'prometheus, version 2.53.1 (branch: x)'\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def parts(folder: Path, targets: Sequence[ScrapeTarget] = ()) -> Detecting:
    return Detecting(
        rules=load_rules(ALERTS),
        targets=lambda: targets,
        compression=15.0,
        clock=MonotonicClock(),
        scratch=folder,
        on_change=lambda _: None,
        on_scrape_failure=lambda _: None,
    )


def test_the_embedded_detector_needs_nothing(tmp_path: Path) -> None:
    assert detector_choice("embedded") == DEFAULT
    detector = make_detector(DEFAULT, parts(tmp_path))
    assert isinstance(detector, Detector)
    assert detector.description == "embedded (PromQL of 3)"
    assert make_beside(DEFAULT, parts(tmp_path), folder=tmp_path, zero=0.0) is None
    require_usable(DEFAULT, load_rules(ALERTS), compression=15, clock=MonotonicClock())


def test_a_prometheus_is_found_before_it_is_needed(program: Path, tmp_path: Path) -> None:
    choice = detector_choice("prometheus")
    assert choice.program is not None
    assert (choice.program.path, choice.program.version) == (program, "2.53.1")
    detector = make_detector(choice, parts(tmp_path))
    assert isinstance(detector, PrometheusDetector)
    assert detector.description == "Prometheus 2.53.1 (PromQL of 2), ours"
    detector.stop()
    assert list(tmp_path.iterdir()) == [program.parent]


@pytest.mark.usefixtures("program")
def test_both_evaluate_the_same_generation_of_promql(tmp_path: Path) -> None:
    choice = detector_choice("both")
    lead = make_detector(choice, parts(tmp_path))
    assert isinstance(lead, Detector)
    assert lead.description == "embedded (PromQL of 2)"


@pytest.mark.usefixtures("program")
def test_the_one_beside_is_recorded(tmp_path: Path) -> None:
    beside = make_beside(detector_choice("both"), parts(tmp_path), folder=tmp_path, zero=100.0)
    assert beside is not None
    assert beside.failure is None
    for status in (AlertStatus.FIRING, AlertStatus.INACTIVE):
        change = AlertChange(
            at=112.5, alert="A", state=status, labels=Labels({"pod": "p"}), value=float("inf")
        )
        beside._write(change)
    lines = [json.loads(line) for line in (tmp_path / BESIDE).read_text().splitlines()]
    assert lines[0] == {"at": 12.5, "alert": "A", "state": "firing", "labels": {"pod": "p"}}
    assert [line["state"] for line in lines] == ["firing", "inactive"]


@pytest.mark.usefixtures("program")
def test_a_rule_that_fails_beside_is_a_hole_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = make_beside(detector_choice("both"), parts(tmp_path), folder=tmp_path, zero=0.0)
    assert beside is not None
    errors = {"High": "many-to-many matching", "Low": "is not in Prometheus any more"}
    monkeypatch.setattr(PrometheusDetector, "rule_errors", lambda _: errors)
    assert str(beside.failure) == "High: many-to-many matching; Low: is not in Prometheus any more"
    gone = DetectionError("gone")
    monkeypatch.setattr(beside._detector, "failure", gone)
    assert beside.failure is gone


@pytest.mark.parametrize("text", ["", "nonsense", "Prometheus", "embedded:http://x"])
def test_another_word_is_refused_with_those_that_are_known(text: str) -> None:
    with pytest.raises(DetectionError, match="there is no detector") as refused:
        detector_choice(text)
    assert "embedded, prometheus, prometheus:URL or both" in str(refused.value)


def test_without_a_prometheus_on_path_both_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for text in ("prometheus", "both"):
        with pytest.raises(MachineError, match="no `prometheus` on PATH"):
            detector_choice(text)
    detector_choice("prometheus:http://127.0.0.1:9090")  # needs none here


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        ("nonsense", "there is no detector 'nonsense'"),
        ("prometheus:", "'' is no URL of a Prometheus"),
        ("prometheus:http://127.0.0.1:1", "http://127.0.0.1:1 does not answer"),
    ],
)
def test_the_command_ends_before_anything_is_started(
    detector: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(TOP)
    monkeypatch.setenv("RUNDRILL_HOME", str(tmp_path / "home"))
    runs = tmp_path / "runs"
    assert main(["run", "--detector", detector, "--runs", str(runs), CRASH_LOOP]) == BAD_INPUT
    error = capsys.readouterr().err
    assert told in error
    assert "fix: " in error
    assert not (tmp_path / "home").exists()
    assert list(runs.iterdir()) == []


@needs_prometheus
def test_a_prometheus_that_runs_must_have_our_rules(tmp_path: Path) -> None:
    """The rules of the runbook, in the writing of a real Prometheus."""
    clock, rules = MonotonicClock(), load_rules(ALERTS)
    server = Server(
        find_program(),
        tmp_path / "data",
        rules=rules_text(rules, 15.0),
        interval_s=1.0,
        lookback_s=20.0,
        clock=clock,
    )
    url = server.start("127.0.0.1:1").url
    try:
        choice = detector_choice(f"prometheus:{url}")
        require_usable(choice, rules, compression=15.0, clock=clock)
        with pytest.raises(DetectionError, match="rule payments:success_ratio:rate5m is another"):
            require_usable(choice, rules, compression=1.0, clock=clock)
        detector = make_detector(choice, parts(tmp_path))
        assert isinstance(detector, PrometheusDetector)
        detector.start()
        try:
            assert detector.description.endswith(f"at {url}")
            assert detector.query("vector(1)") == [(Labels(), 1.0)]
            assert set(detector.alerts()) == set(rules.alerts)
        finally:
            detector.stop()
        assert server.ended is None  # it is not ours to end
    finally:
        server.stop()


@needs_prometheus
def test_our_own_is_asked_on_our_targets_and_its_death_is_seen(tmp_path: Path) -> None:
    clock = MonotonicClock()
    target = ScrapeTarget("app", "1", lambda: "payments_build_info 1\n", {"pod": "p"})
    detector = make_detector(detector_choice("prometheus"), parts(tmp_path, [target]))
    try:
        detector.start()
        until(
            lambda: detector.last_evaluation,
            what="an evaluation", budget_s=30, every_s=0.05, clock=clock,
        )  # fmt: skip
        labels = Labels(
            {"__name__": "payments_build_info", "job": "app", "instance": "1", "pod": "p"}
        )
        assert detector.query("payments_build_info") == [(labels, 1.0)]
        assert detector.alerts()["PaymentSuccessRateLow"].status is AlertStatus.INACTIVE
        assert (detector.rule_errors(), detector.failure) == ({}, None)
        [process] = [
            p
            for p in psutil.Process().children(recursive=True)
            if p.name() == "prometheus" and str(tmp_path) in " ".join(p.cmdline())
        ]
        process.kill()
        until(lambda: detector.failure, what="its end", budget_s=30, every_s=0.05, clock=clock)
        assert "prometheus ended (exit code 247): " in str(detector.failure)
        assert detector.query("payments_build_info") == []
    finally:
        detector.stop()
    assert list(tmp_path.iterdir()) == []


@needs_prometheus
def test_targets_that_cannot_be_listed_end_the_start(tmp_path: Path) -> None:
    target = ScrapeTarget("app", "1", lambda: "a 1\n")
    detector = make_detector(detector_choice("prometheus"), parts(tmp_path, [target, target]))
    with pytest.raises(ValueError, match="same job and instance"):
        detector.start()
    assert list(tmp_path.iterdir()) == []
