"""What a killed run left in a cluster, found by another machine through its markers."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rundrill import run_command
from rundrill.base.clock import MonotonicClock
from rundrill.errors import MachineError, TargetError
from rundrill.faults import FAULTS
from rundrill.faults.fault import Permission
from rundrill.restore import take_snapshot
from rundrill.target import marker
from rundrill.target.cluster import Cluster, ClusterError, object_path
from rundrill.target.local import METADATA, LocalTarget
from rundrill.undo import UndoEntry
from rundrill.workplace import Workplace

SPACES = ["shop", "bank"]
SETTINGS = object_path("configmap", "shop", "settings")
SOON = timedelta(minutes=5)


class Toy:
    """Sets one value of a ConfigMap."""

    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("get", "patch"), resource="configmaps"),
    )
    undone_runs: ClassVar[list[object]] = []

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._cluster = cluster
        self._path = object_path("configmap", str(parameters["namespace"]), "settings")
        self._name = parameters.get("name")

    def undo(self, original: Mapping[str, Any]) -> None:
        self.undone_runs.append(self._name)
        self._cluster.merge_patch(self._path, {"data": {"mode": original["mode"]}})

    def undone(self, original: Mapping[str, Any]) -> str | None:
        now = self._cluster.get(self._path)["data"]["mode"]
        return "as before" if now == original["mode"] else None


class Town:
    """Two namespaces and a workplace beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "home" / "cluster"
        self.kubeconfig = self.state / "kubeconfig"
        self.said: list[str] = []
        self.localcluster("up")
        self.cluster = Cluster(self.kubeconfig, scratch=folder)
        for name in SPACES:
            self.cluster.create(f"/api/v1/namespaces/{name}", {"metadata": {"name": name}})

    def localcluster(self, verb: str) -> None:
        command = [sys.executable, "-m", "localcluster", verb, f"--state={self.state}"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def local(self) -> LocalTarget:
        return LocalTarget(
            self.state,
            scratch=self.folder,
            manifests=self.folder,
            images=self.folder,
            kubectl=self.folder,
            clock=MonotonicClock(),
            say=self.said.append,
        )

    def settings(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.cluster.get(SETTINGS)["data"]
        return found

    def place(self) -> Workplace:
        place = Workplace(self.folder / "home")
        place.scratch.mkdir(parents=True, exist_ok=True)
        return place

    def recover(self, *, expired: bool = False, bring_back: bool = False) -> int:
        return self.place().recover_marked(
            self.kubeconfig,
            only_expired=expired,
            clock=MonotonicClock(),
            say=self.said.append,
            bring_back=bring_back,
        )

    def leave(
        self, run_id: str = "run-1", *, spaces: Sequence[str] = tuple(SPACES), ago: bool = False
    ) -> UndoEntry:
        """What a runner leaves that is killed once its fault is made; others work on."""
        entry = self.entry(run_id, ago=ago)
        self.claim(run_id, spaces, ago=ago)
        marker.fill(self.cluster, namespaces=spaces, run_id=run_id, entry=asdict(entry))
        return entry

    def entry(self, run_id: str, *, ago: bool = False) -> UndoEntry:
        now = datetime.now(UTC)
        return UndoEntry(
            run_id=run_id,
            kubeconfig=str(self.kubeconfig.resolve()),
            fault="toy",
            parameters={"namespace": "shop", "name": run_id},
            original={"mode": "calm"},
            namespaces=SPACES,
            snapshot=take_snapshot(self.cluster, SPACES),
            written=now.isoformat(),
            expires=(now - SOON if ago else now + SOON).isoformat(),
        )

    def claim(self, run_id: str, spaces: Sequence[str] = SPACES, *, ago: bool = False) -> None:
        now = datetime.now(UTC)
        expires = now - SOON if ago else now + SOON
        marker.claim(self.cluster, namespaces=spaces, run_id=run_id, expires=expires)

    def break_it(self) -> None:
        self.cluster.merge_patch(SETTINGS, {"data": {"mode": "wild", "colour": "red"}})

    def marked(self) -> list[str]:
        return sorted(one.namespace for one in marker.find(self.cluster))


@pytest.fixture(scope="module")
def cluster_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    try:
        yield made
    finally:
        made.cluster.close()
        made.localcluster("down")


@pytest.fixture
def town(cluster_of_the_module: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    town = cluster_of_the_module
    monkeypatch.setitem(FAULTS, "toy", Toy)  # type: ignore[arg-type]
    Toy.undone_runs.clear()
    town.said.clear()
    meta = {"name": "settings", "namespace": "shop"}
    town.cluster.create(SETTINGS, {"metadata": meta, "data": {"mode": "calm", "colour": "blue"}})
    yield town
    town.cluster.delete(SETTINGS)
    for one in marker.find(town.cluster):
        name = one.name if isinstance(one, marker.Unreadable) else marker.NAME
        town.cluster.delete(object_path("configmap", one.namespace, name))


def test_radii_that_share_a_namespace_exclude_each_other_and_the_refused_leaves_nothing(
    town: Town,
) -> None:
    town.claim("run-1", ["shop"])
    with pytest.raises(ClusterError, match=r"run run-1 may be in shop until .*nothing") as refused:
        town.claim("run-2", ["shop", "bank"])
    assert refused.value.code == 409
    assert town.marked() == ["shop"]
    town.claim("run-3", ["bank"])
    assert town.marked() == ["bank", "shop"]
    for _ in range(2):
        marker.release(town.cluster, namespaces=SPACES, run_id="run-1")
        assert town.marked() == ["bank"]


def test_markers_hold_all_that_the_undo_needs_and_are_no_part_of_a_snapshot(town: Town) -> None:
    before = take_snapshot(town.cluster, SPACES)
    entry = town.leave()
    told = {one.namespace: one for one in marker.find(town.cluster)}
    bank, shop = told["bank"], told["shop"]
    assert isinstance(bank, marker.Marker)
    assert isinstance(shop, marker.Marker)
    assert UndoEntry.read(bank.entry) == entry
    assert shop.entry is None
    assert bank.expired(bank.expires)
    assert not bank.expired(bank.expires - timedelta(seconds=1))
    assert take_snapshot(town.cluster, SPACES).keys() == before.keys()


def test_an_entry_is_only_written_into_the_markers_of_its_own_run(town: Town) -> None:
    town.claim("run-1")
    with pytest.raises(ClusterError, match="run run-1"):
        marker.fill(town.cluster, namespaces=SPACES, run_id="run-2", entry={})


def test_a_run_that_was_just_killed_is_undone_with_all_that_changed(town: Town) -> None:
    town.leave()
    town.break_it()
    assert town.recover(expired=True) == 0
    assert town.recover() == 1
    assert town.settings() == {"mode": "calm", "colour": "blue"}
    assert town.marked() == []


def test_days_later_only_the_fault_is_undone_and_the_work_of_others_stays(town: Town) -> None:
    town.leave(ago=True)
    town.break_it()
    assert town.recover(expired=True) == 1
    assert town.settings() == {"mode": "calm", "colour": "red"}
    assert any("data.colour was 'blue', is 'red'" in sentence for sentence in town.said)
    assert any("others may have worked here" in sentence for sentence in town.said)


def test_days_later_all_is_brought_back_when_asked_for(town: Town) -> None:
    town.leave(ago=True)
    town.break_it()
    assert town.recover(bring_back=True) == 1
    assert town.settings() == {"mode": "calm", "colour": "blue"}


def test_markers_without_an_entry_changed_nothing_and_go(town: Town) -> None:
    town.claim("run-1", ago=True)
    assert town.recover(expired=True) == 1
    assert (town.marked(), Toy.undone_runs) == ([], [])


def test_a_snapshot_that_was_too_large_is_not_compared(town: Town) -> None:
    entry = town.entry("run-1")
    town.claim("run-1")
    large = {"configmap/shop/large": {"metadata": {"name": "large"}, "data": {"x": "y" * 950_000}}}
    entry = replace(entry, snapshot=large)
    marker.fill(town.cluster, namespaces=SPACES, run_id="run-1", entry=asdict(entry))
    assert town.recover() == 1
    assert any("nothing compared" in sentence for sentence in town.said)
    assert not any("was created" in sentence for sentence in town.said)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"namespaces": ["shop", "bank", "kube-system"]}, "reaches bank, kube-system"),
        ({"snapshot": {"configmap/kube-system/x": {"metadata": {}}}}, "reaches kube-system"),
        ({"parameters": {"namespace": "kube-system"}}, "reaches kube-system"),
        ({"parameters": {}}, "reaches None"),
        ({"run_id": "run-2"}, "of run run-2"),
        ({"fault": 7}, "fault: not of the right type"),
        ({"fault": "unheard-of"}, "not known here: unheard-of"),
        ({"original": {}}, "cannot be followed: KeyError"),
    ],
)
def test_an_entry_that_is_not_to_be_followed_is_one_message_and_blocks_no_other(
    town: Town, change: dict[str, Any], why: str
) -> None:
    own = replace(town.entry("run-1"), namespaces=["shop"], snapshot={})
    planted = {**asdict(own), **change}
    town.claim("run-1", ["shop"])
    marker.fill(town.cluster, namespaces=["shop"], run_id="run-1", entry=planted)
    town.claim("run-9", ["bank"], ago=True)
    with pytest.raises(TargetError, match=why) as refused:
        town.recover()
    assert refused.value.path == town.kubeconfig
    assert refused.value.fix
    assert town.marked() == ["shop"]


