"""Keep-alive connections to one host, as many customers would hold them.

Uses the standard library's HTTP client; under Locust its sockets are gevent's, so a request
blocks its own greenlet only. There is no upper limit here that could make a request wait: the
limit is the number of requests in flight.

A Service balances connections, not requests. With the fewest connections one pod would get all
of a small load, and a broken pod would be seen by everyone or by no one. So several are kept
open, used in turn, and each is replaced after some seconds: new pods get their share too.
"""

import http.client
import random
import select
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

IDLE_S: Final = 3.0
"""Less than the 5 s after which common servers (uvicorn, Node) close an idle connection; else a
request could meet the closing and fail without any fault of the service."""
LIFE_S: Final = 10.0


@dataclass(slots=True, kw_only=True)
class _Connection:
    http: http.client.HTTPConnection
    expires: float
    idle_since: float = 0.0


class Connections:
    """Sends requests to `host` (`http://name:port`). Raises `ValueError` for a bad one."""

    def __init__(self, host: str, *, keep: int, timeout_s: float) -> None:
        url = check_host(host)
        self._class = (
            http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        )
        self._name, self._port, self._prefix = url.hostname or "", url.port, url.path.rstrip("/")
        self._keep = keep
        self._timeout_s = timeout_s
        self._idle: deque[_Connection] = deque()
        self._open = 0

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises `OSError` and `http.client.HTTPException`."""
        connection = self._take()
        reusable = False
        try:
            connection.http.request(method, self._prefix + path, body, dict(headers))
            response = connection.http.getresponse()
            answer = response.read()
            reusable = not response.will_close
        finally:
            # Also after a gevent time-out, which is no `Exception`.
            self._give_back(connection, reusable=reusable)
        return response.status, answer

    def close(self) -> None:
        while self._idle:
            self._drop(self._idle.popleft())

    def _take(self) -> _Connection:
        now = time.monotonic()
        while self._idle and not _usable(self._idle[0], now):
            self._drop(self._idle.popleft())
        if self._idle and self._open >= self._keep:
            return self._idle.popleft()
        self._open += 1
        return _Connection(
            http=self._class(self._name, self._port, timeout=self._timeout_s),
            # Spread, so that they are not all replaced at once.
            expires=now + LIFE_S * random.uniform(0.7, 1.3),
        )

    def _give_back(self, connection: _Connection, *, reusable: bool) -> None:
        if reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        self._open -= 1
        connection.http.close()


def check_host(host: str) -> SplitResult:
    """The parts of `http://name:port`. Raises `ValueError` with problem and fix."""
    try:
        url = urlsplit(host)
        good = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"--host {host}: not a web address\n  fix: give it as http://name:port")
    return url


def _usable(connection: _Connection, now: float) -> bool:
    if now >= connection.expires or now - connection.idle_since >= IDLE_S:
        return False
    try:
        # An idle connection has nothing to read, unless the server closed it.
        return not select.select([connection.http.sock], [], [], 0)[0]
    except (OSError, ValueError):
        return False
