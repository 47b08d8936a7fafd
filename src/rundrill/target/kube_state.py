"""What kube-state-metrics tells of pods and Deployments, where a cluster runs none. Pure.

Only families that follow from one look at the objects, under the names and labels of
kube-state-metrics 2 (docs/metrics/workload of its repository). An object that lacks what a family
is about has no sample of it: what is absent must not look like 0.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kubernetes.utils import parse_quantity

Object = Mapping[str, Any]
Sample = tuple[str, Mapping[str, str], float]

_UNITS: Final = {"cpu": "core", "memory": "byte", "ephemeral_storage": "byte"}
_PHASES: Final = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_COUNTERS: Final = frozenset({"kube_pod_container_status_restarts_total"})
_OF_A_DEPLOYMENT: Final = {
    "kube_deployment_status_replicas": "replicas",
    "kube_deployment_status_replicas_available": "availableReplicas",
    "kube_deployment_status_replicas_ready": "readyReplicas",
    "kube_deployment_status_replicas_unavailable": "unavailableReplicas",
    "kube_deployment_status_replicas_updated": "updatedReplicas",
}
"""The API leaves out a count that is 0, and kube-state-metrics tells it."""


def exposition(pods: Iterable[Object], deployments: Iterable[Object]) -> str:
    """A page in the Prometheus text format, of objects as the API lists them."""
    families: dict[str, list[str]] = {}
    for pod in pods:
        for sample in _pod(pod):
            _add(families, sample)
    for deployment in deployments:
        for sample in _deployment(deployment):
            _add(families, sample)
    lines: list[str] = []
    for name, samples in families.items():
        lines += [f"# TYPE {name} {'counter' if name in _COUNTERS else 'gauge'}", *samples]
    return "".join(f"{line}\n" for line in lines)


def _add(families: dict[str, list[str]], sample: Sample) -> None:
    name, labels, value = sample
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    families.setdefault(name, []).append(f"{name}{{{told}}} {value:.17g}")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _pod(pod: Object) -> Iterator[Sample]:
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    whose = {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}
    for phase in _PHASES:
        yield "kube_pod_status_phase", {**whose, "phase": phase}, status.get("phase") == phase
    conditions = {one["type"]: one["status"].lower() for one in status.get("conditions") or ()}
    for condition in ("true", "false", "unknown"):
        is_it = conditions.get("Ready", "false") == condition
        yield "kube_pod_status_ready", {**whose, "condition": condition}, is_it
    for container in status.get("containerStatuses") or ():
        yield from _container(container, {**whose, "container": container["name"]})
    for container in spec["containers"]:
        where = {**whose, "container": container["name"], "node": spec.get("nodeName") or ""}
        yield from _resources(container, where)


def _container(status: Object, whose: Mapping[str, str]) -> Iterator[Sample]:
    prefix = "kube_pod_container_status"
    state, last = status.get("state") or {}, status.get("lastState") or {}
    yield f"{prefix}_restarts_total", whose, status["restartCount"]
    yield f"{prefix}_ready", whose, bool(status.get("ready"))
    for key in ("running", "waiting", "terminated"):
        yield f"{prefix}_{key}", whose, key in state
    for name, part, key in (
        ("waiting_reason", state, "waiting"),
        ("terminated_reason", state, "terminated"),
        ("last_terminated_reason", last, "terminated"),
    ):
        if key in part:
            yield f"{prefix}_{name}", {**whose, "reason": part[key].get("reason") or ""}, 1


def _resources(container: Object, where: Mapping[str, str]) -> Iterator[Sample]:
    resources = container.get("resources") or {}
    for kind in ("requests", "limits"):
        for resource, amount in (resources.get(kind) or {}).items():
            name = resource.replace("-", "_")
            labels = {**where, "resource": name, "unit": _UNITS.get(name, "integer")}
            value = float(parse_quantity(amount))  # type: ignore[no-untyped-call]
            yield f"kube_pod_container_resource_{kind}", labels, value


def _deployment(item: Object) -> Iterator[Sample]:
    meta, status = item["metadata"], item.get("status") or {}
    whose = {"namespace": meta["namespace"], "deployment": meta["name"]}
    yield "kube_deployment_spec_replicas", whose, int(item["spec"].get("replicas", 1))
    for name, key in _OF_A_DEPLOYMENT.items():
        yield name, whose, int(status.get(key) or 0)
