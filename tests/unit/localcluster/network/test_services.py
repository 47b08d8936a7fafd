"""Services as listeners, with real sockets on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.network.addresses import Block, take_block
from localcluster.network.cluster_ip import ClusterIPs
from localcluster.network.names import Destination
from localcluster.network.services import ServiceNetwork
from localcluster.objects import ApiError
from localcluster.registry import MemoryRegistry

WEB = Destination(namespace="default", service="web")


@dataclass
class Net:
    registry: MemoryRegistry
    block: Block
    network: ServiceNetwork

    def service(self, **spec: Any) -> Any:
        return self.registry.create(
            kinds.SERVICES,
            {
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"ports": [{"port": 8080}], **spec},
            },
        )

    def endpoints(self, *targets: tuple[str, str, int]) -> None:
        """(pod name, address, port) of each ready pod."""
        subsets = [
            {
                "addresses": [{"ip": ip, "targetRef": {"kind": "Pod", "name": name}}],
                "ports": [{"port": port}],
            }
            for name, ip, port in targets
        ]
        wanted = {"metadata": {"name": "web", "namespace": "default"}, "subsets": subsets}
        if self.registry.find(kinds.ENDPOINTS, "default", "web") is None:
            self.registry.create(kinds.ENDPOINTS, wanted)
        else:
            self.registry.update(kinds.ENDPOINTS, wanted)


def _with_net(test: Callable[[Net], Awaitable[None]]) -> None:
    async def run() -> None:
        block = take_block()
        registry = MemoryRegistry(lambda: datetime.now(UTC))
        registry.admission.append(ClusterIPs(block))
        network = ServiceNetwork(registry, block, lambda *_: None)
        network.start()
        try:
            await test(Net(registry, block, network))
        finally:
            await network.close()
            block.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _echo(address: str, mark: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(mark + await reader.read())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, address, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _ask(address: str, port: int, text: bytes = b"hello") -> bytes:
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(text)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


def test_the_cluster_ip_leads_to_a_ready_pod() -> None:
    async def test(net: Net) -> None:
        address = net.service()["spec"]["clusterIP"]
        assert address in net.block.services
        async with _echo("127.0.0.1", b"a:") as port:
            net.endpoints(("pod-a", "127.0.0.1", port))
            assert await _ask(address, 8080) == b"a:hello"
            big = b"x" * 3_000_000
            assert await _ask(address, 8080, big) == b"a:" + big

    _with_net(test)


def test_without_a_ready_pod_the_connection_is_refused() -> None:
    async def test(net: Net) -> None:
        address = net.service()["spec"]["clusterIP"]
        with pytest.raises(ConnectionRefusedError):
            await _ask(address, 8080)
        async with _echo("127.0.0.1", b"") as port:
            net.endpoints(("pod-a", "127.0.0.1", port))
            assert await _ask(address, 8080) == b"hello"
            net.endpoints()
            with pytest.raises(ConnectionRefusedError):
                await _ask(address, 8080)

    _with_net(test)


def test_a_pod_that_listens_no_more_looks_like_a_reset() -> None:
    async def test(net: Net) -> None:
        address = net.service()["spec"]["clusterIP"]
        async with _echo("127.0.0.1", b"") as port:
            pass
        net.endpoints(("pod-a", "127.0.0.1", port))
        with pytest.raises(ConnectionResetError):
            await _ask(address, 8080)

    _with_net(test)


def test_each_pod_has_an_edge_of_its_own_before_the_service_exists() -> None:
    async def test(net: Net) -> None:
        one, two = net.network.edge("pod-1", WEB), net.network.edge("pod-2", WEB)
        assert one.address != two.address
        assert net.network.edge("pod-1", WEB) is one
        with pytest.raises(ConnectionRefusedError):
            await _ask(one.address, 8080)
        net.service()
        async with _echo("127.0.0.1", b"a:") as port:
            net.endpoints(("pod-a", "127.0.0.1", port))
            assert await _ask(one.address, 8080) == b"a:hello"
            net.network.release("pod-1")
            assert list(net.network.edges("pod-1")) == []
            with pytest.raises(ConnectionRefusedError):
                await _ask(one.address, 8080)
            assert await _ask(two.address, 8080) == b"a:hello"

    _with_net(test)


def test_connections_are_spread_over_the_pods() -> None:
    async def test(net: Net) -> None:
        address = net.service()["spec"]["clusterIP"]
        async with _echo("127.0.0.1", b"a") as a, _echo("127.0.0.1", b"b") as b:
            net.endpoints(("pod-a", "127.0.0.1", a), ("pod-b", "127.0.0.1", b))
            answers = [await _ask(address, 8080, b"") for _ in range(40)]
        assert set(answers) == {b"a", b"b"}

    _with_net(test)


def test_a_headless_service_answers_at_the_pods_port_and_for_one_pod_alone() -> None:
    async def test(net: Net) -> None:
        net.service(clusterIP="None")
        async with _echo("127.0.0.1", b"a") as a, _echo("127.0.0.1", b"b") as b:
            net.endpoints(("db-0", "127.0.0.1", a), ("db-1", "127.0.0.1", b))
            one = Destination(namespace="default", service="web", host="db-1")
            edge = net.network.edge("pod", one)
            answers = {await _ask(edge.address, 8080, b"") for _ in range(20)}
            assert answers == {b"b"}
            assert await _ask(net.network.edge("pod", WEB).address, b, b"") in {b"a", b"b"}

    _with_net(test)


def test_the_address_goes_with_the_service_and_comes_back_to_others() -> None:
    async def test(net: Net) -> None:
        address = net.service()["spec"]["clusterIP"]
        net.registry.delete(kinds.SERVICES, "default", "web")
        assert net.block.services.reserve("other", address)

    _with_net(test)


def test_an_address_that_is_taken_or_foreign_is_refused() -> None:
    async def test(net: Net) -> None:
        with pytest.raises(ApiError, match=r"failed to allocate IP 10\.96\.0\.1") as error:
            net.service(clusterIP="10.96.0.1")
        assert error.value.code == 422

    _with_net(test)
