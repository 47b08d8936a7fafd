"""`pods/portforward`: which of its three transports the client speaks.

kubectl since 1.31 sends SPDY through a WebSocket, before that SPDY itself (and later versions as
a fallback), and the Python client one WebSocket channel a stream.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import WSMsgType, web

from localcluster.api.answers import MAX_BODY_BYTES
from localcluster.api.context import Api, Target
from localcluster.api.pod_port import PodPorts, check_forwardable
from localcluster.api.pods import pod_of
from localcluster.api.portforward_channels import PROTOCOL as CHANNELS
from localcluster.api.portforward_channels import forward_channels, ports_of
from localcluster.api.spdy_session import SpdySession
from localcluster.objects import ApiError
from localcluster.status import bad_request

TUNNEL: Final = "SPDY/3.1+portforward.k8s.io"
_SPDY: Final = "SPDY/3.1"
_STREAMS: Final = "portforward.k8s.io"


async def portforward(request: web.Request, api: Api, target: Target) -> web.StreamResponse:
    """400, 403 or 404 before the upgrade; later errors on the error streams."""
    pod = pod_of(api, target)
    check_forwardable(pod)
    ports = PodPorts(
        api=api, namespace=target.key_namespace, name=target.name, uid=pod["metadata"]["uid"]
    )
    upgrade = request.headers.get("Upgrade", "").lower()
    async with api.streams.open():
        if upgrade == "websocket":
            return await _websocket(request, ports)
        if upgrade == _SPDY.lower():
            return await _spdy(request, ports)
    raise bad_request(
        f"a port is forwarded over an upgraded connection: Upgrade to websocket ({TUNNEL} or "
        f"{CHANNELS}) or to {_SPDY}"
    )


async def _websocket(request: web.Request, ports: PodPorts) -> web.StreamResponse:
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    names = [name.strip() for name in offered.split(",") if name.strip()]
    tunnel = TUNNEL in names
    wanted = [] if tunnel else ports_of(request)
    if names and not tunnel and CHANNELS not in names:
        raise bad_request(
            f"none of the protocols [{' '.join(names)}] forwards ports here: {TUNNEL}, {CHANNELS}"
        )
    socket = web.WebSocketResponse(
        protocols=(TUNNEL,) if tunnel else (CHANNELS,),
        max_msg_size=MAX_BODY_BYTES,
        compress=False,
    )
    await socket.prepare(request)
    if tunnel:
        await SpdySession(_Messages(socket), ports).run()
    else:
        await forward_channels(socket, ports, wanted)
    with contextlib.suppress(ConnectionError):
        await socket.close()
    return socket


class _Messages:
    """The tunnel: SPDY's bytes in binary messages, cut anywhere."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket

    async def received(self) -> AsyncIterator[bytes]:
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY:
                return
            yield message.data

    async def send(self, data: bytes) -> None:
        await self._socket.send_bytes(data)


async def _spdy(request: web.Request, ports: PodPorts) -> web.StreamResponse:
    offered = request.headers.getall("X-Stream-Protocol-Version", [])
    names = [name.strip() for line in offered for name in line.split(",") if name.strip()]
    if names and _STREAMS not in names:
        raise ApiError(
            403,
            "Forbidden",
            f"unable to upgrade: unable to negotiate protocol: client supports [{' '.join(names)}]"
            f", server accepts [{_STREAMS}]",
        )
    transport, http = request.transport, request.protocol
    if transport is None:
        raise ConnectionResetError("the client is gone")
    response = web.StreamResponse(
        status=101,
        headers={
            "Connection": "Upgrade",
            "Upgrade": _SPDY,
            "X-Stream-Protocol-Version": _STREAMS,
        },
    )
    response.force_close()
    await response.prepare(request)
    connection = _Connection(transport, http)
    transport.set_protocol(connection)
    await SpdySession(connection, ports).run()
    transport.close()
    return response


class _Connection(asyncio.StreamReaderProtocol):
    """The client's connection, taken over from HTTP. The HTTP side is still told of its end, for
    it counts its connections."""

    def __init__(self, transport: asyncio.Transport, http: asyncio.Protocol) -> None:
        self._reader = asyncio.StreamReader()
        super().__init__(self._reader)
        self._http = http
        self.connection_made(transport)
        loop = asyncio.get_running_loop()
        self._writer = asyncio.StreamWriter(transport, self, self._reader, loop)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._http.connection_lost(exc)

    async def received(self) -> AsyncIterator[bytes]:
        while data := await self._reader.read(64 * 1024):
            yield data

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
