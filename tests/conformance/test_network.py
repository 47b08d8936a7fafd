"""What a caller sees of a NetworkPolicy, in one word: ok, timeout, refused or reset.

The same probe runs in a pod of either cluster, and the same words are expected of both.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

NEAR, FAR = "conf-network", "conf-network-far"
_WAIT_S: Final = 1.0
_SETTLES_WITHIN_S: Final = 40.0
_PROBE: Final = f"""
import os, socket, sys
try:
    at = (os.environ[sys.argv[1] + "_SERVICE_HOST"], int(sys.argv[2]))
    with socket.create_connection(at, {_WAIT_S}) as connection:
        connection.settimeout({_WAIT_S})
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print("ok" if connection.recv(1) else "reset")
except TimeoutError:
    print("timeout")
except ConnectionRefusedError:
    print("refused")
except ConnectionResetError:
    print("reset")
"""
# Name of the probe: the caller's namespace, the Service and its port.
PROBES: Final = {
    "near": (NEAR, "WEB", 80),
    "admin": (NEAR, "WEB", 81),
    "far": (FAR, "WEB", 80),
    "nobody": (NEAR, "NOBODY", 80),
}
OPEN: Final = {"near": "ok", "admin": "ok", "far": "ok"}
_CALLER: Final = {"matchLabels": {"role": "caller"}}
_WEB: Final = {"matchLabels": {"app": "web"}}


def _egress(*rules: Any) -> dict[str, Any]:
    return {"podSelector": _CALLER, "policyTypes": ["Egress"], "egress": list(rules)}


def _ingress(*rules: Any) -> dict[str, Any]:
    return {"podSelector": _WEB, "policyTypes": ["Ingress"], "ingress": list(rules)}


def _tcp(port: int | str) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port}]


_FROM_FAR: Final = {"namespaceSelector": {"matchLabels": {"side": "far"}}}
_DENIED: Final = {"near": "timeout", "admin": "timeout"}
# What the policy says, and what it changes of an open network.
CASES: Final[Mapping[str, tuple[dict[str, Any], dict[str, str]]]] = {
    "deny all egress": (_egress(), _DENIED),
    "egress to the pods' label": (_egress({"to": [{"podSelector": _WEB}]}), {}),
    "egress to another label": (
        _egress({"to": [{"podSelector": {"matchLabels": {"app": "other"}}}]}),
        _DENIED,
    ),
    "egress to a port": (_egress({"ports": _tcp(8080)}), {"admin": "timeout"}),
    "egress to a pod's named port": (
        _egress({"to": [{"podSelector": _WEB}], "ports": _tcp("admin")}),
        {"near": "timeout"},
    ),
    "egress to every address": (_egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}), {}),
    "egress to nobody's addresses": (
        _egress({"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}),
        _DENIED,
    ),
    "deny all ingress": (_ingress(), {**_DENIED, "far": "timeout"}),
    "ingress from the caller's label": (
        _ingress({"from": [{"podSelector": _CALLER}]}),
        {"far": "timeout"},
    ),
    "ingress from a namespace": (_ingress({"from": [_FROM_FAR]}), _DENIED),
    "ingress from a label in a namespace": (
        _ingress({"from": [{**_FROM_FAR, "podSelector": _CALLER}]}),
        _DENIED,
    ),
    "ingress from another label in a namespace": (
        _ingress({"from": [{**_FROM_FAR, "podSelector": _WEB}]}),
        {**_DENIED, "far": "timeout"},
    ),
    "ingress to a port": (_ingress({"ports": _tcp("http")}), {"admin": "timeout"}),
}


class Network:
    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster

    def run(self, command: str, **more: Any) -> str:
        return str(self._cluster.kubectl(f"kubectl {command}", **more).stdout)

    def open(self) -> None:
        for namespace in (NEAR, FAR):
            self.run(f"delete namespace {namespace} --ignore-not-found --timeout=150s")
        self.run("apply -f network.yaml", check=True)
        for namespace in (NEAR, FAR):
            self._account(namespace)
        self.run("apply -f network-pods.yaml", check=True)
        for namespace in (NEAR, FAR):
            self.run(
                f"wait pod --all -n {namespace} --for=condition=Ready --timeout=120s", check=True
            )

    def _account(self, namespace: str) -> None:
        # A real cluster makes it a little later than the namespace.
        limit = time.monotonic() + 30
        while "default" not in self.run(f"get serviceaccount -n {namespace}"):
            assert time.monotonic() < limit, "no service account"
            time.sleep(0.2)  # noqa: TID251 - another program's progress

    def close(self) -> None:
        for namespace in (NEAR, FAR):
            self.run(f"delete namespace {namespace} --wait=false")

    def word(self, probe: str) -> str:
        namespace, service, port = PROBES[probe]
        command = f"kubectl exec -i caller -n {namespace} -- python3 - {service} {port}"
        return str(self._cluster.kubectl(command, stdin=_PROBE).stdout).strip()

    def words(self, probes: Collection[str]) -> dict[str, str]:
        with ThreadPoolExecutor(len(probes)) as pool:
            return dict(zip(probes, pool.map(self.word, probes), strict=True))

    def deny(self, name: str, spec: Mapping[str, Any]) -> None:
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": NEAR},
            "spec": spec,
        }
        self.run("apply -f -", stdin=json.dumps(policy), check=True)

    def allow(self) -> None:
        self.run(f"delete networkpolicies --all -n {NEAR}", check=True)

    def until(self, expected: Mapping[str, str]) -> None:
        """A cluster takes a moment to enforce a policy, and not everywhere at once."""
        limit = time.monotonic() + _SETTLES_WITHIN_S
        while (seen := self.words(expected.keys())) != expected:
            assert time.monotonic() < limit, f"expected {expected}, seen {seen}"


@pytest.fixture(scope="module")
def network(cluster: Any) -> Iterator[Network]:
    opened = Network(cluster)
    opened.open()
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("name", CASES)
def test_a_policy_changes_what_callers_see_and_no_more(network: Network, name: str) -> None:
    spec, changed = CASES[name]
    # First a policy of the same pods that is seen to act, so that nothing passes by being early.
    network.deny("policy", _egress() if spec["policyTypes"] == ["Egress"] else _ingress())
    network.until({**OPEN, **_DENIED, **({} if "egress" in spec else {"far": "timeout"})})
    network.deny("policy", spec)
    network.until({**OPEN, **changed})
    network.allow()
    network.until(OPEN)


def test_a_service_without_a_ready_pod_refuses(network: Network) -> None:
    # Where a policy denies the way as well, the real cluster drops and the embedded one refuses.
    network.until({"nobody": "refused"})
