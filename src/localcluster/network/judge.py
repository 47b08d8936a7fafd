"""Rules on each way from what policies and annotations say at this moment."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.network.annotations import Marks, read
from localcluster.network.policies import Party, Policy, denying, parse
from localcluster.network.ruling import FREE, NO_FAULTS, Endpoint, OpenConnections, Ruling
from localcluster.objects import ApiError, KubeObject, WatchEvent

_LOG: Final = logging.getLogger(__name__)

# A Service or NetworkPolicy, and what in it has no effect.
Unread = Callable[[KubeObject, str], None]
ServiceKey = tuple[str, str]

_MILDER_FIRST: Final[tuple[OpenConnections, ...]] = ("drop", "reset")


class Judge:
    """Follows Pods, Namespaces, NetworkPolicies and the annotations of Services.

    `on_change` is called with the uid of a pod whose ways alone are concerned, or with None.
    """

    def __init__(
        self, registry: Registry, on_change: Callable[[str | None], None], on_unread: Unread
    ) -> None:
        self._registry = registry
        self._on_change = on_change
        self._on_unread = on_unread
        self._pods: dict[str, KubeObject] = {}
        self._policies: dict[ServiceKey, Policy] = {}
        self._marks: dict[ServiceKey, Marks] = {}
        self._kept: set[str] = set()

    def start(self) -> None:
        self._registry.subscribe(kinds.NAMESPACES, self._namespace_changed)
        self._registry.subscribe(kinds.NETWORK_POLICIES, self._policy_changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)
        # Before the listeners hear of it: whoever starts this first, is told first.
        self._registry.subscribe(kinds.SERVICES, self._service_changed)

    def keep(self, uid: str) -> None:
        """The pod has ways of its own: remember it until `forget`, even when its object goes."""
        self._kept.add(uid)

    def forget(self, uid: str) -> None:
        self._kept.discard(uid)
        self._pods.pop(uid, None)

    def rule(self, source: str, service: ServiceKey, endpoint: Endpoint) -> Ruling:
        """On connections from the pod with uid `source` (empty: this machine itself).

        This machine's own connections pass every policy, as a node's do; a Service's faults meet
        them unless they are limited to callers.
        """
        marks = self._marks.get(service)
        faults = NO_FAULTS if marks is None else marks.faults
        if not self._policies and faults == NO_FAULTS:
            return FREE
        pod = self._pods.get(source)
        if marks is not None and marks.callers is not None:
            labels = None if pod is None else pod["metadata"].get("labels") or {}
            if labels is None or not marks.callers(labels):
                faults = NO_FAULTS
        if pod is None or not self._policies:
            return Ruling(faults=faults)
        return self._by_policies(pod, endpoint, Ruling(faults=faults))

    def _by_policies(self, pod: KubeObject, endpoint: Endpoint, ruling: Ruling) -> Ruling:
        meta = pod["metadata"]
        itself = (meta["namespace"], meta["name"]) == (endpoint.namespace, endpoint.pod)
        caller = self._party(pod)
        found = self._registry.find(kinds.PODS, endpoint.namespace, endpoint.pod)
        target = self._stranger(endpoint.address) if found is None else self._party(found)
        faults = ruling.faults
        for policy in self._policies.values():
            if policy.marks.faults != NO_FAULTS and policy.admits(caller, target, endpoint.port):
                faults += policy.marks.faults
        # A pod can always reach itself.
        against = [] if itself else denying(self._policies.values(), caller, target, endpoint.port)
        wanted = {policy.marks.open_connections for policy in against}
        when_denied: OpenConnections = "keep"
        for each in _MILDER_FIRST:
            if each in wanted:
                when_denied = each
        return Ruling(allowed=not against, when_denied=when_denied, faults=faults)

    def _party(self, pod: KubeObject) -> Party:
        meta = pod["metadata"]
        namespace = self._registry.find(kinds.NAMESPACES, "", meta["namespace"])
        return Party(
            namespace=meta["namespace"],
            namespace_labels=(namespace or {"metadata": {}})["metadata"].get("labels") or {},
            labels=meta.get("labels") or {},
            address=(pod.get("status") or {}).get("podIP", ""),
            ports=_named_ports(pod),
        )

    def _stranger(self, address: str) -> Party:
        return Party(namespace="", namespace_labels={}, labels=None, address=address, ports={})

    # Following the objects

    def _pod_changed(self, event: WatchEvent) -> None:
        uid = event.object["metadata"]["uid"]
        if event.type == "DELETED":
            if uid not in self._kept:
                self._pods.pop(uid, None)
            return
        self._pods[uid] = event.object
        before, after = event.previous, event.object
        if event.type == "ADDED":
            self._on_change(uid)
        elif before is not None and _seen(before) != _seen(after):
            # It may be a caller as well as a target.
            self._on_change(None)

    def _namespace_changed(self, event: WatchEvent) -> None:
        before = (event.previous or {}).get("metadata", {}).get("labels")
        if event.type != "MODIFIED" or before != event.object["metadata"].get("labels"):
            self._on_change(None)

    def _policy_changed(self, event: WatchEvent) -> None:
        obj = event.object
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._policies.pop(key, None)
        if event.type != "DELETED":
            try:
                policy = parse(obj)
            except (ApiError, ValueError, KeyError) as error:
                self._tell(obj, f"it has no effect: {error}")
            else:
                self._policies[key] = policy
                self._tell_all(obj, policy.marks, event.previous)
        self._on_change(None)

    def _service_changed(self, event: WatchEvent) -> None:
        obj = event.object
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._marks.pop(key, None)
        if event.type != "DELETED":
            marks = read(obj["metadata"].get("annotations"))
            self._marks[key] = marks
            self._tell_all(obj, marks, event.previous)

    def _tell_all(self, obj: KubeObject, marks: Marks, before: KubeObject | None) -> None:
        told = read((before or {"metadata": {}})["metadata"].get("annotations")).problems
        for problem in marks.problems:
            if problem not in told:
                self._tell(obj, problem)

    def _tell(self, obj: KubeObject, problem: str) -> None:
        meta = obj["metadata"]
        _LOG.warning("%s %s/%s: %s", obj.get("kind"), meta["namespace"], meta["name"], problem)
        self._on_unread(obj, problem)


def _seen(pod: KubeObject) -> tuple[Any, Any]:
    """What policies look at."""
    return pod["metadata"].get("labels"), (pod.get("status") or {}).get("podIP")


def _named_ports(pod: KubeObject) -> Mapping[str, int]:
    return {
        port["name"]: int(port["containerPort"])
        for container in (pod.get("spec") or {}).get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("name") and port.get("protocol", "TCP") == "TCP"
    }
