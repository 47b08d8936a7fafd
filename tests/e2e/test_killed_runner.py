"""A runner that is killed with its watchdog in the middle of any fault: `rundrill recover` leaves
things as before.

One target for all of them, so what one kill left would also be met by the next one's baseline.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from drills import COMPRESSION, Drill, wait_until

from rundrill.events import FaultLanded
from rundrill.faults import FAULTS
from rundrill.restore import take_snapshot
from rundrill.target import marker
from rundrill.target.cluster import Cluster
from rundrill.target.snapshot import Snapshot, differences

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("killed")]

TOP = Path(__file__).parents[2]
NAMESPACES = ("production", "database", "gateways")
RUNDRILL = (sys.executable, "-m", "rundrill")


def fault_of(experiment: Path) -> str:
    extensions = yaml.safe_load(experiment.read_text(encoding="utf-8"))["extensions"]
    return str(next(e for e in extensions if e["name"] == "rundrill")["fault"]["name"])


EXPERIMENTS = {fault_of(path): path.name for path in sorted((TOP / "experiments").glob("*.yaml"))}
"""Of several for one fault, the last."""


class Target:
    """A cluster that lives on, and what was declared in it before the first drill."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.cluster = Cluster(drill.home / "cluster/kubeconfig", scratch=drill.folder / "scratch")
        self.before = self.snapshot()

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.cluster, NAMESPACES)

    def ready(self) -> bool:
        rollouts = [r for name in NAMESPACES for r in self.cluster.rollouts(name).values()]
        return len(rollouts) > 5 and all(rollout.complete for rollout in rollouts)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    drill = Drill(tmp_path_factory.mktemp("killed"))
    (drill.folder / "scratch").mkdir()
    assert drill.run(*RUNDRILL, "up", "--compress", COMPRESSION) == 0
    try:
        yield Target(drill)
        assert drill.run(*RUNDRILL, "down") == 0
        assert drill.left_running() == []
        assert drill.left_on_disk() == []
    finally:
        drill.end()


def test_every_fault_has_an_experiment() -> None:
    assert EXPERIMENTS.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_recover_leaves_the_objects_as_they_were(target: Target, fault: str) -> None:
    drill, file = target.drill, f"experiments/{EXPERIMENTS[fault]}"
    drill.start(str(Path(sys.executable).with_name("chaos")), "run", file)
    drill.wait_for_event(FaultLanded)
    drill.kill_with_watchdog()
    assert marker.find(target.cluster), "nothing in the cluster tells of the fault"

    assert drill.run(*RUNDRILL, "recover") == 0
    assert "1 left over" in drill.output
    assert differences(target.before, target.snapshot()) == ()
    assert not marker.find(target.cluster)
    wait_until(target.ready, "every rollout to be complete", 30)
    assert drill.run(*RUNDRILL, "recover") == 0  # harmless to repeat
    assert "nothing was left over" in drill.output
