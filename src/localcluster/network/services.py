"""Services as listeners: on each clusterIP for the host itself, and on one address an edge."""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.network.addresses import Block
from localcluster.network.forward import Forwarder, Target
from localcluster.network.names import Destination
from localcluster.objects import KubeObject, WatchEvent

_LOG: Final = logging.getLogger(__name__)

ServiceKey = tuple[str, str]
# The Service, the port it asks for, what is wrong, and the port it has instead.
Problem = Callable[[ServiceKey, int, str, int | None], None]

# Where a port below 1024 is listened on by those who may not have it: 80 at 8080.
UNPRIVILEGED_OFFSET: Final = 8000


@dataclass(slots=True, kw_only=True)
class Edge:
    """The way from one pod (`source` is its uid) to one Service, with an address of its own.

    Whatever must act on this way alone - a policy, a delay, a reset - acts on these forwarders.
    """

    source: str
    destination: Destination
    address: str
    forwarders: dict[int, Forwarder] = field(default_factory=dict)


@dataclass(slots=True)
class _Backend:
    """Where a listening port leads: ready pods, with the pod's name to tell them apart."""

    targets: list[tuple[str, Target]] = field(default_factory=list)

    def choose(self, host: str) -> Target | None:
        fitting = [target for name, target in self.targets if not host or name == host]
        # At random, as kube-proxy's iptables mode does.
        return random.choice(fitting) if fitting else None  # noqa: S311 - no secret in it


class ServiceNetwork:
    """Follows Services and Endpoints; opens a listener where there is someone to answer."""

    def __init__(self, registry: Registry, block: Block, on_problem: Problem) -> None:
        self._registry = registry
        self._block = block
        self._on_problem = on_problem
        self._edges: dict[tuple[str, Destination], Edge] = {}
        self._cluster: dict[ServiceKey, Edge] = {}
        self._backends: dict[ServiceKey, dict[int, _Backend]] = {}
        self._complained: set[tuple[ServiceKey, int]] = set()

    def start(self) -> None:
        self._registry.subscribe(kinds.SERVICES, self._changed)
        self._registry.subscribe(kinds.ENDPOINTS, self._changed)

    async def close(self) -> None:
        """Resets every connection and returns when all are gone."""
        edges = [*self._edges.values(), *self._cluster.values()]
        forwarders = [forwarder for edge in edges for forwarder in edge.forwarders.values()]
        self._edges.clear()
        self._cluster.clear()
        for forwarder in forwarders:
            forwarder.abort()
        for forwarder in forwarders:
            await forwarder.ended()

    def edge(self, pod_uid: str, destination: Destination) -> Edge:
        """This pod's way to that Service, whether or not the Service exists yet."""
        key = (pod_uid, destination)
        found = self._edges.get(key)
        if found is None:
            address = self._block.edges.take(key)
            found = Edge(source=pod_uid, destination=destination, address=address)
            self._edges[key] = found
            self._apply(found)
        return found

    def edges(self, pod_uid: str | None = None) -> Iterator[Edge]:
        """All edges, or those of one pod."""
        for (source, _), edge in list(self._edges.items()):
            if pod_uid is None or source == pod_uid:
                yield edge

    def release(self, pod_uid: str) -> None:
        """The pod is gone: its addresses are free and its connections reset."""
        for edge in list(self.edges(pod_uid)):
            _abort(edge)
            key = (pod_uid, edge.destination)
            del self._edges[key]
            self._block.edges.release(key)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        key = (meta["namespace"], meta["name"])
        service = self._registry.find(kinds.SERVICES, *key)
        endpoints = self._registry.find(kinds.ENDPOINTS, *key)
        self._backends[key] = {} if service is None else _backends(service, endpoints)
        self._follow_cluster_ip(key, service)
        for edge in self._of_service(key):
            self._apply(edge)
        if service is None:
            del self._backends[key]

    def _of_service(self, key: ServiceKey) -> Iterator[Edge]:
        if key in self._cluster:
            yield self._cluster[key]
        for edge in self._edges.values():
            if (edge.destination.namespace, edge.destination.service) == key:
                yield edge

    def _follow_cluster_ip(self, key: ServiceKey, service: KubeObject | None) -> None:
        address = (service or {}).get("spec", {}).get("clusterIP") or "None"
        held = self._cluster.get(key)
        if held is not None and held.address != address:
            _abort(held)
            del self._cluster[key]
        if key not in self._cluster and address in self._block.services:
            self._cluster[key] = Edge(
                source="",
                destination=Destination(namespace=key[0], service=key[1]),
                address=address,
            )
        if service is None:
            self._block.services.release(key)

    def _apply(self, edge: Edge) -> None:
        destination = edge.destination
        key = (destination.namespace, destination.service)
        backends = self._backends.get(key, {})
        for port in [port for port in edge.forwarders if port not in backends]:
            edge.forwarders.pop(port).close()
        for port, backend in backends.items():
            forwarder = edge.forwarders.get(port)
            if forwarder is None:
                forwarder = Forwarder(
                    edge.address, port, self._chooser(key, port, destination.host)
                )
                edge.forwarders[port] = forwarder
            if backend.choose(destination.host) is None:
                forwarder.close()
            else:
                self._open(forwarder, key)

    def _chooser(self, key: ServiceKey, port: int, host: str) -> Callable[[], Target | None]:
        def choose() -> Target | None:
            backend = self._backends.get(key, {}).get(port)
            return None if backend is None else backend.choose(host)

        return choose

    def _open(self, forwarder: Forwarder, key: ServiceKey) -> None:
        wanted = forwarder.port
        try:
            forwarder.open()
        except PermissionError:
            # A port below 1024 without root: the Service is to be had, if at another port.
            forwarder.port = wanted + UNPRIVILEGED_OFFSET
            self._try_open(forwarder, key)
            problem = f"needs root: listening on port {forwarder.port} instead"
            self._complain(key, wanted, problem, forwarder.port)
        except OSError as error:
            self._complain(key, wanted, f"cannot be listened on: {error.strerror}")

    def _try_open(self, forwarder: Forwarder, key: ServiceKey) -> None:
        try:
            forwarder.open()
        except OSError as error:
            self._complain(key, forwarder.port, f"cannot be listened on: {error.strerror}")

    def _complain(
        self, key: ServiceKey, port: int, problem: str, instead: int | None = None
    ) -> None:
        if (key, port) not in self._complained:
            self._complained.add((key, port))
            _LOG.warning("service %s/%s: port %s %s", *key, port, problem)
            self._on_problem(key, port, problem, instead)


