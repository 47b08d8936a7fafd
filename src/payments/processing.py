"""The life of a payment: recorded first, then charged, then settled. Never lost, never doubled.

1. The order is inserted as `pending` under its unique idempotency key, and claimed.
2. The gateway is asked with the same key, so that asking again cannot charge again.
3. The gateway's answer is stored. Only then is the payment acknowledged.

Whatever ends a process between these steps leaves a pending row whose claim runs out. The next
request with the key, or the worker, takes it up at step 2.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from payments.errors import (
    DatabaseError,
    GatewayError,
    InProgressError,
    KeyReuseError,
    UnfinishedError,
)
from payments.gateways import Charged, Gateways
from payments.metrics import Metrics
from payments.model import Order, Payment, Status
from payments.store import Store

_log = structlog.get_logger("payments")

_POLL_S = 0.05
_LONGEST_RETRY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`replayed`: the answer is that of an earlier request with the same key."""

    payment: Payment
    replayed: bool


class Processing:
    """`wait_s`: how long a request waits for an earlier one with the same key.

    `fallback_after_s`: how long a customer waits for a gateway before his payment is accepted all
    the same and charged later; None without the fallback.
    """

    def __init__(
        self,
        store: Store,
        gateways: Gateways,
        metrics: Metrics,
        *,
        fallback_after_s: float | None,
        retry_s: float,
        wait_s: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._gateways = gateways
        self._metrics = metrics
        self._fallback_after_s = fallback_after_s
        self._retry_s = retry_s
        self._wait_s = wait_s
        self._now = now
        self._sleep = sleep

    async def pay(self, key: str, order: Order) -> Outcome:
        """Charges the order once, however often it is asked for.

        Raises `KeyReuseError`, `InProgressError`, `UnfinishedError`, `DatabaseError`.
        """
        payment = await self._store.insert(key, order)
        if payment is not None:
            return Outcome(payment=await self._attempt(payment, untouched=True), replayed=False)
        deadline = self._now() + self._wait_s
        while True:
            found = await self._store.find(key)
            if found is None:
                raise DatabaseError("query", "the payment of this key is gone; ask again")
            payment, fingerprint, claimed = found
            if fingerprint != order.fingerprint:
                raise KeyReuseError("this Idempotency-Key was used before for another payment")
            if payment.status not in (Status.PENDING, Status.FAILED):
                self._metrics.replays.inc()
                return Outcome(payment=payment, replayed=True)
            if not claimed and (ours := await self._store.claim(payment)) is not None:
                _log.info("payment resumed", payment=str(ours.id), was=payment.status.value)
                # Only a failed payment is known not to have reached the gateway.
                untouched = payment.status is Status.FAILED
                return Outcome(
                    payment=await self._attempt(ours, untouched=untouched), replayed=False
                )
            if self._now() >= deadline:
                raise InProgressError("the first request with this Idempotency-Key still runs")
            await self._sleep(_POLL_S)

    async def resume_unfinished(self, limit: int) -> int:
        """Takes up to `limit` due payments up; says how many. Raises `DatabaseError`."""
        due: list[Payment] = []
        if closed := self._gateways.closed():
            due += await self._store.claim_unfinished(closed, limit)
        for method in self._gateways.testable():
            due += await self._store.claim_unfinished([method], 1)
        await asyncio.gather(*(self._resume(payment) for payment in due))
        return len(due)

    async def _attempt(self, payment: Payment, *, untouched: bool) -> Payment:
        """`untouched`: no earlier attempt can have charged the customer."""
        try:
            return await self._charge(payment, patience_s=self._fallback_after_s)
        except GatewayError as exc:
            if self._fallback_after_s is not None:
                return await self._release(payment, Status.DEFERRED)
            safe = untouched and not exc.may_have_charged
            status = Status.FAILED if safe else Status.PENDING
            released = await self._release(payment, status)
            if released.status is not status:
                return released  # someone else has finished it meanwhile
            raise UnfinishedError(released, status, exc) from exc

    async def _resume(self, payment: Payment) -> None:
        try:
            await self._charge(payment)
        except GatewayError:
            # Nobody was waiting for it: no outcome of a payment that a customer asked for.
            await self._release(payment, payment.status, tell=False)

    async def _charge(self, payment: Payment, *, patience_s: float | None = None) -> Payment:
        answer = await self._gateways.charge(payment, patience_s=patience_s)
        if isinstance(answer, Charged):
            settled = await self._store.settle(
                payment.id, Status.CAPTURED, gateway_reference=answer.reference
            )
        else:
            settled = await self._store.settle(
                payment.id, Status.DECLINED, decline_code=answer.code
            )
        if settled is None:
            return await self._current(payment)
        self._tell(settled)
        return settled

    async def _release(self, payment: Payment, status: Status, *, tell: bool = True) -> Payment:
        retry_s = min(self._retry_s * 2 ** min(payment.attempt, 10), _LONGEST_RETRY_S)
        released = await self._store.release(payment, status, retry_after_s=retry_s)
        if released is None:
            return await self._current(payment)
        if tell:
            self._tell(released)
        return released

    async def _current(self, payment: Payment) -> Payment:
        current = await self._store.get(payment.id)
        if current is None:
            raise DatabaseError("query", "the payment is gone")
        return current

    def _tell(self, payment: Payment) -> None:
        method = payment.order.method.value
        self._metrics.processed.labels(method, payment.status.value).inc()
        _log.info(
            "payment " + payment.status.value,
            payment=str(payment.id),
            method=method,
            amount_minor=payment.order.amount_minor,
            currency=payment.order.currency,
        )
