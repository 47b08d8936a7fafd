import asyncio
import socket

import pytest

from payments.serving import PortError, listen


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    """asyncio sets TCP_NODELAY on a connection only when its listener names the protocol."""

    async def test() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Accepting(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                peer = transport.get_extra_info("socket")
                accepted.set_result(peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        listener = listen("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(Accepting, sock=listener)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        no_delay = await accepted
        writer.close()
        await writer.wait_closed()
        server.close()
        return no_delay

    assert asyncio.run(test()) != 0


def test_a_taken_address_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortError, match=f"127.0.0.1:{port}: Address already in use"):
            listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortError, match=r"192\.0\.2\.1:0"):
        listen("192.0.2.1", 0)
