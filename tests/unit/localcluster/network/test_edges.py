"""Policies and faults on edges, with real sockets on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.network.addresses import Block, take_block
from localcluster.network.annotations import PREFIX
from localcluster.network.cluster_ip import ClusterIPs
from localcluster.network.names import Destination
from localcluster.network.services import Edge, ServiceNetwork
from localcluster.objects import KubeObject
from localcluster.registry import MemoryRegistry

WEB = Destination(namespace="default", service="web")
HANGS_S = 0.3
DENY_OUT = {"podSelector": {"matchLabels": {"app": "caller"}}, "policyTypes": ["Egress"]}


@dataclass
class Net:
    registry: MemoryRegistry
    block: Block
    network: ServiceNetwork
    told: list[str]

    def pod(self, name: str, app: str, address: str = "") -> KubeObject:
        made = self.registry.create(
            kinds.PODS,
            {
                "metadata": {"name": name, "namespace": "default", "labels": {"app": app}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        )
        made = {**made, "status": {"podIP": address}}
        return self.registry.update_status(kinds.PODS, made)

    def service(self, *targets: tuple[str, int], **annotations: str) -> None:
        """`web` with ready pods (name, port on 127.0.0.1)."""
        self.registry.create(
            kinds.SERVICES,
            {
                "metadata": {
                    "name": "web",
                    "namespace": "default",
                    "annotations": _annotations(annotations),
                },
                "spec": {"ports": [{"port": 8080}]},
            },
        )
        self.registry.create(
            kinds.ENDPOINTS,
            {
                "metadata": {"name": "web", "namespace": "default"},
                "subsets": [
                    {
                        "addresses": [
                            {"ip": "127.0.0.1", "targetRef": {"kind": "Pod", "name": name}}
                        ],
                        "ports": [{"port": port}],
                    }
                    for name, port in targets
                ],
            },
        )

    def annotate(self, **annotations: str) -> None:
        def change(obj: KubeObject) -> None:
            obj["metadata"]["annotations"] = _annotations(annotations)

        self.registry.modify(kinds.SERVICES, "default", "web", change)

    def policy(self, spec: Any, **annotations: str) -> None:
        self.registry.create(
            kinds.NETWORK_POLICIES,
            {
                "metadata": {
                    "name": "policy",
                    "namespace": "default",
                    "annotations": _annotations(annotations),
                },
                "spec": spec,
            },
        )

    def lift(self) -> None:
        self.registry.delete(kinds.NETWORK_POLICIES, "default", "policy")


def _annotations(values: dict[str, str]) -> dict[str, str]:
    return {PREFIX + name.replace("_", "-"): value for name, value in values.items()}


def _with_net(test: Callable[[Net], Awaitable[None]]) -> None:
    async def run() -> None:
        block = take_block()
        registry = MemoryRegistry(lambda: datetime.now(UTC))
        registry.admission.append(ClusterIPs(block))
        told: list[str] = []
        network = ServiceNetwork(
            registry, block, lambda *_: None, lambda _obj, problem: told.append(problem)
        )
        network.start()
        try:
            await test(Net(registry, block, network, told))
        finally:
            await network.close()
            block.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _echo() -> AsyncIterator[int]:
    """Answers each piece as it comes, and ends when the caller ends."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Line:
    """A connection to an edge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def says(self, text: bytes = b"hello") -> bytes:
        self.writer.write(text)
        return await self._reader.readexactly(len(text))

    async def hears_nothing(self, text: bytes = b"") -> None:
        self.writer.write(text)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HANGS_S):
                await self._reader.read(100)

    async def hears(self, text: bytes) -> None:
        async with asyncio.timeout(5):
            assert await self._reader.readexactly(len(text)) == text

    async def was_reset(self) -> None:
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await self._reader.read(100)


@contextlib.asynccontextmanager
async def _line(edge: Edge | str) -> AsyncIterator[Line]:
    address = edge if isinstance(edge, str) else edge.address
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(address, 8080)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _hangs(edge: Edge) -> None:
    """The connection is neither made nor refused."""
    sock = socket.socket()
    sock.setblocking(False)
    with sock, pytest.raises(TimeoutError):
        async with asyncio.timeout(HANGS_S):
            await asyncio.get_running_loop().sock_connect(sock, (edge.address, 8080))


def _caller(net: Net, name: str = "caller-1", app: str = "caller") -> Edge:
    return net.network.edge(net.pod(name, app)["metadata"]["uid"], WEB)


def test_a_denied_connection_hangs_and_goes_through_once_the_policy_is_gone() -> None:
    async def test(net: Net) -> None:
        edge, other = _caller(net), _caller(net, "other", "other")
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            net.policy(DENY_OUT)
            await _hangs(edge)
            await _hangs(edge)
            async with _line(other) as line:
                assert await line.says() == b"hello"
            # One that is trying while the policy goes: the kernel tries again after a second.
            trying = asyncio.create_task(asyncio.open_connection(edge.address, 8080))
            await asyncio.sleep(0)
            net.lift()
            async with asyncio.timeout(10):
                reader, writer = await trying
                writer.write(b"late")
                assert await reader.readexactly(4) == b"late"
            writer.close()
            await writer.wait_closed()
            async with _line(edge) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_ingress_of_the_target_denies_as_well_and_follows_its_labels() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            net.policy({"podSelector": {"matchLabels": {"app": "web"}}})
            await _hangs(edge)

            def relabel(pod: KubeObject) -> None:
                pod["metadata"]["labels"] = {"app": "free"}

            net.registry.modify(kinds.PODS, "default", "web-1", relabel)
            async with _line(edge) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_a_namespaces_new_label_opens_and_closes() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            peer = {"namespaceSelector": {"matchLabels": {"team": "b"}}}
            net.policy({"podSelector": {}, "ingress": [{"from": [peer]}]})
            await _hangs(edge)

            def relabel(namespace: KubeObject) -> None:
                namespace["metadata"]["labels"] = {"team": "b"}

            net.registry.modify(kinds.NAMESPACES, "", "default", relabel)
            async with _line(edge) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_without_a_ready_endpoint_a_denied_connection_is_refused_all_the_same() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        net.service()
        net.policy(DENY_OUT)
        with pytest.raises(ConnectionRefusedError):
            async with _line(edge):
                pass

    _with_net(test)


def test_this_machines_own_connections_pass_every_policy() -> None:
    async def test(net: Net) -> None:
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            net.policy({"podSelector": {}})
            service = net.registry.get(kinds.SERVICES, "default", "web")
            async with _line(service["spec"]["clusterIP"]) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_a_pod_always_reaches_itself() -> None:
    async def test(net: Net) -> None:
        pod = net.pod("web-1", "web")
        async with _echo() as port:
            net.service(("web-1", port))
            net.policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
            async with _line(net.network.edge(pod["metadata"]["uid"], WEB)) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_open_connections_stay_when_a_policy_denies_new_ones() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.policy(DENY_OUT)
                await _hangs(edge)
                assert await line.says(b"still here") == b"still here"

    _with_net(test)


def test_open_connections_fall_silent_when_the_policy_says_drop_and_go_on_after_it() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.policy(DENY_OUT, open_connections="drop")
                await line.hears_nothing(b"lost?")
                net.lift()
                await line.hears(b"lost?")

    _with_net(test)


def test_open_connections_are_reset_when_the_policy_says_so() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.policy(DENY_OUT, open_connections="reset")
                await line.was_reset()
            await _hangs(edge)

    _with_net(test)


def test_a_connection_that_meets_the_one_denied_pod_of_several_waits_for_it() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "closed")
            net.pod("web-2", "open")
            net.service(("web-1", port), ("web-2", port))
            net.policy(
                {"podSelector": {"matchLabels": {"app": "closed"}}}, open_connections="reset"
            )
            async with contextlib.AsyncExitStack() as lines:
                answered = 0
                silent: list[Line] = []
                for _ in range(12):
                    line = await lines.enter_async_context(_line(edge))
                    try:
                        async with asyncio.timeout(0.1):
                            answered += await line.says() == b"hello"
                    except TimeoutError:
                        silent.append(line)
                assert answered
                assert silent
                # One gives up; it is forgotten, and the others are served in the end.
                silent.pop().writer.close()
                net.lift()
                for line in silent:
                    await line.hears(b"hello")

    _with_net(test)


def test_latency_is_added_to_each_round_trip_of_new_and_of_open_connections() -> None:
    async def test(net: Net) -> None:
        loop = asyncio.get_running_loop()
        edge = _caller(net)

        async def round_trip(line: Line) -> float:
            before = loop.time()
            assert await line.says(b"ping") == b"ping"
            return loop.time() - before

        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.annotate(latency="200ms")
                assert await round_trip(line) >= 0.2
                async with _line(edge) as fresh:
                    # Its handshake is a round trip as well.
                    assert await round_trip(fresh) >= 0.4
                    assert await round_trip(fresh) >= 0.2
                # A big one keeps its order, and an end comes after what was sent before it.
                text = bytes(range(256)) * 12_000
                assert await line.says(text) == text
                net.annotate()
                assert await round_trip(line) < 0.2

    _with_net(test)


def test_latency_that_is_taken_away_holds_nothing_back_any_longer() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.annotate(latency="5m")
                await line.hears_nothing(b"slow")
                net.annotate()
                await line.hears(b"slow")

    _with_net(test)


def test_a_black_hole_takes_new_and_open_connections_until_it_goes() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.annotate(black_hole="true")
                await _hangs(edge)
                await line.hears_nothing(b"kept")
                net.annotate()
                await line.hears(b"kept")
                async with _line(edge) as fresh:
                    assert await fresh.says() == b"hello"

    _with_net(test)


def test_a_fault_goes_with_its_service_also_for_open_connections() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.annotate(black_hole="true")
                await line.hears_nothing(b"kept")
                net.registry.delete(kinds.SERVICES, "default", "web")
                await line.hears(b"kept")

    _with_net(test)


def test_an_end_is_not_heard_through_a_black_hole() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(5))
            await reader.read(5)
            ended.set()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            net.pod("web-1", "web")
            net.service(("web-1", server.sockets[0].getsockname()[1]))
            async with _line(edge) as line:
                assert await line.says() == b"hello"
                net.annotate(black_hole="true")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(HANGS_S):
                    await ended.wait()
            net.annotate()
            async with asyncio.timeout(5):
                await ended.wait()

    _with_net(test)


def test_a_share_of_new_connections_is_reset_and_open_ones_are_not() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            async with _line(edge) as old:
                assert await old.says() == b"hello"
                net.annotate(reset="0.5")
                resets = 0
                for _ in range(60):
                    try:
                        async with _line(edge) as line:
                            assert await line.says(b"x") == b"x"
                    except (ConnectionResetError, asyncio.IncompleteReadError):
                        resets += 1
                # Outside of this once in a billion runs.
                assert 7 <= resets <= 53
                assert await old.says() == b"hello"

    _with_net(test)


def test_a_fault_can_be_limited_to_callers() -> None:
    async def test(net: Net) -> None:
        meant, other = _caller(net, "one", "checkout"), _caller(net, "two", "report")
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port), black_hole="true", callers="app=checkout")
            await _hangs(meant)
            async with _line(other) as line:
                assert await line.says() == b"hello"
            service = net.registry.get(kinds.SERVICES, "default", "web")
            async with _line(service["spec"]["clusterIP"]) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_a_fault_on_a_policy_acts_where_the_policy_lets_through() -> None:
    async def test(net: Net) -> None:
        meant, other = _caller(net), _caller(net, "two", "report")
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            to = {"podSelector": {"matchLabels": {"app": "web"}}}
            net.policy({**DENY_OUT, "egress": [{"to": [to]}]}, black_hole="true")
            await _hangs(meant)
            async with _line(other) as line:
                assert await line.says() == b"hello"
            net.lift()
            async with _line(meant) as line:
                assert await line.says() == b"hello"

    _with_net(test)


def test_an_annotation_that_cannot_be_read_is_told_once() -> None:
    async def test(net: Net) -> None:
        net.service(latency="soon")
        net.annotate(latency="soon", reset="0")
        (problem,) = net.told
        assert f'annotation {PREFIX}latency: "soon" has no effect' in problem

    _with_net(test)


def test_a_connection_that_is_aborted_as_it_comes_is_gone_at_once() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            forwarder = edge.forwarders[8080]
            with socket.socket() as caller:
                caller.connect((edge.address, 8080))
                assert forwarder._socket is not None
                forwarder._accept(forwarder._socket)
                forwarder.abort()
                async with asyncio.timeout(5):
                    await forwarder.ended()
                with pytest.raises(ConnectionResetError):
                    caller.recv(1)

    _with_net(test)


def test_nothing_is_left_of_a_hundred_policies_put_and_lifted() -> None:
    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            for _ in range(100):
                net.policy(DENY_OUT)
                assert edge.forwarders[8080].is_deaf
                net.lift()
                assert edge.forwarders[8080].is_open
            async with _line(edge) as line:
                assert await line.says() == b"hello"

    _with_net(test)


_MANY = 24
_LET_THROUGH = {
    "podSelector": {"matchLabels": {"app": "caller"}},
    "policyTypes": ["Egress"],
    "egress": [{}],
}


async def _round_trips(lines: list[Line]) -> list[float]:
    """Of all lines at the same time, the slowest last."""
    loop = asyncio.get_running_loop()

    async def one(line: Line) -> float:
        before = loop.time()
        assert await line.says(b"ping") == b"ping"
        return loop.time() - before

    return sorted(await asyncio.gather(*(one(line) for line in lines)))


@pytest.mark.parametrize("on", ["service", "policy"])
@pytest.mark.parametrize("ends", ["annotation", "object"])
@pytest.mark.parametrize("fault", ["latency", "black_hole", "reset"])
def test_a_fault_ends_for_many_connections_at_once(on: str, ends: str, fault: str) -> None:
    asked_s = 0.15
    value = {"latency": f"{asked_s * 1000:g}ms", "black_hole": "true", "reset": "1.0"}[fault]

    def end(net: Net) -> None:
        if ends == "object":
            resource = kinds.SERVICES if on == "service" else kinds.NETWORK_POLICIES
            name = "web" if on == "service" else "policy"
            net.registry.delete(resource, "default", name)
            return

        def change(obj: KubeObject) -> None:
            obj["metadata"]["annotations"] = {}

        if on == "service":
            net.registry.modify(kinds.SERVICES, "default", "web", change)
        else:
            net.registry.modify(kinds.NETWORK_POLICIES, "default", "policy", change)

    async def test(net: Net) -> None:
        edge = _caller(net)
        async with _echo() as port, contextlib.AsyncExitStack() as stack:
            net.pod("web-1", "web")
            net.service(("web-1", port))
            lines = [await stack.enter_async_context(_line(edge)) for _ in range(_MANY)]
            plain = await _round_trips(lines)
            if on == "service":
                net.annotate(**{fault: value})
            else:
                net.policy(_LET_THROUGH, **{fault: value})
            if fault == "latency":
                slow = await _round_trips(lines)
                # Never less than was asked for; what is more is this machine, seen before as well.
                assert slow[0] >= asked_s
                assert slow[_MANY // 2] <= asked_s + plain[-1] + 0.1, (plain, slow)
            elif fault == "black_hole":
                await asyncio.gather(*(line.hears_nothing(b"ping") for line in lines))
            else:
                with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                    async with _line(edge) as fresh:
                        await fresh.says()
            end(net)
            if fault == "black_hole":
                # What was sent into it arrives, once.
                await asyncio.gather(*(line.hears(b"ping") for line in lines))
            after = await _round_trips(lines)
            assert after[_MANY // 2] < asked_s
            if not (on == "service" and ends == "object"):
                async with _line(edge) as fresh:
                    assert await fresh.says() == b"hello"

    _with_net(test)
