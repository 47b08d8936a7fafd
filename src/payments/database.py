"""The connection pool: bounded waits, errors by kind, migrations at start."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg
import structlog

from payments.errors import DatabaseError
from payments.metrics import Metrics
from payments.migrations import LOCK_KEY, MIGRATIONS
from payments.settings import Settings

T = TypeVar("T")

_log = structlog.get_logger("database")


class _Connection(asyncpg.Connection):  # type: ignore[misc] # asyncpg carries no types
    """Every call is one statement that leaves no session state, so nothing needs a reset.

    That saves a round trip each time a connection goes back to the pool.
    """

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool that connects lazily and never waits longer than `database_timeout_s` a step."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._timeout_s = settings.database_timeout_s
        self._size = settings.pool_size
        self._pool = asyncpg.create_pool(
            settings.database_url,
            password=settings.database_password,
            min_size=0,  # the service starts although the database is away
            max_size=settings.pool_size,
            timeout=settings.database_timeout_s,
            command_timeout=settings.database_timeout_s,
            connection_class=_Connection,
            server_settings={
                "application_name": f"payment-service/{settings.version}",
                # A statement that we gave up must not keep waiting in the server, behind a lock,
                # say: each would hold one of its connections, until it has none left for anybody.
                "statement_timeout": str(max(1, round(settings.database_timeout_s * 1000))),
            },
        )

    @property
    def size(self) -> int:
        """The most connections the pool may hold."""
        return self._size

    @property
    def in_use(self) -> int:
        """Connections lent out now."""
        return int(self._pool.get_size() - self._pool.get_idle_size())

    async def open(self) -> None:
        """Prepares the pool; connects to nothing yet."""
        await self._pool

    async def migrate(self) -> None:
        """Applies the missing migrations. Safe when several pods start at once.

        Raises `DatabaseError`.
        """
        await self._with_connection(_migrate)

    async def close(self) -> None:
        """Lets running statements end, for at most a second."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=1.0)
        except TimeoutError:
            self._pool.terminate()

    async def row(self, sql: str, *args: object) -> Any | None:
        """The first row, or None. Raises `DatabaseError`."""
        return await self._with_connection(lambda con: con.fetchrow(sql, *args))

    async def ping(self, within_s: float) -> None:
        """Asks for nothing; connects for it if need be. Raises `DatabaseError` in time.

        What is given up counts as an error like any other: while no customer gets through any
        more, it is what still tells of the trouble.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + within_s

        async def ask(connection: Any) -> None:
            # Never 0, which would be no limit at all.
            await connection.execute("SELECT 1", timeout=max(0.001, deadline - now()))

        await self._with_connection(ask, within_s)

    async def rows(self, sql: str, *args: object) -> Sequence[Any]:
        """All rows. Raises `DatabaseError`."""
        found: Sequence[Any] = await self._with_connection(lambda con: con.fetch(sql, *args))
        return found

    async def _with_connection(
        self, call: Callable[[Any], Awaitable[T]], acquire_s: float | None = None
    ) -> T:
        connection = await self._acquire(acquire_s or self._timeout_s)
        try:
            return await call(connection)
        except (TimeoutError, asyncio.CancelledError) as exc:
            # Its state is unknown, and asking the server to cancel could hang just as well.
            connection.terminate()
            if isinstance(exc, asyncio.CancelledError):
                raise
            raise self._error("timeout", "the database did not answer in time") from exc
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as exc:
            raise self._error("lost", f"the database connection was lost: {exc}") from exc
        except asyncpg.QueryCanceledError as exc:
            raise self._error("timeout", "the database did not answer in time") from exc
        except asyncpg.PostgresError as exc:
            # The server is going down, or ended this session.
            gone = isinstance(exc, asyncpg.OperatorInterventionError)
            raise self._error("lost" if gone else "query", f"the database said: {exc}") from exc
        finally:
            await self._pool.release(connection, timeout=self._timeout_s)

    async def _acquire(self, timeout_s: float) -> Any:
        full = self._pool.get_size() >= self._size and self._pool.get_idle_size() == 0
        try:
            return await self._pool.acquire(timeout=timeout_s)
        except TimeoutError as exc:
            if full:
                message = f"all {self._size} connections of the pool are in use"
                raise self._error("pool_timeout", message) from exc
            raise self._error("connect_timeout", "connection timeout to the database") from exc
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as exc:
            raise self._error("connect", f"cannot connect to the database: {exc}") from exc

    def _error(self, kind: str, message: str) -> DatabaseError:
        self._metrics.db_errors.labels(kind).inc()
        _log.error("database error", kind=kind, error=message)
        return DatabaseError(kind, message)


async def _migrate(connection: Any) -> None:
    async with connection.transaction():
        # Held to the end of the transaction; the pods that wait find the work done.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK_KEY)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_migrations")
        for version, sql in MIGRATIONS:
            if version > done:
                await connection.execute(sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (version) VALUES ($1)", version
                )
                _log.info("migration applied", migration=version)
