"""One connection passed on: two sockets, and a lane for what goes from each to the other.

Without faults a lane hands on at once. With latency it hands on later, in order; in a black hole
it keeps what comes, as a sender's unacknowledged data is kept, and the other side hears nothing,
not even of an end.
"""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from localcluster.network.ruling import Endpoint, Ruling

_RESET: Final = struct.pack("ii", 1, 0)
# About what the kernel's own buffers would take before a sender has to wait.
_LANE_BYTES: Final = 1 << 20


class Connection:
    """From an accepted socket to an endpoint; `on_end` is called once, when both ends are gone."""

    def __init__(
        self, endpoint: Endpoint, ruling: Ruling, on_end: Callable[["Connection"], None]
    ) -> None:
        self.endpoint = endpoint
        self._ruling = ruling
        self._on_end = on_end
        self._serving = True
        self._owns_caller = False
        self._ended = False
        self._reset = False
        self._let_through = asyncio.Event()
        self._news = asyncio.Event()
        self._caller, self._target = _Half(self), _Half(self)
        self._forth = _Lane(self._caller, self._target)
        self._back = _Lane(self._target, self._caller)
        self._caller.sends, self._target.sends = self._forth, self._back
        self._caller.gets, self._target.gets = self._back, self._forth
        self._obey(ruling)

    def follow(self, ruling: Ruling) -> None:
        """Another ruling is in force from now on."""
        if ruling.resets_open:
            self.reset()
        else:
            self._obey(ruling)

    def _obey(self, ruling: Ruling) -> None:
        self._ruling = ruling
        for lane in (self._forth, self._back):
            lane.set(delay_s=ruling.faults.latency_s / 2, held=ruling.holds_open)
        if not ruling.drops_new:
            self._let_through.set()
        self._news.set()

    async def serve(self, accepted: socket.socket) -> None:
        """Attaches the caller, then the endpoint; resets the caller when it cannot be reached.

        Whoever runs this calls `served` afterwards, also when it was cancelled before it began.
        """
        loop = asyncio.get_running_loop()
        try:
            await self._handshake()
            if self._reset:
                return
            self._owns_caller = True
            await loop.connect_accepted_socket(lambda: self._caller, accepted)
            # Another endpoint was open to this caller, so its connection was accepted; this one
            # is not, and answers nothing until it is.
            await self._let_through.wait()
            if not self._reset and self._caller.attached:
                target = (self.endpoint.address, self.endpoint.port)
                await loop.create_connection(lambda: self._target, *target)
        except OSError:
            self.reset()

    def served(self, accepted: socket.socket) -> None:
        """Nothing more will be attached."""
        self._serving = False
        if not self._owns_caller:
            reset_socket(accepted)
        if self._reset:
            self.reset()
        self.half_lost()

    async def _handshake(self) -> None:
        """It is a round trip too, so nothing is read before it is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (left := began + self._ruling.faults.latency_s - loop.time()) > 0 and not self._reset:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()

    def reset(self) -> None:
        """Both ends hear of it at once, whatever the ruling."""
        self._reset = True
        self._let_through.set()
        self._news.set()
        for lane in (self._forth, self._back):
            lane.discard()
        for half in (self._caller, self._target):
            half.reset()
        self.half_lost()

    @property
    def waits(self) -> bool:
        """Accepted, but not let through to the endpoint."""
        return not self._let_through.is_set()

    def half_lost(self) -> None:
        if self._caller.attached or self._target.attached or self._ended:
            return
        if self._serving:
            # The endpoint may be about to be attached. Nobody needs to wait to be let through.
            self._let_through.set()
            return
        self._ended = True
        for lane in (self._forth, self._back):
            lane.discard()
        self._on_end(self)


class _Lane:
    """What one half received and the other has not been given yet, in order.

    An item is bytes, or an end: `finish`, `end` or `reset` of the sink.
    """

    def __init__(self, source: "_Half", sink: "_Half") -> None:
        self._source = source
        self._sink = sink
        self._waiting: deque[tuple[float, bytes | str]] = deque()
        self._bytes = 0
        self._delay_s = 0.0
        self._held = False
        self._sink_full = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None

    def set(self, *, delay_s: float, held: bool) -> None:
        """What waits already is delayed no longer than the new delay asks."""
        if delay_s < self._delay_s:
            latest = asyncio.get_running_loop().time() + delay_s
            self._waiting = deque((min(due, latest), item) for due, item in self._waiting)
        self._delay_s, self._held = delay_s, held
        self.flow()

    def put(self, item: bytes | str) -> None:
        if not (self._waiting or self._held or self._delay_s) and self._sink.attached:
            self._sink.take(item)
            return
        due = asyncio.get_running_loop().time() + self._delay_s if self._delay_s else 0.0
        self._waiting.append((due, item))
        if isinstance(item, bytes):
            self._bytes += len(item)
        self.flow()

    def flow(self) -> None:
        """Hands on what is due, and plans the next time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and not self._held and self._sink.attached:
            loop = asyncio.get_running_loop()
            now = loop.time()
            while self._waiting and self._waiting[0][0] <= now:
                _, item = self._waiting.popleft()
                if isinstance(item, bytes):
                    self._bytes -= len(item)
                self._sink.take(item)
            if self._waiting:
                self._timer = loop.call_at(self._waiting[0][0], self.flow)
        self._press_back()

    def sink_full(self, *, full: bool) -> None:
        self._sink_full = full
        self._press_back()

    def discard(self) -> None:
        self._waiting.clear()
        self._bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _press_back(self) -> None:
        paused = self._sink_full or self._bytes > _LANE_BYTES
        if paused != self._paused:
            self._paused = paused
            self._source.hold(paused=paused)


class _Half(asyncio.Protocol):
    """One socket. `sends` is the lane that it fills, `gets` the one that fills it."""

    sends: _Lane
    gets: _Lane

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._transport: asyncio.Transport | None = None

    @property
    def attached(self) -> bool:
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.gets.flow()

    def data_received(self, data: bytes) -> None:
        self.sends.put(data)

    def eof_received(self) -> bool:
        """Half-closes the other side and keeps this one open for its answer."""
        if self._connection.waits:
            # Nobody is there to answer.
            return False
        self.sends.put("finish")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.sends.put("end" if exc is None else "reset")
        self._connection.half_lost()

    def pause_writing(self) -> None:
        self.gets.sink_full(full=True)

    def resume_writing(self) -> None:
        self.gets.sink_full(full=False)

    def take(self, item: bytes | str) -> None:
        if self._transport is None:
            return
        if isinstance(item, bytes):
            self._transport.write(item)
        elif item == "finish":
            if self._transport.can_write_eof():
                with contextlib.suppress(OSError, RuntimeError):
                    self._transport.write_eof()
        elif item == "end":
            self._transport.close()
        else:
            self.reset()

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


def reset_socket(sock: socket.socket) -> None:
    """Closes it with a reset instead of a polite end."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()
