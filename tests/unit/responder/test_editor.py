"""The editor of `kubectl edit`, alone and under the real kubectl on the embedded cluster."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from rundrill.base.clock import MonotonicClock
from rundrill.claims import Command
from rundrill.events import CommandFinished, CommandRefused, Event
from rundrill.model import BlastRadius, Edit, PlannedStep
from rundrill.responder import AutoResponder, Kubectl, find_kubectl
from rundrill.responder.editor import EditError, edit
from rundrill.target.cluster import Cluster, object_path

CLOCK = MonotonicClock()
EDIT_CONFIG = "kubectl edit configmap settings -n default"


def test_values_are_set_and_removed_where_the_pointers_lead() -> None:
    item = {"data": {"a/b": "1", "old": "x"}, "list": [{"n": 1}, {"n": 2}]}
    changes = {
        "set": {"/data/a~1b": "2", "/data/new": "y", "/list/1/n": 3},
        "remove": ["/data/old"],
    }
    edit(item, changes)
    assert item == {"data": {"a/b": "2", "new": "y"}, "list": [{"n": 1}, {"n": 3}]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"set": {"/spec/x": 1}}, "/spec/x leads nowhere: there is no spec"),
        ({"set": {"/data/a/b": 1}}, "/data/a/b leads into a plain value"),
        ({"remove": ["/data/gone"]}, "/data/gone is not there"),
        ({"set": {"/list/7": 1}}, "/list/7 leads nowhere: the list has 1 items"),
        ({"remove": ["/list/x"]}, "/list/x leads nowhere"),
    ],
)
def test_an_edit_that_does_not_fit_says_where(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(EditError) as caught:
        edit({"data": {"a": "1"}, "list": [1]}, changes)
    assert told in str(caught.value)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("edit")
    command = [sys.executable, "-m", "localcluster"]
    state = f"--state={folder / 'state'}"
    (folder / "images.yaml").write_text("[]\n", encoding="utf-8")
    up = [*command, "up", state, f"--images={folder / 'images.yaml'}"]
    subprocess.run(up, check=True, capture_output=True, timeout=60)
    try:
        yield folder / "state" / "kubeconfig"
    finally:
        subprocess.run([*command, "down", state], check=True, capture_output=True, timeout=60)


def follow(kubeconfig: Path, change: Edit | None, command: str = EDIT_CONFIG) -> list[Event]:
    events: list[Event] = []
    responder = AutoResponder(
        kubectl=Kubectl(
            path=find_kubectl(), kubeconfig=kubeconfig, cache=kubeconfig.parent.parent / "cache"
        ),
        blast_radius=BlastRadius(namespaces=("default",), verbs=("edit",)),
        placeholders={},
        pods=lambda _query: None,
        command_budget_s=20.0,
        clock=CLOCK,
        emit=events.append,
        now=CLOCK.now,
    )
    step = PlannedStep(
        procedure="configuration-reload",
        number=1,
        line=150,
        text="Change the ConfigMap",
        kind="remedy",
        commands=(Command(line=150, text=command, bound=True),),
        edit=change,
    )
    responder.follow([step], recovered=lambda: False)
    return events


def test_kubectl_edit_makes_the_bound_change(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    cluster = Cluster(kubeconfig, scratch=kubeconfig.parent.parent)
    with closing(cluster):
        _edit_a_config_map(kubeconfig, cluster)
    # kubectl keeps a copy of an edit that came to nothing.
    assert list(tmp_path.iterdir()) == []


def _edit_a_config_map(kubeconfig: Path, cluster: Cluster) -> None:
    path = object_path("configmap", "default", "settings")
    cluster.create(path, {"metadata": {"name": "settings"}, "data": {"MODE": "calm", "OLD": "1"}})
    (done,) = [
        event
        for event in follow(kubeconfig, Edit(set={"/data/MODE": "busy"}, remove=("/data/OLD",)))
        if isinstance(event, CommandFinished)
    ]
    assert (done.exit_code, done.by_binding) == (0, True), done.stderr
    assert cluster.get(path)["data"] == {"MODE": "busy"}

    (failed,) = [
        event
        for event in follow(kubeconfig, Edit(set={"/spec/replicas": 3}))
        if isinstance(event, CommandFinished)
    ]
    assert failed.exit_code == 1
    assert "/spec/replicas leads nowhere" in failed.stderr
    assert cluster.get(path)["data"] == {"MODE": "busy"}


def test_without_an_edit_nobody_is_at_the_editor(kubeconfig: Path) -> None:
    (refused,) = [e for e in follow(kubeconfig, None) if isinstance(e, CommandRefused)]
    assert "`edits` in the bindings" in refused.why


def test_an_edit_outside_the_blast_radius_is_refused(kubeconfig: Path) -> None:
    events = follow(kubeconfig, Edit(set={"/data/a": "b"}), EDIT_CONFIG.replace("default", "other"))
    (refused,) = [e for e in events if isinstance(e, CommandRefused)]
    assert "not in the blast radius" in refused.why


def test_the_editor_alone_keeps_what_it_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "object.yaml"
    path.write_text("# a comment of kubectl\napiVersion: v1\ndata:\n  A: 'yes'\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rundrill.responder.editor", str(path)],
        env={"RUNDRILL_EDIT": '{"set": {"/data/B": "no"}}'},
        check=False,
    )
    assert done.returncode == 0
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {
        "apiVersion": "v1",
        "data": {"A": "yes", "B": "no"},
    }
