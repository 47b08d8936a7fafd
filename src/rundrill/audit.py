"""Is every payment that a client was promised stored once, and charged once? Pure.

Two accounts are compared: the service's own rows, and the books of the gateways that charge. Money
is right when they agree, whatever went wrong in between.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rundrill.events import MoneyChecked

KEPT = frozenset({"captured", "deferred"})
"""What a payment that was acknowledged may be: charged, or promised to be."""
OPEN = frozenset({"pending", "deferred"})
"""Not at its end yet: the service still works on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stored payment. Amount (in the smallest unit) and currency are None if not listed."""

    key: str
    payment: str
    status: str
    amount: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one gateway has on its books for one idempotency key."""

    gateway: str
    key: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All charges of all gateways. `incomplete` says which gateway's books are not, and why."""

    charges: Sequence[Charge]
    incomplete: Sequence[str] = ()


def rows(listing: str) -> Sequence[Row]:
    """Reads lines `key|id|status` or `key|id|status|amount|currency`. Raises `ValueError`."""
    found = []
    for line in listing.splitlines():
        if not line.strip():
            continue
        parts = line.split("|")
        if len(parts) == 3:
            found.append(Row(key=parts[0], payment=parts[1], status=parts[2]))
        elif len(parts) == 5 and parts[3].isdecimal():
            found.append(
                Row(
                    key=parts[0],
                    payment=parts[1],
                    status=parts[2],
                    amount=int(parts[3]),
                    currency=parts[4],
                )
            )
        else:
            raise ValueError(f"not `key|id|status` or `key|id|status|amount|currency`: {parts}")
    return found


def unsettled(stored: Sequence[Row], books: Books | None) -> frozenset[str]:
    """The keys whose money is neither here nor there: promised, or charged and not yet known."""
    charged = frozenset() if books is None else {charge.key for charge in books.charges}
    return frozenset(
        row.key
        for row in stored
        if row.status == "deferred" or (row.status in OPEN and row.key in charged)
    )


def judge(
    *,
    at: float,
    acknowledged: Mapping[str, str],
    before: Sequence[Row],
    after: Sequence[Row] | None = None,
    books: Books | None = None,
    unsettled: frozenset[str] = frozenset(),
) -> MoneyChecked:
    """Compares what was acknowledged (idempotency key to payment id) with rows and books.

    Payments go on meanwhile: what was stored `before` the books were read must be in them, and
    what is in them must be stored `after`. Rows that nobody was promised (a client that gave up
    waiting) are no loss; an acknowledged payment under another id, or one not kept, is.
    """
    after = before if after is None else after
    stored = Counter(row.key for row in after)
    kept = {(row.key, row.payment) for row in after if row.status in KEPT}
    doubled = {key for key, count in stored.items() if count > 1}
    charges = () if books is None else books.charges
    counts = Counter(charge.key for charge in charges)
    doubled |= {key for key, count in counts.items() if count > 1}
    lost = {key for key, payment in acknowledged.items() if (key, payment) not in kept}
    complete = books is not None and not books.incomplete
    captured = {row.key for row in before if row.status == "captured"}
    by_key = {row.key: row for row in after}
    return MoneyChecked(
        at=at,
        acknowledged=len(acknowledged),
        stored=len(stored),
        lost=tuple(sorted(lost)),
        doubled=tuple(sorted(doubled)),
        error=None,
        charges=None if books is None else len(charges),
        uncharged=tuple(sorted(captured - counts.keys())) if complete else (),
        unrecorded=tuple(sorted({c.key for c in charges if not _recorded(c, by_key)})),
        mischarged=tuple(sorted({c.key for c in charges if _differs(c, by_key)})),
        unsettled=tuple(sorted(unsettled)),
        incomplete=() if books is None else tuple(books.incomplete),
    )


def unchecked(*, at: float, acknowledged: int, error: str) -> MoneyChecked:
    """The check could not be made; nothing is proven."""
    return MoneyChecked(
        at=at, acknowledged=acknowledged, stored=0, lost=(), doubled=(), error=error
    )


def _recorded(charge: Charge, stored: Mapping[str, Row]) -> bool:
    """A charge is known, or is about to be. Declined and failed say that there was none."""
    row = stored.get(charge.key)
    return row is not None and (row.status == "captured" or row.status in OPEN)


def _differs(charge: Charge, stored: Mapping[str, Row]) -> bool:
    row = stored.get(charge.key)
    if row is None or row.amount is None:
        return False
    return (charge.amount, charge.currency) != (row.amount, row.currency)
