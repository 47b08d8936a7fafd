"""The database schema, as steps that are applied once each and never changed afterwards."""

from typing import Final

MIGRATIONS: Final[tuple[tuple[int, str], ...]] = (
    (
        1,
        """
        CREATE TABLE payments (
            id                uuid PRIMARY KEY,
            idempotency_key   text NOT NULL UNIQUE,
            fingerprint       bytea NOT NULL,
            merchant          text NOT NULL,
            method            text NOT NULL CHECK (method IN ('card', 'wallet')),
            amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
            currency          text NOT NULL,
            customer    text NOT NULL,
            status            text NOT NULL CHECK (
                status IN ('pending', 'captured', 'declined', 'deferred', 'failed')),
            gateway_reference text,
            decline_code      text,
            attempt           integer NOT NULL DEFAULT 1,
            created_at        timestamptz NOT NULL DEFAULT now(),
            updated_at        timestamptz NOT NULL DEFAULT now(),
            -- Until then one request or worker owns the attempt; all pods use the database's clock.
            locked_until      timestamptz,
            -- From then on the worker may take an unfinished payment up.
            retry_at          timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX payments_recent ON payments (merchant, created_at DESC);
        CREATE INDEX payments_unfinished ON payments (retry_at)
            WHERE status IN ('pending', 'deferred');
        """,
    ),
)

# Any number will do, as long as every pod uses the same one.
LOCK_KEY: Final = 0x7061796D656E7473  # "payments"
