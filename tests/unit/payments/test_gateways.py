"""Answers of a gateway that the simulators never give."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from payments.errors import UnfinishedError
from payments.model import Method, Status

from .conftest import Pod, Surroundings, order

InPod = Callable[..., Any]


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """A gateway that gives these raw answers, one a connection, and then closes."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if left else b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def http(status: int, body: str) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([http(200, "not json")], "bad_response"),
        ([http(200, "[]")], "bad_response"),
        ([http(200, '{"status": "succeeded"}')], "bad_response"),
        ([http(200, '{"status": "pending", "id": "x"}')], "bad_response"),
        ([http(404, "{}")], "bad_response"),
        ([http(503, "")], "server_error"),
        ([b"", b""], "connection_lost"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"], "connection_lost"),
        ([b"not http at all\r\n\r\n"], "connection_lost"),
    ],
)
@pytest.mark.parametrize("method", list(Method))
def test_an_unclear_answer_leaves_the_payment_pending(
    in_pod: InPod, key: str, method: Method, answers: list[bytes], kind: str
) -> None:
    async def main() -> None:
        async with answering(*answers) as port:

            async def test(pod: Pod) -> None:
                with pytest.raises(UnfinishedError) as told:
                    await pod.parts.processing.pay(key, order(method))
                assert (told.value.cause.kind, told.value.status) == (kind, Status.PENDING)
                name = "stripe" if method is Method.CARD else "paypal"
                errors = "payments_gateway_errors_total"
                assert pod.count(errors, gateway=name, kind=kind) == 1

            url = f"http://127.0.0.1:{port}"
            await asyncio.to_thread(in_pod, test, STRIPE_URL=url, PAYPAL_URL=url)

    asyncio.run(main())


def test_a_kept_connection_that_was_closed_is_tried_once_more(in_pod: InPod, key: str) -> None:
    async def main() -> None:
        async with answering(b"", http(200, '{"status": "succeeded", "id": "ch_7"}')) as port:

            async def test(pod: Pod) -> None:
                outcome = await pod.parts.processing.pay(key, order())
                assert outcome.payment.gateway_reference == "ch_7"

            await asyncio.to_thread(in_pod, test, STRIPE_URL=f"http://127.0.0.1:{port}")

    asyncio.run(main())


def test_a_gateway_that_is_gone_certainly_did_not_charge(in_pod: InPod, key: str) -> None:
    async def test(pod: Pod) -> None:
        with pytest.raises(UnfinishedError) as told:
            await pod.parts.processing.pay(key, order())
        assert (told.value.cause.kind, told.value.status) == ("connect", Status.FAILED)

    in_pod(test, STRIPE_URL="http://127.0.0.1:9")


def test_the_gateways_know_our_keys(in_pod: InPod, around: Surroundings, key: str) -> None:
    async def test(pod: Pod) -> None:
        outcome = await pod.parts.processing.pay(key, order(Method.WALLET))
        assert outcome.payment.status is Status.CAPTURED

    in_pod(test, PAYPAL_API_KEY="any: this simulator was started without one")


def test_packets_lost_before_a_connection_certainly_did_not_charge(in_pod: InPod, key: str) -> None:
    async def test(pod: Pod) -> None:
        with pytest.raises(UnfinishedError) as told:
            await pod.parts.processing.pay(key, order())
        assert (told.value.cause.kind, told.value.status) == ("connect_timeout", Status.FAILED)

    with contextlib.ExitStack() as stack:
        # A full backlog drops what arrives, as a policy does.
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        in_pod(test, STRIPE_URL=f"http://127.0.0.1:{port}")
