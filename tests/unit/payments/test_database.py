"""The pool against a real PostgreSQL, and against one that is away in each of its ways."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from payments.database import Database
from payments.errors import DatabaseError
from payments.metrics import Metrics
from payments.settings import from_environment

from .conftest import Surroundings

T = TypeVar("T")


class Cable:
    """A TCP connection to the database that can be cut or silenced."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def silence(self) -> None:
        """Packets vanish from now on, as behind a policy that drops them."""
        self._flowing.clear()

    @contextlib.asynccontextmanager
    async def plugged(self) -> AsyncIterator["Cable"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await asyncio.sleep(0)  # what was accepted last begins, so that it can be ended
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            writers.append(far_writer)
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            for end in writers:
                end.close()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flowing.wait()
            writer.write(data)
        writer.close()


def with_database(
    around: Surroundings, port: int, test: Callable[[Database, Metrics], Awaitable[T]], **more: str
) -> Awaitable[T]:
    settings = from_environment(
        {
            **around.environment,
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/payments",
            "DATABASE_TIMEOUT_S": "0.3",
            **more,
        }
    )

    async def run() -> T:
        metrics = Metrics("test")
        database = Database(settings, metrics)
        await database.open()
        try:
            return await test(database, metrics)
        finally:
            await database.close()

    return run()


def errors(metrics: Metrics, kind: str) -> float:
    return metrics.registry.get_sample_value("payments_db_errors_total", {"kind": kind}) or 0


async def fails(database: Database, sql: str = "SELECT 1") -> DatabaseError:
    with pytest.raises(DatabaseError) as told:
        await database.row(sql)
    return told.value


def test_three_pods_that_start_together_migrate_once(around: Surroundings) -> None:
    async def test(first: Database, _metrics: Metrics) -> None:
        await first.row("DROP TABLE IF EXISTS payments, schema_migrations")

        async def start(database: Database, _metrics: Metrics) -> None:
            await database.migrate()

        port = around.database.port
        await asyncio.gather(*(with_database(around, port, start) for _ in range(3)))
        rows = await first.rows("SELECT version FROM schema_migrations")
        assert [row["version"] for row in rows] == [1]

    asyncio.run(with_database(around, around.database.port, test, DATABASE_TIMEOUT_S="2"))


def test_the_money_check_finds_its_columns(around: Surroundings) -> None:
    async def test(database: Database, _metrics: Metrics) -> None:
        await database.migrate()
        rows = await database.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_name = 'payments'"
        )
        types = {row["column_name"]: row["data_type"] for row in rows}
        assert types["id"] == "uuid"
        assert types["idempotency_key"] == types["status"] == "text"

    asyncio.run(with_database(around, around.database.port, test))


