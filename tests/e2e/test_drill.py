"""One drill for real, and the same drill broken in every way that its verdict must tell apart."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from drills import COMPRESSION, Drill, wait_until

from rundrill.backtest import compare, read_past
from rundrill.detection import load_rules
from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    CommandFinished,
    FaultInjected,
    FaultMissed,
    FaultUndone,
    LoadStopped,
    MoneyChecked,
    Recovered,
    read,
)
from rundrill.model import Outcome
from rundrill.verdict import attribute, judge

pytestmark = pytest.mark.e2e


def promise(drill: Drill, name: str) -> str:
    return next(p.state.value for p in drill.verdict.promises if p.id == name)


def test_the_shipped_drill_is_held_and_leaves_nothing(drill: Drill) -> None:
    assert drill.run() == 0
    assert drill.verdict.outcome is Outcome.HELD
    baseline = next(e for e in drill.events if isinstance(e, BaselineJudged))
    assert baseline.delivered_per_min == pytest.approx(1000.0, rel=0.005)
    commands = [e.text for e in drill.events if isinstance(e, CommandFinished)]
    assert commands == [
        "kubectl rollout history deployment/payment-service -n production",
        "kubectl rollout undo deployment/payment-service -n production",
        "kubectl describe pod <pod-name> -n production",
        "kubectl rollout status deployment/payment-service -n production",
    ]
    report = json.loads((drill.run_folder / "report.json").read_text(encoding="utf-8"))
    assert report["outcome"] == "held"
    assert "HELD" in (drill.run_folder / "report.html").read_text(encoding="utf-8").upper()
    assert 'failures="0"' in (drill.run_folder / "junit.xml").read_text(encoding="utf-8")
    journal = json.loads((drill.run_folder / "journal.json").read_text(encoding="utf-8"))
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    money = next(e for e in drill.events if isinstance(e, MoneyChecked))
    assert money.acknowledged > 500
    assert drill.left_running() == []
    assert drill.left_on_disk() == []

    before = (drill.run_folder / "report.json").read_bytes()
    assert drill.run(sys.executable, "-m", "rundrill", "report", str(drill.run_folder)) == 0
    assert (drill.run_folder / "report.json").read_bytes() == before

    # Unchanged rules do again what they did live, and a unit test of the drill can be made.
    (trial,) = compare(read_past([drill.run_folder]), load_rules(drill.rules))
    assert trial.off_s is not None
    assert trial.off_s <= trial.drill.recording.interval_s
    assert trial.passed
    assert len(trial.drill.lived) >= 2
    export = (sys.executable, "-m", "rundrill", "export", "promtool", str(drill.run_folder))
    assert drill.run(*export, "-o", "drill_test.yml") == 0
    if promtool := shutil.which("promtool"):
        assert drill.run(promtool, "test", "rules", "drill_test.yml") == 0


def test_the_control_arm_shows_that_the_procedure_was_needed(drill: Drill) -> None:
    run = (sys.executable, "-m", "rundrill", "run", "--compress", COMPRESSION, "--with-control")
    assert drill.run(*run, "experiments/crash-loop.yaml") == 0
    assert drill.verdict.outcome is Outcome.HELD
    control = read(drill.run_folder / "control/events.jsonl")
    assert judge(control).outcome is Outcome.UNHEALED
    assert attribute(drill.events, control).effect == "necessary"
    # The second arm saw the same alert, and nobody touched anything.
    assert any(isinstance(e, AlertChanged) and e.state == "firing" for e in control)
    assert not any(isinstance(e, CommandFinished) for e in control)
    page = (drill.run_folder / "report.html").read_text(encoding="utf-8")
    assert "without it, the service did not heal" in " ".join(page.split())
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_nothing_stirs_in_the_dry_arm(drill: Drill) -> None:
    run = (sys.executable, "-m", "rundrill", "run", "--compress", COMPRESSION, "--dry")
    assert drill.run(*run, "experiments/crash-loop.yaml") == 0
    assert drill.verdict.outcome is Outcome.SILENT
    assert not any(isinstance(e, FaultInjected | CommandFinished | Recovered) for e in drill.events)
    assert not any(isinstance(e, AlertChanged) and e.state == "firing" for e in drill.events)
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_without_the_rollback_step_the_drill_is_broken_not_recovered(drill: Drill) -> None:
    lines = drill.runbook.read_text(encoding="utf-8").splitlines()
    section = next(i for i, line in enumerate(lines) if "CrashLoopBackOff" in line and "#" in line)
    remedy = next(i for i in range(section, len(lines)) if "rollout undo" in lines[i])
    drill.runbook.write_text("\n".join(lines[:remedy] + lines[remedy + 1 :]), encoding="utf-8")
    assert drill.run() == 1
    assert drill.verdict.outcome is Outcome.BROKEN
    assert drill.verdict.reason.startswith("not recovered")
    assert "is not ready after" in drill.verdict.reason
    assert promise(drill, "undone") == "held"
    # The alert itself gives up: the back-off outgrows its window.
    assert "silent-harm-PaymentPodRestarting" in {f.id for f in drill.verdict.findings}
    assert drill.left_running() == []


def test_with_a_threshold_of_300_restarts_the_drill_is_broken_not_detected(drill: Drill) -> None:
    drill.spoil(drill.rules, "payments:pod_restarts:10m > 3", "payments:pod_restarts:10m > 300")
    assert drill.run() == 1
    assert drill.verdict.reason.startswith("not detected")
    assert promise(drill, "undone") == "held"


def test_a_fault_that_does_nothing_is_invalid_never_held(drill: Drill) -> None:
    drill.spoil(drill.experiment, "rundrill/payments:1.1.0", "rundrill/payments:1.0.0")
    assert drill.run() == 3
    assert drill.verdict.outcome is Outcome.INVALID
    assert any(isinstance(e, FaultMissed) for e in drill.events)


def test_a_load_that_is_killed_makes_the_drill_invalid(drill: Drill) -> None:
    drill.start()
    drill.wait_for_phase("soak")
    line = next(line for line in drill.left_running() if "locust" in line)
    os.kill(int(line.split()[0]), signal.SIGKILL)
    assert drill.finish() == 3
    assert drill.verdict.outcome is Outcome.INVALID
    stopped = next(e for e in drill.events if isinstance(e, LoadStopped))
    assert not stopped.expected
    assert promise(drill, "undone") == "held"
    assert drill.left_running() == []


@pytest.mark.parametrize("moment", ["baseline", "inject", "injected", "detect", "soak"])
def test_ctrl_c_undoes_the_fault_and_leaves_nothing(drill: Drill, moment: str) -> None:
    drill.start()
    if moment == "injected":
        drill.wait_for_event(FaultInjected)
    else:
        drill.wait_for_phase(moment)
    drill.interrupt()
    assert drill.finish(60) == 4
    assert drill.verdict.outcome is Outcome.ABORTED
    undone = [e.undone for e in drill.events if isinstance(e, FaultUndone)]
    # At the start of the injection the undo is being prepared: often nothing was changed yet.
    changed = any(isinstance(e, FaultInjected) for e in drill.events)
    assert undone in ([True], [True] if changed else [])
    assert changed or moment in ("baseline", "inject")
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_ctrl_c_while_the_cluster_starts_leaves_nothing(drill: Drill) -> None:
    process = drill.start()
    assert process.stdout is not None
    while "deploying" not in process.stdout.readline():
        pass
    drill.interrupt()
    assert drill.finish(60) == 4
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


@pytest.mark.parametrize("phase", ["detect", "soak"])
def test_a_killed_runner_takes_everything_with_it_and_the_next_run_tidies_up(
    drill: Drill, phase: str
) -> None:
    drill.start()
    drill.wait_for_phase(phase)
    drill.kill()
    wait_until(lambda: drill.left_running() == [], "everything to end by itself", 30)
    assert drill.verdict.outcome is Outcome.ABORTED
    (trial,) = compare(read_past([drill.run_folder]), None)
    assert trial.reproduced  # the samples are there up to the kill
    assert drill.run(sys.executable, "-m", "rundrill", "recover") == 0
    assert drill.left_on_disk() == []


def test_plain_chaos_run_is_the_same_drill_with_an_honest_exit_code(drill: Drill) -> None:
    chaos = (str(Path(sys.executable).with_name("chaos")), "run", "experiments/crash-loop.yaml")
    assert drill.run(*chaos) != 0  # no target is up
    assert "rundrill up" in drill.output
    up = (sys.executable, "-m", "rundrill", "up", "--compress", COMPRESSION)
    assert drill.run(*up) == 0
    try:
        assert drill.run(*chaos) == 0
        assert drill.verdict.outcome is Outcome.HELD
        drill.spoil(drill.rules, "payments:pod_restarts:10m > 3", "payments:pod_restarts:10m > 300")
        assert drill.run(*chaos) != 0
        assert drill.verdict.reason.startswith("not detected")
        assert promise(drill, "undone") == "held"
        # A runner that is killed on a target that lives on: its watchdog undoes what it left.
        drill.spoil(drill.rules, "> 300", "> 3")
        drill.start(*chaos)
        drill.wait_for_phase("detect")
        drill.kill()
        assert drill.run(sys.executable, "-m", "rundrill", "recover") == 0
        assert "nothing was left over" in drill.output
        assert drill.run(*chaos) == 0
    finally:
        assert drill.run(sys.executable, "-m", "rundrill", "down") == 0
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("experiment", "pod-crashloopbackoff,", "no-such-procedure,", "has no procedure"),
        ("experiment", "name: bad-release", "name: bad-relase", "there is no fault"),
        ("experiment", "[PaymentPodRestarting]", "[NoSuchAlert]", "have no alert"),
        ("rules", "payments:pod_restarts:10m > 3", "holt_winters(x[5m], 1, 1) > 3", "alerts.yml:"),
        ("runbook", "#", "", "runbook.md"),
    ],
)
def test_bad_input_is_one_message_and_nothing_is_started(
    drill: Drill, file: str, old: str, new: str, told: str
) -> None:
    drill.spoil(getattr(drill, file), old, new)
    assert drill.run() == 2
    assert told in drill.output
    assert len(drill.output.strip().splitlines()) <= 3
    assert "Traceback" not in drill.output
    assert not (drill.folder / "runs").exists()
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_a_missing_kubectl_is_told_before_anything_starts(drill: Drill) -> None:
    drill.env["RUNDRILL_KUBECTL"] = "/nowhere/kubectl"
    assert drill.run() == 2
    assert "kubectl" in drill.output
    assert "Traceback" not in drill.output


def test_a_second_runner_is_told_about_the_first(drill: Drill) -> None:
    drill.start()
    drill.wait_for_phase("setup")
    first, drill.process = drill.process, None
    assert drill.run() == 2
    assert "another drill is running" in drill.output
    drill.process = first
    drill.interrupt()
    assert drill.finish(60) == 4
