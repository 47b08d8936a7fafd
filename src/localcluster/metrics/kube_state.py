"""The objects' states with the names and labels of kube-state-metrics. Reads the registry."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.metrics.exposition import Family
from localcluster.metrics.exposition import render as render_families
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

_PHASES: Final = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_UNITS: Final = {"cpu": "core", "memory": "byte", "ephemeral_storage": "byte"}
_SPEC = "spec"
_STATUS = "status"

# Metric, path in the object; a missing number is 0, as in the Go structures.
_DEPLOYMENT: Final[Mapping[str, tuple[str, str]]] = {
    "kube_deployment_spec_replicas": (_SPEC, "replicas"),
    "kube_deployment_status_replicas": (_STATUS, "replicas"),
    "kube_deployment_status_replicas_ready": (_STATUS, "readyReplicas"),
    "kube_deployment_status_replicas_available": (_STATUS, "availableReplicas"),
    "kube_deployment_status_replicas_unavailable": (_STATUS, "unavailableReplicas"),
    "kube_deployment_status_replicas_updated": (_STATUS, "updatedReplicas"),
    "kube_deployment_status_observed_generation": (_STATUS, "observedGeneration"),
    "kube_deployment_metadata_generation": ("metadata", "generation"),
}
_REPLICA_SET: Final[Mapping[str, tuple[str, str]]] = {
    "kube_replicaset_spec_replicas": (_SPEC, "replicas"),
    "kube_replicaset_status_replicas": (_STATUS, "replicas"),
    "kube_replicaset_status_ready_replicas": (_STATUS, "readyReplicas"),
}
_STATEFUL_SET: Final[Mapping[str, tuple[str, str]]] = {
    "kube_statefulset_replicas": (_SPEC, "replicas"),
    "kube_statefulset_status_replicas": (_STATUS, "replicas"),
    "kube_statefulset_status_replicas_ready": (_STATUS, "readyReplicas"),
    "kube_statefulset_status_replicas_available": (_STATUS, "availableReplicas"),
    "kube_statefulset_status_replicas_updated": (_STATUS, "updatedReplicas"),
}


def render(registry: Registry) -> str:
    families = [
        *_numbers(registry, kinds.DEPLOYMENTS, "deployment", _DEPLOYMENT),
        *_numbers(registry, kinds.REPLICA_SETS, "replicaset", _REPLICA_SET),
        *_numbers(registry, kinds.STATEFUL_SETS, "statefulset", _STATEFUL_SET),
        *_pods(registry.list(kinds.PODS)),
    ]
    return render_families(families)


def _numbers(
    registry: Registry, resource: Any, label: str, metrics: Mapping[str, tuple[str, str]]
) -> Iterator[Family]:
    objects = registry.list(resource)
    for name, (part, key) in metrics.items():
        family = Family(name, "gauge", f"{part}.{key} of the {label}.")
        for obj in objects:
            meta = obj["metadata"]
            value = float((obj.get(part) or {}).get(key) or 0)
            family.add(value, **{"namespace": meta["namespace"], label: meta["name"]})
        yield family


def _pods(pods: Any) -> list[Family]:
    families = _PodFamilies()
    for pod in pods:
        families.add(pod)
    return families.all


class _PodFamilies:
    def __init__(self) -> None:
        self.info = Family("kube_pod_info", "gauge", "Information about the pod.")
        self.phase = Family("kube_pod_status_phase", "gauge", "The pod's current phase.")
        self.ready = Family("kube_pod_status_ready", "gauge", "Whether the pod is ready.")
        self.owner = Family("kube_pod_owner", "gauge", "The pod's owner.")
        self.restarts = Family(
            "kube_pod_container_status_restarts_total", "counter", "Restarts of the container."
        )
        self.waiting = Family(
            "kube_pod_container_status_waiting_reason", "gauge", "Why the container is waiting."
        )
        self.terminated = Family(
            "kube_pod_container_status_terminated_reason", "gauge", "Why the container ended."
        )
        self.last_terminated = Family(
            "kube_pod_container_status_last_terminated_reason",
            "gauge",
            "Why the container's last run ended.",
        )
        self.container_ready = Family(
            "kube_pod_container_status_ready", "gauge", "Whether the container is ready."
        )
        self.running = Family(
            "kube_pod_container_status_running", "gauge", "Whether the container is running."
        )
        self.requests = Family(
            "kube_pod_container_resource_requests", "gauge", "What the container requests."
        )
        self.limits = Family(
            "kube_pod_container_resource_limits", "gauge", "The container's limits."
        )
        self.all = [value for value in vars(self).values() if isinstance(value, Family)]

    def add(self, pod: KubeObject) -> None:
        meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        base = {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}
        owner: KubeObject = next(iter(meta.get("ownerReferences") or ()), {})
        self.info.add(
            1,
            **base,
            host_ip=status.get("hostIP", ""),
            pod_ip=status.get("podIP", ""),
            node=spec.get("nodeName", ""),
            created_by_kind=owner.get("kind", ""),
            created_by_name=owner.get("name", ""),
        )
        self.owner.add(
            1,
            **base,
            owner_kind=owner.get("kind", ""),
            owner_name=owner.get("name", ""),
            owner_is_controller=str(bool(owner.get("controller"))).lower(),
        )
        for phase in _PHASES:
            self.phase.add(float(status.get("phase") == phase), **base, phase=phase)
        ready = next(
            (each["status"] for each in status.get("conditions") or () if each["type"] == "Ready"),
            "False",
        )
        for condition in ("true", "false", "unknown"):
            self.ready.add(float(ready.lower() == condition), **base, condition=condition)
        for container in status.get("containerStatuses") or ():
            self._add_container(container, {**base, "container": container["name"]})
        for container in spec["containers"]:
            resources = container.get("resources") or {}
            where = {**base, "container": container["name"], "node": spec.get("nodeName", "")}
            for family, kind in ((self.requests, "requests"), (self.limits, "limits")):
                for name, value in (resources.get(kind) or {}).items():
                    label = name.replace("-", "_")
                    family.add(
                        float(parse_quantity(str(value))),
                        **where,
                        resource=label,
                        unit=_UNITS.get(label, "integer"),
                    )

    def _add_container(self, container: KubeObject, labels: Mapping[str, str]) -> None:
        state, last = container.get("state") or {}, container.get("lastState") or {}
        self.restarts.add(container["restartCount"], **labels)
        self.container_ready.add(float(bool(container.get("ready"))), **labels)
        self.running.add(float("running" in state), **labels)
        for family, part, key in (
            (self.waiting, state, "waiting"),
            (self.terminated, state, "terminated"),
            (self.last_terminated, last, "terminated"),
        ):
            if key in part:
                family.add(1, **labels, reason=part[key].get("reason", ""))
