"""Ten times the baseline against one service process pinned to one CPU.

    python bench/payments_throughput.py [--rate 10000] [--seconds 10]

Open loop: requests are due at a fixed rate whatever the service does, and latency counts from
the due time. Real PostgreSQL, Valkey, gateways and auth, all on loopback; the service has CPU 0
for itself, everything else shares the others. Exit code 1 when the service did not keep up.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.local_servers import (
    PASSWORD,
    database_url,
    free_port,
    postgres,
    program,
    valkey,
    wait_until_ready,
)

MIX = {"card": 45, "wallet": 25, "read": 30}
HEADERS = {"Authorization": "Bearer drill-bench"}
LONGEST_S = 15.0
WARM_UP_S = 2.0


@dataclass(slots=True)
class Results:
    """Latencies in seconds from the due time, by kind; answers by status."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: {k: [] for k in MIX})
    statuses: Counter[str] = field(default_factory=Counter)
    lateness_s: float = 0.0


async def drive(base: str, rate_per_s: float, seconds: float) -> Results:
    """Sends the mix at `rate_per_s` for `seconds`."""
    results, known, running = Results(), [""], set[asyncio.Task[None]]()
    draw = random.Random(1)  # noqa: S311 - the mix needs no cryptographic randomness
    connector = aiohttp.TCPConnector(limit=500)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def one(kind: str, number: int, due: float) -> None:
            try:
                if kind == "read":
                    tail = f"/{draw.choice(known)}" if known[0] and number % 3 else "?limit=20"
                    async with session.get(f"{base}/payments{tail}") as answer:
                        await answer.read()
                else:
                    order = {"method": kind, "amount_minor": 100 + number}
                    async with session.post(
                        f"{base}/payments",
                        json={**order, "currency": "EUR", "customer": "cus_1"},
                        headers={"Idempotency-Key": f"bench-{due}-{number}"},
                    ) as answer:
                        body = json.loads(await answer.read())
                        if answer.status == 201:
                            known.append(body["id"])
                            del known[: -1000 if len(known) > 1000 else 1 if not known[0] else 0]
                results.statuses[str(answer.status)] += 1
            except aiohttp.ClientError as exc:
                results.statuses[type(exc).__name__] += 1
            results.latencies[kind].append(time.monotonic() - due)

        start = time.monotonic()
        for number in itertools.count():
            due = start + number / rate_per_s
            if due - start >= seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            results.lateness_s = max(results.lateness_s, time.monotonic() - due)
            kind = draw.choices(list(MIX), list(MIX.values()))[0]
            task = asyncio.create_task(one(kind, number, due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
    return results


def report(results: Results, cpu_share: float, rss_mib: float, rate_per_min: float) -> bool:
    """Prints the figures; True when the service kept up."""
    everything = [seconds for found in results.latencies.values() for seconds in found]
    lines = [f"offered {rate_per_min:g} requests/min on one CPU"]
    for kind, found in [*results.latencies.items(), ("all", everything)]:
        ordered = sorted(found)
        at = {p: 1000 * ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 95)}
        figures = f"p50 {at[50]:6.1f} ms  p95 {at[95]:6.1f} ms"
        lines.append(f"  {kind:6} {len(ordered):6} requests  {figures}")
    lines.append(f"  answers {dict(results.statuses)}")
    lines.append(f"  service: {cpu_share:.0%} of its CPU, {rss_mib:.0f} MiB")
    lines.append(f"  worst lateness of the generator {1000 * results.lateness_s:.1f} ms")
    sys.stdout.write("\n".join(lines) + "\n")
    good = results.statuses["201"] + results.statuses["200"]
    return good == results.statuses.total() and cpu_share < 0.95 and at[95] < 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=10_000, help="requests a minute")
    parser.add_argument("--seconds", type=float, default=10.0, help=f"at most {LONGEST_S:g}")
    asked = parser.parse_args()
    rate, seconds = asked.rate / 60, min(asked.seconds, LONGEST_S)
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})
    with contextlib.ExitStack() as stack:
        database, cache = stack.enter_context(postgres()), stack.enter_context(valkey())
        others = {
            name: stack.enter_context(program(f"payments.simulators.{name}", {})).port
            for name in ("stripe", "paypal", "auth")
        }
        environment = {
            "DATABASE_URL": database_url(database),
            "DATABASE_PASSWORD": PASSWORD,
            "CACHE_URL": f"redis://127.0.0.1:{cache.port}",
            **{f"{n.upper()}_URL": f"http://127.0.0.1:{port}" for n, port in others.items()},
            "METRICS_PORT": str(free_port()),
        }
        service = stack.enter_context(program("payments.service", environment, cpu=0))
        wait_until_ready(service.port)
        base, process = f"http://127.0.0.1:{service.port}", psutil.Process(service.process.pid)
        asyncio.run(drive(base, rate / 4, WARM_UP_S))
        before, started = process.cpu_times(), time.monotonic()
        results = asyncio.run(drive(base, rate, seconds))
        after, elapsed = process.cpu_times(), time.monotonic() - started
        used = after.user + after.system - before.user - before.system
        rss = process.memory_info().rss / 2**20
    return 0 if report(results, used / elapsed, rss, asked.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
