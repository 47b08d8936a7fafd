"""Is every payment that a client was promised in the database exactly once? Pure."""

from collections import Counter
from collections.abc import Mapping

from rundrill.events import MoneyChecked

KEPT = frozenset({"captured", "deferred"})
"""What a payment that was acknowledged may be: charged, or promised to be."""


def judge(*, at: float, acknowledged: Mapping[str, str], listing: str) -> MoneyChecked:
    """Compares idempotency key to payment id, as acknowledged, with `key|id|status` lines.

    Raises `ValueError` when the listing is something else. Rows that nobody was promised (a
    client that gave up waiting) are no loss; an acknowledged payment under another id, or one
    that was not kept, is.
    """
    rows = [line.split("|") for line in listing.splitlines() if line.strip()]
    if any(len(row) != 3 for row in rows):
        raise ValueError(f"not `key|id|status`: {next(r for r in rows if len(r) != 3)}")
    stored = Counter(key for key, _, _ in rows)
    ids = {(key, payment) for key, payment, status in rows if status in KEPT}
    lost = sorted(key for key, payment in acknowledged.items() if (key, payment) not in ids)
    doubled = sorted(key for key, count in stored.items() if count > 1)
    return MoneyChecked(
        at=at,
        acknowledged=len(acknowledged),
        stored=len(stored),
        lost=tuple(lost),
        doubled=tuple(doubled),
        error=None,
    )


def unchecked(*, at: float, acknowledged: int, error: str) -> MoneyChecked:
    """The check could not be made; nothing is proven."""
    return MoneyChecked(
        at=at, acknowledged=acknowledged, stored=0, lost=(), doubled=(), error=error
    )
