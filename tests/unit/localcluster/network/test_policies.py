"""NetworkPolicies as predicates, and the policies that are shipped."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcluster.network.policies import Party, denying, parse

BASE = Path(__file__).parents[4] / "deploy" / "base"


def _pod(app: str, namespace: str = "shop", address: str = "127.9.1.1", **ports: int) -> Party:
    return Party(
        namespace=namespace,
        namespace_labels={"kubernetes.io/metadata.name": namespace},
        labels={"app": app},
        address=address,
        ports=ports,
    )


WEB, DB = _pod("web"), _pod("db", address="127.9.1.2", sql=5432)
FAR = _pod("web", namespace="far", address="127.9.1.3")
OUTSIDE = Party(namespace="", namespace_labels={}, labels=None, address="192.0.2.7", ports={})


def _policy(namespace: str = "shop", **spec: Any) -> Any:
    return parse({"metadata": {"namespace": namespace, "name": "p"}, "spec": spec})


def _allowed(policies: list[Any], caller: Party, target: Party, port: int = 5432) -> bool:
    return not denying(policies, caller, target, port)


def test_without_a_policy_everything_is_allowed() -> None:
    assert _allowed([], WEB, DB)


def test_a_default_deny_isolates_the_direction_it_names() -> None:
    into = _policy(podSelector={})
    out = _policy(podSelector={}, policyTypes=["Egress"])
    assert not _allowed([into], FAR, DB)
    assert _allowed([into], WEB, FAR)
    assert not _allowed([out], WEB, FAR)
    assert _allowed([out], FAR, DB)
    assert not _allowed([_policy("far", podSelector={}, policyTypes=["Egress"])], FAR, DB)


def test_egress_rules_without_policy_types_isolate_both_directions() -> None:
    policy = _policy(podSelector={"matchLabels": {"app": "web"}}, egress=[{}])
    assert policy.ingress == ()
    assert _allowed([policy], WEB, DB)
    assert not _allowed([policy], DB, WEB)


def test_both_ends_must_open_and_policies_add_up() -> None:
    deny = _policy(podSelector={}, policyTypes=["Ingress", "Egress"])
    out = _policy(
        podSelector={"matchLabels": {"app": "web"}},
        policyTypes=["Egress"],
        egress=[{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}],
    )
    into = _policy(
        podSelector={"matchLabels": {"app": "db"}},
        ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
    )
    assert not _allowed([deny, out], WEB, DB)
    assert not _allowed([deny, into], WEB, DB)
    assert _allowed([deny, out, into], WEB, DB)
    assert not _allowed([deny, out, into], DB, WEB)


@pytest.mark.parametrize(
    ("peer", "web", "far"),
    [
        ({"podSelector": {"matchLabels": {"app": "web"}}}, True, False),
        ({"namespaceSelector": {}}, True, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "far"}}}, 0, 1),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}, False, False),
        ({"ipBlock": {"cidr": "127.9.1.0/24"}}, True, True),
        ({"ipBlock": {"cidr": "127.9.1.0/24", "except": ["127.9.1.3/32"]}}, True, False),
    ],
)
def test_a_peer_is_chosen_by_pod_namespace_or_address(
    peer: Mapping[str, Any], web: bool, far: bool
) -> None:
    policy = _policy(podSelector={}, ingress=[{"from": [peer]}])
    assert _allowed([policy], WEB, DB) == web
    assert _allowed([policy], FAR, DB) == far


def test_an_address_that_is_no_pods_is_reached_by_its_block_alone() -> None:
    everyone = _policy(
        podSelector={}, policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {}}]}]
    )
    block = _policy(
        podSelector={},
        policyTypes=["Egress"],
        egress=[{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}],
    )
    assert not _allowed([everyone], WEB, OUTSIDE)
    assert _allowed([everyone, block], WEB, OUTSIDE)


@pytest.mark.parametrize(
    ("port", "allowed"),
    [
        ({"port": 5432}, True),
        ({"port": 5433}, False),
        ({"port": "sql"}, True),
        ({"port": "other"}, False),
        ({"port": 5000, "endPort": 6000}, True),
        ({"port": 5000, "endPort": 5431}, False),
        ({"protocol": "UDP", "port": 5432}, False),
        ({"protocol": "TCP"}, True),
    ],
)
def test_ports_are_the_targets_numbers_and_names(port: Mapping[str, Any], allowed: bool) -> None:
    into = _policy(podSelector={}, ingress=[{"ports": [port]}])
    out = _policy(podSelector={}, policyTypes=["Egress"], egress=[{"ports": [port]}])
    assert _allowed([into], WEB, DB) is allowed
    assert _allowed([out], WEB, DB) is allowed


# What the payment service and the drill need, and what must not be there.

_APPS = {
    "payment-service": ("production", {"http": 8080, "metrics": 9090}),
    "redis": ("production", {"redis": 6379}),
    "auth-service": ("production", {"http": 8080}),
    "postgresql": ("database", {"postgresql": 5432}),
    "stripe-gateway": ("gateways", {"http": 8080}),
    "paypal-gateway": ("gateways", {"http": 8080}),
}


def _shipped() -> list[Any]:
    documents = [
        document
        for path in sorted(BASE.glob("network-policies-*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document
    ]
    assert len(documents) > 10
    return [parse(document) for document in documents]


def _party(app: str) -> Party:
    namespace, ports = _APPS[app]
    labels = {
        document["metadata"]["name"]: document["metadata"]["labels"]
        for document in yaml.safe_load_all((BASE / "namespaces.yaml").read_text())
    }
    return Party(
        namespace=namespace,
        namespace_labels=labels[namespace],
        labels={"app": app, "pod-template-hash": "5d9"},
        address="127.9.1.9",
        ports=ports,
    )


@pytest.mark.parametrize(
    ("target", "port"),
    [
        ("postgresql", 5432),
        ("redis", 6379),
        ("auth-service", 8080),
        ("stripe-gateway", 8080),
        ("paypal-gateway", 8080),
    ],
)
def test_the_shipped_policies_let_the_service_reach_what_it_needs(target: str, port: int) -> None:
    assert _allowed(_shipped(), _party("payment-service"), _party(target), port)


@pytest.mark.parametrize("caller", [name for name in _APPS if name != "payment-service"])
@pytest.mark.parametrize("target", ["postgresql", "redis", "stripe-gateway"])
def test_the_shipped_policies_let_nobody_else_through(caller: str, target: str) -> None:
    port = {"postgresql": 5432, "redis": 6379}.get(target, 8080)
    assert not _allowed(_shipped(), _party(caller), _party(target), port)
