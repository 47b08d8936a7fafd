"""The resources this cluster serves, in one explicit table. Names only: no behaviour, no I/O."""

import dataclasses
from typing import Final

from localcluster.objects import Resource

_ALL = ("all",)


def _resource(
    group: str,
    version: str,
    plural: str,
    kind: str,
    *short_names: str,
    namespaced: bool = True,
    subresources: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
) -> Resource:
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=kind.lower(),
        kind=kind,
        namespaced=namespaced,
        short_names=short_names,
        subresources=subresources,
        categories=categories,
    )


_STATUS = ("status",)
_SCALED = ("scale", "status")

CONFIG_MAPS: Final = _resource("", "v1", "configmaps", "ConfigMap", "cm")
ENDPOINTS: Final = _resource("", "v1", "endpoints", "Endpoints", "ep")
EVENTS: Final = _resource("", "v1", "events", "Event", "ev")
NAMESPACES: Final = _resource(
    "", "v1", "namespaces", "Namespace", "ns", namespaced=False, subresources=_STATUS
)
NODES: Final = _resource(
    "", "v1", "nodes", "Node", "no", namespaced=False, subresources=("proxy", "status")
)
PERSISTENT_VOLUME_CLAIMS: Final = _resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", subresources=_STATUS
)
PODS: Final = _resource(
    "",
    "v1",
    "pods",
    "Pod",
    "po",
    subresources=("eviction", "exec", "log", "portforward", "proxy", "status"),
    categories=_ALL,
)
SECRETS: Final = _resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS: Final = _resource("", "v1", "serviceaccounts", "ServiceAccount", "sa")
SERVICES: Final = _resource(
    "", "v1", "services", "Service", "svc", subresources=("proxy", "status"), categories=_ALL
)

CONTROLLER_REVISIONS: Final = _resource("apps", "v1", "controllerrevisions", "ControllerRevision")
DEPLOYMENTS: Final = _resource(
    "apps", "v1", "deployments", "Deployment", "deploy", subresources=_SCALED, categories=_ALL
)
REPLICA_SETS: Final = _resource(
    "apps", "v1", "replicasets", "ReplicaSet", "rs", subresources=_SCALED, categories=_ALL
)
STATEFUL_SETS: Final = _resource(
    "apps", "v1", "statefulsets", "StatefulSet", "sts", subresources=_SCALED, categories=_ALL
)
HORIZONTAL_POD_AUTOSCALERS: Final = _resource(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    "hpa",
    subresources=_STATUS,
    categories=_ALL,
)
HORIZONTAL_POD_AUTOSCALERS_V1: Final = dataclasses.replace(HORIZONTAL_POD_AUTOSCALERS, version="v1")
CRON_JOBS: Final = _resource(
    "batch", "v1", "cronjobs", "CronJob", "cj", subresources=_STATUS, categories=_ALL
)
JOBS: Final = _resource("batch", "v1", "jobs", "Job", subresources=_STATUS, categories=_ALL)
LEASES: Final = _resource("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICES: Final = _resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
EVENTS_V1: Final = _resource("events.k8s.io", "v1", "events", "Event", "ev")
NETWORK_POLICIES: Final = _resource(
    "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol"
)
POD_DISRUPTION_BUDGETS: Final = _resource(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", subresources=_STATUS
)

RESOURCES: Final[tuple[Resource, ...]] = (
    CONFIG_MAPS,
    ENDPOINTS,
    EVENTS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    HORIZONTAL_POD_AUTOSCALERS,
    HORIZONTAL_POD_AUTOSCALERS_V1,
    CRON_JOBS,
    JOBS,
    LEASES,
    ENDPOINT_SLICES,
    EVENTS_V1,
    NETWORK_POLICIES,
    POD_DISRUPTION_BUDGETS,
)

# The same objects under a second name: the store knows only the first.
_STORED_AS: Final = {
    EVENTS_V1: EVENTS,
    HORIZONTAL_POD_AUTOSCALERS_V1: HORIZONTAL_POD_AUTOSCALERS,
}

# Kinds whose metadata.generation counts changes of the spec, as the API server has it.
_WITH_GENERATION: Final = frozenset(
    {
        PODS,
        DEPLOYMENTS,
        REPLICA_SETS,
        STATEFUL_SETS,
        CRON_JOBS,
        JOBS,
        NETWORK_POLICIES,
        POD_DISRUPTION_BUDGETS,
        ENDPOINT_SLICES,
    }
)

_BY_KIND: Final = {(r.api_version, r.kind): r for r in RESOURCES}
_BY_PATH: Final = {(r.group, r.version, r.plural): r for r in RESOURCES}


def by_kind(api_version: str, kind: str) -> Resource | None:
    """`by_kind("apps/v1", "Deployment")`; None when this cluster does not serve it."""
    return _BY_KIND.get((api_version, kind))


def by_path(group: str, version: str, plural: str) -> Resource | None:
    """`by_path("", "v1", "pods")`; None when this cluster does not serve it."""
    return _BY_PATH.get((group, version, plural))


def stored_as(resource: Resource) -> Resource:
    """The resource under which its objects are stored (Events have two API groups,
    autoscalers two versions)."""
    return _STORED_AS.get(resource, resource)


def has_generation(resource: Resource) -> bool:
    return resource in _WITH_GENERATION


def has_status(resource: Resource) -> bool:
    """True when status is a subresource: a plain write leaves it alone."""
    return "status" in resource.subresources


def qualified(resource: Resource) -> str:
    """`pods` or `deployments.apps`, as error messages name a resource."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
