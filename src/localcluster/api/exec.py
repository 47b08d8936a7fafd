"""`pods/exec` over a WebSocket: one channel a stream, the exit code as a Status at the end.

The first byte of a message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the Status, 4 the
terminal's size, and in the fifth version of the protocol 255 with the channel to close.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import WSMsgType, web

from localcluster.api.answers import MAX_BODY_BYTES, dump, failure, flag, success
from localcluster.api.context import Api, Target
from localcluster.api.pods import chosen_container, pod_of
from localcluster.interfaces import ExecSession
from localcluster.objects import ApiError, KubeObject
from localcluster.status import bad_request

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")

_STDIN, _STATUS, _RESIZE, _CLOSE = 0, 3, 4, 255
# kubectl sends the size of the terminal right after the upgrade; a program that asks for it
# first thing should get the right one.
_WAIT_FOR_SIZE_S: Final = 0.25


async def execute(request: web.Request, api: Api, target: Target) -> web.StreamResponse:
    """Runs the command of the query; 400 or 404 before the upgrade, later errors in the Status."""
    pod = pod_of(api, target)
    container = chosen_container(pod, request.query.get("container", ""))
    argv = request.query.getall("command", [])
    if not argv:
        raise bad_request("you must specify at least 1 command for the container")
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise ApiError(
            501,
            "NotImplemented",
            "this server runs commands over WebSocket alone "
            f"({', '.join(PROTOCOLS)}); kubectl 1.30 or later uses it",
        )
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=MAX_BODY_BYTES, heartbeat=None)
    await socket.prepare(request)
    if socket.ws_protocol is None:
        await socket.close(code=1002, message=b"no channel protocol in common")
        return socket
    async with api.streams.open():
        terminal = _Terminal(socket)
        reader = asyncio.create_task(terminal.read())
        try:
            outcome = await _run(request, api, target, container, argv, terminal)
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(bytes([_STATUS]) + dump(outcome))
                await socket.close()
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
    return socket


async def _run(
    request: web.Request,
    api: Api,
    target: Target,
    container: str,
    argv: Sequence[str],
    terminal: "_Terminal",
) -> KubeObject:
    """The Status that tells how the command ended."""
    tty = flag(request, "tty")
    if tty:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(terminal.sized.wait(), _WAIT_FOR_SIZE_S)
    try:
        session = await api.runtime.exec(
            target.key_namespace,
            target.name,
            container,
            argv,
            stdin=flag(request, "stdin"),
            tty=tty,
        )
    except ApiError as error:
        return failure(error)
    ended = False
    try:
        terminal.attach(session)
        await terminal.write(session)
        code = await session.wait()
        ended = True
    finally:
        if not ended:
            session.kill()
    return _status(code)


def _status(code: int) -> KubeObject:
    if code == 0:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


@dataclass(slots=True)
class _Terminal:
    """The client's side. What arrives before the process has started is kept for it."""

    socket: web.WebSocketResponse
    sized: asyncio.Event = field(default_factory=asyncio.Event)
    _session: ExecSession | None = None
    _early_input: bytearray = field(default_factory=bytearray)
    _input_closed: bool = False
    _gone: bool = False
    _size: tuple[int, int] | None = None

    def attach(self, session: ExecSession) -> None:
        self._session = session
        if self._size is not None:
            session.resize(*self._size)
        if self._early_input:
            session.write_stdin(bytes(self._early_input))
            self._early_input.clear()
        if self._input_closed:
            session.close_stdin()
        if self._gone:
            session.kill()

    async def read(self) -> None:
        """Until the client closes; then nobody waits for the process any more."""
        async for message in self.socket:
            data: bytes
            if message.type is WSMsgType.BINARY:
                data = message.data
            elif message.type is WSMsgType.TEXT:
                data = message.data.encode()
            else:
                break
            if data:
                self._take(data[0], data[1:])
        self._gone = True
        if self._session is not None:
            self._session.kill()

    def _take(self, channel: int, data: bytes) -> None:
        if channel == _STDIN and not self._input_closed:
            if self._session is None:
                self._early_input += data
            elif data:
                self._session.write_stdin(data)
        elif channel == _RESIZE:
            self._resize(data)
        elif channel == _CLOSE and data[:1] == bytes([_STDIN]) and not self._input_closed:
            self._input_closed = True
            if self._session is not None:
                self._session.close_stdin()

    def _resize(self, data: bytes) -> None:
        try:
            size = json.loads(data)
            self._size = (int(size["Width"]), int(size["Height"]))
        except (ValueError, TypeError, KeyError):
            return  # a size that cannot be read changes nothing
        self.sized.set()
        if self._session is not None:
            self._session.resize(*self._size)

    async def write(self, session: ExecSession) -> None:
        """The process's output to the client, until the process has ended."""
        with contextlib.suppress(ConnectionError):
            async for channel, data in session.output():
                await self.socket.send_bytes(bytes([channel]) + data)
