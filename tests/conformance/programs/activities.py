"""Chaos Toolkit's actions and probes for Kubernetes, played against a cluster.

A program of its own, because the client leaves connections open that end with its process.
Arguments: a namespace that exists, a scratch folder, and `drain` when the node may be emptied.
Prints `{activity: result}` as JSON; one that failed has the text of its failure.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

SELECTOR = "app=chaos"
_CONTAINER = {
    "name": "main",
    "image": "conformance/sleep:v1",
    "imagePullPolicy": "IfNotPresent",
    "command": ["sh", "-c", "echo hello; exec sleep 3600"],
}


def workload(kind: str, name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name, "name": name}
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [_CONTAINER]},
        },
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }


def main(namespace: str, scratch: Path, may_drain: bool) -> dict[str, Any]:
    results: dict[str, Any] = {}

    def play(
        activity: str, read: Callable[[Any], Any] = lambda value: value, **arguments: Any
    ) -> Any:
        module, _, function = activity.rpartition(".")
        call = getattr(importlib.import_module(f"chaosk8s.{module}"), function)
        try:
            results[activity] = read(call(**arguments))
        except Exception as error:  # noqa: BLE001 - the comparison tells what was not expected
            results[activity] = f"{type(error).__name__}: {error}"
        return results[activity]

    def until(activity: str, wanted: Any, **arguments: Any) -> None:
        """What comes a little later on any cluster."""
        deadline = time.monotonic() + 90
        while play(activity, **arguments) != wanted and time.monotonic() < deadline:
            time.sleep(0.2)  # noqa: TID251 - polling a cluster, with a deadline

    def written(name: str, document: dict[str, Any]) -> str:
        path = scratch / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    here: dict[str, Any] = {"ns": namespace}
    done = bool  # of actions only matters that they return

    deployment = written("deployment", workload("Deployment", "chaos", 2))
    play("deployment.actions.create_deployment", lambda _: "done", spec_path=deployment, **here)
    until("deployment.probes.deployment_fully_available", True, name="chaos", timeout=60, **here)
    play("deployment.probes.deployment_available_and_healthy", name="chaos", **here)
    play("deployment.probes.deployment_partially_available", name="chaos", **here)
    play(
        "deployment.probes.deployment_not_fully_available",
        name="chaos",
        timeout=1,
        raise_on_fully_available=False,
        **here,
    )
    until("pod.probes.count_pods", 2, label_selector=SELECTOR, phase="Running", **here)
    play("pod.probes.pods_in_phase", label_selector=SELECTOR, phase="Running", **here)
    play(
        "pod.probes.pods_in_conditions",
        label_selector=SELECTOR,
        conditions=[{"type": "Ready", "status": "True"}],
        **here,
    )
    play("pod.probes.pods_not_in_phase", label_selector=SELECTOR, phase="Failed", **here)
    play(
        "pod.probes.pod_is_not_available",
        name="chaos",
        raise_on_is_available=False,
        **here,
    )
    play("pod.probes.count_min_pods", label_selector=SELECTOR, min_count=2, **here)
    play(
        "pod.probes.read_pod_logs",
        # Each line has its time before it.
        lambda logs: sorted(text.split()[1] for text in logs.values()),
        label_selector=SELECTOR,
        last="5m",
        **here,
    )
    play("pod.probes.should_be_found_in_logs", pattern="hel+o", value={"a": "hello", "b": "hello"})
    play(
        "pod.actions.exec_in_pods",
        lambda runs: [[run["exit_code"], run["stdout"]] for run in runs],
        cmd="sh -c 'echo inside; exit 3'",
        container_name="main",
        label_selector=SELECTOR,
        qty=1,
        **here,
    )
    play("pod.actions.terminate_pods", len, label_selector=SELECTOR, qty=1, grace_period=0, **here)
    until("deployment.probes.deployment_fully_available", True, name="chaos", **here)
    play("deployment.actions.rollout_deployment", lambda _: "done", name="chaos", **here)
    until("deployment.probes.deployment_fully_available", True, name="chaos", **here)
    play("replicaset.actions.delete_replica_set", lambda _: "done", label_selector=SELECTOR, **here)
    until("deployment.probes.deployment_fully_available", True, name="chaos", **here)
    play("deployment.actions.scale_deployment", lambda _: "done", name="chaos", replicas=1, **here)
    until("pod.probes.count_pods", 1, label_selector=SELECTOR, **here)

    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chaos", "labels": {"service": "chaos"}},
        "spec": {"selector": {"app": "chaos"}, "ports": [{"port": 80}]},
    }
    play(
        "service.actions.create_service_endpoint",
        lambda _: "done",
        spec_path=written("service", service),
        **here,
    )
    play("service.probes.service_is_initialized", name="chaos", **here)
    play("service.actions.delete_service", lambda _: "done", name="chaos", **here)

    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "chaos"},
        "stringData": {"a": "b"},
    }
    path = written("secret", secret)
    play("secret.actions.create_secret", lambda _: "done", spec_path=path, **here)
    play("secret.probes.secret_exists", name="chaos", **here)
    play("secret.actions.delete_secret", lambda _: "done", name="chaos", **here)

    networking = "networking.actions"
    spec = {"podSelector": {"matchLabels": {"app": "nobody"}}}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "chaos"},
        "spec": spec,
    }
    play(f"{networking}.create_network_policy", lambda _: "done", spec=policy, **here)
    play(f"{networking}.remove_network_policy", lambda _: "done", name="chaos", **here)
    for name in ("deny_all_ingress", "deny_all_egress", "allow_dns_access"):
        only = {"label_selectors": {"app": "nobody"}, **here}
        play(f"{networking}.{name}", lambda _: "done", **only)
        gone = name if name.startswith("deny") else "allow_dns_access"
        play(f"{networking}.remove_{gone}", lambda _: "done", **here)

    numbered = written("statefulset", workload("StatefulSet", "chaos-set", 1))
    play("statefulset.actions.create_statefulset", lambda _: "done", spec_path=numbered, **here)
    until("statefulset.probes.statefulset_fully_available", True, name="chaos-set", **here)
    play("statefulset.probes.statefulset_not_fully_available", name="chaos-set", timeout=1, **here)
    play(
        "statefulset.actions.scale_statefulset",
        lambda _: "done",
        name="chaos-set",
        replicas=0,
        **here,
    )
    play("statefulset.actions.remove_statefulset", lambda _: "done", name="chaos-set", **here)

    play("node.probes.get_nodes", lambda nodes: len(nodes["items"]))
    play(
        "node.probes.get_all_node_status_conditions",
        lambda nodes: (
            "Ready" in {c["type"] for c in nodes[0]}
            if isinstance(nodes[0], list)
            else "Ready" in nodes[0]
        ),
    )
    play("node.probes.all_nodes_must_be_ready_to_schedule")
    play("node.probes.verify_nodes_condition", condition_type="PIDPressure")
    play("node.probes.nodes_must_be_healthy")
    play("event.probes.get_events", lambda events: events["kind"], limit=5)

    if may_drain:
        play("node.actions.cordon_node", len)
        play("node.actions.uncordon_node", len)
        play("node.actions.drain_nodes", done, timeout=60)
        play("node.actions.uncordon_node", len)

    play("deployment.actions.delete_deployment", lambda _: "done", name="chaos", **here)
    until("pod.probes.count_pods", 0, label_selector=SELECTOR, **here)
    made = f"{namespace}-made"
    play("namespace.actions.create_namespace", lambda _: "done", name=made)
    play("namespace.probes.namespace_exists", name=made)
    play("namespace.actions.delete_namespace", lambda _: "done", name=made)
    return results


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), "drain" in sys.argv)))
