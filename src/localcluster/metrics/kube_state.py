"""The objects' states with the names and labels of kube-state-metrics. Reads the registry."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.metrics import batch_state, cluster_state
from localcluster.metrics.autoscaler_state import autoscalers
from localcluster.metrics.exposition import Family
from localcluster.metrics.exposition import render as render_families
from localcluster.metrics.pod_state import pods
from localcluster.metrics.timestamps import unix
from localcluster.objects import KubeObject, Resource

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
    "kube_replicaset_status_fully_labeled_replicas": (_STATUS, "fullyLabeledReplicas"),
    "kube_replicaset_status_observed_generation": (_STATUS, "observedGeneration"),
    "kube_replicaset_metadata_generation": ("metadata", "generation"),
}
_STATEFUL_SET: Final[Mapping[str, tuple[str, str]]] = {
    "kube_statefulset_replicas": (_SPEC, "replicas"),
    "kube_statefulset_status_replicas": (_STATUS, "replicas"),
    "kube_statefulset_status_replicas_ready": (_STATUS, "readyReplicas"),
    "kube_statefulset_status_replicas_available": (_STATUS, "availableReplicas"),
    "kube_statefulset_status_replicas_updated": (_STATUS, "updatedReplicas"),
    "kube_statefulset_status_replicas_current": (_STATUS, "currentReplicas"),
    "kube_statefulset_status_observed_generation": (_STATUS, "observedGeneration"),
    "kube_statefulset_metadata_generation": ("metadata", "generation"),
}


def render(registry: Registry) -> str:
    families = [
        *_numbers(registry, kinds.DEPLOYMENTS, "deployment", _DEPLOYMENT),
        *_numbers(registry, kinds.REPLICA_SETS, "replicaset", _REPLICA_SET),
        *_numbers(registry, kinds.STATEFUL_SETS, "statefulset", _STATEFUL_SET),
        *_deployments(registry.list(kinds.DEPLOYMENTS)),
        *_owners(registry.list(kinds.REPLICA_SETS)),
        *_revisions(registry.list(kinds.STATEFUL_SETS)),
        *pods(registry.list(kinds.PODS)),
        *cluster_state.nodes(registry.list(kinds.NODES)),
        *cluster_state.namespaces(registry.list(kinds.NAMESPACES)),
        *cluster_state.config_maps(registry.list(kinds.CONFIG_MAPS)),
        *cluster_state.services(registry.list(kinds.SERVICES)),
        *cluster_state.endpoints(registry.list(kinds.ENDPOINTS)),
        *batch_state.jobs(registry.list(kinds.JOBS)),
        *batch_state.cron_jobs(registry.list(kinds.CRON_JOBS)),
        *autoscalers(registry.list(kinds.HORIZONTAL_POD_AUTOSCALERS)),
    ]
    return render_families(families)


def _numbers(
    registry: Registry, resource: Resource, label: str, metrics: Mapping[str, tuple[str, str]]
) -> Iterator[Family]:
    objects = registry.list(resource)
    for name, (part, key) in metrics.items():
        family = Family(name, "gauge", f"{part}.{key} of the {label}.")
        for obj in objects:
            value = float((obj.get(part) or {}).get(key) or 0)
            family.add(value, **_where(obj, label))
        yield family
    created = Family(f"kube_{label}_created", "gauge", "Unix creation timestamp")
    for obj in objects:
        created.add_if(unix(obj["metadata"].get("creationTimestamp")), **_where(obj, label))
    yield created


def _where(obj: KubeObject, label: str) -> dict[str, str]:
    return {"namespace": obj["metadata"]["namespace"], label: obj["metadata"]["name"]}


def _deployments(objects: Sequence[KubeObject]) -> list[Family]:
    paused = Family(
        "kube_deployment_spec_paused",
        "gauge",
        "Whether the deployment is paused and will not be processed by the deployment controller.",
    )
    condition = Family(
        "kube_deployment_status_condition",
        "gauge",
        "The current status conditions of a deployment.",
    )
    for deployment in objects:
        where = _where(deployment, "deployment")
        paused.add(float(bool(deployment["spec"].get("paused"))), **where)
        for each in (deployment.get("status") or {}).get("conditions") or ():
            for value in ("true", "false", "unknown"):
                condition.add(
                    float(each["status"].lower() == value),
                    **where,
                    reason=each.get("reason", ""),
                    condition=each["type"],
                    status=value,
                )
    return [paused, condition]


def _owners(objects: Sequence[KubeObject]) -> list[Family]:
    owner = Family("kube_replicaset_owner", "gauge", "Information about the ReplicaSet's owner.")
    for replica_set in objects:
        owners: Sequence[KubeObject] = replica_set["metadata"].get("ownerReferences") or [{}]
        for each in owners:
            owner.add(
                1,
                **_where(replica_set, "replicaset"),
                owner_kind=each.get("kind", ""),
                owner_name=each.get("name", ""),
                owner_is_controller=str(bool(each.get("controller"))).lower() if each else "",
            )
    return [owner]


def _revisions(objects: Sequence[KubeObject]) -> list[Family]:
    families = []
    for which, text in (("current", "current"), ("update", "updated")):
        family = Family(
            f"kube_statefulset_status_{which}_revision",
            "gauge",
            f"Indicates the version of the StatefulSet used to generate {text} Pods.",
        )
        for stateful_set in objects:
            revision = (stateful_set.get("status") or {}).get(f"{which}Revision")
            if revision:
                family.add(1, **_where(stateful_set, "statefulset"), revision=revision)
        families.append(family)
    return families
