"""Endpoints and EndpointSlices: the pods behind a Service, ready ones apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers.ownership import reference_to
from localcluster.controllers.pods import is_ready
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, WatchEvent
from localcluster.runtime.states import wall_time
from localcluster.selectors import from_labels

_HEADLESS: Final = "service.kubernetes.io/headless"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_TRIGGERED: Final = "endpoints.kubernetes.io/last-change-trigger-time"
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A pod behind a Service, with the Service's ports as this pod has them."""

    pod: KubeObject
    ports: tuple[tuple[str, int, str], ...]
    ready: bool
    terminating: bool

    @property
    def address(self) -> str:
        return str(self.pod["status"]["podIP"])


class EndpointsController:
    """A pod that is being deleted leaves its Services at once, before its process ends."""

    def __init__(self, registry: Registry, scheduler: Scheduler) -> None:
        self._registry = registry
        self._queue = WorkQueue("endpoints-controller", scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.SERVICES, self._service_changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)

    def _service_changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        self._queue.add(meta["namespace"], meta["name"])

    def _pod_changed(self, event: WatchEvent) -> None:
        namespace = event.object["metadata"]["namespace"]
        labels = [
            (pod["metadata"].get("labels") or {})
            for pod in (event.object, event.previous)
            if pod is not None
        ]
        for service in self._registry.list(kinds.SERVICES, namespace):
            matches = from_labels(service["spec"].get("selector"))
            if any(matches(each) for each in labels):
                self._queue.add(namespace, service["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        service = self._registry.find(kinds.SERVICES, namespace, name)
        if service is None:
            # Endpoints share the Service's name; slices go by their owner reference.
            if self._registry.find(kinds.ENDPOINTS, namespace, name) is not None:
                self._registry.delete(kinds.ENDPOINTS, namespace, name)
            return
        if not service["spec"].get("selector"):
            return
        members = self._members(service)
        self._put_endpoints(service, members)
        self._put_slice(service, members)

    def _members(self, service: KubeObject) -> list[_Member]:
        spec = service["spec"]
        matches = from_labels(spec["selector"])
        unready_too = bool(spec.get("publishNotReadyAddresses"))
        members = []
        for pod in self._registry.list(kinds.PODS, service["metadata"]["namespace"], matches):
            status = pod.get("status") or {}
            if not status.get("podIP") or status.get("phase") in ("Succeeded", "Failed"):
                continue
            terminating = "deletionTimestamp" in pod["metadata"]
            members.append(
                _Member(
                    pod=pod,
                    ports=_ports(spec.get("ports") or (), pod),
                    ready=unready_too or is_ready(pod),
                    terminating=terminating,
                )
            )
        return members

    def _put_endpoints(self, service: KubeObject, members: Sequence[_Member]) -> None:
        staying = [member for member in members if not member.terminating]
        by_ports: dict[tuple[tuple[str, int, str], ...], list[_Member]] = {}
        for member in sorted(staying, key=lambda member: member.address):
            if member.ports:
                by_ports.setdefault(member.ports, []).append(member)
        subsets = [_subset(ports, group) for ports, group in sorted(by_ports.items())]
        meta = service["metadata"]
        labels = dict(meta.get("labels") or {})
        if service["spec"].get("clusterIP") == "None":
            labels[_HEADLESS] = ""
        wanted: KubeObject = {"metadata": {"name": meta["name"], "namespace": meta["namespace"]}}
        if labels:
            wanted["metadata"]["labels"] = labels
        if subsets:
            wanted["subsets"] = subsets
        self._put(kinds.ENDPOINTS, wanted, "subsets")

    def _put_slice(self, service: KubeObject, members: Sequence[_Member]) -> None:
        meta = service["metadata"]
        ports = next((member.ports for member in members if member.ports), ())
        labels = {
            **(meta.get("labels") or {}),
            _SERVICE_NAME: meta["name"],
            _MANAGED_BY: "endpointslice-controller.k8s.io",
        }
        if service["spec"].get("clusterIP") == "None":
            labels[_HEADLESS] = ""
        wanted: KubeObject = {
            "metadata": {
                "name": f"{meta['name']}-{meta['uid'][:5]}",
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [reference_to(service)],
            },
            "addressType": "IPv4",
            "ports": [_port(*port) for port in ports],
            "endpoints": [_endpoint(member) for member in members],
        }
        self._put(kinds.ENDPOINT_SLICES, wanted, "endpoints", "ports")

    def _put(self, resource: Any, wanted: KubeObject, *parts: str) -> None:
        meta = wanted["metadata"]
        found = self._registry.find(resource, meta["namespace"], meta["name"])
        if found is None:
            meta["annotations"] = {_TRIGGERED: wall_time()}
            self._registry.create(resource, wanted)
            return
        if all(found.get(part) == wanted.get(part) for part in parts):
            return

        def change(obj: KubeObject) -> None:
            obj["metadata"].setdefault("annotations", {})[_TRIGGERED] = wall_time()
            for part in parts:
                if part in wanted:
                    obj[part] = wanted[part]
                else:
                    obj.pop(part, None)

        self._registry.modify(resource, meta["namespace"], meta["name"], change)


def _ports(
    service_ports: Sequence[Mapping[str, Any]], pod: KubeObject
) -> tuple[tuple[str, int, str], ...]:
    found = []
    for port in service_ports:
        number = _target_port(port, pod)
        if number is not None:
            found.append((port.get("name", ""), number, port.get("protocol", "TCP")))
    return tuple(found)


def _target_port(port: Mapping[str, Any], pod: KubeObject) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int) or str(target).isdecimal():
        return int(target)
    for container in pod["spec"]["containers"]:
        for declared in container.get("ports") or ():
            if declared.get("name") == target:
                return int(declared["containerPort"])
    return None


def _subset(ports: Sequence[tuple[str, int, str]], group: Sequence[_Member]) -> KubeObject:
    subset: KubeObject = {}
    for key, ready in (("addresses", True), ("notReadyAddresses", False)):
        addresses = [_address(member) for member in group if member.ready is ready]
        if addresses:
            subset[key] = addresses
    subset["ports"] = [_port(*port) for port in ports]
    return subset


def _address(member: _Member) -> KubeObject:
    address: KubeObject = {
        "ip": member.address,
        "nodeName": member.pod["spec"].get("nodeName", ""),
        "targetRef": _target(member.pod),
    }
    if hostname := member.pod["spec"].get("hostname"):
        address["hostname"] = hostname
    return address


def _endpoint(member: _Member) -> KubeObject:
    endpoint: KubeObject = {
        "addresses": [member.address],
        "conditions": {
            "ready": member.ready and not member.terminating,
            "serving": member.ready,
            "terminating": member.terminating,
        },
        "nodeName": member.pod["spec"].get("nodeName", ""),
        "targetRef": _target(member.pod),
    }
    if hostname := member.pod["spec"].get("hostname"):
        endpoint["hostname"] = hostname
    return endpoint


def _target(pod: KubeObject) -> KubeObject:
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def _port(name: str, number: int, protocol: str) -> KubeObject:
    port: KubeObject = {"port": number, "protocol": protocol}
    if name:
        port["name"] = name
    return port
