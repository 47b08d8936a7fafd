"""Who is calling: bearer tokens checked at the auth service (RFC 7662), answers cached shortly."""

import asyncio
import hashlib

import aiohttp
import structlog

from payments.cache import Cache
from payments.errors import AuthError, UnauthorizedError
from payments.metrics import Metrics
from payments.settings import Settings

_log = structlog.get_logger("auth")


class Auth:
    """Turns an Authorization header into the name of a merchant."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        cache: Cache,
        metrics: Metrics,
    ) -> None:
        self._url = f"{settings.auth_url}/introspect"
        self._timeout_s = settings.auth_timeout_s
        self._cache_s = settings.auth_cache_s
        self._session = session
        self._cache = cache
        self._metrics = metrics

    async def merchant(self, authorization: str | None) -> str:
        """The token's subject. Raises `UnauthorizedError` and `AuthError`."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise UnauthorizedError("send the header Authorization: Bearer <token>")
        # The cache never sees a token that could be used.
        cached_as = f"auth:{hashlib.sha256(token.encode()).hexdigest()}"
        known = await self._cache.get(cached_as) if self._cache_s else None
        if known is not None:
            return known
        subject = await self._introspect(token)
        if self._cache_s:
            await self._cache.put(cached_as, subject, ttl_s=self._cache_s)
        return subject

    async def _introspect(self, token: str) -> str:
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.post(self._url, data={"token": token}) as response,
            ):
                status = response.status
                answer = await response.json() if status == 200 else {}
        except TimeoutError as exc:
            message = f"no answer within {self._timeout_s:g} s"
            raise self._error("timeout", message) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise self._error("connect", type(exc).__name__) from exc
        if status != 200 or not isinstance(answer, dict) or "active" not in answer:
            raise self._error("bad_response", f"HTTP {status}")
        if answer["active"] is not True or not answer.get("sub"):
            self._metrics.auth_requests.labels("rejected").inc()
            raise UnauthorizedError("the bearer token is not valid")
        self._metrics.auth_requests.labels("ok").inc()
        return str(answer["sub"])

    def _error(self, kind: str, message: str) -> AuthError:
        self._metrics.auth_requests.labels(kind).inc()
        _log.error("auth error", kind=kind, error=message)
        return AuthError(kind, f"the auth service cannot be asked: {message}")
