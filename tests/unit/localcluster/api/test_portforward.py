"""Port forwarding below its clients: frames, pairs of streams, bad requests, and garbage."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import given, settings
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.api import spdy, spdy_headers, spdy_session
from localcluster.api.portforward import TUNNEL
from localcluster.objects import KubeObject
from tests.unit.localcluster.api.pod_program import pod_program

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]
PATH = "/api/v1/namespaces/default/pods/p/portforward"
AUTHORIZED = {"Authorization": "Bearer a-token"}


@pytest.fixture
def program() -> Iterator[int]:
    with pod_program() as port:
        yield port


@pytest.fixture
def with_pod(in_cluster: InCluster, manifests: Manifests) -> InCluster:
    """A scenario in a cluster with the running pod p, whose program is on 127.0.0.1."""

    def run(scenario: Callable[[Any], Awaitable[None]]) -> None:
        async def main(cluster: Any) -> None:
            made = cluster.registry.create(kinds.PODS, manifests["pod"]())
            state = {**made["status"], "phase": "Running", "podIP": "127.0.0.1"}
            cluster.registry.update_status(kinds.PODS, {**made, "status": state})
            async with asyncio.timeout(20):
                await scenario(cluster)

        in_cluster(main)

    return run


class Client:
    """SPDY through a WebSocket, from the client's side."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.send = spdy.Encoder()
        self._decoder = spdy.Decoder()
        self._frames: list[spdy.Frame] = []

    async def open(self, number: int, **headers: str) -> None:
        await self.socket.send_bytes(self.send.opened(number, headers))

    async def connection(self, number: int, request: str, port: int) -> None:
        """The error stream `number` and the data stream `number + 2`."""
        for stream, role in ((number, "error"), (number + 2, "data")):
            await self.open(stream, streamType=role, port=str(port), requestID=request)

    async def say(self, number: int, data: bytes, *, finished: bool = False) -> None:
        await self.socket.send_bytes(self.send.data(number, data, finished=finished))

    async def frame(self) -> spdy.Frame:
        while not self._frames:
            message = await self.socket.receive()
            assert message.type is WSMsgType.BINARY, message
            self._frames += self._decoder.feed(message.data)
        return self._frames.pop(0)

    async def streams(self, *numbers: int) -> Sequence[bytes]:
        """What comes on these streams, until each is finished."""
        found = dict.fromkeys(numbers, b"")
        left = set(numbers)
        while left:
            frame = await self.frame()
            assert isinstance(frame, spdy.Data), frame
            found[frame.stream] += frame.data
            if frame.finished:
                left.remove(frame.stream)
        return list(found.values())


def tunnel(cluster: Any) -> Any:
    return cluster.client.ws_connect(PATH, protocols=(TUNNEL,), headers=AUTHORIZED)


def test_the_dictionary_is_the_specifications() -> None:
    assert len(spdy_headers.DICTIONARY) == 1423
    assert zlib.adler32(spdy_headers.DICTIONARY) == 0xE3C6A7C2  # what zlib names it by


