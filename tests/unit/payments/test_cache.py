import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from payments.cache import Cache
from payments.metrics import Metrics
from payments.model import Order, Status
from payments.settings import from_environment

from .conftest import Pod, Surroundings

InPod = Callable[..., Any]


def test_a_value_is_found_until_it_runs_out(in_pod: InPod, key: str) -> None:
    async def test(pod: Pod) -> None:
        assert await pod.parts.cache.get(key) is None
        await pod.parts.cache.put(key, "välue", ttl_s=60)
        assert await pod.parts.cache.get(key) == "välue"
        assert pod.count("payments_cache_requests_total", result="hit") == 1
        assert pod.count("payments_cache_requests_total", result="miss") == 1

    in_pod(test)


@pytest.mark.parametrize("cache", ["refused", "hanging"])
def test_a_cache_that_is_away_slows_payments_once_and_fails_none(
    in_pod: InPod, key: str, card: Order, cache: str
) -> None:
    async def test(pod: Pod) -> None:
        for number in range(5):
            merchant = await pod.parts.auth.merchant("Bearer drill-shop")
            assert merchant == "shop"
            outcome = await pod.parts.processing.pay(f"{key}-{number}", card)
            assert outcome.payment.status is Status.CAPTURED
        assert pod.count("payments_cache_requests_total", result="error") == 1
        assert pod.count("payments_cache_requests_total", result="skipped") == 9
        assert pod.count("payments_auth_requests_total", outcome="ok") == 5

    async def main() -> None:
        server = await asyncio.start_server(lambda _r, w: held.append(w), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        if cache == "refused":
            server.close()
        await asyncio.to_thread(
            in_pod, test, CACHE_URL=f"redis://127.0.0.1:{port}", CACHE_TIMEOUT_S="0.1"
        )
        for writer in held:
            writer.close()
        server.close()

    held: list[asyncio.StreamWriter] = []
    asyncio.run(main())


def test_a_cache_that_was_away_is_asked_again_after_a_rest(around: Surroundings) -> None:
    async def test() -> None:
        clock = [100.0]
        settings = from_environment({**around.environment, "CACHE_TIMEOUT_S": "0.2"})
        cache = Cache(settings, Metrics("test"), now=lambda: clock[0])
        cache._resting_until = 101.0
        await cache.put("rested", "1", ttl_s=60)
        assert await cache.get("rested") is None
        clock[0] = 101.0
        await cache.put("rested", "1", ttl_s=60)
        assert await cache.get("rested") == "1"
        await cache.close()

    started = time.monotonic()
    asyncio.run(test())
    assert time.monotonic() - started < 5