def test_what_is_labelled_as_a_marker_and_is_none_blocks_no_other(town: Town) -> None:
    labels = {"rundrill.dev/fault": "true"}
    meta = {"name": "odd", "namespace": "bank", "labels": labels}
    town.cluster.create(object_path("configmap", "bank", "odd"), {"metadata": meta})
    town.leave(ago=True)
    with pytest.raises(TargetError, match="configmap/odd in bank") as refused:
        town.recover()
    assert "delete configmap odd" in str(refused.value)
    assert Toy.undone_runs == ["run-1"]
    assert town.marked() == ["bank"]


def test_of_several_faults_the_newest_is_undone_first_and_a_bad_entry_blocks_none(
    town: Town,
) -> None:
    (town.state / METADATA).write_text('{"compression": 1}', encoding="utf-8")
    place = town.place()
    for run_id in ("run-1", "run-2"):
        place.journal.write(town.entry(run_id))
    bad = place.journal.write(town.entry("run-0"))
    bad.write_text("{", encoding="utf-8")
    with pytest.raises(MachineError, match=r"run-0\.json: is no undo entry"):
        place.recover(town.local(), clock=MonotonicClock(), say=town.said.append)
    assert Toy.undone_runs == ["run-2", "run-1"]
    assert list(bad.parent.iterdir()) == [bad]
    bad.unlink()


