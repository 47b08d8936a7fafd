"""Memory limits held by this machine's own kernel: needs root and a hierarchy to make groups in."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster import cgroups
from localcluster.runtime.memory_groups import MemoryGroups, choose

LIMIT = 40 << 20
GREEDY = "import time\na = []\nwhile True: a.append(bytearray(1 << 20)); time.sleep(0.002)"
LIMITS = {"resources": {"limits": {"memory": str(LIMIT)}}}


def _hierarchy() -> tuple[Path | None, str]:
    """Where this machine mounts memory's control groups; else None and why not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return None, "control groups need root on Linux"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, tail = line.partition(" - ")
        place = Path(head.split()[4])
        kind, _, options = tail.partition(" ")
        if kind == "cgroup" and "memory" in options.rpartition(" ")[2].split(","):
            return place, ""
        handed = place / "cgroup.subtree_control"
        if kind == "cgroup2" and "memory" in handed.read_text().split():
            return place, ""
    return None, "this machine has no control groups with memory"


PLACE, WHY_NOT = _hierarchy()
pytestmark = pytest.mark.skipif(PLACE is None, reason=WHY_NOT)


@pytest.fixture
def handed() -> Iterator[Path]:
    """A group of this test's own, removed with it."""
    assert PLACE is not None
    group = PLACE / f"rundrill-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made in {PLACE}: {error.strerror}")
    yield group
    left = [path.name for path in group.iterdir() if path.is_dir()]
    for name in left:
        cgroups.remove_tree(group / name, name.removeprefix("localcluster-"))
    group.rmdir()
    assert left == [], "a cluster's group outlived it"


@pytest.fixture
def groups(handed: Path) -> Iterator[MemoryGroups]:
    found, said = choose({cgroups.VARIABLE: str(handed)}, "unit-test", lambda _path: None)
    assert found is not None, said
    assert said == f"enforced by cgroup ({handed}/localcluster-unit-test)"
    yield found
    assert cgroups.remove_tree(found.root, "unit-test")


def _peak(group: Path) -> int:
    for name in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / name).exists():
            return int((group / name).read_text())
    return 0


def test_the_kernel_kills_at_the_limit_and_not_above(home: Any, groups: MemoryGroups) -> None:
    async def test(node: Any) -> None:
        peaks: list[int] = []
        discard = groups.discard

        def look(group: Any) -> bool:
            if group.path.exists():
                peaks.append(_peak(group.path))
            return discard(group)

        groups.discard = look  # type: ignore[method-assign]  # looks, and goes on
        node.run(GREEDY, container=LIMITS, restartPolicy="Never")
        await node.until(lambda: node.pod()["status"]["phase"] == "Failed", "killed")
        end = node.status()["state"]["terminated"]
        assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")
        assert node.events("OOMKilling") == [
            f"Container app reached its memory limit of {LIMIT}: killed (enforced by cgroup)"
        ]
        assert LIMIT * 0.9 < max(peaks) <= LIMIT
        await node.until(lambda: not list(groups.root.glob("*.app.*")), "its group is gone")

    home(test, groups)


def test_it_is_restarted_killed_again_and_backs_off(home: Any, groups: MemoryGroups) -> None:
    async def test(node: Any) -> None:
        node.run(GREEDY, container=LIMITS)
        await node.until(lambda: node.status()["restartCount"] >= 2, "two restarts")
        await node.until(lambda: node.state() == "CrashLoopBackOff", "back-off")
        assert node.status()["lastState"]["terminated"]["reason"] == "OOMKilled"

    home(test, groups)
    assert not list(groups.root.glob("*.app.*"))


def test_what_is_executed_in_the_container_counts_too(home: Any, groups: MemoryGroups) -> None:
    async def test(node: Any) -> None:
        node.run("import time; time.sleep(60)", container=LIMITS)
        await node.until(lambda: node.status().get("ready"), "ready")
        worker = node.kubelet.workers()[0].mains[0]
        code, _ = await node.execute(sys.executable, "-I", "-S", "-c", GREEDY)
        # On version 2 all of the container goes, on version 1 the one that asked for too much.
        assert code == 137
        if "running" in node.status()["state"]:
            assert worker.oom_kills == 1
            assert "container_oom_events_total{" in node.kubelet.cadvisor_metrics()

    home(test, groups)


def _cluster(folder: Path, handed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcluster", *words, "--state", str(folder / "state")],
        env={**os.environ, cgroups.VARIABLE: str(handed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("killed", [False, True])
def test_a_clusters_group_goes_with_down_and_after_a_kill(
    tmp_path: Path, handed: Path, killed: bool
) -> None:
    up = _cluster(tmp_path, handed, "up")
    assert up.returncode == 0, up.stderr
    try:
        (group,) = handed.glob("localcluster-*")
        shown = _cluster(tmp_path, handed, "status")
        assert f"enforced by cgroup ({group})" in shown.stdout
        if killed:
            server = json.loads((tmp_path / "state" / "server.json").read_text())["pid"]
            reader = os.pidfd_open(server)
            os.kill(server, signal.SIGKILL)
            assert select.select([reader], [], [], 10)[0], "it did not end"
            os.close(reader)
    finally:
        down = _cluster(tmp_path, handed, "down")
    assert down.returncode == 0, down.stderr
    assert not list(handed.glob("localcluster-*"))
