"""A drill on a cluster that lives on, whose runner is killed in each phase, or told to stop."""

import sys
import time
from collections.abc import Iterator

import pytest
from drills import COMPRESSION, Drill

from rundrill.events import DrillAborted, FaultInjected, FaultUndone
from rundrill.model import Outcome
from rundrill.restore import take_snapshot
from rundrill.target import marker
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.snapshot import Snapshot, differences

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("watchdog")]

NAMESPACES = ("production", "database", "gateways")
RUNDRILL = (sys.executable, "-m", "rundrill")
RUN = (*RUNDRILL, "run", "experiments/crash-loop.yaml")
LEASE = "/apis/coordination.k8s.io/v1/namespaces/production/leases/rundrill"
LIMIT_S = 75.0
"""docs/watchdog.md: what it may take until the target is as before."""


class Target:
    """A cluster that lives on, and what was declared in it before the first drill."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cluster = Cluster(drill.home / "cluster/kubeconfig", scratch=drill.folder / "scratch")
        self.before = self.snapshot()

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.cluster, NAMESPACES)

    def require_as_before(self) -> None:
        """Nothing of the drill is left: in the cluster, as a process, in the workplace."""
        drill = self.drill
        assert differences(self.before, self.snapshot()) == ()
        assert not marker.find(self.cluster)
        with pytest.raises(ClusterError) as gone:
            self.cluster.get(LEASE)
        assert gone.value.code == 404
        ours = ("-m rundrill", "-m locust", "kubectl")
        assert [line for line in drill.left_running() if any(one in line for one in ours)] == []
        assert sorted(path.name for path in drill.home.iterdir()) == ["cluster"]
        assert drill.verdict.outcome is Outcome.ABORTED
        assert (drill.run_folder / "report.html").exists()
        # Before the first change there was nothing to undo.
        undone = [e.undone for e in drill.events if isinstance(e, FaultUndone)]
        changed = any(isinstance(e, FaultInjected) for e in drill.events)
        assert undone == [True] or not (changed or undone)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    drill = Drill(tmp_path_factory.mktemp("watched"))
    (drill.folder / "scratch").mkdir()
    drill.spoil(drill.experiment, "baseline: 5m", "baseline: 1m")  # it is not what is tried here
    assert drill.run(*RUNDRILL, "up", "--compress", COMPRESSION) == 0
    try:
        yield Target(drill)
        assert drill.run(*RUNDRILL, "down") == 0
        assert drill.left_running() == []
        assert drill.left_on_disk() == []
    finally:
        drill.end()


@pytest.mark.parametrize("phase", ["inject", "detect", "respond", "soak"])
def test_a_runner_that_is_killed_is_undone_for_by_its_watchdog(target: Target, phase: str) -> None:
    drill = target.drill
    drill.start(*RUN)
    drill.wait_for_phase(phase)
    killed = time.monotonic()
    drill.kill()  # returns when nobody holds its outputs open any more: the watchdog neither
    took_s = time.monotonic() - killed
    print(f"undone {took_s:.1f} s after SIGKILL in {phase}")
    assert took_s < LIMIT_S
    target.require_as_before()
    assert "the runner is gone" in drill.verdict.reason


def test_a_drill_that_is_aborted_undoes_and_says_so(target: Target) -> None:
    """In one phase; in each of them without a cluster: tests/unit/rundrill/test_engine.py."""
    drill = target.drill
    drill.start(*RUN)
    running = drill.process
    drill.wait_for_phase("respond")
    before = drill.earlier
    assert drill.run(*RUNDRILL, "abort") == 0
    assert "somebody called `rundrill abort`" in drill.output
    drill.process, drill.earlier = running, before
    assert drill.finish(30) == Outcome.ABORTED.exit_code
    target.require_as_before()
    aborted = next(e for e in drill.events if isinstance(e, DrillAborted))
    assert aborted.why == "the watchdog: somebody called `rundrill abort`"


def test_with_no_drill_to_abort_it_says_so(target: Target) -> None:
    assert target.drill.run(*RUNDRILL, "abort") == 0
    assert target.drill.output == "no drill is running here\n"
