"""The values of the domain. Frozen, no I/O."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class Method(StrEnum):
    """How the customer pays."""

    CARD = "card"
    WALLET = "wallet"


GATEWAY_OF: Final[Mapping[Method, str]] = {Method.CARD: "stripe", Method.WALLET: "paypal"}


class Status(StrEnum):
    """The life of a payment; captured and declined are final.

    pending -> captured | declined | failed | deferred; deferred -> captured | declined;
    failed -> pending, when the caller tries again with the same key.
    """

    PENDING = "pending"  # recorded; what the gateway did is not known yet
    CAPTURED = "captured"  # the gateway has charged the customer
    DECLINED = "declined"  # the gateway has refused; the customer was not charged
    DEFERRED = "deferred"  # accepted while the gateway was away; captured later
    FAILED = "failed"  # the gateway was away; the customer was certainly not charged


FINAL: Final = frozenset({Status.CAPTURED, Status.DECLINED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a merchant asks for. `amount_minor` is in the currency's smallest unit."""

    merchant: str
    method: Method
    amount_minor: int
    currency: str
    customer: str

    @property
    def fingerprint(self) -> bytes:
        """32 bytes that differ when any field differs: the same key must mean the same order."""
        fields = (
            self.merchant,
            self.method.value,
            str(self.amount_minor),
            self.currency,
            self.customer,
        )
        return hashlib.sha256("\x1f".join(fields).encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One row of the payments table. `attempt` counts the claims made on it."""

    id: UUID
    idempotency_key: str
    order: Order
    status: Status
    gateway_reference: str | None
    decline_code: str | None
    created_at: datetime
    attempt: int

    def as_json(self) -> dict[str, Any]:
        """What the API answers."""
        return {
            "id": str(self.id),
            "status": self.status.value,
            "method": self.order.method.value,
            "amount_minor": self.order.amount_minor,
            "currency": self.order.currency,
            "idempotency_key": self.idempotency_key,
            "gateway": GATEWAY_OF[self.order.method],
            "gateway_reference": self.gateway_reference,
            "decline_code": self.decline_code,
            "created_at": self.created_at.isoformat(),
        }
