"""How fast can the load generator go on one core? `python -m bench.load_rate`, about 25 s.

Raises the rate until the 99th percentile of dispatch lateness (sent minus due) passes 10 ms, or
less than 99.5 % of the asked requests are sent, twice in a row: once may be somebody else's doing.
The server answers from memory in a process of its own; it needs the second core.

Then the same rate by `wrk`, when it is installed (Debian: `apt-get install wrk`), on the same core
and against the same server. It is a closed loop: a pause before each request brings it near the
rate, and what it calls latency begins when it sends, so lateness is no part of it.
"""

import asyncio
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from rundrill.base.clock import MonotonicClock
from rundrill.load import Load
from rundrill.model import LoadProfile

LOCUSTFILE = Path(__file__).parents[1] / "load" / "locustfile.py"
RATES_PER_S = (250, 500, 750, 1000, 1250, 1500, 2000, 3000, 4000)
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
CONNECTIONS = 48
WRK_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
EACH_S = 2.0
SETTLE_S = 0.5
LATENESS_LIMIT_S = 0.010
BODY = '{"method":"card","amount_minor":4711,"currency":"EUR","customer":"cus_00042"}'
ANSWER = b'HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{"id":"pay_1"}'


class Plain(asyncio.Protocol):
    """Answers every packet; the load sends a head, and a body where it pays, in one or two."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and (head.startswith(b"GET") or body.endswith(b"}")):
            self._received = b""
            assert isinstance(self._transport, asyncio.WriteTransport)
            self._transport.write(ANSWER)


def serve(port: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Plain, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Measured(NamedTuple):
    """Of one rate; times in seconds."""

    share: float
    lateness_p99_s: float
    lateness_worst_s: float
    latency_p99_s: float
    """From the due time to the answer."""
    busy: float | None
    """Of its core, in seconds of CPU a second; None where the system does not say."""


def measure(host: str, rate_per_s: float) -> Measured:
    clock = MonotonicClock()
    profile = LoadProfile(
        rate_per_min=rate_per_s * 60,
        max_in_flight=500,
        ramp_s=0,
        mix={"card": 0.45, "wallet": 0.25, "read": 0.30},
        workers=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        load = Load(
            locustfile=LOCUSTFILE, host=host, profile=profile, folder=Path(folder), clock=clock
        )
        try:
            load.start()
            assert load.pid is not None
            _pin(load.pid, first=True)
            clock.sleep(SETTLE_S)
            start, cpu = clock.now(), _cpu_s(load.pid)
            clock.sleep(EACH_S)
            end, cpu_then = clock.now(), _cpu_s(load.pid)
            delivered = load.delivered(start, end)
        finally:
            load.stop()
        lines = [json.loads(line) for line in load.record_path.read_text().splitlines()]
    lateness = sorted(
        line["sent"] - line["due"]
        for line in lines
        if line["t"] == "issued" and start <= line["sent"] < end
    )
    latency = sorted(
        line["done"] - line["due"]
        for line in lines
        if line["t"] == "done" and start <= line["sent"] < end
    )
    share = delivered.per_min / (rate_per_s * 60)
    busy = None if cpu is None or cpu_then is None else (cpu_then - cpu) / (end - start)
    return Measured(share, _p99(lateness), lateness[-1], _p99(latency), busy)


def beside_wrk(host: str, rate_per_s: float, ours: Measured) -> list[str]:
    """What wrk does at the rate, and without any pause."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return ["wrk is not installed, so there is nothing beside it (apt-get install wrk)"]
    pause_ms = round(CONNECTIONS / rate_per_s * 1000)
    paced_per_s, paced_p99_s = _wrk(wrk, host, pause_ms)
    most_per_s, _ = _wrk(wrk, host, None)
    ours_ms, paced_ms = ours.latency_p99_s * 1000, paced_p99_s * 1000
    paced, most = paced_per_s / rate_per_s, most_per_s / rate_per_s
    pace = f"wrk, {CONNECTIONS} connections, a pause of {pause_ms} ms"
    return [
        f"{pace}: {paced_per_s:.0f} req/s, {paced:.2f} of that rate",
        f"latency p99: wrk {paced_ms:.2f} ms, ours from the due time {ours_ms:.2f} ms",
        f"ours is {ours_ms / paced_ms:.1f} times that of wrk",
        f"wrk without a pause: {most_per_s:.0f} req/s, {most:.1f} times the rate of ours",
    ]


def _wrk(wrk: str, host: str, pause_ms: int | None) -> tuple[float, float]:
    """Requests a second and the 99th percentile of the latency in seconds."""
    script = f"wrk.method = 'POST'\nwrk.body = '{BODY}'\n"
    if pause_ms is not None:
        script += f"function delay() return {pause_ms} end\n"
    taskset = shutil.which("taskset") if len(CORES) > 1 else None
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                *([taskset, "-c", str(CORES[0])] if taskset else []),
                *(wrk, "--latency", "-t1", f"-c{CONNECTIONS}", f"-d{EACH_S:.0f}s"),
                *("-s", file.name, f"{host}/payments"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if rate is None or p99 is None:
        raise ValueError(f"wrk said nothing that is known here: {done.stdout}")
    return float(rate[1]), float(p99[1]) * WRK_UNITS[p99[2]]


def _p99(ordered: list[float]) -> float:
    return ordered[int(0.99 * len(ordered))]


def _cpu_s(pid: int) -> float | None:
    """User and system time so far; of Linux only."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _pin(pid: int, *, first: bool) -> None:
    """To the first core, or to the others; where there are no two, the numbers say little."""
    if len(CORES) > 1:
        os.sched_setaffinity(pid, CORES[:1] if first else CORES[1:])


def main() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    best: tuple[int, Measured] | None = None
    if len(CORES) < 2:
        sys.stdout.write("no two cores to pin to: the server takes from the load\n")
    try:
        host = f"http://127.0.0.1:{ours.recv()}"
        _pin(server.pid or 0, first=False)
        _pin(0, first=False)  # who reads the log of the load
        failed = 0
        rates = list(RATES_PER_S)
        while rates and failed < 2:
            rate = rates[0]
            found = measure(host, rate)
            sys.stdout.write(
                f"{rate:5d} req/s asked: {found.share:7.2%} delivered, lateness "
                f"p99 {found.lateness_p99_s * 1000:6.2f} ms, "
                f"worst {found.lateness_worst_s * 1000:7.2f} ms, "
                f"core {'?' if found.busy is None else format(found.busy, '.0%')} busy\n"
            )
            sys.stdout.flush()
            if found.lateness_p99_s >= LATENESS_LIMIT_S or found.share < 0.995:
                failed += 1
                continue
            failed, best = 0, (rate, found)
            del rates[0]
        if best is None:
            sys.stdout.write(f"not even {RATES_PER_S[0]} req/s are within the limits\n")
            return
        rate, found = best
        sys.stdout.write(f"highest rate within the limits: {rate} req/s ({rate * 60} a minute)\n")
        sys.stdout.write("\n".join(beside_wrk(host, rate, found)) + "\n")
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
