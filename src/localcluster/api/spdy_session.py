"""One SPDY connection that forwards ports: streams, their pairs, and who copies for them.

A connection to a port is two streams with one `requestID`: `error`, on which the server tells
what went wrong, and `data`. There is no flow control; a stream that is not read holds up the
others, as it does in a kubelet.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from localcluster.api.pod_port import Inbox, PodPorts
from localcluster.api.spdy import (
    CANCEL,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    Data,
    Decoder,
    Encoder,
    Frame,
    GoAway,
    Opened,
    Ping,
    Reset,
    SpdyError,
)

_PAIR_TIMEOUT_S: Final = 30.0
_MAX_STREAMS: Final = 4096


class Wire(Protocol):
    """The bytes below SPDY: a WebSocket's messages, or the connection itself."""

    def received(self) -> AsyncIterator[bytes]: ...

    async def send(self, data: bytes) -> None:
        """In the order of the calls. Raises `ConnectionError` when the client is gone."""
        ...


class _Stream:
    """A stream that the client opened, as a `Pipe`."""

    def __init__(self, number: int, headers: Mapping[str, str], session: "SpdySession") -> None:
        self.number = number
        self.headers = headers
        self.inbox = Inbox()
        self._session = session

    async def read(self) -> bytes:
        return await self.inbox.read()

    async def write(self, data: bytes) -> None:
        await self._session.send_data(self, data)


@dataclass(slots=True)
class _Pair:
    """The two streams of a connection, and the clock that runs until both are there."""

    timeout: asyncio.TimerHandle
    streams: dict[str, _Stream] = field(default_factory=dict)


class SpdySession:
    """Serves one connection until the client ends it."""

    def __init__(self, wire: Wire, ports: PodPorts) -> None:
        self._wire = wire
        self._ports = ports
        self._encoder = Encoder()
        self._streams: dict[int, _Stream] = {}
        self._pairs: dict[str, _Pair] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Returns when the connection is over, in order or not; leaves nothing running."""
        decoder = Decoder()
        try:
            async for data in self._wire.received():
                for frame in decoder.feed(data):
                    await self._take(frame)
        except SpdyError:
            with contextlib.suppress(ConnectionError):
                await self._wire.send(self._encoder.go_away(self._last, PROTOCOL_ERROR))
        except ConnectionError:
            pass  # the client is gone
        finally:
            for pair in self._pairs.values():
                pair.timeout.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, frame: Frame) -> None:
        match frame:
            case Opened():
                await self._open(frame)
            case Data(stream=number, data=data, finished=finished):
                stream = self._streams.get(number)
                if stream is not None:
                    if data:
                        await stream.inbox.feed(data)
                    if finished:
                        await stream.inbox.feed(b"")
            case Reset(stream=number):
                stream = self._streams.pop(number, None)
                if stream is not None:
                    stream.inbox.drop()
            case Ping(number=number):
                await self._wire.send(self._encoder.ping(number))
            case GoAway():
                pass  # it ends by itself when the client closes the connection

    async def _open(self, frame: Opened) -> None:
        number = frame.stream
        if number <= self._last or number % 2 == 0:
            await self._wire.send(self._encoder.reset(number, PROTOCOL_ERROR))
            return
        self._last = number
        if len(self._streams) >= _MAX_STREAMS:
            await self._wire.send(self._encoder.reset(number, REFUSED_STREAM))
            return
        role = _role(frame.headers)
        if not role:
            await self._wire.send(self._encoder.reset(number, CANCEL))
            return
        stream = _Stream(number, frame.headers, self)
        self._streams[number] = stream
        if role == "error":
            stream.inbox.drop()  # nothing is said to the server on it
        elif frame.finished:
            await stream.inbox.feed(b"")
        await self._wire.send(self._encoder.reply(number))
        await self._join(stream, role)

    async def _join(self, stream: _Stream, role: str) -> None:
        """Starts the copying when both streams of the request are there."""
        request = stream.headers.get("requestid") or _old_request(stream, role)
        pair = self._pairs.get(request)
        if pair is None:
            loop = asyncio.get_running_loop()
            timeout = loop.call_later(_PAIR_TIMEOUT_S, self._expire, request)
            pair = self._pairs[request] = _Pair(timeout)
        if role in pair.streams:
            told = f"error processing stream for request {request}: {role} stream already assigned"
            await self._tell(pair.streams.get("error"), told)
            await self._close(stream)
            return
        pair.streams[role] = stream
        if len(pair.streams) == 2:
            pair.timeout.cancel()
            del self._pairs[request]
            self._start(self._forward(pair.streams["data"], pair.streams["error"]))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _expire(self, request: str) -> None:
        self._start(self._give_up(request, self._pairs.pop(request)))

    async def _give_up(self, request: str, pair: _Pair) -> None:
        with contextlib.suppress(ConnectionError):
            told = f"(request={request}) timed out waiting for streams"
            await self._tell(pair.streams.get("error"), told)
            for stream in pair.streams.values():
                await self._close(stream)

    async def _forward(self, data: _Stream, error: _Stream) -> None:
        with contextlib.suppress(ConnectionError):
            problem = await self._ports.forward(int(data.headers["port"]), data)
            if problem:
                await self._tell(error, problem)
            await self._close(data)
            await self._close(error)

    async def _tell(self, stream: _Stream | None, text: str) -> None:
        if stream is not None:
            with contextlib.suppress(ConnectionResetError):
                await self.send_data(stream, text.encode())

    async def send_data(self, stream: _Stream, data: bytes) -> None:
        """Raises `ConnectionError` when the client has closed this stream or is gone."""
        if self._streams.get(stream.number) is not stream:
            raise ConnectionResetError("the client has closed the stream")
        await self._wire.send(self._encoder.data(stream.number, data))

    async def _close(self, stream: _Stream) -> None:
        """Tells the client that nothing more comes; what it still sends is dropped."""
        if self._streams.pop(stream.number, None) is not None:
            stream.inbox.drop()
            await self._wire.send(self._encoder.data(stream.number, b"", finished=True))


def _role(headers: Mapping[str, str]) -> str:
    """`error` or `data`; empty when the headers do not make sense."""
    role, port = headers.get("streamtype", ""), headers.get("port", "")
    if role not in ("error", "data") or not (port.isascii() and port.isdecimal()):
        return ""
    return role if len(port) <= 5 and 0 < int(port) < 65536 else ""


def _old_request(stream: _Stream, role: str) -> str:
    """Clients before requestID open the error stream first, and the data stream right after."""
    return f"stream {stream.number - (2 if role == 'data' else 0)}"
