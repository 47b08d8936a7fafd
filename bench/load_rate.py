"""How fast can the load generator go on one core? `python -m bench.load_rate`, about 15 s.

Raises the rate until the 99th percentile of dispatch lateness (sent minus due) passes 10 ms, or
less than 99.5 % of the asked requests are sent. The server answers from memory in a process of
its own; it needs the second core.
"""

import asyncio
import json
import multiprocessing
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from rundrill.base.clock import MonotonicClock
from rundrill.load import Load
from rundrill.model import LoadProfile

LOCUSTFILE = Path(__file__).parents[1] / "load" / "locustfile.py"
RATES_PER_S = (500, 1000, 2000, 3000, 4000)
EACH_S = 2.0
SETTLE_S = 0.5
LATENESS_LIMIT_S = 0.010
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


def measure(host: str, rate_per_s: float) -> tuple[float, float, float]:
    """Share delivered, 99th percentile and worst of the dispatch lateness in seconds."""
    clock = MonotonicClock()
    profile = LoadProfile(
        rate_per_min=rate_per_s * 60,
        max_in_flight=500,
        ramp_s=0,
        mix={"card": 0.45, "wallet": 0.25, "read": 0.30},
    )
    with tempfile.TemporaryDirectory() as folder:
        load = Load(
            locustfile=LOCUSTFILE, host=host, profile=profile, folder=Path(folder), clock=clock
        )
        try:
            load.start()
            clock.sleep(SETTLE_S)
            start = clock.now()
            clock.sleep(EACH_S)
            end = clock.now()
            delivered = load.delivered(start, end)
        finally:
            load.stop()
        lines = map(json.loads, load.record_path.read_text().splitlines())
        lateness = sorted(
            line["sent"] - line["due"]
            for line in lines
            if line["t"] == "issued" and start <= line["sent"] < end
        )
    share = delivered.per_min / (rate_per_s * 60)
    return share, lateness[int(0.99 * len(lateness))], lateness[-1]


def main() -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    best = 0
    try:
        host = f"http://127.0.0.1:{ours.recv()}"
        for rate in RATES_PER_S:
            share, p99_s, worst_s = measure(host, rate)
            sys.stdout.write(
                f"{rate:5d} req/s asked: {share:7.2%} delivered, lateness "
                f"p99 {p99_s * 1000:6.2f} ms, worst {worst_s * 1000:7.2f} ms\n"
            )
            if p99_s >= LATENESS_LIMIT_S or share < 0.995:
                break
            best = rate
    finally:
        server.terminate()
        server.join()
    sys.stdout.write(f"highest rate within the limits: {best} req/s ({best * 60} a minute)\n")


if __name__ == "__main__":
    main()
