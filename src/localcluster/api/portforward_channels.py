"""Port forwarding as the Python client does it: two WebSocket channels for each port.

Channel 2i carries the data of the i-th port, 2i+1 the error's text. The first message of each is
the port, 16 bits with the low byte first. A port is connected once, at once, and there is no way
to say that one side has no more to send.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from aiohttp import WSMsgType, web

from localcluster.api.pod_port import Inbox, PodPorts
from localcluster.status import bad_request

PROTOCOL: Final = "v4.channel.k8s.io"
_MAX_PORTS: Final = 128  # a channel's number is one byte


def ports_of(request: web.Request) -> Sequence[int]:
    """`?ports=80,443&ports=8080` as [80, 443, 8080]; 400 when there is none, or no port."""
    found = []
    for text in ",".join(request.query.getall("ports", [])).split(","):
        if not text:
            raise bad_request('query parameter "ports" is required and cannot be empty')
        if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 65536):
            raise bad_request(f'unable to parse "{text[:20]}" as a port')
        if int(text) < 1:
            raise bad_request(f'port "{text}" must be > 0')
        found.append(int(text))
    if len(found) > _MAX_PORTS:
        raise bad_request(f"at most {_MAX_PORTS} ports can be forwarded at once")
    return found


class _Channel:
    """The data of one port, as a `Pipe`."""

    def __init__(self, socket: web.WebSocketResponse, number: int) -> None:
        self.inbox = Inbox()
        self._socket = socket
        self._head = bytes([number])

    async def read(self) -> bytes:
        return await self.inbox.read()

    async def write(self, data: bytes) -> None:
        await self._socket.send_bytes(self._head + data)


async def forward_channels(
    socket: web.WebSocketResponse, ports: PodPorts, wanted: Sequence[int]
) -> None:
    """Until each port is closed by the pod, or the client is gone."""
    channels = [_Channel(socket, 2 * index) for index in range(len(wanted))]
    with contextlib.suppress(ConnectionError):
        for number in range(2 * len(wanted)):
            port = wanted[number // 2]
            await socket.send_bytes(bytes([number]) + port.to_bytes(2, "little"))
        reader = asyncio.create_task(_read(socket, channels))
        copying = asyncio.create_task(_copy(socket, ports, wanted, channels))
        try:
            await asyncio.wait({reader, copying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            copying.cancel()
            await asyncio.gather(reader, copying, return_exceptions=True)


async def _copy(
    socket: web.WebSocketResponse,
    ports: PodPorts,
    wanted: Sequence[int],
    channels: Sequence[_Channel],
) -> None:
    async with asyncio.TaskGroup() as group:
        for index, (port, channel) in enumerate(zip(wanted, channels, strict=True)):
            group.create_task(_forward(socket, ports, port, index, channel))


async def _forward(
    socket: web.WebSocketResponse, ports: PodPorts, port: int, index: int, channel: _Channel
) -> None:
    problem = await ports.forward(port, channel)
    channel.inbox.drop()
    if problem:
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([2 * index + 1]) + problem.encode())


async def _read(socket: web.WebSocketResponse, channels: Sequence[_Channel]) -> None:
    async for message in socket:
        if message.type is WSMsgType.BINARY and len(message.data) > 1:
            number = message.data[0]
            if number % 2 == 0 and number // 2 < len(channels):
                await channels[number // 2].inbox.feed(message.data[1:])
