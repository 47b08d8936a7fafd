"""Workload faults on the embedded cluster: real processes that exit, leak, are killed."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import yaml

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.faults import FAULTS, Fault
from rundrill.restore import restore, take_snapshot
from rundrill.target.cluster import Cluster, object_path
from rundrill.undo import UndoEntry

IMAGES = """
- image: test/till
  tag: v1
  command: [sh, -c, '[ "$TIMEOUT" -gt 0 ] || exit 1; exec sleep 9999']
- image: test/till
  tag: broken
  command: [sh, -c, 'exit 3']
- image: test/till
  tag: leaky
  command: ["{python}", "-c", LEAK]
"""
LEAK = """
import os, time
kept = []
while True:
    kept.append(bytes([1]) * int(float(os.environ['LEAK_MIB_PER_S']) * 104857))
    time.sleep(0.1)
"""
MANIFESTS: Mapping[str, Mapping[str, object]] = {
    object_path("configmap", "default", "settings"): {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"TIMEOUT": "2"},
    },
    object_path("deployment", "default", "till"): {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "till", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "minReadySeconds": 2,  # who exits at once was never available
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": {"app": "till"}},
            "template": {
                "metadata": {"labels": {"app": "till"}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [
                        {
                            "name": "till",
                            "image": "test/till:v1",
                            "envFrom": [{"configMapRef": {"name": "settings"}}],
                            "resources": {"limits": {"memory": "48Mi"}},
                        }
                    ],
                },
            },
        },
    },
}
TILL = {"namespace": "default", "deployment": "till", "container": "till"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("till")
    images = yaml.safe_load(IMAGES)
    images[-1]["command"][-1] = LEAK
    (folder / "images.yaml").write_text(yaml.safe_dump(images), encoding="utf-8")

    def localcluster(verb: str, *options: str) -> None:
        command = [sys.executable, "-m", "localcluster", verb, f"--state={folder / 'state'}"]
        subprocess.run([*command, *options], check=True, capture_output=True, timeout=60)

    localcluster("up", f"--images={folder / 'images.yaml'}", "--compress=20")
    try:
        made = Cluster(folder / "state" / "kubeconfig", scratch=folder)
        for path, body in MANIFESTS.items():
            made.create(path, body)
        wait(lambda: made.rollout("default", "till").complete, "the till")
        yield made
    finally:
        localcluster("down")


def wait(find: Callable[[], object], what: str) -> object:
    return until(find, what=what, budget_s=60, every_s=0.05, clock=MonotonicClock())


@contextmanager
def drill(cluster: Cluster, name: str, **more: object) -> Iterator[Fault]:
    """Until it landed; then everything is undone, twice, by another process's fault."""
    parameters = {**TILL, **more}
    fault = FAULTS[name](cluster, parameters)
    entry = UndoEntry(
        run_id="run",
        kubeconfig="here",
        fault=name,
        parameters=parameters,
        original=fault.original(),
        namespaces=["default"],
        snapshot=take_snapshot(cluster, ["default"]),
    )
    try:
        fault.inject()
        print(wait(fault.landed, name))
        yield fault
    finally:
        fault.undo(dict(entry.original))
        for _ in range(2):
            other = FAULTS[name](cluster, parameters)
            done = restore(entry, other, cluster, budget_s=60, clock=MonotonicClock())
            assert done.left == ()
    assert cluster.rollout("default", "till").complete


def test_a_release_that_exits(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with drill(cluster, "bad-release", image="test/till:broken") as fault:
        assert "CrashLoopBackOff" in capsys.readouterr().out
        assert "is not ready after" in (fault.harm() or "")


def test_a_release_that_leaks(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    more = {
        "rate": 100.0,
        "variable": "LEAK_MIB_PER_S",
        "memory": "bytes",
        "service-namespace": "default",
        "service-selector": "app=till",
        "metrics-port": 9090,
    }
    with drill(cluster, "memory-leak", image="test/till:leaky", **more) as fault:
        assert "till was OOMKilled, exit code 137" in capsys.readouterr().out
        assert "runs test/till:leaky" in (fault.harm() or "")


def test_a_setting_with_which_nothing_starts_outlives_a_rollback(cluster: Cluster) -> None:
    more = {"configmap": "settings", "key": "TIMEOUT", "value": "2s"}
    with drill(cluster, "bad-config", **more) as fault:
        assert "not ready" in (fault.harm() or "")
        template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": None}}}
        cluster.merge_patch(
            object_path("deployment", "default", "till"), {"spec": {"template": template}}
        )
        wait(lambda: cluster.rollout("default", "till").complete, "the rollback")
        assert "the next pod that starts cannot" in (fault.harm() or "")
        cluster.delete(
            f"/api/v1/namespaces/default/pods/{cluster.pods('default', 'app=till')[0].name}"
        )
        wait(lambda: "not ready" in (fault.harm() or ""), "the next pod")


def test_pods_that_are_killed_again_and_again(cluster: Cluster) -> None:
    before = {pod.name for pod in cluster.pods("default", "app=till")}
    with drill(cluster, "pods-killed", pods=2, interval=0.3, duration=60.0) as fault:
        start = time.monotonic()
        wait(lambda: not before & {p.name for p in cluster.pods("default", "app=till")}, "all")
        assert time.monotonic() - start < 30
        assert fault.undone({}) is None
