"""Columns and cells of `kubectl get`, one entry a kind, as the real server prints them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from localcluster import kinds
from localcluster.api.ages import UNKNOWN, age, human_duration, parse_time
from localcluster.api.pod_row import pod_summary
from localcluster.objects import KubeObject, Resource

NONE: Final = "<none>"
Cells = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns`: name, type and priority (1 is shown by -o wide alone), as `Name:string:0`."""

    columns: tuple[str, ...]
    cells: Callable[[KubeObject, datetime], Cells]


def _name(obj: KubeObject) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: KubeObject, now: datetime) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _spec(obj: KubeObject) -> KubeObject:
    spec: KubeObject = obj.get("spec") or {}
    return spec


def _status(obj: KubeObject) -> KubeObject:
    state: KubeObject = obj.get("status") or {}
    return state


def _joined(items: Sequence[str]) -> str:
    return ",".join(items) or NONE


def format_labels(labels: Mapping[str, str] | None) -> str:
    return _joined([f"{key}={value}" for key, value in sorted((labels or {}).items())])


def format_selector(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as text; `<none>` when it selects everything."""
    if selector is None:
        return NONE
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        values = ",".join(sorted(term.get("values") or ()))
        shown = {
            "In": f"{term['key']} in ({values})",
            "NotIn": f"{term['key']} notin ({values})",
            "Exists": term["key"],
            "DoesNotExist": f"!{term['key']}",
        }
        parts.append(shown.get(term["operator"], term["key"]))
    return _joined(sorted(parts))


def _template_cells(obj: KubeObject) -> tuple[str, str]:
    """Container names and images of the pods it makes."""
    containers = _spec(_spec(obj).get("template") or {}).get("containers") or []
    return (
        ",".join(container.get("name", "") for container in containers),
        ",".join(container.get("image", "") for container in containers),
    )


def _pod(obj: KubeObject, now: datetime) -> Cells:
    spec, state = _spec(obj), _status(obj)
    ready, reason, restarts = pod_summary(obj, now)
    gates = spec.get("readinessGates") or []
    passed = {c.get("type") for c in state.get("conditions") or () if c.get("status") == "True"}
    gate_text = f"{sum(g['conditionType'] in passed for g in gates)}/{len(gates)}"
    return (
        _name(obj),
        ready,
        reason,
        restarts,
        _age(obj, now),
        state.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        state.get("nominatedNodeName") or NONE,
        gate_text if gates else NONE,
    )


def _deployment(obj: KubeObject, now: datetime) -> Cells:
    state = _status(obj)
    return (
        _name(obj),
        f"{state.get('readyReplicas', 0)}/{_spec(obj).get('replicas', 1)}",
        state.get("updatedReplicas", 0),
        state.get("availableReplicas", 0),
        _age(obj, now),
        *_template_cells(obj),
        format_selector(_spec(obj).get("selector")),
    )


def _replica_set(obj: KubeObject, now: datetime) -> Cells:
    state = _status(obj)
    return (
        _name(obj),
        _spec(obj).get("replicas", 1),
        state.get("replicas", 0),
        state.get("readyReplicas", 0),
        _age(obj, now),
        *_template_cells(obj),
        format_selector(_spec(obj).get("selector")),
    )


def _stateful_set(obj: KubeObject, now: datetime) -> Cells:
    ready = f"{_status(obj).get('readyReplicas', 0)}/{_spec(obj).get('replicas', 1)}"
    return (_name(obj), ready, _age(obj, now), *_template_cells(obj))


def _service(obj: KubeObject, now: datetime) -> Cells:
    spec = _spec(obj)
    ports = [
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}"
        f"/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    ]
    return (
        _name(obj),
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external_address(obj),
        _joined(ports),
        _age(obj, now),
        format_labels(spec.get("selector")),
    )


def _external_address(obj: KubeObject) -> str:
    spec = _spec(obj)
    own: list[str] = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec.get("type") != "LoadBalancer":
        return _joined(own)
    balancer = _status(obj).get("loadBalancer") or {}
    given = [i.get("ip") or i.get("hostname", "") for i in balancer.get("ingress") or ()]
    return ",".join([*given, *own]) or "<pending>"


def _endpoints(obj: KubeObject, now: datetime) -> Cells:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if ports:
            found += [f"{address}:{port['port']}" for port in ports for address in addresses]
        else:
            found += addresses
    return (_name(obj), _first_three(found), _age(obj, now))


def _first_three(items: Sequence[str]) -> str:
    more = f" + {len(items) - 3} more..." if len(items) > 3 else ""
    return _joined(items[:3]) + more


def _endpoint_slice(obj: KubeObject, now: datetime) -> Cells:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    found = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses", ())]
    unset = "<unset>"
    return (
        _name(obj),
        obj.get("addressType", ""),
        _first_three(ports) if ports else unset,
        _first_three(found) if found else unset,
        _age(obj, now),
    )


def _event(obj: KubeObject, now: datetime) -> Cells:
    series = obj.get("series") or {}
    micro = obj.get("eventTime")
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or micro
    about = obj.get("involvedObject") or {}
    source = obj.get("source") or {}
    sources = [
        source.get("component") or obj.get("reportingComponent"),
        source.get("host") or obj.get("reportingInstance"),
    ]
    return (
        age(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(filter(None, sources)),
        str(obj.get("message", "")).strip(),
        age(obj.get("firstTimestamp") or micro, now),
        series.get("count") or obj.get("count") or 1,
        _name(obj),
    )


def _config_map(obj: KubeObject, now: datetime) -> Cells:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return (_name(obj), count, _age(obj, now))


def _secret(obj: KubeObject, now: datetime) -> Cells:
    return (_name(obj), obj.get("type", ""), len(obj.get("data") or ()), _age(obj, now))


def _service_account(obj: KubeObject, now: datetime) -> Cells:
    return (_name(obj), len(obj.get("secrets") or ()), _age(obj, now))


def _namespace(obj: KubeObject, now: datetime) -> Cells:
    return (_name(obj), _status(obj).get("phase", ""), _age(obj, now))


_ROLE: Final = "node-role.kubernetes.io/"


def _node(obj: KubeObject, now: datetime) -> Cells:
    state = _status(obj)
    ready = next((c for c in state.get("conditions") or () if c.get("type") == "Ready"), None)
    shown = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if _spec(obj).get("unschedulable"):
        shown += ",SchedulingDisabled"
    labels = obj["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    addresses = {a.get("type"): a.get("address") for a in state.get("addresses") or ()}
    info = state.get("nodeInfo") or {}
    return (
        _name(obj),
        shown,
        _joined(roles),
        _age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    )


def _network_policy(obj: KubeObject, now: datetime) -> Cells:
    return (_name(obj), format_selector(_spec(obj).get("podSelector")), _age(obj, now))


def _job(obj: KubeObject, now: datetime) -> Cells:
    spec, state = _spec(obj), _status(obj)
    conditions = {c.get("type") for c in state.get("conditions") or () if c.get("status") == "True"}
    shown = next(
        (kind for kind in ("Complete", "Failed", "Suspended") if kind in conditions), "Running"
    )
    succeeded, wanted = state.get("succeeded", 0), spec.get("completions")
    started = parse_time(state.get("startTime"))
    ended = parse_time(state.get("completionTime")) or now
    return (
        _name(obj),
        shown,
        f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1",
        human_duration((ended - started).total_seconds()) if started else "",
        _age(obj, now),
        *_template_cells(obj),
        format_selector(spec.get("selector")),
    )


def _autoscaler(obj: KubeObject, now: datetime) -> Cells:
    spec, state = _spec(obj), _status(obj)
    target = spec.get("scaleTargetRef") or {}
    return (
        _name(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _joined([_metric(m, state) for m in spec.get("metrics") or ()]).replace(",", ", "),
        str(spec.get("minReplicas", UNKNOWN)),
        spec.get("maxReplicas", 0),
        state.get("currentReplicas", 0),
        _age(obj, now),
    )


def _metric(metric: KubeObject, state: KubeObject) -> str:
    resource = metric.get("resource") or {}
    name, target = resource.get("name", metric.get("type", "")), resource.get("target") or {}
    current: KubeObject = next(
        (
            (found.get("resource") or {}).get("current") or {}
            for found in state.get("currentMetrics") or ()
            if (found.get("resource") or {}).get("name") == name
        ),
        {},
    )
    if "averageUtilization" in target:
        now = current.get("averageUtilization")
        return f"{name}: {UNKNOWN if now is None else f'{now}%'}/{target['averageUtilization']}%"
    return f"{name}: {current.get('averageValue', UNKNOWN)}/{target.get('averageValue', UNKNOWN)}"


def _disruption_budget(obj: KubeObject, now: datetime) -> Cells:
    spec = _spec(obj)
    return (
        _name(obj),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        _status(obj).get("disruptionsAllowed", 0),
        _age(obj, now),
    )


_ACCESS: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _claim(obj: KubeObject, now: datetime) -> Cells:
    spec, state = _spec(obj), _status(obj)
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else state.get("phase", "")
    volume = spec.get("volumeName", "")
    return (
        _name(obj),
        phase,
        volume,
        (state.get("capacity") or {}).get("storage", "") if volume else "",
        ",".join(_ACCESS.get(m, m) for m in state.get("accessModes") or ()) if volume else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or "<unset>",
        _age(obj, now),
        spec.get("volumeMode", "<unset>"),
    )


def _lease(obj: KubeObject, now: datetime) -> Cells:
    return (_name(obj), _spec(obj).get("holderIdentity", ""), _age(obj, now))


def _revision(obj: KubeObject, now: datetime) -> Cells:
    owner: KubeObject = next(
        (o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), {}
    )
    controller = f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else NONE
    return (_name(obj), controller, obj.get("revision", 0), _age(obj, now))


_TEMPLATE: Final = ("Containers::1", "Images::1", "Selector::1")

LAYOUTS: Final[Mapping[Resource, Layout]] = {
    kinds.CONFIG_MAPS: Layout(("Name", "Data", "Age"), _config_map),
    kinds.CONTROLLER_REVISIONS: Layout(("Name", "Controller", "Revision", "Age"), _revision),
    kinds.DEPLOYMENTS: Layout(
        ("Name", "Ready", "Up-to-date", "Available", "Age", *_TEMPLATE), _deployment
    ),
    kinds.ENDPOINTS: Layout(("Name", "Endpoints", "Age"), _endpoints),
    kinds.ENDPOINT_SLICES: Layout(
        ("Name", "AddressType", "Ports", "Endpoints", "Age"), _endpoint_slice
    ),
    kinds.EVENTS: Layout(
        (
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "Subobject::1",
            "Source::1",
            "Message",
            "First Seen::1",
            "Count::1",
            "Name::1",
        ),
        _event,
    ),
    kinds.HORIZONTAL_POD_AUTOSCALERS: Layout(
        ("Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"), _autoscaler
    ),
    kinds.JOBS: Layout(("Name", "Status", "Completions", "Duration", "Age", *_TEMPLATE), _job),
    kinds.LEASES: Layout(("Name", "Holder", "Age"), _lease),
    kinds.NAMESPACES: Layout(("Name", "Status", "Age"), _namespace),
    kinds.NETWORK_POLICIES: Layout(("Name", "Pod-Selector", "Age"), _network_policy),
    kinds.NODES: Layout(
        (
            "Name",
            "Status",
            "Roles",
            "Age",
            "Version",
            "Internal-IP::1",
            "External-IP::1",
            "OS-Image::1",
            "Kernel-Version::1",
            "Container-Runtime::1",
        ),
        _node,
    ),
    kinds.PERSISTENT_VOLUME_CLAIMS: Layout(
        (
            "Name",
            "Status",
            "Volume",
            "Capacity",
            "Access Modes",
            "StorageClass",
            "VolumeAttributesClass",
            "Age",
            "VolumeMode::1",
        ),
        _claim,
    ),
    kinds.POD_DISRUPTION_BUDGETS: Layout(
        ("Name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age"),
        _disruption_budget,
    ),
    kinds.PODS: Layout(
        (
            "Name",
            "Ready",
            "Status",
            "Restarts",
            "Age",
            "IP::1",
            "Node::1",
            "Nominated Node::1",
            "Readiness Gates::1",
        ),
        _pod,
    ),
    kinds.REPLICA_SETS: Layout(
        ("Name", "Desired:integer", "Current:integer", "Ready:integer", "Age", *_TEMPLATE),
        _replica_set,
    ),
    kinds.SECRETS: Layout(("Name", "Type", "Data", "Age"), _secret),
    kinds.SERVICE_ACCOUNTS: Layout(("Name", "Secrets", "Age"), _service_account),
    kinds.SERVICES: Layout(
        ("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector::1"), _service
    ),
    kinds.STATEFUL_SETS: Layout(
        ("Name", "Ready", "Age", "Containers::1", "Images::1"), _stateful_set
    ),
}