def _abort(edge: Edge) -> None:
    for forwarder in edge.forwarders.values():
        forwarder.abort()
    edge.forwarders.clear()


def _backends(service: KubeObject, endpoints: KubeObject | None) -> dict[int, _Backend]:
    """Listening port to its ready targets.

    A headless Service gives the pods' own addresses on a real cluster, so callers use the pods'
    ports; they are listened on besides the Service's.
    """
    spec = service.get("spec", {})
    headless = spec.get("clusterIP") == "None"
    ready = _ready_targets(endpoints)
    backends: dict[int, _Backend] = {}
    for port in spec.get("ports") or ():
        if port.get("protocol", "TCP") != "TCP":
            continue
        targets = ready.get(port.get("name", ""), [])
        listens = {int(port["port"])}
        if headless:
            listens |= {target[1] for _, target in targets}
        for number in listens:
            backends.setdefault(number, _Backend()).targets.extend(targets)
    return backends


def _ready_targets(endpoints: KubeObject | None) -> Mapping[str, list[tuple[str, Target]]]:
    found: dict[str, list[tuple[str, Target]]] = {}
    for subset in (endpoints or {}).get("subsets") or ():
        for port in subset.get("ports") or ():
            for address in subset.get("addresses") or ():
                name = (address.get("targetRef") or {}).get("name", "")
                target = (str(address["ip"]), int(port["port"]))
                found.setdefault(port.get("name", ""), []).append((name, target))
    return found
