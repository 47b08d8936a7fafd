"""The outermost layer: counts and times customer requests and knows the oldest one in flight."""

import itertools
import time
from collections.abc import Callable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from payments.metrics import Metrics

_log = structlog.get_logger("traffic")

PROBES: Final = frozenset({"/healthz", "/readyz"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Traffic:
    """Wraps the application. While draining it asks clients to connect anew, elsewhere."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._now = now
        self._numbers = itertools.count()
        self._in_flight: dict[int, float] = {}
        self.draining = False

    def oldest_in_flight_s(self) -> float:
        """Age of the oldest request not answered yet; 0 when there is none. Any thread."""
        # list() copies in one step, so the event loop cannot change it under us.
        started = list(self._in_flight.values())
        return self._now() - min(started) if started else 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self.draining:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, tell)
            return
        number, started = next(self._numbers), self._now()
        self._in_flight[number] = started
        try:
            await self._app(scope, receive, tell)
        except Exception as exc:  # noqa: BLE001 - the caller has his 500; the bug must be seen
            _log.error("bug", path=scope["path"], exc_info=exc)
        finally:
            del self._in_flight[number]
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            labels = (route, method, _outcome(status))
            self._metrics.http_requests.labels(*labels).inc()
            self._metrics.http_duration.labels(*labels).observe(self._now() - started)


def _outcome(status: int) -> str:
    if status < 400:
        return "ok"
    return "client_error" if status < 500 else "server_error"
