"""Serves the metrics from the load's own event loop."""

from collections.abc import Callable, Iterable
from typing import Any

from gevent.pywsgi import WSGIServer

from load.metrics import Metrics


def serve(metrics: Metrics, host: str, port: int) -> str:
    """Listens on `host:port` (0 takes a free port); the address. Raises `OSError`."""

    def application(
        environ: dict[str, Any], respond: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"see /metrics\n"]
        respond("200 OK", [("Content-Type", metrics.content_type)])
        return [metrics.exposition()]

    server = WSGIServer((host, port), application, log=None)
    server.start()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{server.server_port}/metrics"
