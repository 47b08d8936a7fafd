"""The load's own Prometheus metrics. Latency counts from the due time.

A hang of the service shows while it hangs: no request completes, but
`load_oldest_in_flight_seconds` and `load_in_flight` rise.
"""

from collections.abc import Callable, Iterable
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5),
    *(0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0),
)
"""Seconds. 0.5, 2 and 3 are limits of the runbook, so they are bucket bounds."""


class Metrics:
    """The registry and what feeds it; the gauges are read at the time of the scrape."""

    content_type: Final = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4

    def __init__(
        self,
        names: Iterable[str],
        *,
        in_flight: Callable[[], float],
        oldest_s: Callable[[], float],
        worst_lateness_s: Callable[[], float],
    ) -> None:
        # The moment at which a counter was made is no use to anyone here.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self.issued = self._counter("load_requests_issued", "Requests sent.")
        self.dropped = self._counter(
            "load_requests_dropped", "Arrivals not sent: too many requests were in flight."
        )
        self.retries = self._counter(
            "load_request_retries", "Payments sent again with the same idempotency key."
        )
        self._completed = Counter(
            "load_requests_completed",
            "Requests that ended, by what the customer would call it.",
            ("name", "outcome"),
            registry=self._registry,
        )
        for name in names:  # from zero, so that the first increase counts in rate()
            for outcome in ("ok", "failed"):
                self._completed.labels(name, outcome)
        self._duration = Histogram(
            "load_request_duration_seconds",
            "Seconds from the time a request was due to its end.",
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._gauge("load_in_flight", "Requests due and not ended.", in_flight)
        self._gauge(
            "load_oldest_in_flight_seconds", "Age of the oldest request in flight.", oldest_s
        )
        self._gauge(
            "load_dispatch_lateness_seconds",
            "The longest time from due to sent: the load generator's own fault.",
            worst_lateness_s,
        )

    def completed(self, name: str, *, ok: bool, duration_s: float) -> None:
        self._completed.labels(name, "ok" if ok else "failed").inc()
        self._duration.observe(duration_s)

    def exposition(self) -> bytes:
        """The text format, version 0.0.4."""
        return generate_latest(self._registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self._registry)

    def _gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        Gauge(name, text, registry=self._registry).set_function(read)
