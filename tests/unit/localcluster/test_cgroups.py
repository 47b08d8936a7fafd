"""Removing a cluster's control group, and the journal that tells of it."""

from pathlib import Path

import pytest

from localcluster import cgroups, journal


def test_a_group_that_is_not_this_clusters_is_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "system.slice"
    other = tmp_path / "localcluster-two"
    for folder in (foreign, other):
        folder.mkdir()
        assert not cgroups.remove_tree(folder, "one", within_s=0)
        assert folder.exists()
    nameless = tmp_path / "localcluster-"
    nameless.mkdir()
    assert not cgroups.remove_tree(nameless, "", within_s=0)
    assert nameless.exists()


def test_a_clusters_group_goes_with_all_that_is_below(tmp_path: Path) -> None:
    group = cgroups.named_for(tmp_path, "one")
    (group / "pod" / "deeper").mkdir(parents=True)
    assert cgroups.remove_tree(group, "one")
    assert not group.exists()
    assert cgroups.remove_tree(group, "one"), "and it is no trouble when it is gone already"


def test_a_group_that_stays_is_told(tmp_path: Path) -> None:
    group = cgroups.named_for(tmp_path, "one")
    group.mkdir()
    (group / "held").touch()
    assert not cgroups.remove_tree(group, "one", within_s=0)


def test_control_files_are_never_created(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cgroups.write(tmp_path, "memory.max", "1")
    assert list(tmp_path.iterdir()) == []


def test_the_reaper_removes_the_group_of_a_killed_server(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    group = cgroups.named_for(tmp_path, "one")
    (group / "pod").mkdir(parents=True)
    kept = journal.Journal(path, "one")
    kept.has_group(group)
    # The group outlives a compaction, and says nothing about processes.
    kept._rewrite([])
    kept.close()
    assert journal.groups(path) == [group]
    assert journal.read(path) == ("one", [])
    assert journal.reap(path) == []
    assert not group.exists()


def test_a_process_that_cannot_be_seen_is_not_taken_for_our_own_group(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text("0\n0\n")
    assert cgroups.processes(tmp_path) == []
    cgroups.end(tmp_path)


V1_MOUNTS = (
    "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    "31 25 0:27 / {} rw,relatime shared:9 - cgroup cgroup rw,memory\n"
    "32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)
V2_MOUNTS = "31 25 0:27 / {} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_the_root_of_version_1_is_ours_to_make_groups_in_when_we_are_in_it(tmp_path: Path) -> None:
    mounts = V1_MOUNTS.format(tmp_path)
    place, why = cgroups.own_place("5:cpu:/x\n4:memory:/\n0::/\n", mounts)
    assert (place, "somebody else" in why) == (None, True), "a container's root only looks so"
    (tmp_path / "release_agent").touch()
    assert cgroups.own_place("5:cpu:/x\n4:memory:/\n0::/\n", mounts) == (tmp_path, "")
    assert cgroups.own_place("4:memory:/user.slice\n", mounts) == (
        None,
        "this process is in the control group /user.slice, which is somebody else's",
    )


def test_the_root_of_version_2_is_used_only_where_memory_is_handed_out(tmp_path: Path) -> None:
    mounts = V2_MOUNTS.format(tmp_path)
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    none = (None, "there is no control group hierarchy with memory")
    assert cgroups.own_place("0::/\n", mounts) == none
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    assert cgroups.own_place("0::/\n", mounts) == (tmp_path, "")
    (tmp_path / "cgroup.type").touch()
    assert cgroups.own_place("0::/\n", mounts)[0] is None, "only the true root has no type"


def test_without_control_groups_nothing_is_chosen() -> None:
    none = (None, "there is no control group hierarchy with memory")
    assert cgroups.own_place("", "") == none
    assert cgroups.own_place("4:memory:/\n", "") == none