def test_connections_share_one_tunnel(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        async with tunnel(cluster) as socket:
            assert socket.protocol == TUNNEL
            client = Client(socket)
            for number in range(1, 41, 4):
                await client.connection(number, str(number), program)
            for number in range(1, 41, 4):
                await client.say(number + 2, f"echo\n{number}".encode())
            got: dict[int, bytes] = {}
            while len(got) < 10:
                frame = await client.frame()
                assert isinstance(frame, spdy.Data)
                got[frame.stream] = frame.data
            assert got == {n + 2: str(n).encode() for n in range(1, 41, 4)}
            await client.say(3, b" and the end", finished=True)
            assert await client.streams(3, 1) == [b" and the end", b""]

    with_pod(scenario)


def test_a_client_that_breaks_off_breaks_off_the_pods_connection(with_pod: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        ended = asyncio.Queue[bytes]()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"connected")
            try:
                ended.put_nowait(await reader.read())
            except ConnectionResetError:
                ended.put_nowait(b"reset")
            writer.close()

        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, tunnel(cluster) as socket:
            client = Client(socket)
            await client.connection(1, "a", port)
            assert await client.frame() == spdy.Data(3, b"connected", finished=False)
            await socket.send_bytes(client.send.reset(3, spdy.CANCEL))
            assert await client.streams(1) == [b""]
            assert await ended.get() in (b"", b"reset")
            await client.connection(5, "b", port)
            assert await client.frame() == spdy.Data(7, b"connected", finished=False)
            await socket.close()  # and so does the end of the tunnel
            assert await ended.get() in (b"", b"reset")

    with_pod(scenario)


def test_streams_that_make_no_sense_are_reset(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        async with tunnel(cluster) as socket:
            client = Client(socket)
            bad = [
                {},
                {"streamType": "data"},
                {"streamType": "other", "port": "80"},
                {"streamType": "data", "port": "0"},
                {"streamType": "data", "port": "65536"},
                {"streamType": "data", "port": "http"},
            ]
            for index, headers in enumerate(bad):
                await client.open(2 * index + 1, **headers)
                assert await client.frame() == spdy.Reset(2 * index + 1)
            for number in (2, 1):  # not a client's, and not after the last
                await client.open(number, streamType="data", port="80")
                assert await client.frame() == spdy.Reset(number)
            await client.say(999, b"nobody listens")
            await socket.send_bytes(client.send.ping(7))
            assert await client.frame() == spdy.Ping(7)
            await client.connection(21, "again", program)
            await client.say(23, b"hello\n")
            assert await client.streams(23, 21) == [b"hello from the pod\n", b""]

    with_pod(scenario)


def test_a_stream_that_comes_twice_or_alone_is_told(
    with_pod: InCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(cluster: Any) -> None:
        async with tunnel(cluster) as socket:
            client = Client(socket)
            for number in (1, 3):
                await client.open(number, streamType="error", port="80", requestID="a")
            told = b"error processing stream for request a: error stream already assigned"
            assert await client.frame() == spdy.Data(1, told, finished=False)
            assert await client.frame() == spdy.Data(3, b"", finished=True)

    with_pod(scenario)
    monkeypatch.setattr(spdy_session, "_PAIR_TIMEOUT_S", 0)

    async def alone(cluster: Any) -> None:
        async with tunnel(cluster) as socket:
            client = Client(socket)
            await client.open(1, streamType="error", port="80", requestID="a")
            assert await client.streams(1) == [b"(request=a) timed out waiting for streams"]

    with_pod(alone)


def test_clients_before_the_request_id_are_served(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        async with tunnel(cluster) as socket:
            client = Client(socket)
            await client.open(1, streamType="error", port=str(program))
            await client.open(3, streamType="data", port=str(program))
            await client.say(3, b"hello\n")
            assert await client.streams(3, 1) == [b"hello from the pod\n", b""]

    with_pod(scenario)


def test_a_pod_that_does_not_read_holds_up_the_sender_and_no_memory(with_pod: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        connected = asyncio.Event()
        ended = asyncio.Event()

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected.set()
            await ended.wait()
            writer.transport.abort()

        server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=1024)
        sent = 0

        async def send(client: Client) -> None:
            nonlocal sent
            for _ in range(2000):  # 125 MiB, far above what the sockets between them hold
                await client.say(3, b"x" * 65536)
                sent += 65536

        async with server, tunnel(cluster) as socket:
            client = Client(socket)
            await client.connection(1, "a", server.sockets[0].getsockname()[1])
            await connected.wait()
            sender = asyncio.create_task(send(client))
            before = -1
            while sent != before:  # until nothing has moved for a while
                before = sent
                await asyncio.wait({sender}, timeout=0.3)
            assert not sender.done()
            ended.set()
            await sender  # what comes after the pod has gone is dropped
            await client.connection(5, "b", 1)
            while not isinstance(frame := await client.frame(), spdy.Data) or frame.stream != 5:
                pass
            assert b"connection refused" in frame.data

    with_pod(scenario)


def test_a_tunnel_does_not_hold_up_a_shutdown(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        client = Client(await tunnel(cluster))
        await client.connection(1, "a", program)
        await client.say(3, b"echo\nx")
        assert isinstance(await client.frame(), spdy.Data)
        async with asyncio.timeout(5):
            await cluster.client.server.close()

    with_pod(scenario)


SPDY = {"Upgrade": "SPDY/3.1", "Connection": "Upgrade"}
WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize(
    ("headers", "query", "code", "told"),
    [
        ({}, "", 400, "over an upgraded connection"),
        ({**SPDY, "X-Stream-Protocol-Version": "other"}, "", 403, "unable to negotiate protocol"),
        (WEBSOCKET, "", 400, '"ports" is required'),
        (WEBSOCKET, "?ports=80,", 400, '"ports" is required'),
        (WEBSOCKET, "?ports=0", 400, "must be > 0"),
        (WEBSOCKET, "?ports=http", 400, 'unable to parse "http" as a port'),
        (WEBSOCKET, "?ports=99999", 400, "as a port"),
        (WEBSOCKET, "?ports=" + ",".join(["80"] * 129), 400, "at most 128"),
        ({**WEBSOCKET, "Sec-WebSocket-Protocol": "x"}, "?ports=80", 400, "none of the protocols"),
    ],
)
def test_a_request_that_cannot_be_upgraded_is_told_why(
    headers: Mapping[str, str], query: str, code: int, told: str, with_pod: InCluster
) -> None:
    async def scenario(cluster: Any) -> None:
        found, answer = await cluster.ask("GET", PATH + query, headers=headers)
        assert found == code
        assert told in answer["message"]

    with_pod(scenario)


def test_a_pod_that_is_not_there_or_not_running_is_told(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        assert (await cluster.ask("POST", PATH, headers=SPDY))[0] == 404
        made = cluster.registry.create(kinds.PODS, manifests["pod"]())
        code, answer = await cluster.ask("POST", PATH, headers=SPDY)
        assert (code, answer["message"]) == (400, "pod p has no IP yet: wait until it is running")
        unscheduled = {**made["spec"]}
        del unscheduled["nodeName"]
        meta = {"name": "q", "namespace": "default"}
        cluster.registry.create(kinds.PODS, {"metadata": meta, "spec": unscheduled})
        code, answer = await cluster.ask("POST", PATH.replace("/p/", "/q/"), headers=SPDY)
        assert (code, answer["message"]) == (400, "pod q does not have a host assigned")

    in_cluster(scenario)


def test_one_channel_for_each_port_and_nothing_else(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        path = f"{PATH}?ports={program}"
        protocols = ("v4.channel.k8s.io",)
        async with cluster.client.ws_connect(
            path, protocols=protocols, headers=AUTHORIZED
        ) as socket:
            port = program.to_bytes(2, "little")
            assert await socket.receive_bytes() == b"\x00" + port
            assert await socket.receive_bytes() == b"\x01" + port
            for ignored in (b"", b"\x00", b"\x01x", b"\x02x", b"\xffx"):
                await socket.send_bytes(ignored)
            await socket.send_str("\x00text")
            await socket.send_bytes(b"\x00hello\n")
            assert await socket.receive_bytes() == b"\x00hello from the pod\n"
            assert (await socket.receive()).type is WSMsgType.CLOSE

    with_pod(scenario)


def test_garbage_ends_its_own_connection_alone(with_pod: InCluster, program: int) -> None:
    async def scenario(cluster: Any) -> None:
        server = cluster.client.server
        for garbage in (
            b"\x80\x02\x00\x01\x00\x00\x00\x00",
            b"\xff" * 100,
            b"\x80\x03\x00\x01" * 40,
        ):
            async with tunnel(cluster) as websocket:
                await websocket.send_bytes(garbage)
                while (message := await websocket.receive()).type is WSMsgType.BINARY:
                    pass
                assert message.type is WSMsgType.CLOSE
            head = "".join(f"{name}: {value}\r\n" for name, value in {**SPDY, **AUTHORIZED}.items())
            request = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n"
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(request.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            writer.write(garbage)
            await reader.read()  # to the end
            writer.close()
            await writer.wait_closed()
        async with tunnel(cluster) as websocket:
            client = Client(websocket)
            await client.connection(1, "a", program)
            await client.say(3, b"hello\n")
            assert await client.streams(3, 1) == [b"hello from the pod\n", b""]

    with_pod(scenario)


HEADERS = st.dictionaries(
    st.sampled_from(["streamType", "port", "requestID", "other"]),
    st.sampled_from(["", "data", "error", "80", "1", "-1", "a", "\x00", "9" * 30]),
)
STREAMS = st.integers(0, 12)
STEPS = st.one_of(
    st.tuples(st.just("open"), STREAMS, HEADERS),
    st.tuples(st.just("data"), STREAMS, st.binary(max_size=40), st.booleans()),
    st.tuples(st.just("reset"), STREAMS),
    st.tuples(st.just("ping"), STREAMS),
    st.tuples(st.just("bytes"), st.binary(max_size=60)),
)


def frames_of(steps: Sequence[Any]) -> bytes:
    encoder = spdy.Encoder()
    found = b""
    for step, *rest in steps:
        match step:
            case "open":
                found += encoder.opened(*rest)
            case "data":
                found += encoder.data(rest[0], rest[1], finished=rest[2])
            case "reset":
                found += encoder.reset(rest[0], spdy.CANCEL)
            case "ping":
                found += encoder.ping(rest[0])
            case _:
                found += rest[0]
    return found


class Pieces:
    """A wire that brings these pieces and then ends."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces
        self.sent = b""

    async def received(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
            await asyncio.sleep(0)

    async def send(self, data: bytes) -> None:
        self.sent += data


class EchoPorts:
    """A pod all of whose ports echo, but for port 1, which refuses."""

    async def forward(self, port: int, pipe: Any) -> str:
        if port == 1:
            return "connection refused"
        while data := await pipe.read():
            await pipe.write(data)
        return ""


@settings(deadline=None, max_examples=300)
@given(
    steps=st.lists(STEPS, max_size=20),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    flips=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3),
)
def test_a_session_survives_any_bytes_and_leaves_nothing_running(
    steps: Sequence[Any], cuts: Sequence[int], flips: Sequence[tuple[int, int]]
) -> None:
    data = bytearray(frames_of(steps))
    for at, value in flips:
        if at < len(data):
            data[at] = value
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(bytes(data[at : at + size]))
        at += size

    async def main() -> None:
        wire: Any = Pieces(pieces)
        ports: Any = EchoPorts()
        async with asyncio.timeout(10):
            await spdy_session.SpdySession(wire, ports).run()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        list(spdy.Decoder().feed(wire.sent))  # what it answered is SPDY

    asyncio.run(main())


@given(steps=st.lists(STEPS.filter(lambda step: step[0] != "bytes"), max_size=12), cut=st.data())
def test_frames_are_the_same_however_they_are_cut(steps: Sequence[Any], cut: Any) -> None:
    data = frames_of(steps)
    at = cut.draw(st.integers(0, len(data)))

    def read(*pieces: bytes) -> list[spdy.Frame]:
        decoder = spdy.Decoder()
        return [frame for piece in pieces for frame in decoder.feed(piece)]

    def joined(frames: Sequence[spdy.Frame]) -> list[object]:
        found: list[object] = []
        for frame in frames:
            if isinstance(frame, spdy.Data):
                found += [(frame.stream, byte) for byte in frame.data]
                found += [(frame.stream, "end")] if frame.finished else []
            else:
                found.append(frame)
        return found

    assert joined(read(data[:at], data[at:])) == joined(read(data))


def test_a_header_bomb_is_refused() -> None:
    packed = zlib.compressobj(zdict=spdy_headers.DICTIONARY)
    block = packed.compress(b"\x00" * 10_000_000) + packed.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(spdy_headers.HeaderError, match="larger than 65536 bytes"):
        spdy_headers.HeaderReader().read(block)
