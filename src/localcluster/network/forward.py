"""One TCP listener that passes each connection on to an address chosen at that moment."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final

Target = tuple[str, int]
Choose = Callable[[], Target | None]

_RESET: Final = struct.pack("ii", 1, 0)
_BACKLOG: Final = 512


class Forwarder:
    """Listens while it is open; a closed one refuses connections, as a Service without pods does.

    Existing connections outlive `close`, as they do on a real cluster; `abort` ends them.
    """

    def __init__(self, address: str, port: int, choose: Choose) -> None:
        self.address = address
        self.port = port
        self._choose = choose
        self._socket: socket.socket | None = None
        self._halves: set[_Half] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Binds and listens at once; raises `OSError` (a port below 1024 without the right)."""
        if self._socket is not None:
            return
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.address, self.port))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def abort(self) -> None:
        """Closes, and resets every connection."""
        self.close()
        for task in self._tasks:
            task.cancel()
        for half in list(self._halves):
            half.reset()

    async def ended(self) -> None:
        """Returns when the last connection is gone."""
        # Their last callbacks run in the next turns of the loop.
        while self._halves or self._tasks:  # noqa: ASYNC110 - turns are what is waited for
            await asyncio.sleep(0)

    def _accept(self, listener: socket.socket) -> None:
        # A burst is taken in one turn, but not so long that nothing else runs.
        for _ in range(64):
            try:
                sock, _peer = listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            task = loop.create_task(self._serve(sock))
            # The loop keeps only weak references to tasks.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket) -> None:
        target = self._choose()
        if target is None:
            _reset_socket(sock)
            return
        loop = asyncio.get_running_loop()
        downstream = _Half(self._halves)
        upstream = _Half(self._halves, downstream)
        try:
            await loop.create_connection(lambda: upstream, *target)
        except OSError:
            _reset_socket(sock)
            return
        except asyncio.CancelledError:
            _reset_socket(sock)
            raise
        downstream.peer = upstream
        try:
            await loop.connect_accepted_socket(lambda: downstream, sock)
        except OSError:
            upstream.reset()


class _Half(asyncio.Protocol):
    """One side of a connection; what it receives goes to the other side. `living` are all."""

    def __init__(self, living: "set[_Half]", peer: "_Half | None" = None) -> None:
        self.peer = peer
        self._living = living
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._living.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for data in self._early:
            transport.write(data)
        self._early.clear()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.send(data)

    def eof_received(self) -> bool:
        """Half-closes the other side and keeps this one open for its answer."""
        if self.peer is not None:
            self.peer.finish()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._living.discard(self)
        peer, self.peer = self.peer, None
        if peer is not None:
            if exc is not None:
                peer.reset()
            else:
                peer.end()

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.hold(paused=True)

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.hold(paused=False)

    def send(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        else:
            self._transport.write(data)

    def finish(self) -> None:
        if self._transport is not None and self._transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.write_eof()

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def hold(self, *, paused: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        with contextlib.suppress(RuntimeError):
            if paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def reset(self) -> None:
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()


def _reset_socket(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()
