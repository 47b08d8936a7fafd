"""One attempt of each kind of probe, and the loop around it, against servers on loopback."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from localcluster.runtime import grpc_health
from localcluster.runtime.probes import ProbeError, Prober, watch

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def _serving(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[int, list[str]]]:
    """Answers each request by its head; None leaves the caller waiting."""
    heads: list[str] = []
    stalled: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head.decode())
        reply = answer(head)
        if reply is None:
            stalled.append(writer)
            return
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], heads
    finally:
        for writer in stalled:
            writer.close()
        server.close()


async def _nothing(_argv: Any, _timeout: Any) -> tuple[int, str]:
    raise AssertionError("nothing is to be executed")


def _prober(ports: dict[str, int] | None = None, execute: Any = _nothing) -> Prober:
    return Prober(HOST, ports or {}, execute)


def _plain(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]).encode()


def test_a_request_carries_the_manifests_headers_and_the_kubelets_own() -> None:
    async def main() -> None:
        async with _serving(lambda _: _plain("204 No Content")) as (port, heads):
            given = [{"name": "host", "value": "shop"}, {"name": "X-Who", "value": "probe"}]
            http = {"port": "web", "path": "/ok?deep=1", "httpHeaders": given}
            assert await _prober({"web": port}).attempt({"httpGet": http}, 1) is None
        lines = heads[0].split("\r\n")
        assert lines[0] == "GET /ok?deep=1 HTTP/1.1"
        assert {"host: shop", "X-Who: probe", "User-Agent: kube-probe/1.37", "Accept: */*"} <= {
            *lines
        }
        assert not [line for line in lines if line.startswith("Host:")]

    asyncio.run(main())


def test_redirects_are_followed_on_the_same_host_alone() -> None:
    def answer(head: bytes) -> bytes:
        path = head.split()[1]
        if path == b"/moved":
            return _plain("302 Found", "Location: /gone")
        if path == b"/away":
            return _plain("302 Found", "Location: http://elsewhere.invalid/")
        if path == b"/round":
            return _plain("302 Found", "Location: /round")
        return _plain("404 Not Found")

    async def main() -> None:
        async with _serving(answer) as (port, _):

            async def attempt(path: str) -> str | None:
                return await _prober().attempt({"httpGet": {"port": port, "path": path}}, 1)

            assert await attempt("/moved") == "HTTP probe failed with statuscode: 404"
            assert await attempt("/away") is None
            assert await attempt("/round") == (
                f'Get "http://{HOST}:{port}/round": stopped after 10 redirects'
            )

    asyncio.run(main())


def test_a_server_that_does_not_answer_is_a_timeout_in_the_kubelets_words() -> None:
    async def main() -> None:
        async with _serving(lambda _: None) as (port, _):
            problem = await _prober().attempt({"httpGet": {"port": port}}, 0.05)
            assert problem == (
                f'Get "http://{HOST}:{port}/": context deadline exceeded'
                " (Client.Timeout exceeded while awaiting headers)"
            )

    asyncio.run(main())


def test_a_server_that_hangs_up_or_is_not_there() -> None:
    async def main() -> None:
        async with _serving(lambda _: b"") as (port, _):
            url = f"http://{HOST}:{port}/"
            assert await _prober().attempt({"httpGet": {"port": port}}, 1) == f'Get "{url}": EOF'
            assert await _prober().attempt({"tcpSocket": {"port": port}}, 1) is None
        refused = f"dial tcp {HOST}:{port}: connect: connection refused"
        assert await _prober().attempt({"httpGet": {"port": port}}, 1) == f'Get "{url}": {refused}'
        assert await _prober().attempt({"tcpSocket": {"port": port}}, 1) == refused

    asyncio.run(main())


def test_a_probe_that_cannot_be_made_has_no_result() -> None:
    async def missing(_argv: Any, _timeout: Any) -> tuple[int, str]:
        raise FileNotFoundError(2, "No such file or directory")

    async def main() -> None:
        with pytest.raises(ProbeError, match=r'^strconv\.Atoi: parsing "web": invalid syntax$'):
            await _prober().attempt({"httpGet": {"port": "web"}}, 1)
        with pytest.raises(ProbeError, match=r'exec: "/no": stat /no: no such file or directory'):
            await _prober(execute=missing).attempt({"exec": {"command": ["/no"]}}, 1)
        results: list[bool] = []
        told: list[str] = []
        probe = {"exec": {"command": ["/no"]}, "periodSeconds": 0.01, "failureThreshold": 1}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.7):
                await watch(_prober(execute=missing), probe, results.append, told.append)
        assert results == []
        assert told[0].startswith(
            "errored and resulted in unknown state: rpc error: code = Unknown"
        )

    asyncio.run(main())


def test_a_command_that_takes_too_long_is_named() -> None:
    async def slow(_argv: Any, _timeout: Any) -> tuple[int, str]:
        raise TimeoutError

    async def main() -> None:
        probe = {"exec": {"command": ["sleep", "10"]}}
        problem = await _prober(execute=slow).attempt(probe, 1)
        assert problem == 'command timed out: "sleep 10" timed out after 1s'

    asyncio.run(main())


def test_thresholds_count_in_a_row() -> None:
    answers = iter([0, 1, 0, 0, 1, 1, 0, 1, 1, 1])

    async def execute(_argv: Any, _timeout: Any) -> tuple[int, str]:
        try:
            return next(answers), ""
        except StopIteration:
            raise asyncio.CancelledError from None

    async def main() -> list[bool]:
        seen: list[bool] = []
        probe = {"exec": {"command": ["x"]}, "periodSeconds": 0.001}
        probe |= {"successThreshold": 2, "failureThreshold": 3}
        with contextlib.suppress(asyncio.CancelledError):
            await watch(_prober(execute=execute), probe, seen.append, lambda _: None)
        return seen

    assert asyncio.run(main()) == [True, False]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\x08\x01", None),
        (b"\x08\x02", 'service unhealthy (responded with "NOT_SERVING")'),
        (b"", 'service unhealthy (responded with "UNKNOWN")'),
        (None, "error: health rpc probe failed: the server answered without a health status"),
    ],
)
def test_a_grpc_servers_health_is_asked_for(message: bytes | None, problem: str | None) -> None:
    async def main() -> None:
        asked = bytearray()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while b"\x00\x00\x00\x00\x06\x0a\x04shop" not in asked:
                asked.extend(await reader.read(1000))
            writer.write(_frame(4, 0, 0, b"") + _frame(6, 0, 0, b"12345678"))
            if message is None:
                writer.write(_frame(1, 0x5, 1, b"\x88"))
            else:
                body = struct.pack(">BI", 0, len(message)) + message
                writer.write(_frame(1, 0x4, 1, b"\x88") + _frame(0, 0, 1, body[:3]))
                writer.write(_frame(0, 0x8, 1, b"\x02" + body[3:] + b"\0\0"))
            writer.close()

        server = await asyncio.start_server(serve, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        assert await grpc_health.check(HOST, port, "shop", 1) == problem
        server.close()
        assert asked.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert await grpc_health.check(HOST, port, "", 1) == (
            f'timeout: failed to connect service "{HOST}:{port}" within 1s:'
            " context deadline exceeded"
        )

    asyncio.run(main())


def test_a_server_that_is_no_grpc_server_is_unhealthy() -> None:
    async def main() -> None:
        async with _serving(lambda _: _plain("400 Bad Request")) as (port, _):
            problem = await grpc_health.check(HOST, port, "", 1)
            assert problem == "error: health rpc probe failed: it does not speak HTTP/2"
        async with _serving(lambda _: None) as (port, _):
            problem = await grpc_health.check(HOST, port, "", 0.05)
            assert problem == "timeout: health rpc did not complete within 0.05s"

    asyncio.run(main())
