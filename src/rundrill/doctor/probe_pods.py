"""What the probe puts into its own namespace. Values only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

LABEL: Final = "rundrill.dev/doctor"
PORT: Final = 8080
LIMIT_MIB: Final = 48
HELD_MIB: Final = 160
HELD_S: Final = 5
CONNECTED, CUT, NEVER = 0, 10, 11
"""What the network program ends with."""
TRIES_S: Final = 20
DEADLINE_S: Final = 180
"""After that the cluster itself ends the pods of a doctor that was killed."""

_MEMORY: Final = f"""\
import time
held = []
for _ in range({HELD_MIB} // 8):
    held.append(bytearray(b"x") * (8 << 20))
    time.sleep(0.1)
time.sleep({HELD_S})
"""
_SERVER: Final = f"""\
import http.server, os
http.server.ThreadingHTTPServer(
    (os.environ["POD_IP"], {PORT}), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""
_NETWORK: Final = f"""\
import os, socket, sys, time
at = (os.environ["PROBE_SERVICE_HOST"], {PORT})
denied = sys.argv[1] == "denied"
failed = 0
end = time.monotonic() + {TRIES_S}
while time.monotonic() < end:
    try:
        with socket.create_connection(at, 1) as connection:
            connection.settimeout(1)
            connection.sendall(b"HEAD / HTTP/1.0\\r\\n\\r\\n")
            reached = bool(connection.recv(1))
    except OSError:
        reached = False
    failed = 0 if reached else failed + 1
    if reached and not denied:
        sys.exit({CONNECTED})
    if failed == 3 and denied:
        sys.exit({CUT})
    time.sleep(0.2)
sys.exit({CONNECTED} if denied else {NEVER})
"""
"""A policy may take a while: who is to be denied tries until it is cut off three times in a row."""


def namespace(name: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {LABEL: "probe"}},
    }


def service() -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "probe"},
        "spec": {"selector": {"role": "server"}, "ports": [{"port": PORT, "targetPort": PORT}]},
    }


def policies() -> Sequence[Mapping[str, Any]]:
    """The server lets in all but `no-ingress`; `no-egress` may go nowhere."""
    admitted = [{"podSelector": {"matchLabels": {"role": role}}} for role in ("free", "no-egress")]
    specs = {
        "ingress": {
            "podSelector": {"matchLabels": {"role": "server"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": admitted}],
        },
        "egress": {
            "podSelector": {"matchLabels": {"role": "no-egress"}},
            "policyTypes": ["Egress"],
        },
    }
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name},
            "spec": spec,
        }
        for name, spec in specs.items()
    ]


def memory_pod(image: str) -> Mapping[str, Any]:
    return _pod("memory", image, _MEMORY, limit_mib=LIMIT_MIB)


def server_pod(image: str) -> Mapping[str, Any]:
    return _pod("server", image, _SERVER)


def client_pod(name: str, image: str, *, role: str) -> Mapping[str, Any]:
    """`role` is free, no-ingress or no-egress."""
    return _pod(name, image, _NETWORK, "free" if role == "free" else "denied", role=role)


def image_pod(name: str, image: str) -> Mapping[str, Any]:
    """Whether its program starts does not matter: only that the image was there."""
    return _pod(name, image, "pass")


def _pod(
    name: str, image: str, program: str, *arguments: str, role: str = "", limit_mib: int = 128
) -> Mapping[str, Any]:
    container = {
        "name": "probe",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", program, *arguments],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "24Mi"},
            "limits": {"memory": f"{limit_mib}Mi"},
        },
        # What a namespace with restricted pod security asks for.
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {LABEL: "probe", "role": role or name}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": DEADLINE_S,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }
