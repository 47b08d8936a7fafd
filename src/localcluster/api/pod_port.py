"""From a client's stream to a port of a pod: connect, copy both ways, say why it failed.

The sentences are those of a kubelet with containerd whose pod has the host's network.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import Final, Protocol

from localcluster import kinds
from localcluster.api.context import Api
from localcluster.objects import KubeObject
from localcluster.status import bad_request

_CONNECT_TIMEOUT_S: Final = 10.0
_CHUNK_BYTES: Final = 32 * 1024
_WAITING_CHUNKS: Final = 16


class Pipe(Protocol):
    """The client's side of one connection."""

    async def read(self) -> bytes:
        """Empty at the end. Raises `ConnectionError` when the client broke it off."""
        ...

    async def write(self, data: bytes) -> None:
        """Raises `ConnectionError` when the client is gone."""
        ...


class Inbox:
    """What a client sent and the pod has not yet read. A full one holds up the sender."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(_WAITING_CHUNKS)
        self._done = False
        self._broken = False

    async def feed(self, data: bytes) -> None:
        """Empty data is the end. What comes after the end is dropped."""
        if not self._done:
            self._done = not data
            await self._chunks.put(data)

    def drop(self) -> None:
        """The reader has gone or the client broke it off: neither side waits any more."""
        self._done = self._broken = True
        while not self._chunks.empty():
            self._chunks.get_nowait()
        with contextlib.suppress(asyncio.QueueFull):
            self._chunks.put_nowait(b"")

    async def read(self) -> bytes:
        data = await self._chunks.get()
        if self._broken:
            raise ConnectionResetError("the client broke the connection off")
        return data


def check_forwardable(pod: KubeObject) -> None:
    """400 when the pod has no address that a port could be forwarded to."""
    name = pod["metadata"]["name"]
    if not pod.get("spec", {}).get("nodeName"):
        raise bad_request(f"pod {name} does not have a host assigned")
    if not pod.get("status", {}).get("podIP"):
        raise bad_request(f"pod {name} has no IP yet: wait until it is running")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPorts:
    """The ports of one pod; of this very one, not of another that gets its name."""

    api: Api
    namespace: str
    name: str
    uid: str

    async def forward(self, port: int, pipe: Pipe) -> str:
        """Copies until the pod closes or the client breaks off. The error's text, or empty."""
        problem = await self._forward(port, pipe)
        if not problem:
            return ""
        return f"error forwarding port {port} to pod {self._sandbox}, uid : {problem}"

    @property
    def _sandbox(self) -> str:
        return self.uid.replace("-", "")

    async def _forward(self, port: int, pipe: Pipe) -> str:
        pod = self.api.registry.find(kinds.PODS, self.namespace, self.name)
        if pod is None or pod["metadata"]["uid"] != self.uid:
            return f'failed to find sandbox "{self._sandbox}" in store: not found'
        host = pod.get("status", {}).get("podIP", "")
        executing = 'failed to execute portforward in network namespace "host"'
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            return (
                f"{executing}: failed to connect to localhost:{port} inside namespace "
                f'"{self._sandbox}", IPv4: dial tcp4 {host}:{port}: connect: {_reason(error)}'
            )
        try:
            await _copy(reader, writer, pipe)
        except OSError as error:  # the pod's side: what breaks on the client's ends the copying
            here, there = (writer.get_extra_info(side) for side in ("sockname", "peername"))
            ends = f"{_address(here)}->{_address(there)}"
            return f"{executing}: read tcp4 {ends}: read: {_reason(error)}"
        else:
            return ""
        finally:
            # Aborted, so that it ends now even if the pod does not read what it was sent.
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _address(name: tuple[str, int] | None) -> str:
    return f"{name[0]}:{name[1]}" if name else "?"


def _reason(error: OSError | TimeoutError) -> str:
    """`connection refused`, as Go words it."""
    if isinstance(error, TimeoutError) or error.errno is None:
        return "connection timed out" if isinstance(error, TimeoutError) else str(error)
    return os.strerror(error.errno).lower()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pipe: Pipe) -> None:
    """Ends when the pod has closed its side, or the client is gone.

    A client that has no more to send may still be answered. Raises `ConnectionResetError` when
    the pod broke it off.
    """
    up = asyncio.create_task(_up(pipe, writer))
    down = asyncio.create_task(_down(reader, pipe))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if down.done():
            down.result()
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(pipe: Pipe, writer: asyncio.StreamWriter) -> None:
    """Until the client breaks off: also after its end, and when the pod takes no more, for the
    pod may still answer."""
    with contextlib.suppress(ConnectionError):
        while True:
            data = await pipe.read()
            with contextlib.suppress(OSError):
                if data:
                    writer.write(data)
                    await writer.drain()
                else:
                    writer.write_eof()


async def _down(reader: asyncio.StreamReader, pipe: Pipe) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        try:
            await pipe.write(data)
        except ConnectionError:
            return
