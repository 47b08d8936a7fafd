"""Nodes, namespaces and what is looked up by name, as kube-state-metrics has them. Pure."""

from collections.abc import Iterable

from localcluster.metrics.exposition import Family
from localcluster.metrics.timestamps import unix
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

UNITS = {"cpu": "core", "memory": "byte", "ephemeral_storage": "byte"}


def nodes(objects: Iterable[KubeObject]) -> list[Family]:
    info = Family("kube_node_info", "gauge", "Information about a cluster node.")
    created = Family("kube_node_created", "gauge", "Unix creation timestamp")
    cordoned = Family(
        "kube_node_spec_unschedulable", "gauge", "Whether a node can schedule new pods."
    )
    condition = Family("kube_node_status_condition", "gauge", "The condition of a cluster node.")
    capacity = Family(
        "kube_node_status_capacity", "gauge", "The total amount of resources available for a node."
    )
    allocatable = Family(
        "kube_node_status_allocatable", "gauge", "The amount of resources allocatable for pods."
    )
    for node in objects:
        name, status = node["metadata"]["name"], node.get("status") or {}
        facts = status.get("nodeInfo") or {}
        addresses = {each["type"]: each["address"] for each in status.get("addresses") or ()}
        info.add(
            1,
            node=name,
            kernel_version=facts.get("kernelVersion", ""),
            os_image=facts.get("osImage", ""),
            container_runtime_version=facts.get("containerRuntimeVersion", ""),
            kubelet_version=facts.get("kubeletVersion", ""),
            provider_id=node.get("spec", {}).get("providerID", ""),
            pod_cidr=node.get("spec", {}).get("podCIDR", ""),
            system_uuid=facts.get("systemUUID", ""),
            internal_ip=addresses.get("InternalIP", ""),
        )
        created.add_if(unix(node["metadata"].get("creationTimestamp")), node=name)
        cordoned.add(float(bool(node.get("spec", {}).get("unschedulable"))), node=name)
        for each in status.get("conditions") or ():
            for value in ("true", "false", "unknown"):
                met = float(each["status"].lower() == value)
                condition.add(met, node=name, condition=each["type"], status=value)
        for family, key in ((capacity, "capacity"), (allocatable, "allocatable")):
            for resource, amount in (status.get(key) or {}).items():
                label = resource.replace("-", "_")
                family.add(
                    float(parse_quantity(str(amount))),
                    node=name,
                    resource=label,
                    unit=UNITS.get(label, "integer"),
                )
    return [info, created, cordoned, condition, capacity, allocatable]


def namespaces(objects: Iterable[KubeObject]) -> list[Family]:
    created = Family("kube_namespace_created", "gauge", "Unix creation timestamp")
    phase = Family("kube_namespace_status_phase", "gauge", "kubernetes namespace status phase.")
    for namespace in objects:
        name = namespace["metadata"]["name"]
        created.add_if(unix(namespace["metadata"].get("creationTimestamp")), namespace=name)
        now = (namespace.get("status") or {}).get("phase", "Active")
        for each in ("Active", "Terminating"):
            phase.add(float(now == each), namespace=name, phase=each)
    return [created, phase]


def config_maps(objects: Iterable[KubeObject]) -> list[Family]:
    info = Family("kube_configmap_info", "gauge", "Information about configmap.")
    created = Family("kube_configmap_created", "gauge", "Unix creation timestamp")
    version = Family(
        "kube_configmap_metadata_resource_version",
        "gauge",
        "Resource version representing a specific version of the configmap.",
    )
    for config_map in objects:
        meta = config_map["metadata"]
        where = {"namespace": meta["namespace"], "configmap": meta["name"]}
        info.add(1, **where)
        created.add_if(unix(meta.get("creationTimestamp")), **where)
        version.add(float(meta["resourceVersion"]), **where)
    return [info, created, version]


def services(objects: Iterable[KubeObject]) -> list[Family]:
    info = Family("kube_service_info", "gauge", "Information about service.")
    created = Family("kube_service_created", "gauge", "Unix creation timestamp")
    kind = Family("kube_service_spec_type", "gauge", "Type about service.")
    for service in objects:
        meta, spec = service["metadata"], service["spec"]
        where = {"namespace": meta["namespace"], "service": meta["name"], "uid": meta["uid"]}
        info.add(
            1,
            **where,
            cluster_ip=spec.get("clusterIP", ""),
            external_name=spec.get("externalName", ""),
            external_traffic_policy=spec.get("externalTrafficPolicy", ""),
            load_balancer_ip=spec.get("loadBalancerIP", ""),
        )
        created.add_if(unix(meta.get("creationTimestamp")), **where)
        kind.add(1, **where, type=spec.get("type", "ClusterIP"))
    return [info, created, kind]


def endpoints(objects: Iterable[KubeObject]) -> list[Family]:
    info = Family("kube_endpoint_info", "gauge", "Information about endpoint.")
    created = Family("kube_endpoint_created", "gauge", "Unix creation timestamp")
    address = Family(
        "kube_endpoint_address",
        "gauge",
        "Information about Endpoint available and non available addresses.",
    )
    for endpoint in objects:
        meta = endpoint["metadata"]
        where = {"namespace": meta["namespace"], "endpoint": meta["name"]}
        info.add(1, **where)
        created.add_if(unix(meta.get("creationTimestamp")), **where)
        for subset in endpoint.get("subsets") or ():
            for ready, key in (("true", "addresses"), ("false", "notReadyAddresses")):
                for each in subset.get(key) or ():
                    for port in subset.get("ports") or ():
                        address.add(
                            1,
                            **where,
                            ip=each["ip"],
                            port_protocol=port.get("protocol", "TCP"),
                            port_number=str(port["port"]),
                            port_name=port.get("name", ""),
                            ready=ready,
                        )
    return [info, created, address]
