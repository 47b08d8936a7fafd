"""An API server with nothing behind it: in the test's own loop, or over TLS for real clients."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from localcluster import kinds
from localcluster.api.server import build_app
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.registry import MemoryRegistry

TOKEN = "a-token"  # of this test alone
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class FakeSession:
    """`cat` echoes its stdin, `exit N` ends with N, `hang` never ends, others print themselves."""

    def __init__(self, argv: Sequence[str], *, stdin: bool) -> None:
        self.argv = list(argv)
        self.size: tuple[int, int] | None = None
        self.killed = asyncio.Event()
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._reads = stdin and self.argv[0] == "cat"

    def write_stdin(self, data: bytes) -> None:
        self._input.put_nowait(data)

    def close_stdin(self) -> None:
        self._input.put_nowait(None)

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)

    async def output(self) -> AsyncIterator[tuple[int, bytes]]:
        if self._reads:
            while (data := await self._input.get()) is not None:
                yield 1, data
        elif self.argv[0] == "hang":
            yield 1, b"hanging\n"
            await self.killed.wait()
        elif self.argv[0] == "size":
            yield 1, f"{self.size}\n".encode()
        else:
            yield 1, (" ".join(self.argv) + "\n").encode()
            yield 2, b"to stderr\n"

    async def wait(self) -> int:
        if self.killed.is_set():
            return 137
        return int(self.argv[1]) if self.argv[0] == "exit" else 0

    def kill(self) -> None:
        self.killed.set()


@dataclass
class FakeRuntime:
    lines: list[bytes] = field(default_factory=lambda: [b"first\n", b"second\n"])
    log_error: ApiError | None = None
    asked: list[Mapping[str, object]] = field(default_factory=list)
    sessions: list[FakeSession] = field(default_factory=list)
    figures: dict[tuple[str, str], Mapping[str, tuple[float, int]]] = field(default_factory=dict)

    async def logs(
        self, namespace: str, pod: str, container: str | None, **options: object
    ) -> AsyncIterator[bytes]:
        self.asked.append({"namespace": namespace, "pod": pod, "container": container, **options})
        if self.log_error is not None:
            raise self.log_error
        for line in self.lines:
            yield line
        if options["follow"]:
            await asyncio.Event().wait()

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        argv: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
    ) -> FakeSession:
        if argv[0] == "missing":
            raise ApiError(400, "BadRequest", "no such command: missing")
        session = FakeSession(argv, stdin=stdin)
        self.sessions.append(session)
        return session

    def pod_metrics(self, namespace: str, pod: str) -> Mapping[str, tuple[float, int]] | None:
        return self.figures.get((namespace, pod))

    def kube_state_metrics(self) -> str:
        return "kube_pod_info 1\n"

    def cadvisor_metrics(self) -> str:
        return "container_memory_working_set_bytes 1\n"


@dataclass
class Cluster:
    """What a test sees: the registry and the runtime behind the API, and a client before it."""

    registry: MemoryRegistry
    runtime: FakeRuntime
    client: TestClient[web.Request, web.Application] | None = None

    async def ask(
        self, method: str, path: str, body: object = None, **options: object
    ) -> tuple[int, KubeObject]:
        """(code, JSON) of one request with the right token."""
        assert self.client is not None
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}  # type: ignore[dict-item]
        if body is not None:
            options["json"] = body
        async with self.client.request(method, path, headers=headers, **options) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.json(content_type=None)


def deployment(name: str = "web", **spec: object) -> KubeObject:
    labels = {"app": name}
    container = {"name": "main", "image": "web:v1", "env": [{"name": "A", "value": "1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def pod(name: str = "p", **labels: str) -> KubeObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"nodeName": "local", "containers": [{"name": "main", "image": "web:v1"}]},
    }


@pytest.fixture
def manifests() -> Mapping[str, Callable[..., KubeObject]]:
    return {"deployment": deployment, "pod": pod}


@pytest.fixture
def in_cluster() -> Callable[[Callable[[Cluster], Awaitable[None]]], None]:
    """Runs a scenario against the API, in one loop and over plain HTTP."""

    def run(scenario: Callable[[Cluster], Awaitable[None]]) -> None:
        async def main() -> None:
            registry, runtime = MemoryRegistry(lambda: START), FakeRuntime()
            app = build_app(registry, runtime, token=TOKEN, now=lambda: START)
            async with TestClient(TestServer(app)) as client:
                await scenario(Cluster(registry, runtime, client))

        asyncio.run(main())

    return run


@dataclass(frozen=True)
class Served:
    kubeconfig: Path
    registry: MemoryRegistry
    runtime: FakeRuntime
    do: Callable[[Callable[[], object]], object]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The API over TLS in a thread of its own; `do` runs a function in its loop."""
    registry, runtime = MemoryRegistry(lambda: dt.datetime.now(dt.UTC)), FakeRuntime()
    registry.admission.append(_cluster_ip)
    _remove_doomed_pods(registry)
    certificate, key = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    app = build_app(registry, runtime, token=TOKEN)
    loop = asyncio.new_event_loop()
    started: asyncio.Future[int] = loop.create_future()
    stop = asyncio.Event()

    async def main() -> None:
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            started.set_result(runner.addresses[0][1])
            await stop.wait()
        finally:
            await runner.cleanup()

    def run() -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(main())

    async def port() -> int:
        return await started

    thread = threading.Thread(target=run)
    thread.start()
    try:
        number = asyncio.run_coroutine_threadsafe(port(), loop).result(10)
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(_KUBECONFIG.format(port=number, ca=certificate, token=TOKEN))

        async def call(function: Callable[[], object]) -> object:
            return function()

        def do(function: Callable[[], object]) -> object:
            return asyncio.run_coroutine_threadsafe(call(function), loop).result(10)

        yield Served(kubeconfig, registry, runtime, do)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)


_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {{server: "https://127.0.0.1:{port}", certificate-authority: {ca}}}
users: [{{name: u, user: {{token: {token}}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""


def _cluster_ip(resource: Resource, obj: KubeObject) -> None:
    if resource is kinds.SERVICES:
        obj["spec"].setdefault("clusterIP", "127.0.5.1")


def _remove_doomed_pods(registry: MemoryRegistry) -> None:
    """What a kubelet does in the end."""

    def remove(name: str, namespace: str) -> None:
        if registry.find(kinds.PODS, namespace, name) is not None:
            registry.delete(kinds.PODS, namespace, name, grace_period_s=0)

    def handle(event: object) -> None:
        meta = event.object["metadata"]  # type: ignore[attr-defined]
        if "deletionTimestamp" in meta and event.type != "DELETED":  # type: ignore[attr-defined]
            loop = asyncio.get_running_loop()
            loop.call_soon(remove, meta["name"], meta["namespace"])

    registry.subscribe(kinds.PODS, handle)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "tls.crt", folder / "tls.key"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_path, key_path
