"""The payments table. Each method is one statement, so none needs a transaction of its own.

A row is *claimed* while someone talks to the gateway about it: `locked_until` in the future.
A claim that is not settled (a crash) runs out by itself. `attempt` fences late owners off.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from payments.database import Database
from payments.model import Method, Order, Payment, Status

_COLUMNS = (
    "id, idempotency_key, merchant, method, amount_minor, currency, customer, status,"
    " gateway_reference, decline_code, created_at, attempt"
)

_INSERT = f"""
INSERT INTO payments (id, idempotency_key, fingerprint, merchant, method, amount_minor, currency,
                      customer, status, locked_until, retry_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending',
        now() + $9 * interval '1 second', now() + $9 * interval '1 second')
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are the constant above

_FIND = f"""
SELECT {_COLUMNS}, fingerprint, coalesce(locked_until > now(), false) AS locked
FROM payments WHERE idempotency_key = $1
"""  # noqa: S608 - the columns are the constant above

_CLAIM = f"""
UPDATE payments
SET status = 'pending', attempt = attempt + 1, updated_at = now(),
    locked_until = now() + $2 * interval '1 second', retry_at = now() + $2 * interval '1 second'
WHERE id = $1 AND status = $3 AND attempt = $4 AND status IN ('pending', 'failed')
  AND (locked_until IS NULL OR locked_until <= now())
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are the constant above

# SKIP LOCKED: the workers of several pods share the queue without waiting for each other.
_CLAIM_UNFINISHED = f"""
UPDATE payments
SET attempt = attempt + 1, updated_at = now(),
    locked_until = now() + $2 * interval '1 second', retry_at = now() + $2 * interval '1 second'
WHERE id IN (
    SELECT id FROM payments
    WHERE status IN ('pending', 'deferred') AND retry_at <= now()
      AND (locked_until IS NULL OR locked_until <= now()) AND method = ANY($1)
    ORDER BY retry_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are the constant above

# What the gateway has answered is true whoever asked, so it is stored even by a late owner.
_SETTLE = f"""
UPDATE payments
SET status = $2, gateway_reference = $3, decline_code = $4, locked_until = NULL, updated_at = now()
WHERE id = $1 AND status NOT IN ('captured', 'declined')
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are the constant above

_RELEASE = f"""
UPDATE payments
SET status = $2, locked_until = NULL, retry_at = now() + $3 * interval '1 second',
    updated_at = now()
WHERE id = $1 AND attempt = $4 AND status IN ('pending', 'deferred')
RETURNING {_COLUMNS}
"""  # noqa: S608 - the columns are the constant above

_GET = f"SELECT {_COLUMNS} FROM payments WHERE id = $1"  # noqa: S608 - a constant

_RECENT = f"""
SELECT {_COLUMNS} FROM payments WHERE merchant = $1 ORDER BY created_at DESC LIMIT $2
"""  # noqa: S608 - the columns are the constant above


class Store:
    """All methods raise `DatabaseError`. `lease_s` is how long a claim lasts at most."""

    def __init__(self, database: Database, *, lease_s: float) -> None:
        self._database = database
        self._lease_s = lease_s

    async def insert(self, key: str, order: Order) -> Payment | None:
        """Records the order as pending and claims it; None when the key exists already."""
        row = await self._database.row(
            _INSERT,
            uuid4(),
            key,
            order.fingerprint,
            order.merchant,
            order.method.value,
            order.amount_minor,
            order.currency,
            order.customer,
            self._lease_s,
        )
        return _payment(row) if row else None

    async def find(self, key: str) -> tuple[Payment, bytes, bool] | None:
        """The payment of a key, the fingerprint of its order, and whether it is claimed now."""
        row = await self._database.row(_FIND, key)
        return (_payment(row), row["fingerprint"], row["locked"]) if row else None

    async def claim(self, payment: Payment) -> Payment | None:
        """Takes an unfinished payment up again; None when it has changed since it was read."""
        row = await self._database.row(
            _CLAIM, payment.id, self._lease_s, payment.status.value, payment.attempt
        )
        return _payment(row) if row else None

    async def claim_unfinished(self, methods: Sequence[Method], limit: int) -> Sequence[Payment]:
        """Claims up to `limit` payments that are due and that nobody works on."""
        rows = await self._database.rows(
            _CLAIM_UNFINISHED, [m.value for m in methods], self._lease_s, limit
        )
        return [_payment(row) for row in rows]

    async def settle(
        self,
        payment_id: UUID,
        status: Status,
        *,
        gateway_reference: str | None = None,
        decline_code: str | None = None,
    ) -> Payment | None:
        """Stores the gateway's answer; None when the payment was final already."""
        row = await self._database.row(
            _SETTLE, payment_id, status.value, gateway_reference, decline_code
        )
        return _payment(row) if row else None

    async def release(
        self, payment: Payment, status: Status, *, retry_after_s: float
    ) -> Payment | None:
        """Gives a claim back without an answer; None when it was no longer ours."""
        row = await self._database.row(
            _RELEASE, payment.id, status.value, retry_after_s, payment.attempt
        )
        return _payment(row) if row else None

    async def get(self, payment_id: UUID) -> Payment | None:
        row = await self._database.row(_GET, payment_id)
        return _payment(row) if row else None

    async def recent(self, merchant: str, limit: int) -> Sequence[Payment]:
        """The newest first."""
        return [_payment(row) for row in await self._database.rows(_RECENT, merchant, limit)]


def _payment(row: Any) -> Payment:
    return Payment(
        id=row["id"],
        idempotency_key=row["idempotency_key"],
        order=Order(
            merchant=row["merchant"],
            method=Method(row["method"]),
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            customer=row["customer"],
        ),
        status=Status(row["status"]),
        gateway_reference=row["gateway_reference"],
        decline_code=row["decline_code"],
        created_at=row["created_at"],
        attempt=row["attempt"],
    )
