"""NetworkPolicies as predicates: who may open a connection to whom. Pure."""

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.network.annotations import Marks, read
from localcluster.objects import KubeObject
from localcluster.selectors import LabelTest, from_selector


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One end of a connection. `labels` is None for an address that is no pod's.

    `ports` are the pod's named container ports.
    """

    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str] | None
    address: str
    ports: Mapping[str, int]


_PeerTest = Callable[[Party], bool]
_PortTest = Callable[[Party, int], bool]


@dataclass(frozen=True, slots=True)
class _Rule:
    """Peers or ports that are empty restrict nothing."""

    peers: tuple[_PeerTest, ...]
    ports: tuple[_PortTest, ...]

    def admits(self, peer: Party, target: Party, port: int) -> bool:
        return (not self.peers or any(test(peer) for test in self.peers)) and (
            not self.ports or any(test(target, port) for test in self.ports)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """`ingress` and `egress` are None when the policy does not restrict that direction."""

    namespace: str
    selector: LabelTest
    ingress: tuple[_Rule, ...] | None
    egress: tuple[_Rule, ...] | None
    marks: Marks

    def selects(self, party: Party) -> bool:
        return (
            party.labels is not None
            and party.namespace == self.namespace
            and self.selector(party.labels)
        )

    def admits(self, caller: Party, target: Party, port: int) -> bool:
        """It selects one end, and one of its rules for that end lets the connection through."""
        out = self.egress is not None and self.selects(caller)
        into = self.ingress is not None and self.selects(target)
        return (out and _any(self.egress or (), target, target, port)) or (
            into and _any(self.ingress or (), caller, target, port)
        )


def parse(obj: KubeObject) -> Policy:
    """Of an object that the API has accepted. Raises `ApiError` for an unknown operator."""
    spec = obj.get("spec") or {}
    namespace = obj["metadata"]["namespace"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return Policy(
        namespace=namespace,
        selector=from_selector(spec.get("podSelector") or {}),
        ingress=_rules(spec.get("ingress"), "from", namespace) if "Ingress" in types else None,
        egress=_rules(spec.get("egress"), "to", namespace) if "Egress" in types else None,
        marks=read(obj["metadata"].get("annotations")),
    )


def denying(
    policies: Iterable[Policy], caller: Party, target: Party, port: int
) -> Sequence[Policy]:
    """The policies that isolate an end which no policy opens for this connection."""
    policies = list(policies)
    out = [policy for policy in policies if policy.egress is not None and policy.selects(caller)]
    into = [policy for policy in policies if policy.ingress is not None and policy.selects(target)]
    found: list[Policy] = []
    if out and not any(_any(policy.egress or (), target, target, port) for policy in out):
        found += out
    if into and not any(_any(policy.ingress or (), caller, target, port) for policy in into):
        found += into
    return found


def _any(rules: Iterable[_Rule], peer: Party, target: Party, port: int) -> bool:
    return any(rule.admits(peer, target, port) for rule in rules)


def _rules(
    rules: Sequence[Mapping[str, Any]] | None, peers: str, namespace: str
) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            tuple(_peer(peer, namespace) for peer in rule.get(peers) or ()),
            tuple(_port(port) for port in rule.get("ports") or ()),
        )
        for rule in rules or ()
    )


def _peer(peer: Mapping[str, Any], namespace: str) -> _PeerTest:
    if block := peer.get("ipBlock"):
        inside = ipaddress.ip_network(block["cidr"], strict=False)
        but = [ipaddress.ip_network(cidr, strict=False) for cidr in block.get("except") or ()]

        def in_block(party: Party) -> bool:
            try:
                address = ipaddress.ip_address(party.address)
            except ValueError:
                return False
            return address in inside and not any(address in cidr for cidr in but)

        return in_block
    pods = from_selector(peer.get("podSelector") or {})
    namespaces = from_selector(peer["namespaceSelector"]) if "namespaceSelector" in peer else None

    def selected(party: Party) -> bool:
        if party.labels is None:
            return False
        home = (
            party.namespace == namespace
            if namespaces is None
            else namespaces(party.namespace_labels)
        )
        return home and pods(party.labels)

    return selected


def _port(port: Mapping[str, Any]) -> _PortTest:
    if port.get("protocol", "TCP") != "TCP":
        return lambda _target, _number: False
    wanted = port.get("port")
    if wanted is None:
        return lambda _target, _number: True
    if isinstance(wanted, str):
        return lambda target, number: target.ports.get(wanted) == number
    last = int(port.get("endPort") or wanted)
    return lambda _target, number: int(wanted) <= number <= last
