"""Defaults as the API server sets them, by hand: the OpenAPI definitions carry almost none.

Setting them twice changes nothing. Source: the defaulting functions of Kubernetes 1.37, as seen
in what a server answers.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Final

from localcluster import kinds
from localcluster.objects import KubeObject, Resource
from localcluster.schema.autoscaler_defaults import default_autoscaler
from localcluster.schema.job_defaults import default_cron_job, default_job
from localcluster.schema.pod_defaults import default_pod, default_pod_spec


def apply_defaults(resource: Resource, obj: KubeObject) -> None:
    """Sets in `obj` what its author left out; its types must have been checked."""
    if (set_defaults := _DEFAULTS.get(resource)) is not None:
        set_defaults(obj)


def carry_over(resource: Resource, new: KubeObject, old: KubeObject) -> None:
    """Keeps in `new` what the server once allocated and an update left out."""
    if resource is kinds.SERVICES:
        _carry_over_service(new.setdefault("spec", {}), old.get("spec", {}))
    elif resource is kinds.NAMESPACES:
        new.setdefault("spec", {}).setdefault("finalizers", old["spec"].get("finalizers", []))
    elif resource is kinds.JOBS and "selector" in old.get("spec", {}):
        new.setdefault("spec", {}).setdefault("selector", old["spec"]["selector"])


def _carry_over_service(new: KubeObject, old: KubeObject) -> None:
    if new.get("type", "ClusterIP") == "ExternalName":
        return
    for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if not new.get(field) and field in old:
            new[field] = old[field]
    if new.get("type") not in ("NodePort", "LoadBalancer"):
        return
    numbers = {
        (port.get("protocol", "TCP"), port["port"]): port["nodePort"]
        for port in old.get("ports") or ()
        if "nodePort" in port
    }
    for port in new.get("ports") or ():
        known = numbers.get((port.get("protocol", "TCP"), port.get("port")))
        if known is not None:
            port.setdefault("nodePort", known)


def _template(obj: KubeObject) -> None:
    template = obj["spec"].setdefault("template", {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))


def _deployment(obj: KubeObject) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    _template(obj)


def _replica_set(obj: KubeObject) -> None:
    obj.setdefault("spec", {}).setdefault("replicas", 1)
    _template(obj)
    obj.setdefault("status", {}).setdefault("replicas", 0)


def _stateful_set(obj: KubeObject) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("serviceName", "")
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        _claim(claim)
    _template(obj)
    state = obj.setdefault("status", {})
    state.setdefault("replicas", 0)
    state.setdefault("availableReplicas", 0)


def _service(obj: KubeObject) -> None:
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "ClientIP":
        client = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", 10800)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if "port" in port:
            port.setdefault("targetPort", port["port"])
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec.get("clusterIP"):
            spec.setdefault("clusterIPs", [spec["clusterIP"]])
    if kind in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _namespace(obj: KubeObject) -> None:
    meta = obj["metadata"]
    meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _secret(obj: KubeObject) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None)
    for key, value in (plain or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()


def _claim(obj: KubeObject) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def _network_policy(obj: KubeObject) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _endpoints(obj: KubeObject) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _endpoint_slice(obj: KubeObject) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def _disruption_budget(obj: KubeObject) -> None:
    state = obj.setdefault("status", {})
    for field in ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"):
        state.setdefault(field, 0)


def _node(obj: KubeObject) -> None:
    obj.setdefault("spec", {})
    obj.setdefault("status", {})
    labels = obj["metadata"].setdefault("labels", {})
    labels.setdefault("kubernetes.io/hostname", obj["metadata"]["name"])


def _event(obj: KubeObject) -> None:
    obj.setdefault("involvedObject", {})
    obj.setdefault("type", "Normal")


_DEFAULTS: Final[Mapping[Resource, Callable[[KubeObject], None]]] = {
    kinds.CRON_JOBS: default_cron_job,
    kinds.DEPLOYMENTS: _deployment,
    kinds.ENDPOINTS: _endpoints,
    kinds.ENDPOINT_SLICES: _endpoint_slice,
    kinds.EVENTS: _event,
    kinds.HORIZONTAL_POD_AUTOSCALERS: default_autoscaler,
    kinds.JOBS: default_job,
    kinds.NAMESPACES: _namespace,
    kinds.NETWORK_POLICIES: _network_policy,
    kinds.NODES: _node,
    kinds.PERSISTENT_VOLUME_CLAIMS: _claim,
    kinds.PODS: default_pod,
    kinds.POD_DISRUPTION_BUDGETS: _disruption_budget,
    kinds.REPLICA_SETS: _replica_set,
    kinds.SECRETS: _secret,
    kinds.SERVICES: _service,
    kinds.STATEFUL_SETS: _stateful_set,
}
