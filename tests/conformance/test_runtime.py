"""Pods' ends on a real cluster and on the embedded one, side by side; needs a kubeconfig."""

import json
import re
import time
from typing import Any, Final

import pytest

NAMESPACE: Final = "conf-runtime"
_LIMIT_S: Final = 150.0
_SLEEP: Final = ["sh", "-c", "sleep 3600"]


def _sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def _hook(kind: str, script: str) -> dict[str, Any]:
    return {"lifecycle": {kind: {"exec": {"command": _sh(script)}}}}


# Name: the container, and the rest of the pod.
PODS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "succeeds": ({"command": _sh("exit 0")}, {"restartPolicy": "Never"}),
    "fails": ({"command": _sh("exit 3")}, {"restartPolicy": "Never"}),
    "killed": ({"command": _sh("kill -9 $$")}, {"restartPolicy": "Never"}),
    "crashes": ({"command": _sh("exit 1")}, {}),
    "retries": ({"command": _sh("exit 2")}, {"restartPolicy": "OnFailure"}),
    "last-words": (
        {"command": _sh("printf sorry > /dev/termination-log; exit 4")},
        {"restartPolicy": "Never"},
    ),
    "last-lines": (
        {
            "command": _sh("echo one; echo two; exit 5"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        },
        {"restartPolicy": "Never"},
    ),
    "bad-start": (
        # A handler of its own: without one, process 1 of a real container ignores the signal.
        {
            "command": _sh("trap 'exit 7' TERM; while :; do sleep 0.1; done"),
            **_hook("postStart", "echo no luck; exit 4"),
        },
        {"terminationGracePeriodSeconds": 20},
    ),
    "too-long": ({"command": _SLEEP}, {"activeDeadlineSeconds": 2}),
    "no-config": (
        {"command": _SLEEP, "envFrom": [{"configMapRef": {"name": "nosuch"}}]},
        {},
    ),
    "no-key": (
        {
            "command": _SLEEP,
            "env": [
                {
                    "name": "A",
                    "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "nosuch"}},
                }
            ],
        },
        {},
    ),
    "init-fails": (
        {"command": _SLEEP},
        {"initContainers": [("exit 6")], "restartPolicy": "Never"},
    ),
    "init-crashes": ({"command": _SLEEP}, {"initContainers": [("exit 1")]}),
    "init-runs": ({"command": _SLEEP}, {"initContainers": [("sleep 3600")]}),
    "init-done": (
        {"command": _sh("exit 0")},
        {"initContainers": ["exit 0"], "restartPolicy": "Never"},
    ),
}
_LOOPS: Final = frozenset({"crashes", "retries", "init-crashes", "bad-start"})


def _manifest(name: str) -> dict[str, Any]:
    container, pod = PODS[name]
    base = {"image": "conformance/sleep:v1", "imagePullPolicy": "IfNotPresent"}
    spec: dict[str, Any] = {"terminationGracePeriodSeconds": 1, **pod}
    spec["containers"] = [{"name": "main", **base, **container}]
    if "initContainers" in pod:
        spec["initContainers"] = [
            {"name": "init", **base, "command": _sh(script)} for script in pod["initContainers"]
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def _shown(pod: dict[str, Any]) -> dict[str, Any]:
    """What a client acts on, without what is different each time."""
    status = pod["status"]
    shown: dict[str, Any] = {key: status.get(key, "") for key in ("phase", "reason")}
    if shown["reason"] == "DeadlineExceeded":
        # 1.20 writes nothing about its containers any more, later releases write their ends.
        return {**shown, "message": status["message"]}
    for key in ("initContainerStatuses", "containerStatuses"):
        for each in status.get(key) or ():
            shown[each["name"]] = {part: _state(each[part]) for part in ("state", "lastState")}
    return shown


def _state(state: dict[str, Any]) -> Any:
    for kind, inner in state.items():
        message = inner.get("message", "")
        message = re.sub(r"\([0-9a-f-]{36}\)", "(<uid>)", message)
        message = re.sub(r"back-off \d+s", "back-off <time>", message)
        return [kind, inner.get("reason", ""), inner.get("exitCode"), message]
    return None


def _is_there(name: str, shown: dict[str, Any]) -> bool:
    """The pod is where it stays, or comes again and again."""
    if name in _LOOPS:
        which = "init" if name.startswith("init") else "main"
        state = shown.get(which, {}).get("state")
        return bool(state) and state[1] == "CrashLoopBackOff"
    if shown["phase"] in ("Succeeded", "Failed"):
        return True
    if name == "init-runs":
        return bool(shown.get("init", {}).get("state", [""])[0] == "running")
    return name.startswith("no-") and shown.get("main", {}).get("state", ["", ""])[1] == (
        "CreateContainerConfigError"
    )


def _play(cluster: Any) -> dict[str, Any]:
    cluster.kubectl(f"kubectl delete namespace {NAMESPACE} --ignore-not-found --timeout=150s")
    cluster.kubectl(f"kubectl create namespace {NAMESPACE}", check=True)
    try:
        limit = time.monotonic() + _LIMIT_S
        account = f"kubectl get serviceaccount default -n {NAMESPACE}"
        while cluster.kubectl(account).returncode != 0:
            assert time.monotonic() < limit
        cluster.kubectl(
            f"kubectl create configmap settings -n {NAMESPACE} --from-literal=a=b", check=True
        )
        listed = {"apiVersion": "v1", "kind": "List", "items": [_manifest(name) for name in PODS]}
        cluster.kubectl(
            "kubectl create --validate=false -f -", stdin=json.dumps(listed), check=True
        )
        found: dict[str, Any] = {}
        while missing := PODS.keys() - found.keys():
            assert time.monotonic() < limit, f"still waiting for {sorted(missing)}"
            pods = cluster.kubectl(f"kubectl get pods -n {NAMESPACE} -o json", check=True).stdout
            for pod in json.loads(pods)["items"]:
                name, shown = pod["metadata"]["name"], _shown(pod)
                if name in missing and _is_there(name, shown):
                    found[name] = shown
        return found
    finally:
        cluster.kubectl(f"kubectl delete namespace {NAMESPACE} --wait=false")


def test_pods_end_alike_on_both_clusters(cluster: Any, local: Any) -> None:
    if cluster.is_ours:
        pytest.skip("one cluster alone cannot differ: give --kubeconfig")
    real, ours = _play(cluster), _play(local)
    different = {
        name: {"real": real[name], "here": ours[name]} for name in PODS if real[name] != ours[name]
    }
    assert not different, json.dumps(different, indent=1)
