"""One TCP listener that passes each connection on to an endpoint chosen at that moment."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Sequence
from typing import Final

from localcluster.network.connection import Connection, reset_socket
from localcluster.network.ruling import Endpoint, Ruling

Endpoints = Callable[[], Sequence[Endpoint]]
Judge = Callable[[Endpoint], Ruling]

_BACKLOG: Final = 512
# Linux holds one connection more than the backlog says, other systems up to half as many more.
_MOST_STOPPERS: Final = 16


class Forwarder:
    """Closed, it refuses connections, as a Service without pods does; deaf, it never answers.

    Deaf means that the listener's queue is full: the kernel drops the first packet of every new
    connection, so the caller's `connect` hangs and tries again as if the network dropped it, and
    succeeds by itself when the forwarder listens again. The queue is filled by connections of our
    own, and nothing accepts them.

    Open connections outlive `close`, as they do on a real cluster; `abort` ends them.
    """

    def __init__(self, address: str, port: int, endpoints: Endpoints, judge: Judge) -> None:
        self.address = address
        self.port = port
        self._endpoints = endpoints
        self._judge = judge
        self._socket: socket.socket | None = None
        self._stoppers: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._stoppers

    @property
    def is_deaf(self) -> bool:
        return bool(self._stoppers)

    def open(self) -> None:
        """Binds and listens at once; raises `OSError` (a port below 1024 without the right)."""
        if self._stoppers:
            self._hear_again()
        if self._socket is not None:
            return
        self._socket = self._bound()
        asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)

    def deafen(self) -> None:
        """From now on no new connection is answered; raises `OSError` as `open` does."""
        self.open()
        assert self._socket is not None
        if self._stoppers:
            return
        # Who is in the queue has connected already, so it must not be the one that is dropped.
        self._accept(self._socket)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.listen(0)
        for _ in range(_MOST_STOPPERS):
            stopper = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            stopper.setblocking(False)
            # On loopback a connection is made at once, or the queue is full.
            stopper.connect_ex((self.address, self.port))
            try:
                stopper.getpeername()
            except OSError:
                stopper.close()
                break
            self._stoppers.append(stopper)

    def close(self) -> None:
        for stopper in self._stoppers:
            stopper.close()
        self._stoppers.clear()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def rule_again(self) -> None:
        """The rulings may have changed: open connections follow."""
        rulings: dict[Endpoint, Ruling] = {}
        for connection in list(self._connections):
            endpoint = connection.endpoint
            if endpoint not in rulings:
                rulings[endpoint] = self._judge(endpoint)
            connection.follow(rulings[endpoint])

    def abort(self) -> None:
        """Closes, and resets every connection."""
        self.close()
        for task in self._tasks:
            task.cancel()
        for connection in list(self._connections):
            connection.reset()

    async def ended(self) -> None:
        """Returns when the last connection is gone."""
        # Their last callbacks run in the next turns of the loop.
        while self._connections or self._tasks:  # noqa: ASYNC110 - turns are what is waited for
            await asyncio.sleep(0)

    def _bound(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.address, self.port))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        return sock

    def _hear_again(self) -> None:
        assert self._socket is not None
        self._socket.listen(_BACKLOG)
        # A reset stopper is still in the queue; accepting it tells nothing but its address.
        own = {stopper.getsockname() for stopper in self._stoppers}
        queued = []
        with contextlib.suppress(OSError):
            while True:
                queued.append(self._socket.accept())
        for stopper in self._stoppers:
            stopper.close()
        self._stoppers.clear()
        asyncio.get_running_loop().add_reader(self._socket, self._accept, self._socket)
        for sock, peer in queued:
            if peer in own:
                sock.close()
            else:
                self._take(sock)

    def _accept(self, listener: socket.socket) -> None:
        # A burst is taken in one turn, but not so long that nothing else runs.
        for _ in range(64):
            try:
                sock, _peer = listener.accept()
            except OSError:
                return
            self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        endpoints = self._endpoints()
        if not endpoints:
            reset_socket(sock)
            return
        # At random, as kube-proxy's iptables mode does.
        endpoint = random.choice(endpoints)  # noqa: S311 - no secret in it
        ruling = self._judge(endpoint)
        ratio = ruling.faults.reset_ratio
        if ratio and random.random() < ratio:  # noqa: S311 - likewise
            reset_socket(sock)
            return
        connection = Connection(endpoint, ruling, self._connections.discard)
        self._connections.add(connection)
        task = asyncio.get_running_loop().create_task(connection.serve(sock))
        # The loop keeps only weak references to tasks.
        self._tasks.add(task)

        def done(ended: asyncio.Task[None]) -> None:
            self._tasks.discard(ended)
            connection.served(sock)

        task.add_done_callback(done)
