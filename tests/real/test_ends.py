"""A drill on a real cluster that is aborted, or whose runner is killed, amid a phase."""

import sys
import time

import pytest
from deployed import Deployed
from drills import Drill

from rundrill.events import FaultInjected, FaultUndone
from rundrill.model import Outcome

RUNDRILL = (sys.executable, "-m", "rundrill")
LIMIT_S = 75.0
"""docs/watchdog.md: what it may take until the target is as before."""
# Every phase within a minute, without a timer of the kubelet: its gateway hangs, and the runbook's
# configuration reload switches to the other one.
RUN = (
    *(*RUNDRILL, "run", "--compress", "40"),
    "experiments/gateway-timeout-fallback.yaml",
)


def start(deployed: Deployed, drill: Drill, phase: str) -> None:
    assert deployed.changes() == ""
    # How fast this machine is, beside other tests, is not what is tried here.
    drill.spoil(drill.runbook, "| Response time | <500ms |", "| Response time | <5000ms |")
    drill.start(*RUN, "--target", f"context:{deployed.context}")
    drill.wait_for_phase(phase, 180)


def require_as_before(deployed: Deployed, drill: Drill) -> None:
    assert deployed.changes() == ""
    assert deployed.markers() == []
    assert deployed.leases() == []
    assert drill.left_running() == []
    assert drill.left_on_disk() == []
    assert drill.verdict.outcome is Outcome.ABORTED
    undone = [event.undone for event in drill.events if isinstance(event, FaultUndone)]
    changed = any(isinstance(event, FaultInjected) for event in drill.events)
    assert undone == [True] or not (changed or undone)


@pytest.mark.parametrize("phase", ["baseline", "inject", "detect", "respond", "soak"])
def test_a_killed_runner_leaves_the_cluster_undone(
    deployed: Deployed, real_drill: Drill, phase: str
) -> None:
    start(deployed, real_drill, phase)
    killed = time.monotonic()
    real_drill.kill()  # returns when nobody holds its outputs open any more: the watchdog neither
    took_s = time.monotonic() - killed
    print(f"undone {took_s:.1f} s after SIGKILL in {phase}")
    assert took_s < LIMIT_S
    require_as_before(deployed, real_drill)
    assert "the runner is gone" in real_drill.verdict.reason


@pytest.mark.parametrize("phase", ["baseline", "inject", "detect", "respond", "recover", "soak"])
def test_an_aborted_drill_is_undone(deployed: Deployed, real_drill: Drill, phase: str) -> None:
    start(deployed, real_drill, phase)
    running, before = real_drill.process, real_drill.earlier
    assert real_drill.run(*RUNDRILL, "abort") == 0
    real_drill.process, real_drill.earlier = running, before
    assert real_drill.finish(120) == Outcome.ABORTED.exit_code
    require_as_before(deployed, real_drill)
