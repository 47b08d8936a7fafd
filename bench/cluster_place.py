"""The namespace in which everything is measured, its pods, and waiting for them."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.cluster_client import ApiFailure
from bench.cluster_sides import IMAGE, Side

NAMESPACE: Final = "bench-cluster"
CORE: Final = f"/api/v1/namespaces/{NAMESPACE}"
APPS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}"
LIMIT_S: Final = 300.0


def open_place(side: Side) -> None:
    """An empty namespace; whatever an earlier run left in it is gone first."""
    close_place(side)
    connection = side.connect()
    connection.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})

    def may_have_pods() -> bool:  # a real cluster gives a namespace its account a moment later
        return bool(connection.json("GET", f"{CORE}/serviceaccounts")["items"])

    until(may_have_pods, "the namespace's service account")
    connection.close()


def close_place(side: Side) -> None:
    connection = side.connect()
    path = f"/api/v1/namespaces/{NAMESPACE}"

    def gone() -> bool:
        try:
            connection.request("GET", path)
        except ApiFailure as failure:
            return failure.code == 404
        return False

    with contextlib.suppress(ApiFailure):
        connection.request("DELETE", path)
    until(gone, "the end of the namespace")
    connection.close()


def is_alone(side: Side) -> bool:
    """No pod but those measured here, so that memory and CPU are the cluster's own."""
    connection = side.connect()
    items = connection.json("GET", "/api/v1/pods")["items"]
    connection.close()
    return all(item["metadata"]["namespace"] == NAMESPACE for item in items)


def deployment(
    name: str, replicas: int, *, version: str = "v1", runs: bool = True, probe_every_s: int = 10
) -> Any:
    """`runs` False: pods that no scheduler takes, so that their number is not the node's matter.

    The probe is a command of the image, the dearest kind; every 10 s is the default of Kubernetes.
    """
    container = {
        "name": "main",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sleep", "86400"],
        "env": [{"name": "VERSION", "value": version}],
        "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": probe_every_s},
    }
    spec: dict[str, Any] = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    if not runs:
        spec["schedulerName"] = "nobody"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
        },
    }


def create_and_wait(side: Side, name: str, replicas: int, *, probe_every_s: int = 10) -> None:
    connection = side.connect()
    body = deployment(name, replicas, probe_every_s=probe_every_s)
    connection.request("POST", f"{APPS}/deployments", body)
    connection.close()
    until(lambda: settled(get_deployment(side, name)), f"{name} to be ready")


def create_idle_pods(side: Side, count: int) -> None:
    connection = side.connect()
    connection.request("POST", f"{APPS}/deployments", deployment("many", count, runs=False))
    until(
        lambda: len(connection.json("GET", f"{CORE}/pods")["items"]) >= count,
        f"{count} pod objects",
    )
    connection.close()


def settled(obj: Mapping[str, Any]) -> bool:
    status, wanted = obj.get("status") or {}, obj["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    seen = status.get("observedGeneration", 0) >= obj["metadata"]["generation"]
    return seen and counts == [wanted] * 3


def get_deployment(side: Side, name: str) -> Any:
    connection = side.connect()
    try:
        return connection.json("GET", f"{APPS}/deployments/{name}")
    finally:
        connection.close()


def eventually(check: Callable[[], bool], within_s: float) -> bool:
    """Looks 20 times a second; whether it came true in time."""
    deadline = time.perf_counter() + within_s
    while not check():
        if time.perf_counter() > deadline:
            return False
        threading.Event().wait(0.05)
    return True


def until(check: Callable[[], bool], what: str) -> None:
    if not eventually(check, LIMIT_S):
        raise TimeoutError(f"waited {LIMIT_S:.0f} s for {what}")
