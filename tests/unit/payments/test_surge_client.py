"""The client that brings more traffic than usual, against a service that is slow."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from payments.simulators.surge_client import SurgeClient


class Service:
    """Answers 201; while it hangs, not at all."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.go = asyncio.Event()

    async def pay(self, request: web.Request) -> web.Response:
        self.seen.append(
            (request.headers["Idempotency-Key"], request.headers.get("Authorization", ""))
        )
        await self.go.wait()
        return web.json_response(await request.json(), status=201)


@contextlib.asynccontextmanager
async def serving(service: Service) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/payments", service.pay)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def until(check: object) -> None:
    assert callable(check)
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - a server's answers are waited for
            await asyncio.sleep(0.01)


def test_it_goes_on_while_nothing_is_answered_and_no_payment_is_asked_for_twice() -> None:
    async def test() -> None:
        service = Service()
        async with serving(service) as url, aiohttp.ClientSession() as session:
            client = SurgeClient(session, f"{url}/", rate_per_min=6000)
            task = asyncio.create_task(client.run())
            await until(lambda: len(service.seen) >= 30)
            assert client.told == {}
            service.go.set()
            await until(lambda: client.told["201"] >= 30)
            task.cancel()
        keys = [key for key, _ in service.seen]
        assert len(set(keys)) == len(keys)

    asyncio.run(test())


def test_a_service_that_is_away_is_counted() -> None:
    async def test() -> None:
        async with aiohttp.ClientSession() as session:
            client = SurgeClient(session, "http://127.0.0.1:1", rate_per_min=6000)
            task = asyncio.create_task(client.run())
            await until(lambda: client.told["failed"] >= 3)
            task.cancel()

    asyncio.run(test())


def test_as_a_process_it_pays_with_its_token_until_it_is_told_to_stop() -> None:
    async def test() -> None:
        service = Service()
        service.go.set()
        async with serving(service) as url:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "payments.simulators.surge_client"),
                env={**os.environ, "TARGET_URL": url, "RATE_PER_MIN": "1200"},
                stdout=subprocess.DEVNULL,
            )
            try:
                await until(lambda: len(service.seen) >= 5)
            finally:
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(10):
                    assert await process.wait() == 0
        assert {token for _, token in service.seen} == {"Bearer drill-surge"}

    asyncio.run(test())


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TARGET_URL": "http://x:1"},
        {"TARGET_URL": "ftp://x", "RATE_PER_MIN": "5"},
        {"TARGET_URL": "http://x:1", "RATE_PER_MIN": "nan"},
        {"TARGET_URL": "http://x:1", "RATE_PER_MIN": "-1"},
    ],
)
def test_an_environment_that_makes_no_sense_is_one_message(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "payments.simulators.surge_client"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "RATE_PER_MIN" in done.stdout
    assert done.stderr == ""
