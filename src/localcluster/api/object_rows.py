"""Rows of services, configuration, events, nodes and the rest, as the real server prints them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from localcluster.api.ages import UNKNOWN, age
from localcluster.api.cells import (
    NONE,
    Cells,
    age_of,
    format_labels,
    format_selector,
    joined,
    name_of,
    spec_of,
    status_of,
)
from localcluster.objects import KubeObject


def service(obj: KubeObject, now: datetime) -> Cells:
    spec = spec_of(obj)
    ports = [
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}"
        f"/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    ]
    return (
        name_of(obj),
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external_address(obj),
        joined(ports),
        age_of(obj, now),
        format_labels(spec.get("selector")),
    )


def _external_address(obj: KubeObject) -> str:
    spec = spec_of(obj)
    own: list[str] = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    if spec.get("type") != "LoadBalancer":
        return joined(own)
    balancer = status_of(obj).get("loadBalancer") or {}
    given = [i.get("ip") or i.get("hostname", "") for i in balancer.get("ingress") or ()]
    return ",".join([*given, *own]) or "<pending>"


def endpoints(obj: KubeObject, now: datetime) -> Cells:
    found: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if ports:
            found += [f"{address}:{port['port']}" for port in ports for address in addresses]
        else:
            found += addresses
    return (name_of(obj), _first_three(found), age_of(obj, now))


def _first_three(items: Sequence[str]) -> str:
    more = f" + {len(items) - 3} more..." if len(items) > 3 else ""
    return joined(items[:3]) + more


def endpoint_slice(obj: KubeObject, now: datetime) -> Cells:
    ports = [str(port.get("port", "*")) for port in obj.get("ports") or ()]
    found = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses", ())]
    unset = "<unset>"
    return (
        name_of(obj),
        obj.get("addressType", ""),
        _first_three(ports) if ports else unset,
        _first_three(found) if found else unset,
        age_of(obj, now),
    )


def event(obj: KubeObject, now: datetime) -> Cells:
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
        name_of(obj),
    )


def config_map(obj: KubeObject, now: datetime) -> Cells:
    count = len(obj.get("data") or ()) + len(obj.get("binaryData") or ())
    return (name_of(obj), count, age_of(obj, now))


def secret(obj: KubeObject, now: datetime) -> Cells:
    return (name_of(obj), obj.get("type", ""), len(obj.get("data") or ()), age_of(obj, now))


def service_account(obj: KubeObject, now: datetime) -> Cells:
    return (name_of(obj), len(obj.get("secrets") or ()), age_of(obj, now))


def namespace(obj: KubeObject, now: datetime) -> Cells:
    return (name_of(obj), status_of(obj).get("phase", ""), age_of(obj, now))


_ROLE: Final = "node-role.kubernetes.io/"


def node(obj: KubeObject, now: datetime) -> Cells:
    state = status_of(obj)
    ready = next((c for c in state.get("conditions") or () if c.get("type") == "Ready"), None)
    shown = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if spec_of(obj).get("unschedulable"):
        shown += ",SchedulingDisabled"
    labels = obj["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    addresses = {a.get("type"): a.get("address") for a in state.get("addresses") or ()}
    info = state.get("nodeInfo") or {}
    return (
        name_of(obj),
        shown,
        joined(roles),
        age_of(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    )


def network_policy(obj: KubeObject, now: datetime) -> Cells:
    return (name_of(obj), format_selector(spec_of(obj).get("podSelector")), age_of(obj, now))


_ACCESS: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def claim(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    phase = "Terminating" if "deletionTimestamp" in obj["metadata"] else state.get("phase", "")
    volume = spec.get("volumeName", "")
    return (
        name_of(obj),
        phase,
        volume,
        (state.get("capacity") or {}).get("storage", "") if volume else "",
        ",".join(_ACCESS.get(m, m) for m in state.get("accessModes") or ()) if volume else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or "<unset>",
        age_of(obj, now),
        spec.get("volumeMode", "<unset>"),
    )


def lease(obj: KubeObject, now: datetime) -> Cells:
    return (name_of(obj), spec_of(obj).get("holderIdentity", ""), age_of(obj, now))
