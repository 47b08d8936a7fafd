"""Serves the metrics from the load's own event loop."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gevent.pywsgi import WSGIServer


class Page(Protocol):
    """`exposition` raises `OSError` when there is nothing true to tell."""

    @property
    def content_type(self) -> str: ...
    def exposition(self) -> bytes: ...


def serve(metrics: Page, host: str, port: int) -> str:
    """Listens on `host:port` (0 takes a free port); the address. Raises `OSError`."""

    def application(
        environ: dict[str, Any], respond: Callable[[str, list[tuple[str, str]]], object]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            respond("404 Not Found", [("Content-Type", "text/plain")])
            return [b"see /metrics\n"]
        try:
            text = metrics.exposition()
        except OSError as error:
            respond("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [f"{error}\n".encode()]
        respond("200 OK", [("Content-Type", metrics.content_type)])
        return [text]

    server = WSGIServer((host, port), application, log=None)
    server.start()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{server.server_port}/metrics"
