"""Port forwarding with clients we did not write: both kubectls, and the official Python client."""

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import KubeObject
from localcluster.registry import MemoryRegistry
from tests.unit.localcluster.api.pod_program import pod_program

_CANDIDATES = (Path(sys.executable).parent / "kubectl", Path("/usr/bin/kubectl"))
KUBECTLS = [str(path) for path in _CANDIDATES if path.exists()]
# The transports: SPDY through a WebSocket, and SPDY alone as older versions have it.
TRANSPORTS = {"websocket": "true", "spdy": "false"}

pytestmark = pytest.mark.skipif(not KUBECTLS, reason="kubectl is not installed")


@pytest.fixture
def program() -> Iterator[int]:
    with pod_program() as port:
        yield port


@pytest.fixture
def pod(served: Any, program: int) -> KubeObject:
    """A running pod whose program listens, and a Service before it, in `production`."""

    def make() -> KubeObject:
        registry: MemoryRegistry = served.registry
        meta = {"namespace": "production", "labels": {"app": "payment-service"}}
        if registry.find(kinds.NAMESPACES, "", "production") is None:
            registry.create(kinds.NAMESPACES, {"metadata": {"name": "production"}})
        container = {
            "name": "main",
            "image": "web:v1",
            "ports": [{"name": "metrics", "containerPort": program}],
        }
        spec = {"nodeName": "local", "containers": [container]}
        made = registry.create(kinds.PODS, {"metadata": {**meta, "name": "p"}, "spec": spec})
        conditions = [{"type": "Ready", "status": "True"}]
        state = {"phase": "Running", "podIP": "127.0.0.1", "conditions": conditions}
        registry.update_status(kinds.PODS, {**made, "status": state})
        ports = [{"name": "metrics", "port": 8080, "targetPort": "metrics"}]
        registry.create(
            kinds.SERVICES,
            {
                "metadata": {"name": "payment-service-metrics", "namespace": "production"},
                "spec": {"selector": meta["labels"], "ports": ports},
            },
        )
        return made

    made: KubeObject = served.do(make)
    return made


@contextlib.contextmanager
def forwarding(
    served: Any, kubectl: str, line: str, websocket: str = "true"
) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """`kubectl port-forward LINE` in the background; the local port and the process."""
    env = {
        **os.environ,
        "KUBECONFIG": str(served.kubeconfig),
        "HOME": str(served.kubeconfig.parent),
        "KUBECTL_PORT_FORWARD_WEBSOCKETS": websocket,
    }
    process = subprocess.Popen(
        [kubectl, "port-forward", "-n", "production", "--address", "127.0.0.1", *line.split()],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            first = process.stdout.readline()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+", first)
            assert found, first + process.stderr.read()
            yield int(found[1]), process
        finally:
            process.terminate()


def ask(port: int, data: bytes, *, half_close: bool = False) -> bytes:
    """What is answered to `data` until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(data)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while more := connection.recv(65536):
            found += more
        return found


@pytest.mark.parametrize("websocket", TRANSPORTS.values(), ids=TRANSPORTS)
@pytest.mark.parametrize("kubectl", KUBECTLS, ids=range(len(KUBECTLS)))
def test_kubectl_forwards_a_services_port_to_its_pod(
    kubectl: str, websocket: str, served: Any, pod: KubeObject
) -> None:
    line = "svc/payment-service-metrics :8080"
    with forwarding(served, kubectl, line, websocket) as (port, _):
        assert ask(port, b"hello\n") == b"hello from the pod\n"
        body = os.urandom(3_000_000)
        told = ask(port, b"digest\n" + body, half_close=True)
        assert told.decode().strip() == hashlib.sha256(body).hexdigest()
        assert len(ask(port, b"send 5000000\n")) == 5_000_000
        with ThreadPoolExecutor(40) as many:
            bodies = [f"digest\n{number}".encode() * 1000 for number in range(120)]
            answers = many.map(lambda body: ask(port, body, half_close=True), bodies)
            wanted = [hashlib.sha256(body.partition(b"\n")[2]).hexdigest() for body in bodies]
            assert [answer.decode().strip() for answer in answers] == wanted


@pytest.mark.parametrize("kubectl", KUBECTLS, ids=range(len(KUBECTLS)))
def test_a_refused_port_is_told_as_a_kubelet_tells_it(
    kubectl: str, served: Any, pod: KubeObject
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    with forwarding(served, kubectl, f"pod/p :{closed}") as (port, process):
        assert ask(port, b"hello\n") == b""
        assert process.stderr is not None
        told = process.stderr.readline()
    sandbox = pod["metadata"]["uid"].replace("-", "")
    assert f"error forwarding port {closed} to pod {sandbox}, uid : failed to execute" in told
    assert f"failed to connect to localhost:{closed} inside namespace" in told
    assert f"dial tcp4 127.0.0.1:{closed}: connect: connection refused" in told


@pytest.mark.parametrize("kubectl", KUBECTLS, ids=range(len(KUBECTLS)))
def test_connections_end_with_their_program_and_new_ones_fail_when_the_pod_is_gone(
    kubectl: str, served: Any, pod: KubeObject
) -> None:
    with forwarding(served, kubectl, "pod/p :metrics") as (port, process):
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(b"echo\nstill here\n")
            assert connection.recv(100) == b"still here\n"
            served.do(
                lambda: served.registry.delete(kinds.PODS, "production", "p", grace_period_s=0)
            )
            connection.sendall(b"the process decides when it ends\n")
            assert connection.recv(100) == b"the process decides when it ends\n"
        assert ask(port, b"hello\n") == b""
        assert process.stderr is not None
        assert "in store: not found" in process.stderr.readline()


@pytest.mark.parametrize("kubectl", KUBECTLS, ids=range(len(KUBECTLS)))
def test_a_connection_that_the_program_resets_does_not_end_the_server(
    kubectl: str, served: Any, pod: KubeObject
) -> None:
    with forwarding(served, kubectl, "pod/p :metrics") as (port, process):
        assert ask(port, b"reset\n") == b""
        assert process.stderr is not None
        assert "read: connection reset by peer" in process.stderr.readline()
    with forwarding(served, kubectl, "pod/p :metrics") as (port, _):
        assert ask(port, b"hello\n") == b"hello from the pod\n"


def test_the_python_client_forwards_ports(served: Any, pod: KubeObject, program: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    script = Path(__file__).with_name("official_forward.py")
    argv = [sys.executable, str(script), str(served.kubeconfig), str(program), str(closed)]
    found = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["answer"] == "hello from the pod\n"
    assert told["sent"] == 2_000_000
    assert told["no error"] is None
    assert "connect: connection refused" in told["error"]
