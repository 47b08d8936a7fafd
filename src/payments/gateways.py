"""The payment gateways over HTTP: a timeout and a circuit breaker each, one charge method.

A charge always carries the payment's idempotency key, so that repeating it cannot charge twice.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import structlog

from payments.breaker import Breaker, BreakerState
from payments.errors import GatewayError
from payments.metrics import Metrics
from payments.model import GATEWAY_OF, Method, Payment
from payments.settings import Settings

_log = structlog.get_logger("gateways")

# HTTP statuses that say: refused before any work. Everything else may have charged.
_REFUSALS = {401: "unauthorized", 403: "unauthorized", 429: "rate_limited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The customer was charged; `reference` is the gateway's id of the charge."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """The gateway refused the customer's means of payment."""

    code: str


class Dialect(Protocol):
    """How one gateway words a charge."""

    name: str
    path: str
    key_header: str

    def body(self, payment: Payment) -> Mapping[str, Any]: ...

    def read(self, status: int, body: Mapping[str, Any]) -> Charged | Declined | None:
        """None when the answer is neither yes nor no. Raises KeyError on a foreign shape."""
        ...


class StripeDialect:
    """`POST /v1/charges`; 402 with an error of type card_error is a decline."""

    name = "stripe"
    path = "/v1/charges"
    key_header = "Idempotency-Key"

    def body(self, payment: Payment) -> Mapping[str, Any]:
        order = payment.order
        return {
            "amount": order.amount_minor,
            "currency": order.currency.lower(),
            "source": order.customer,
        }

    def read(self, status: int, body: Mapping[str, Any]) -> Charged | Declined | None:
        if status == 200 and body["status"] == "succeeded":
            return Charged(reference=str(body["id"]))
        if status == 402:
            return Declined(code=str(body["error"]["code"]))
        return None


class PaypalDialect:
    """`POST /v2/payments/captures`; 422 named INSTRUMENT_DECLINED is a decline."""

    name = "paypal"
    path = "/v2/payments/captures"
    key_header = "PayPal-Request-Id"

    def body(self, payment: Payment) -> Mapping[str, Any]:
        order = payment.order
        return {
            "amount": {"value_minor": order.amount_minor, "currency_code": order.currency},
            "payer": {"token": order.customer},
        }

    def read(self, status: int, body: Mapping[str, Any]) -> Charged | Declined | None:
        if status == 201 and body["status"] == "COMPLETED":
            return Charged(reference=str(body["id"]))
        if status == 422 and body["name"] == "INSTRUMENT_DECLINED":
            return Declined(code=str(body["name"]).lower())
        return None


