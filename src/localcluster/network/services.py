"""Services as listeners: on each clusterIP for the host itself, and on one address an edge."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.network.addresses import Block
from localcluster.network.forward import Forwarder
from localcluster.network.judge import Judge, Unread
from localcluster.network.names import Destination
from localcluster.network.ruling import Endpoint, Ruling
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


class ServiceNetwork:
    """Follows Services and Endpoints; opens a listener where there is someone to answer."""

    def __init__(
        self,
        registry: Registry,
        block: Block,
        on_problem: Problem,
        on_unread: Unread = lambda _obj, _problem: None,
    ) -> None:
        self._registry = registry
        self._block = block
        self._on_problem = on_problem
        self._edges: dict[tuple[str, Destination], Edge] = {}
        self._cluster: dict[ServiceKey, Edge] = {}
        self._backends: dict[ServiceKey, dict[int, list[Endpoint]]] = {}
        self._judge = Judge(registry, self._rulings_changed, on_unread)
        self._complained: set[tuple[ServiceKey, int]] = set()

    def start(self) -> None:
        # Its subscriptions come first: a Service's listeners are opened as its annotations say.
        self._judge.start()
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
            self._judge.keep(pod_uid)
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
        self._judge.forget(pod_uid)

    def _rulings_changed(self, pod_uid: str | None) -> None:
        for edge in [*self.edges(pod_uid), *(self._cluster.values() if pod_uid is None else ())]:
            self._apply(edge)

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
        for port in backends.keys() - edge.forwarders.keys():
            edge.forwarders[port] = self._forwarder(edge, key, port)
        for port, forwarder in edge.forwarders.items():
            endpoints = self._endpoints(key, port, destination.host)
            if not endpoints:
                forwarder.close()
            else:
                deaf = all(
                    self._judge.rule(edge.source, key, endpoint).drops_new for endpoint in endpoints
                )
                self._listen(forwarder, key, port, deaf=deaf)
            forwarder.rule_again()

    def _forwarder(self, edge: Edge, key: ServiceKey, port: int) -> Forwarder:
        def endpoints() -> Sequence[Endpoint]:
            return self._endpoints(key, port, edge.destination.host)

        def judge(endpoint: Endpoint) -> Ruling:
            return self._judge.rule(edge.source, key, endpoint)

        return Forwarder(edge.address, port, endpoints, judge)

    def _endpoints(self, key: ServiceKey, port: int, host: str) -> Sequence[Endpoint]:
        ready = self._backends.get(key, {}).get(port, ())
        return [endpoint for endpoint in ready if not host or endpoint.pod == host]

    def _listen(self, forwarder: Forwarder, key: ServiceKey, wanted: int, *, deaf: bool) -> None:
        listen = forwarder.deafen if deaf else forwarder.open
        try:
            try:
                listen()
            except PermissionError:
                # A port below 1024 without root: the Service is to be had, if at another port.
                forwarder.port = wanted + UNPRIVILEGED_OFFSET
                listen()
                problem = f"needs root: listening on port {forwarder.port} instead"
                self._complain(key, wanted, problem, forwarder.port)
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


def _backends(service: KubeObject, endpoints: KubeObject | None) -> dict[int, list[Endpoint]]:
    """Listening port to its ready endpoints.

    A headless Service gives the pods' own addresses on a real cluster, so callers use the pods'
    ports; they are listened on besides the Service's.
    """
    spec = service.get("spec", {})
    headless = spec.get("clusterIP") == "None"
    ready = _ready(endpoints)
    backends: dict[int, list[Endpoint]] = {}
    for port in spec.get("ports") or ():
        if port.get("protocol", "TCP") != "TCP":
            continue
        targets = ready.get(port.get("name", ""), [])
        listens = {int(port["port"])}
        if headless:
            listens |= {endpoint.port for endpoint in targets}
        for number in listens:
            backends.setdefault(number, []).extend(targets)
    return backends


def _ready(endpoints: KubeObject | None) -> Mapping[str, list[Endpoint]]:
    """By the port's name."""
    found: dict[str, list[Endpoint]] = {}
    for subset in (endpoints or {}).get("subsets") or ():
        for port in subset.get("ports") or ():
            for address in subset.get("addresses") or ():
                target = address.get("targetRef") or {}
                endpoint = Endpoint(
                    namespace=target.get("namespace") or (endpoints or {})["metadata"]["namespace"],
                    pod=target.get("name", ""),
                    address=str(address["ip"]),
                    port=int(port["port"]),
                )
                found.setdefault(port.get("name", ""), []).append(endpoint)
    return found
