"""Serving one ASGI application until SIGTERM or SIGINT; shared by the service and simulators."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn


class PortError(Exception):
    """The address cannot be bound; the message says which and why."""


class _Server(uvicorn.Server):
    """Leaves signals to us: draining comes first, and a clean end is exit code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(address: str, port: int) -> socket.socket:
    """A listening socket; the system chooses port 0. Raises `PortError`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on sockets that carry it;
    # without, an answer of two segments waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1024)
    except OSError as exc:
        listener.close()
        raise PortError(
            f"cannot listen on {address}:{port}: {exc.strerror or exc};"
            " set BIND_ADDRESS and PORT to a free address"
        ) from exc
    return listener


async def serve(
    app: Any,
    listener: socket.socket,
    *,
    drain: Callable[[], Awaitable[None]] | None = None,
    grace_s: int,
) -> None:
    """Serves `app` until a signal; awaits `drain`; ends within `grace_s` for running requests."""
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=grace_s,
    )
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if drain is not None and not serving.done():
        await drain()
    server.should_exit = True
    stopping.cancel()
    await serving
