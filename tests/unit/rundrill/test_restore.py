"""The way back, on the embedded cluster, after what runbooks do to one with the real kubectl."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.base.clock import MonotonicClock
from rundrill.responder import find_kubectl
from rundrill.restore import Restoration, restore, take_snapshot
from rundrill.target.cluster import Cluster
from rundrill.target.snapshot import Snapshot, merge_patch
from rundrill.undo import UndoEntry

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop, labels: {app: till}}
data: {LOG_LEVEL: info, MODE: calm}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: till
          image: test/sleep:v1
          env: [{name: A, value: "1"}, {name: B, value: "2"}]
---
apiVersion: v1
kind: Service
metadata: {name: till, namespace: shop}
spec:
  selector: {app: till}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: till, namespace: shop}
spec:
  podSelector: {matchLabels: {app: till}}
  policyTypes: [Egress]
  egress: [{ports: [{port: 5432}]}]
"""
IMAGES = """
- image: test/sleep
  tag: v1
  command: ["sleep", "9999"]
"""


class Nothing:
    """A fault that is no more: what is left to bring back is the procedure's."""

    def undo(self, original: Mapping[str, Any]) -> None:
        pass

    def undone(self, original: Mapping[str, Any]) -> str | None:
        return "nothing was there"


class Shop:
    """A small service on a cluster of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.kubectl = find_kubectl()
        (folder / "images.yaml").write_text(IMAGES, encoding="utf-8")
        (folder / "shop.yaml").write_text(MANIFESTS, encoding="utf-8")
        self.localcluster("up", f"--images={folder / 'images.yaml'}", "--compress=20")
        self.cluster = Cluster(self.state / "kubeconfig", scratch=folder)
        self.run("apply", "-f", str(folder / "shop.yaml"))
        self.run("rollout", "status", "deployment/till", "--timeout=30s")

    def localcluster(self, verb: str, *options: str) -> None:
        command = [sys.executable, "-m", "localcluster", verb, f"--state={self.state}", *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def run(self, *arguments: str) -> None:
        environment = {**os.environ, "KUBECONFIG": str(self.state / "kubeconfig")}
        subprocess.run(
            [self.kubectl, "-n", "shop", *arguments],
            env={**environment, "KUBECACHEDIR": str(self.folder / "cache")},
            check=True,
            capture_output=True,
            timeout=60,
        )

    def snapshot(self) -> Snapshot:
        return take_snapshot(self.cluster, ["shop"])

    def restore(self, before: Snapshot) -> Restoration:
        entry = UndoEntry(
            run_id="run",
            kubeconfig=str(self.state / "kubeconfig"),
            fault="none",
            parameters={},
            original={},
            namespaces=["shop"],
            snapshot=before,
        )
        return restore(
            entry,
            Nothing(),  # type: ignore[arg-type]
            self.cluster,
            budget_s=30,
            clock=MonotonicClock(),
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("shop"))
    try:
        yield made
    finally:
        made.cluster.close()
        made.localcluster("down")


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (["scale deployment till --replicas=3"], "spec.replicas was 1, is 3"),
        (["rollout restart deployment/till"], "restartedAt was 'absent'"),
        (["set env deployment/till A=9 C=3"], "env[0 A].value was '1', is '9'"),
        (["set env deployment/till B-"], "env[1 B].name was 'B', is 'absent'"),
        (["delete configmap settings"], "configmap/shop/settings: was deleted"),
        (["label configmap settings extra=1 app-"], "labels.extra was 'absent'"),
        (["annotate deployment till note=seen"], "annotations.note was 'absent'"),
        (["delete networkpolicy till"], "networkpolicy/shop/till: was deleted"),
        (["delete service till"], "service/shop/till: was deleted"),
        (
            ["scale deployment till --replicas=0", "delete deployment till"],
            "deployment/shop/till: was deleted",
        ),
        (
            ['patch configmap settings --type=merge -p {"data":{"MODE":null,"NEW":"x"}}'],
            "data.MODE was 'calm', is 'absent'",
        ),
    ],
)
def test_what_a_runbook_changes_comes_back(shop: Shop, commands: list[str], told: str) -> None:
    before = shop.snapshot()
    for command in commands:
        shop.run(*command.split())
    done = shop.restore(before)
    assert done.left == ()
    assert any(told in sentence for sentence in done.restored), done.restored
    assert shop.restore(before).restored == ()


def test_what_is_new_is_told_and_left_to_whom_it_belongs(shop: Shop) -> None:
    before = shop.snapshot()
    shop.run("create", "configmap", "somebodys")
    try:
        done = shop.restore(before)
        assert (done.restored, done.left) == ((), ("configmap/shop/somebodys: was created",))
    finally:
        shop.run("delete", "configmap", "somebodys")


values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values)


@given(objects, objects)
def test_a_merge_patch_makes_the_wanted_object_as_the_rfc_says(
    now: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert apply(deepcopy(now), merge_patch(now, wanted)) == wanted


def apply(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7386, section 2, word for word."""
    merged: Callable[[Any, Any], Any] = apply
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merged(target.get(name), value)
    return target
