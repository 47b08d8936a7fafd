"""The cache. Losing it costs time, never a payment: every method answers, none raises."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from payments.metrics import Metrics
from payments.settings import Settings

T = TypeVar("T")

_log = structlog.get_logger("cache")

# After a failure the cache is left alone for so long: a hanging cache must not slow each request.
_REST_S = 1.0


class Cache:
    """Text values by key, each with a time to live."""

    def __init__(
        self, settings: Settings, metrics: Metrics, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._now = now
        self._resting_until = 0.0
        self._redis = Redis.from_url(
            settings.cache_url,
            socket_timeout=settings.cache_timeout_s,
            socket_connect_timeout=settings.cache_timeout_s,
            retry=Retry(NoBackoff(), 0),
            max_connections=64,
            decode_responses=True,
        )

    async def get(self, key: str) -> str | None:
        """The value, or None when it is unknown or the cache is away."""
        found, value = await self._try(lambda: self._redis.get(key))
        if found:
            self._metrics.cache_requests.labels("miss" if value is None else "hit").inc()
        return str(value) if value is not None else None

    async def put(self, key: str, value: str, *, ttl_s: int) -> None:
        """Stores the value if it can."""
        stored, _ = await self._try(lambda: self._redis.set(key, value, ex=ttl_s))
        if stored:
            self._metrics.cache_requests.labels("stored").inc()

    async def close(self) -> None:
        await self._try(self._redis.aclose)

    async def _try(self, call: Callable[[], Awaitable[T]]) -> tuple[bool, T | None]:
        if self._now() < self._resting_until:
            self._metrics.cache_requests.labels("skipped").inc()
            return False, None
        try:
            return True, await call()
        except (RedisError, OSError, TimeoutError) as exc:
            self._resting_until = self._now() + _REST_S
            self._metrics.cache_requests.labels("error").inc()
            _log.warning("cache error", error=str(exc) or type(exc).__name__)
            return False, None
