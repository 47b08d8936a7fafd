"""Customers beyond the usual: `python -m payments.simulators.surge_client`.

TARGET_URL     the service: http://payment-service.production.svc.cluster.local:8080
RATE_PER_MIN   payments asked for, however slowly they are answered
TOKEN          their bearer token (drill-surge)

An open loop: each payment starts when it is due, not when the one before was answered. It goes on
until SIGTERM.
"""

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from uuid import uuid4

import aiohttp
import structlog

from payments.fatal import fatal
from payments.logs import configure

NAME = "surge-client"
_TIMEOUT_S = 10.0
_MOST_IN_FLIGHT = 500
"""A client at its end drops what is due; it does not bring its node down."""
_TELL_EVERY_S = 5.0

_log = structlog.get_logger(NAME)


class SurgeClient:
    """Payments at a steady rate a minute against one address."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, rate_per_min: float) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/payments"
        self._every_s = 60.0 / rate_per_min
        self._flying: set[asyncio.Task[None]] = set()
        self.told: Counter[str] = Counter()
        """How requests ended: an HTTP status, `failed` without one, `dropped` without a try."""

    async def run(self) -> None:
        """Runs until it is cancelled."""
        due = tell = time.monotonic()
        while True:
            now = time.monotonic()
            if now < due:
                await asyncio.sleep(due - now)
                continue
            due += self._every_s
            self._start()
            if now >= tell + _TELL_EVERY_S:
                tell = now
                _log.info("answers so far", **self.told)

    def _start(self) -> None:
        if len(self._flying) >= _MOST_IN_FLIGHT:
            self.told["dropped"] += 1
            return
        flight = asyncio.create_task(self._pay())
        self._flying.add(flight)
        flight.add_done_callback(self._flying.discard)

    async def _pay(self) -> None:
        body = {
            "method": "card",
            "amount_minor": 1000,
            "currency": "EUR",
            "customer": "cus_surge",
        }
        try:
            async with self._session.post(
                self._url, json=body, headers={"Idempotency-Key": str(uuid4())}
            ) as answer:
                await answer.read()
                self.told[str(answer.status)] += 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.told["failed"] += 1


async def _run(url: str, rate_per_min: float, token: str) -> None:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
        client = SurgeClient(session, url, rate_per_min=rate_per_min)
        task = asyncio.create_task(client.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            _log.info("stopped", **client.told)


def main() -> int:
    """The exit code: 0 after SIGTERM, 1 with a message when the environment makes no sense."""
    url, rate = os.environ.get("TARGET_URL", ""), os.environ.get("RATE_PER_MIN", "")
    try:
        rate_per_min = float(rate)
    except ValueError:
        rate_per_min = 0.0
    if not url.startswith("http://") or not 0 < rate_per_min <= 1_000_000:
        fatal("set TARGET_URL to http://host:port, RATE_PER_MIN to a number above 0", service=NAME)
        return 1
    configure("info", service=NAME, version="1.0.0")
    asyncio.run(_run(url, rate_per_min, os.environ.get("TOKEN", "drill-surge")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
