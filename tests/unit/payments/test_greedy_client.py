"""The client that gives nothing back, as a process against a PostgreSQL of its own."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from bench.local_servers import PASSWORD, Server, database_url, postgres

CUT_OFF = (
    asyncpg.AdminShutdownError, asyncpg.PostgresConnectionError, ConnectionError,
)  # fmt: skip
"""What a client hears whose session is ended by another: it depends on how far it had come."""
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'greedy-client'"


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """Its own, since nobody else could use it meanwhile."""
    with postgres() as server:
        yield server


async def connect(database: Server) -> Any:
    return await asyncpg.connect(database_url(database), password=PASSWORD, timeout=5)


async def eventually(check: Callable[[], Awaitable[object]]) -> None:
    while not await check():  # noqa: ASYNC110 - another process is waited for
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def greedy(database: Server, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "payments.simulators.greedy_client"),
        env={
            **os.environ,
            "DATABASE_URL": database_url(database),
            "DATABASE_PASSWORD": PASSWORD,
            **environment,
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0


def test_it_takes_every_connection_and_gives_them_back(database: Server) -> None:
    async def refused() -> bool:
        try:
            connection = await connect(database)
            await connection.close()
        except asyncpg.TooManyConnectionsError:
            return True
        except CUT_OFF:
            pass  # while it was let in
        return False

    async def main() -> None:
        before = await connect(database)

        async def cut_off() -> bool:
            return before.is_closed() and await refused()

        async with asyncio.timeout(30):
            async with greedy(database, HOLD="connections", CUT_OTHERS="true"):
                await eventually(cut_off)

            async def admitted() -> bool:
                return not await refused()

            await eventually(admitted)
            after = await connect(database)

            async def gone() -> bool:
                return await after.fetchval(OURS) == 0

            await eventually(gone)
            await after.close()

    asyncio.run(main())


def test_it_holds_a_lock_takes_it_again_and_lets_it_go(database: Server) -> None:
    async def main() -> None:
        connection = await connect(database)
        await connection.execute('CREATE TABLE "a ""table""" (n integer)')

        async def locked() -> bool:
            try:
                await connection.execute('SET lock_timeout = 50; TABLE "a ""table"""')
            except asyncpg.LockNotAvailableError:
                return True
            return False

        async def free() -> bool:
            return not await locked()

        async with asyncio.timeout(30):
            async with greedy(database, HOLD="lock", LOCK_TABLE='a "table"'):
                for _ in range(2):
                    await eventually(locked)
                    await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'greedy-client'"
                    )
            await eventually(free)
        await connection.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "set DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://h:1/d", "HOLD": "nothing"}, "connections or lock"),
        ({"DATABASE_URL": "postgresql://h:1/d", "HOLD": "lock"}, "LOCK_TABLE"),
    ],
)
def test_an_environment_that_makes_no_sense_is_told(environment: dict[str, str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "payments.simulators.greedy_client"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, told in done.stdout, done.stderr) == (1, True, "")