def test_a_cluster_that_is_up_and_does_not_answer_is_not_gone(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (town.state / METADATA).write_text('{"compression": 4}', encoding="utf-8")
    assert town.local().running() == 4
    place = town.place()
    place.journal.write(town.entry("run-1"))

    def busy(_: Cluster) -> str:
        raise ClusterError("GET /version: no answer")

    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "version", busy)
        with pytest.raises(TargetError, match=r"is up and cannot be used: .*no answer"):
            place.recover(town.local(), clock=MonotonicClock(), say=town.said.append)
    assert [entry.run_id for entry in place.journal.leftovers()] == ["run-1"]
    assert place.recover(town.local(), clock=MonotonicClock(), say=town.said.append) == 1
    assert town.local().running() == 4


def test_what_kept_a_cluster_from_ending_is_told_and_its_undo_entry_stays(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = town.place()
    place.journal.write(town.entry("run-1"))
    monkeypatch.setattr(LocalTarget, "down", lambda _: "process 7 does not end")
    local = town.local()
    told = run_command.end(local, local, place, MonotonicClock())
    assert str(told).startswith(f"{town.kubeconfig}: the embedded cluster is not down: process 7")
    assert "fix: run `rundrill down`" in str(told)
    (entry,) = place.journal.leftovers()
    place.journal.remove(entry)


def test_a_cluster_whose_process_is_gone_is_gone(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    target = LocalTarget(
        folder,
        scratch=tmp_path,
        manifests=tmp_path,
        images=tmp_path,
        kubectl=tmp_path,
        clock=MonotonicClock(),
        say=town.said.append,
    )
    assert target.running() is None
    (folder / METADATA).write_text('{"compression": 4}', encoding="utf-8")
    assert target.running() is None
    (folder / METADATA).write_text("{", encoding="utf-8")
    assert target.running() is None
