"""Every metric the service exposes, in a registry of its own (nothing is process-global)."""

from collections.abc import Callable
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector

# Dense around the runbook's 0.5 s, 2 s and 3 s.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0)


class Metrics:
    """Counters and histograms; gauges that read live state are bound with `watch`."""

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.http_requests = Counter(
            "payments_http_requests",
            "Customer requests answered (probes are not counted).",
            ["route", "method", "outcome"],
            registry=registry,
        )
        self.http_duration = Histogram(
            "payments_http_request_duration_seconds",
            "Time from request to the end of its answer.",
            ["route", "method", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.processed = Counter(
            "payments_processed",
            "Outcomes of payment attempts, replays excluded.",
            ["payment_method", "status"],
            registry=registry,
        )
        self.replays = Counter(
            "payments_replays", "Requests answered from an earlier one's result.", registry=registry
        )
        self.db_errors = Counter(
            "payments_db_errors", "Failed database calls.", ["kind"], registry=registry
        )
        self.cache_requests = Counter(
            "payments_cache_requests", "Cache reads and writes.", ["result"], registry=registry
        )
        self.auth_requests = Counter(
            "payments_auth_requests", "Calls to the auth service.", ["outcome"], registry=registry
        )
        self.gateway_requests = Counter(
            "payments_gateway_requests",
            "Charges asked of a gateway: ok, declined, error or rejected (by the breaker).",
            ["gateway", "outcome"],
            registry=registry,
        )
        self.gateway_errors = Counter(
            "payments_gateway_errors",
            "Charges that got neither yes nor no.",
            ["gateway", "kind"],
            registry=registry,
        )
        self.gateway_duration = Histogram(
            "payments_gateway_duration_seconds",
            "Time a gateway took to answer, or to fail.",
            ["gateway"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.breaker_state = Gauge(
            "payments_breaker_state",
            "0 closed, 1 half-open, 2 open.",
            ["gateway"],
            registry=registry,
        )
        self._pool_size = Gauge(
            "payments_db_pool_size", "Most connections the pool may hold.", registry=registry
        )
        self._pool_in_use = Gauge(
            "payments_db_pool_in_use", "Connections lent out now.", registry=registry
        )
        self._oldest = Gauge(
            "payments_oldest_in_flight_seconds",
            "Age of the oldest customer request not answered yet.",
            registry=registry,
        )
        build = Gauge("payments_build_info", "Always 1.", ["version"], registry=registry)
        build.labels(version).set(1)
        for kind in ("connect", "connect_timeout", "pool_timeout", "timeout", "lost", "query"):
            self.db_errors.labels(kind)  # a counter that exists shows its first increase

    def watch(
        self,
        *,
        pool_size: Callable[[], float],
        pool_in_use: Callable[[], float],
        oldest_in_flight: Callable[[], float],
    ) -> None:
        """Binds the gauges; the functions are called from the metrics thread at each scrape."""
        self._pool_size.set_function(pool_size)
        self._pool_in_use.set_function(pool_in_use)
        self._oldest.set_function(oldest_in_flight)


def serve(metrics: Metrics, address: str, port: int) -> tuple[WSGIServer, Thread]:
    """Serves /metrics from a thread, so that a stalled event loop is still seen from outside.

    Raises `OSError` when the port is taken.
    """
    return start_http_server(port, addr=address, registry=metrics.registry)
