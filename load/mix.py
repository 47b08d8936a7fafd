"""What customers ask for: cards, wallets and reads. Pure: no network, no clock."""

import json
import random
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["card", "wallet", "list", "get"]

NAMES: Final[Mapping[Kind, str]] = {
    "card": "POST /payments card",
    "wallet": "POST /payments wallet",
    "list": "GET /payments",
    "get": "GET /payments/{id}",
}
"""Every name a request can have in the record, in the metrics and in Locust's statistics."""

LIST_SHARE: Final = 1 / 3
"""Of the reads, how many list the recent payments; the others look one payment up."""

REMEMBERED: Final = 1000
"""How many acknowledged payments a later read may ask for."""

CUSTOMERS: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `key` is its idempotency key and is None for reads."""

    name: str
    method: Literal["GET", "POST"]
    path: str
    body: bytes | None = None
    key: str | None = None


class Mix:
    """Draws requests by their shares. The sequence repeats for a seed; the keys never do."""

    def __init__(self, shares: Mapping[str, float], seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._kinds = tuple(shares)
        self._shares = tuple(shares.values())
        self._payments: deque[str] = deque(maxlen=REMEMBERED)

    def draw(self) -> Request:
        kind = self._random.choices(self._kinds, self._shares)[0]
        return self._read() if kind == "read" else self._pay("card" if kind == "card" else "wallet")

    def acknowledged(self, payment: str) -> None:
        """Remembers a payment, so that a later read asks for it."""
        self._payments.append(payment)

    def _pay(self, method: Literal["card", "wallet"]) -> Request:
        body = {
            "method": method,
            "amount_minor": self._random.randint(100, 50_000),
            "currency": "EUR",
            "customer": f"cus_{self._random.randrange(CUSTOMERS):05d}",
        }
        return Request(
            name=NAMES[method],
            method="POST",
            path="/payments",
            body=json.dumps(body).encode(),
            # Never from the seed: a second run against the same database would replay the
            # payments of the first one instead of making new ones.
            key=str(uuid.uuid4()),
        )

    def _read(self) -> Request:
        if not self._payments or self._random.random() < LIST_SHARE:
            return Request(name=NAMES["list"], method="GET", path="/payments?limit=20")
        payment = self._random.choice(self._payments)
        return Request(name=NAMES["get"], method="GET", path=f"/payments/{payment}")
