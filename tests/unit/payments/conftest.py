"""Real PostgreSQL, Valkey and simulators on loopback, once for all tests of the service."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import pytest
from loopback import ask

from bench.local_servers import (
    PASSWORD,
    Server,
    database_url,
    free_port,
    postgres,
    program,
    valkey,
    wait_until_ready,
)
from payments.api import Parts
from payments.application import build
from payments.metrics import Metrics
from payments.model import Method, Order
from payments.settings import from_environment
from payments.worker import Worker

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything the service depends on, running."""

    database: Server
    cache: Server
    simulators: Mapping[str, Server]

    @property
    def environment(self) -> dict[str, str]:
        urls = {
            f"{name.upper()}_URL": f"http://127.0.0.1:{server.port}"
            for name, server in self.simulators.items()
        }
        return {
            "SERVICE_VERSION": "9.9.9",
            "DATABASE_URL": database_url(self.database),
            "DATABASE_PASSWORD": PASSWORD,
            "CACHE_URL": f"redis://127.0.0.1:{self.cache.port}",
            **urls,
            "LOG_LEVEL": "error",
            "DRAIN_S": "0",
        }

    def behave(self, simulator: str, **fields: object) -> None:
        answer = ask(self.simulators[simulator].port, "PUT", "/admin/behaviour", fields)
        assert answer.status == 200, answer.text

    def charges(self, simulator: str, key: str) -> list[dict[str, Any]]:
        """The simulator's ledger: what a customer with this key was charged."""
        path = f"/admin/ledger?idempotency_key={key}"
        found: list[dict[str, Any]] = ask(self.simulators[simulator].port, "GET", path).json[
            "charges"
        ]
        return found


@pytest.fixture(scope="session")
def running() -> Iterator[Surroundings]:
    with contextlib.ExitStack() as stack:
        yield Surroundings(
            database=stack.enter_context(postgres()),
            cache=stack.enter_context(valkey()),
            simulators={
                name: stack.enter_context(program(f"payments.simulators.{name}", {}))
                for name in ("stripe", "paypal", "auth")
            },
        )


@pytest.fixture
def around(running: Surroundings) -> Surroundings:
    """The surroundings, with simulators that behave."""
    for name in running.simulators:
        running.behave(name, latency_ms=0, error_ratio=0, error_status=500, hang="no")
    return running


@pytest.fixture(scope="session")
def service(running: Surroundings) -> Iterator[Server]:
    """The whole service as a process; its worker leaves other tests' payments alone."""
    environment = {
        **running.environment,
        "METRICS_PORT": str(free_port()),
        "DEFERRED_INTERVAL_S": "3600",
    }
    with program("payments.service", environment) as server:
        wait_until_ready(server.port)
        yield server


@dataclass(slots=True, kw_only=True)
class Pod:
    """The parts of one pod in this process, without its HTTP server."""

    parts: Parts
    worker: Worker
    metrics: Metrics

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def status(self, key: str) -> str | None:
        row = await self.parts.database.row(
            "SELECT status FROM payments WHERE idempotency_key = $1", key
        )
        return row["status"] if row else None

    async def rows(self, key: str) -> int:
        row = await self.parts.database.row(
            "SELECT count(*) AS n FROM payments WHERE idempotency_key = $1", key
        )
        assert row is not None
        return int(row["n"])


@contextlib.asynccontextmanager
async def pod(environment: Mapping[str, str], **overrides: str) -> AsyncIterator[Pod]:
    """A pod that is ready, with short time-outs unless they are overridden."""
    settings = from_environment(
        {**environment, "GATEWAY_TIMEOUT_S": "0.25", "DEFERRED_INTERVAL_S": "0.001", **overrides}
    )
    metrics = Metrics(settings.version)
    async with aiohttp.ClientSession() as session:
        parts, worker = build(settings, metrics, session)
        await parts.database.open()
        try:
            await parts.database.migrate()
            yield Pod(parts=parts, worker=worker, metrics=metrics)
        finally:
            await parts.database.close()
            await parts.cache.close()


@pytest.fixture
def in_pod(around: Surroundings) -> Callable[..., Any]:
    """Runs an async function with a fresh pod on an empty table; keywords are settings."""

    def run(test: Callable[[Pod], Awaitable[T]], **overrides: str) -> T:
        async def main() -> T:
            async with pod(around.environment, **overrides) as fresh:
                await fresh.parts.database.row("TRUNCATE payments")
                return await test(fresh)

        return asyncio.run(main())

    return run


@pytest.fixture
def key() -> str:
    return f"key-{uuid.uuid4()}"


@pytest.fixture
def card() -> Order:
    return order(Method.CARD)


def order(method: Method = Method.CARD, **fields: Any) -> Order:
    return Order(
        **{
            "merchant": "shop",
            "method": method,
            "amount_minor": 1999,
            "currency": "EUR",
            "customer": "cus_00001",
            **fields,
        }
    )
