"""Puts the parts together and runs them: start, serve, drain, stop."""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine

import aiohttp
import structlog
from prometheus_client import disable_created_metrics
from starlette.types import ASGIApp

from payments.api import Parts, create_app
from payments.auth import Auth
from payments.cache import Cache
from payments.database import Database
from payments.defects import Burning, Leak
from payments.errors import DatabaseError
from payments.gateways import Gateways
from payments.metrics import Metrics
from payments.metrics import serve as serve_metrics
from payments.processing import Processing
from payments.serving import PortError, listen, serve
from payments.settings import Settings
from payments.store import Store
from payments.traffic import Traffic
from payments.worker import Worker

_log = structlog.get_logger("service")

_LONGEST_PAUSE_S = 2.0


async def run(settings: Settings) -> int:
    """Serves until SIGTERM; the exit code. Never raises for a dependency that is away."""
    # A _created series beside each counter would double every scrape.
    disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it untyped
    metrics = Metrics(settings.version)
    try:
        listener = listen(settings.listen.address, settings.listen.port)
        metrics_server, metrics_thread = _serve_metrics(settings, metrics)
    except PortError as exc:
        _log.error("cannot start", error=str(exc))
        return 1
    try:
        async with aiohttp.ClientSession(connector=_connector()) as session:
            await _serve(settings, metrics, session, listener)
    finally:
        metrics_server.shutdown()
        metrics_server.server_close()
        metrics_thread.join()
    return 0


def build(
    settings: Settings, metrics: Metrics, session: aiohttp.ClientSession
) -> tuple[Parts, Worker]:
    """The parts of one process, connected to each other and to nothing else yet."""
    database = Database(settings, metrics)
    cache = Cache(settings, metrics)
    # An owner that takes longer does no harm: its gateway call has a key, its settling is fenced.
    lease_s = settings.gateway_timeout_s + settings.database_timeout_s
    store = Store(database, lease_s=lease_s)
    processing = Processing(
        store,
        Gateways(settings, session, metrics),
        metrics,
        fallback_after_s=(
            settings.fallback_after_s if settings.fallback_payments_enabled else None
        ),
        retry_s=settings.deferred_interval_s,
        wait_s=lease_s + 0.5,  # long enough to take over from an owner that has died
    )
    parts = Parts(
        database=database,
        store=store,
        cache=cache,
        auth=Auth(settings, session, cache, metrics),
        processing=processing,
    )
    return parts, Worker(processing, interval_s=settings.deferred_interval_s)


async def _serve(
    settings: Settings, metrics: Metrics, session: aiohttp.ClientSession, listener: socket.socket
) -> None:
    parts, worker = build(settings, metrics, session)
    app: ASGIApp = create_app(parts)
    if settings.burn_cpu_s:
        app = Burning(app, settings.burn_cpu_s)
    traffic = Traffic(app, metrics)
    metrics.watch(
        pool_size=lambda: parts.database.size,
        pool_in_use=lambda: parts.database.in_use,
        oldest_in_flight=traffic.oldest_in_flight_s,
    )

    async def drain() -> None:
        _log.info("draining", seconds=settings.drain_s)
        parts.ready, parts.not_ready_because = False, "draining"
        traffic.draining = True
        await asyncio.sleep(settings.drain_s)

    await parts.database.open()
    background = asyncio.gather(_start(parts, worker), *_defects(settings))
    try:
        address, port = listener.getsockname()[:2]
        _log.info("listening", address=address, port=port)
        # A running payment may still need its gateway and two statements.
        grace_s = round(settings.gateway_timeout_s + 2 * settings.database_timeout_s) + 1
        await serve(traffic, listener, drain=drain, grace_s=grace_s)
    finally:
        background.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await background
        await parts.database.close()
        await parts.cache.close()
        _log.info("stopped")


def _defects(settings: Settings) -> list[Coroutine[None, None, None]]:
    """What a bad release does beside its work."""
    return [Leak(settings.leak_mib_per_s).run()] if settings.leak_mib_per_s else []


async def _start(parts: Parts, worker: Worker) -> None:
    """Migrates as soon as the database can be reached, then works in the background."""
    pause_s = 0.1
    while True:
        try:
            await parts.database.migrate()
            break
        except DatabaseError as exc:
            parts.not_ready_because = f"starting; database: {exc}"
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
    parts.ready = True
    _log.info("ready")
    await worker.run()


def _connector() -> aiohttp.TCPConnector:
    # Bounded for each host, so that one that hangs cannot starve the others. Kept connections
    # end before the other side's own limit, or a request would meet a closed one.
    return aiohttp.TCPConnector(limit=0, limit_per_host=200, keepalive_timeout=10)


def _serve_metrics(settings: Settings, metrics: Metrics):  # type: ignore[no-untyped-def]
    address, port = settings.listen.address, settings.listen.metrics_port
    try:
        return serve_metrics(metrics, address, port)
    except OSError as exc:
        raise PortError(
            f"cannot serve metrics on {address}:{port}: {exc.strerror or exc};"
            " set METRICS_PORT to a free port"
        ) from exc