@dataclass(slots=True, kw_only=True)
class Gateway:
    """One gateway as this pod sees it. `charge` raises `GatewayError`."""

    dialect: Dialect
    url: str
    api_key: str | None = field(repr=False)
    timeout_s: float
    breaker: Breaker
    session: aiohttp.ClientSession
    metrics: Metrics

    async def charge(
        self, payment: Payment, *, patience_s: float | None = None
    ) -> Charged | Declined:
        """Asks for the charge once, within `timeout_s`, or within `patience_s` if that is less."""
        name = self.dialect.name
        if not self.breaker.allow():
            self.metrics.gateway_requests.labels(name, "rejected").inc()
            self.metrics.gateway_errors.labels(name, "breaker_open").inc()
            raise GatewayError(
                name,
                "breaker_open",
                f"{name} has failed repeatedly and is not asked for now",
                may_have_charged=False,
            )
        started = time.monotonic()
        try:
            answer = await self._ask(payment, min(self.timeout_s, patience_s or self.timeout_s))
        except GatewayError as exc:
            self.breaker.fail()
            self.metrics.gateway_requests.labels(name, "error").inc()
            self.metrics.gateway_errors.labels(name, exc.kind).inc()
            _log.error("gateway error", gateway=name, kind=exc.kind, error=str(exc))
            raise
        except BaseException:
            self.breaker.forget()
            raise
        finally:
            self.metrics.gateway_duration.labels(name).observe(time.monotonic() - started)
        self.breaker.succeed()
        outcome = "ok" if isinstance(answer, Charged) else "declined"
        self.metrics.gateway_requests.labels(name, outcome).inc()
        return answer

    async def _ask(self, payment: Payment, timeout_s: float) -> Charged | Declined:
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    status, raw = await self._post(payment, timeout_s)
                except aiohttp.ServerDisconnectedError:
                    # Most often a kept connection that the other side closed while it was idle.
                    # The idempotency key makes asking again safe.
                    status, raw = await self._post(payment, timeout_s)
        except aiohttp.ConnectionTimeoutError as exc:
            raise self._error("connect_timeout", "connection timeout", charged=False) from exc
        except TimeoutError as exc:
            message = f"timeout: no answer within {timeout_s:g} s"
            raise self._error("timeout", message, charged=True) from exc
        except aiohttp.ClientConnectorError as exc:
            raise self._error("connect", f"cannot connect: {exc.os_error}", charged=False) from exc
        except (aiohttp.ClientError, OSError) as exc:
            message = f"the connection was lost: {type(exc).__name__}"
            raise self._error("connection_lost", message, charged=True) from exc
        return self._read(status, raw)

    async def _post(self, payment: Payment, timeout_s: float) -> tuple[int, bytes]:
        headers = {self.dialect.key_header: payment.idempotency_key}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        async with self.session.post(
            self.url + self.dialect.path,
            json=self.dialect.body(payment),
            headers=headers,
            # Half of the budget to connect: then a lost packet is told from a slow gateway.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout_s / 2),
        ) as response:
            return response.status, await response.read()

    def _read(self, status: int, raw: bytes) -> Charged | Declined:
        if status in _REFUSALS:
            raise self._error(_REFUSALS[status], f"HTTP {status}", charged=False)
        if status >= 500:
            raise self._error("server_error", f"HTTP {status}", charged=True)
        try:
            answer = self.dialect.read(status, json.loads(raw))
        except (ValueError, KeyError, TypeError) as exc:
            raise self._error(
                "bad_response", f"HTTP {status}, not understood", charged=True
            ) from exc
        if answer is None:
            raise self._error("bad_response", f"HTTP {status}, neither yes nor no", charged=True)
        return answer

    def _error(self, kind: str, message: str, *, charged: bool) -> GatewayError:
        name = self.dialect.name
        return GatewayError(name, kind, f"{name}: {message}", may_have_charged=charged)


class Gateways:
    """The gateway of each payment method."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        def gateway(dialect: Dialect, url: str, api_key: str | None) -> Gateway:
            gauge = metrics.breaker_state.labels(dialect.name)
            for outcome in ("ok", "declined", "error", "rejected"):
                metrics.gateway_requests.labels(dialect.name, outcome)

            def changed(state: BreakerState) -> None:
                gauge.set(state)
                _log.warning("breaker changed", gateway=dialect.name, state=state.name.lower())

            breaker = Breaker(
                failures=settings.breaker_failures,
                open_s=settings.breaker_open_s,
                now=now,
                changed=changed,
            )
            return Gateway(
                dialect=dialect,
                url=url,
                api_key=api_key,
                timeout_s=settings.gateway_timeout_s,
                breaker=breaker,
                session=session,
                metrics=metrics,
            )

        self._by_name = {
            "stripe": gateway(StripeDialect(), settings.stripe_url, settings.stripe_api_key),
            "paypal": gateway(PaypalDialect(), settings.paypal_url, settings.paypal_api_key),
        }

    async def charge(
        self, payment: Payment, *, patience_s: float | None = None
    ) -> Charged | Declined:
        """Raises `GatewayError`."""
        return await self.of(payment.order.method).charge(payment, patience_s=patience_s)

    def of(self, method: Method) -> Gateway:
        return self._by_name[GATEWAY_OF[method]]

    def closed(self) -> list[Method]:
        """The methods whose breaker lets every charge through."""
        return [m for m in Method if self.of(m).breaker.state is BreakerState.CLOSED]

    def testable(self) -> list[Method]:
        """The methods whose breaker would let one trial through now."""
        found = ((method, self.of(method).breaker) for method in Method)
        return [m for m, b in found if b.state is not BreakerState.CLOSED and not b.rejecting]
