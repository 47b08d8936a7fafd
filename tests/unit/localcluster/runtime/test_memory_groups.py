"""Choosing what enforces memory limits, with folders that answer as control groups do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from localcluster import cgroups
from localcluster.runtime.memory_groups import choose

V1 = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.oom_control")
V2 = (
    "cgroup.controllers",
    "cgroup.subtree_control",
    "memory.max",
    "memory.swap.max",
    "memory.oom.group",
    "memory.events",
)


def make(files: tuple[str, ...]) -> Callable[[Path], None]:
    """What the kernel does for `mkdir`."""

    def run(path: Path) -> None:
        path.mkdir()
        for name in (*files, "cgroup.procs"):
            (path / name).write_text("")
        if "cgroup.controllers" in files:
            (path / "cgroup.controllers").write_text("cpu memory")

    return run


def remove(path: Path) -> None:
    """What the kernel does for `rmdir`: control files are no obstacle, processes are."""
    if (path / "cgroup.procs").read_text():
        raise OSError(16, "Device or resource busy")
    for child in path.iterdir():
        child.unlink()
    path.rmdir()


@pytest.mark.parametrize("files", [V1, V2])
def test_a_group_that_was_handed_over_is_used(tmp_path: Path, files: tuple[str, ...]) -> None:
    parent = tmp_path / "handed"
    make(files)(parent)
    told: list[Path] = []
    environment = {cgroups.VARIABLE: str(parent)}
    groups, said = choose(environment, "one", told.append, make=make(files), remove=remove)
    assert groups is not None
    assert said == f"enforced by cgroup ({parent}/localcluster-one)"
    assert told == [parent / "localcluster-one"]
    assert not (groups.root / "try").exists()

    group = groups.create("pod.c.1", 64 << 20)
    assert group is not None
    assert (group.path / files[-1]).exists()
    limit = "memory.max" if files is V2 else "memory.limit_in_bytes"
    assert (group.path / limit).read_text() == str(64 << 20)
    assert group.kills == 0
    (group.path / files[-1]).write_text("oom 1\noom_kill 2\n")
    assert group.kills == 2
    assert not group.holds(1)
    group.enter()
    assert (group.path / "cgroup.procs").read_text() == "0"
    (group.path / "cgroup.procs").write_text("")
    assert groups.discard(group)
    assert groups.discard(group), "again is no trouble"
    assert not group.path.exists()


def test_without_a_name_the_poller_enforces_and_nothing_is_touched() -> None:
    told: list[Path] = []
    groups, said = choose({}, "one", told.append, own_place=lambda: (None, "it is another's"))
    assert groups is None
    assert said == "enforced by poller (it is another's; LOCALCLUSTER_CGROUP names none)"
    assert told == []


def test_without_a_name_the_root_is_used_by_a_process_that_nobody_put_elsewhere(
    tmp_path: Path,
) -> None:
    make(V1)(tmp_path / "memory")
    place = tmp_path / "memory"
    groups, said = choose(
        {}, "one", lambda _path: None, make=make(V1), remove=remove, own_place=lambda: (place, "")
    )
    assert groups is not None
    assert said == f"enforced by cgroup ({place}/localcluster-one)"


def test_a_folder_that_is_no_control_group_leaves_it_to_the_poller(tmp_path: Path) -> None:
    for parent in (tmp_path, tmp_path / "missing"):
        groups, said = choose({cgroups.VARIABLE: str(parent)}, "one", lambda _path: None)
        assert groups is None
        assert said.startswith(f"enforced by poller ({parent} cannot be used: No such file")
    assert list(tmp_path.iterdir()) == []


def test_a_group_without_memory_leaves_it_to_the_poller(tmp_path: Path) -> None:
    make(V2)(tmp_path / "handed")
    (tmp_path / "handed" / "cgroup.controllers").write_text("cpu")
    environment = {cgroups.VARIABLE: str(tmp_path / "handed")}
    groups, said = choose(environment, "one", lambda _path: None)
    assert groups is None
    assert "it has no memory controller" in said


def test_a_group_that_takes_no_limits_leaves_it_to_the_poller(tmp_path: Path) -> None:
    make(V1)(tmp_path / "handed")
    environment = {cgroups.VARIABLE: str(tmp_path / "handed")}
    none: tuple[str, ...] = ()
    groups, said = choose(environment, "one", lambda _path: None, make=make(none), remove=remove)
    assert groups is None
    assert "takes no memory limits" in said
    assert not (tmp_path / "handed" / "localcluster-one").exists()
