import asyncio
from typing import Any

from prometheus_client import generate_latest

from payments.metrics import Metrics
from payments.traffic import Traffic


class Application:
    """An ASGI application that answers when it is told to."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.go = asyncio.Event()
        self.broken = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        if self.broken:
            raise ZeroDivisionError
        await send({"type": "http.response.start", "status": self.status, "headers": []})


def scope(path: str = "/payments", method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "path": path, "method": method}


async def receive() -> Any:
    raise AssertionError("nothing is read")


def counted(metrics: Metrics, **labels: str) -> float | None:
    return metrics.registry.get_sample_value("payments_http_requests_total", labels)


def test_the_oldest_request_in_flight_is_seen_before_it_is_answered() -> None:
    async def test() -> None:
        clock = [50.0]
        application, metrics = Application(), Metrics("test")
        traffic = Traffic(application, metrics, now=lambda: clock[0])
        assert traffic.oldest_in_flight_s() == 0
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.TaskGroup() as group:
            group.create_task(traffic(scope(), receive, send))
            await asyncio.sleep(0)
            clock[0] = 53.0
            group.create_task(traffic(scope(), receive, send))
            await asyncio.sleep(0)
            clock[0] = 58.5
            assert traffic.oldest_in_flight_s() == 8.5
            application.go.set()
        assert traffic.oldest_in_flight_s() == 0
        assert counted(metrics, route="unmatched", method="GET", outcome="ok") == 2
        total = metrics.registry.get_sample_value(
            "payments_http_request_duration_seconds_sum",
            {"route": "unmatched", "method": "GET", "outcome": "ok"},
        )
        assert total == 8.5 + 5.5

    asyncio.run(test())


def test_probes_are_no_customers() -> None:
    async def test() -> None:
        application, metrics = Application(), Metrics("test")
        application.go.set()
        traffic = Traffic(application, metrics)

        async def send(_message: Any) -> None: ...

        for path in ("/healthz", "/readyz"):
            await traffic(scope(path), receive, send)
        assert "payments_http_requests_total{" not in _text(metrics)

    asyncio.run(test())


def test_a_draining_pod_asks_its_clients_to_connect_anew() -> None:
    async def test() -> None:
        application = Application()
        application.go.set()
        traffic = Traffic(application, Metrics("test"))
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await traffic(scope(), receive, send)
        traffic.draining = True
        await traffic(scope(), receive, send)
        assert [message["headers"] for message in sent] == [[], [(b"connection", b"close")]]

    asyncio.run(test())


def test_a_bug_is_counted_as_a_server_error_and_logged(capsys: Any) -> None:
    async def test() -> None:
        application, metrics = Application(), Metrics("test")
        application.go.set()
        application.broken = True

        async def send(_message: Any) -> None: ...

        await Traffic(application, metrics)(scope(method="BREW"), receive, send)
        assert counted(metrics, route="unmatched", method="OTHER", outcome="server_error") == 1

    asyncio.run(test())
    assert "ZeroDivisionError" in capsys.readouterr().out


def _text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()
