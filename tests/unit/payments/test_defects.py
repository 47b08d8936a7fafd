"""Bad releases take real memory and real CPU, and only when the release has the defect."""

import asyncio
import time
from typing import Any

import psutil
import pytest

from payments.defects import Burning, Leak, burn
from payments.settings import SettingsError, from_environment

ENVIRONMENT = {
    "DATABASE_URL": "postgresql://postgres@db:5432/payments",
    "CACHE_URL": "redis://cache:6379/0",
    "STRIPE_URL": "http://stripe:8080",
    "PAYPAL_URL": "http://paypal:8080",
    "AUTH_URL": "http://auth:8080",
}


def test_the_defect_is_the_releases_and_the_environment_says_how_bad_it_is() -> None:
    told = {**ENVIRONMENT, "LEAK_MIB_PER_S": "7.5", "BURN_CPU_S": "0.2"}
    well = from_environment(told)
    assert (well.leak_mib_per_s, well.burn_cpu_s) == (0.0, 0.0)
    leaks = from_environment({**told, "DEFECT": "leak"})
    assert (leaks.leak_mib_per_s, leaks.burn_cpu_s) == (7.5, 0.0)
    burns = from_environment({**told, "DEFECT": "burn"})
    assert (burns.leak_mib_per_s, burns.burn_cpu_s) == (0.0, 0.2)
    with pytest.raises(SettingsError, match="LEAK_MIB_PER_S is 'fast'; set it to a number"):
        from_environment({**ENVIRONMENT, "LEAK_MIB_PER_S": "fast"})
    with pytest.raises(SettingsError, match="DEFECT is 'rust'; set it to one of none, leak, burn"):
        from_environment({**ENVIRONMENT, "DEFECT": "rust"})


def test_a_leak_takes_pages_that_the_system_counts() -> None:
    async def test() -> None:
        leak = Leak(400.0)
        before = psutil.Process().memory_info().rss
        task = asyncio.create_task(leak.run())
        while leak.bytes < 40 << 20:  # noqa: ASYNC110 - real time is what it leaks by
            await asyncio.sleep(0.01)
        task.cancel()
        assert psutil.Process().memory_info().rss - before > 0.8 * leak.bytes

    asyncio.run(test())


def test_customers_requests_cost_cpu_and_probes_do_not() -> None:
    async def test() -> None:
        async def app(_scope: Any, _receive: Any, _send: Any) -> None: ...

        burning: Any = Burning(app, 0.05)

        async def cost(**scope: str) -> float:
            start = time.thread_time()
            await burning(scope, None, None)
            return time.thread_time() - start

        assert await cost(type="http", path="/payments") >= 0.05
        assert await cost(type="http", path="/readyz") < 0.05
        assert await cost(type="lifespan") < 0.05

    asyncio.run(test())


def test_burning_takes_cpu_time_not_only_time() -> None:
    start = time.thread_time()
    burn(0.02)
    assert time.thread_time() - start >= 0.02
