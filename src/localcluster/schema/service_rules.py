"""What the API server refuses in a Service."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from localcluster.objects import KubeObject
from localcluster.schema.metadata_rules import check_label_name, check_labels, quoted
from localcluster.schema.pod_rules import check_port, check_port_name
from localcluster.status import Cause, duplicate, invalid_value, required, unsupported

_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_AFFINITIES: Final = ("ClientIP", "None")
_NO_ADDRESS: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def check_service(service: KubeObject) -> Iterator[Cause]:
    """A Service with its defaults set."""
    spec = service["spec"]
    kind = spec["type"]
    if kind not in _TYPES:
        yield unsupported("spec.type", kind, _TYPES)
    yield from _check_ports(spec)
    yield from check_labels(spec.get("selector") or {}, "spec.selector")
    if spec["sessionAffinity"] not in _AFFINITIES:
        yield unsupported("spec.sessionAffinity", spec["sessionAffinity"], _AFFINITIES)
    yield from _check_addresses(spec)
    outside = kind in ("LoadBalancer", "NodePort") or spec.get("externalIPs")
    if spec.get("externalTrafficPolicy") and not outside:
        yield invalid_value(
            "spec.externalTrafficPolicy",
            quoted(spec["externalTrafficPolicy"]),
            "may only be set for externally-accessible services",
        )


def _check_ports(spec: KubeObject) -> Iterator[Cause]:
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    numbers: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield required(f"{where}.name")
        elif name in names:
            yield duplicate(f"{where}.name", name)
        elif name:
            yield from check_label_name(name, f"{where}.name")
        names.add(name)
        yield from check_port(port.get("port", 0), f"{where}.port")
        if port["protocol"] not in _PROTOCOLS:
            yield unsupported(f"{where}.protocol", port["protocol"], _PROTOCOLS)
        yield from check_port(port.get("targetPort"), f"{where}.targetPort")
        yield from check_port_name(port.get("targetPort"), f"{where}.targetPort")
        number = (port["protocol"], port.get("port", 0))
        if number in numbers:
            shown = f'{{"protocol":"{number[0]}","port":{number[1]},"targetPort":0}}'
            yield Cause(
                reason="FieldValueDuplicate", message=f"Duplicate value: {shown}", field=where
            )
        numbers.add(number)


def _check_addresses(spec: KubeObject) -> Iterator[Cause]:
    kind, address = spec["type"], spec.get("clusterIP", "")
    if kind == "ExternalName":
        if address:
            yield Cause(
                reason="FieldValueForbidden",
                message="Forbidden: may not be set for ExternalName services",
                field="spec.clusterIPs",
            )
        if not spec.get("externalName"):
            yield required("spec.externalName")
    elif address == "None":
        if kind in ("LoadBalancer", "NodePort"):
            text = f"may not be set to 'None' for {kind} services"
            yield invalid_value("spec.clusterIPs[0]", quoted(address), text)
    elif address and not _is_address(address):
        yield invalid_value("spec.clusterIPs[0]", quoted(address), _NO_ADDRESS)
    for index, external in enumerate(spec.get("externalIPs") or ()):
        if not _is_address(external):
            yield invalid_value(f"spec.externalIPs[{index}]", quoted(external), _NO_ADDRESS)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