def test_a_refused_connection_is_an_error_of_kind_connect(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        assert (await fails(database)).kind == "connect"
        assert errors(metrics, "connect") == 1

    async def main() -> None:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await with_database(around, port, test)

    asyncio.run(main())


def test_a_database_that_never_answers_the_connection_is_a_connect_timeout(
    around: Surroundings,
) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        told = await fails(database)
        assert (told.kind, str(told)) == ("connect_timeout", "connection timeout to the database")

    async def main() -> None:
        async with Cable(around.database.port).plugged() as cable:
            cable.silence()
            await with_database(around, cable.port, test)

    asyncio.run(main())


@pytest.mark.parametrize(("open_before", "kind"), [(False, "connect_timeout"), (True, "timeout")])
def test_a_ping_that_is_not_answered_in_time_is_counted(
    around: Surroundings, open_before: bool, kind: str
) -> None:
    async def main() -> None:
        async with Cable(around.database.port).plugged() as cable:

            async def test(database: Database, metrics: Metrics) -> None:
                if open_before:
                    await database.ping(1.0)
                cable.silence()
                async with asyncio.timeout(2):  # less than the limit of statements
                    with pytest.raises(DatabaseError) as told:
                        await database.ping(0.2)
                assert (told.value.kind, errors(metrics, kind)) == (kind, 1)
                assert database.in_use == 0

            await with_database(around, cable.port, test, DATABASE_TIMEOUT_S="5")

    asyncio.run(main())


def test_packets_lost_on_an_open_connection_time_out_within_the_limits(
    around: Surroundings,
) -> None:
    async def main() -> None:
        async with Cable(around.database.port).plugged() as cable:

            async def test(database: Database, metrics: Metrics) -> None:
                await database.row("SELECT 1")
                cable.silence()
                async with asyncio.timeout(3):  # not for ever, not even to cancel the statement
                    assert (await fails(database)).kind == "timeout"
                assert database.in_use == 0

            await with_database(around, cable.port, test)

    asyncio.run(main())


def test_statements_given_up_behind_a_lock_do_not_use_the_servers_connections_up(
    around: Surroundings,
) -> None:
    waiting = (
        "SELECT count(*) AS n FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND application_name LIKE 'payment-service/%'"
    )

    async def test(database: Database, metrics: Metrics) -> None:
        async def watch(other: Database, _metrics: Metrics) -> None:
            await other.row("SELECT pg_advisory_lock(4711)")
            told = [fails(database, "SELECT pg_advisory_lock(4711)") for _ in range(4)]
            kinds = {error.kind for error in await asyncio.gather(*told)}
            assert kinds <= {"timeout", "pool_timeout"}
            async with asyncio.timeout(5):
                while (await other.rows(waiting))[0]["n"]:  # noqa: ASYNC110 - the server is waited for
                    await asyncio.sleep(0.02)

        # One connection, so that the lock and the look are of one session.
        port = around.database.port
        await with_database(around, port, watch, DATABASE_TIMEOUT_S="5", POOL_SIZE="1")

    asyncio.run(with_database(around, around.database.port, test, POOL_SIZE="4"))


def test_a_statement_that_the_server_cancels_in_time_is_a_timeout(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        await database.row("SET statement_timeout = 20")
        assert (await fails(database, "SELECT pg_sleep(2)")).kind == "timeout"
        assert metrics.registry.get_sample_value("payments_db_errors_total", {"kind": "lost"}) == 0
        assert await database.row("SELECT 1") is not None

    settings = {"DATABASE_TIMEOUT_S": "2", "POOL_SIZE": "1"}
    asyncio.run(with_database(around, around.database.port, test, **settings))


def test_a_session_that_the_server_ends_is_lost_and_then_replaced(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        told = await fails(database, "SELECT pg_terminate_backend(pg_backend_pid())")
        assert told.kind == "lost"
        assert await database.row("SELECT 1") is not None

    asyncio.run(with_database(around, around.database.port, test))


def test_a_pool_in_full_use_says_so(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(database.row("SELECT pg_sleep(0.25)"))
            await asyncio.sleep(0.1)
            assert (database.in_use, database.size) == (2, 2)
            # Both come back after 0.25 s, later than the 0.1 s that this caller waits.
            database._timeout_s = 0.1
            told = await fails(database)
        assert (told.kind, str(told)) == (
            "pool_timeout",
            "all 2 connections of the pool are in use",
        )
        assert database.in_use == 0

    asyncio.run(with_database(around, around.database.port, test, POOL_SIZE="2"))


def test_a_wrong_statement_is_an_error_of_kind_query(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        assert (await fails(database, "SELECT nonsense")).kind == "query"

    asyncio.run(with_database(around, around.database.port, test))


def test_a_cancelled_caller_gives_its_connection_back(around: Surroundings) -> None:
    async def test(database: Database, metrics: Metrics) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.row("SELECT pg_sleep(5)")
        assert database.in_use == 0
        assert await database.row("SELECT 1") is not None

    asyncio.run(with_database(around, around.database.port, test, DATABASE_TIMEOUT_S="2"))
