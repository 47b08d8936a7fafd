"""Another client of the database, which gives nothing back.

`python -m payments.simulators.greedy_client`
DATABASE_URL, DATABASE_PASSWORD   where, and as whom
HOLD                              `connections`: every one that the server has to give;
                                  `lock`: LOCK_TABLE, in a transaction that never ends
CUT_OTHERS=true                   ends everybody else's sessions first, as a fail-over would

It goes on until SIGTERM. What it loses, it takes again.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog

from payments.fatal import fatal
from payments.logs import configure

NAME = "greedy-client"
"""Its `application_name` in pg_stat_activity."""
_AT_ONCE = 8
_AGAIN_S = 0.5
_TIMEOUT_S = 5.0
_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> $1
"""
_MODES = ("connections", "lock")

_log = structlog.get_logger(NAME)


class GreedyClient:
    """Holds what it gets from one database. `close` gives everything back."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._url = environment["DATABASE_URL"]
        self._password = environment.get("DATABASE_PASSWORD") or None
        self._table = environment.get("LOCK_TABLE", "")
        self._cut = environment.get("CUT_OTHERS") == "true"
        self._held: list[Any] = []

    async def hold_connections(self) -> None:
        """Takes every connection there is, again and again."""
        while True:
            await self._fill()
            if self._cut and self._held:
                self._cut = not await self._cut_others()
            else:
                await asyncio.sleep(_AGAIN_S)

    async def hold_lock(self) -> None:
        """Takes the lock that nobody else's statement gets past."""
        while True:
            connection = await self._connect()
            if connection is not None:
                self._held = [connection]
                await self._lock(connection)
            await asyncio.sleep(_AGAIN_S)

    def close(self) -> None:
        for connection in self._held:
            connection.terminate()

    async def _fill(self) -> None:
        """Opens connections until the server refuses one."""
        self._held = [connection for connection in self._held if not connection.is_closed()]
        before = len(self._held)
        while True:
            opened = await asyncio.gather(*(self._connect() for _ in range(_AT_ONCE)))
            self._held += [connection for connection in opened if connection is not None]
            if None in opened:
                break
        if len(self._held) != before:
            _log.info("holding connections", count=len(self._held))

    async def _cut_others(self) -> bool:
        """Whether nobody else was left. What they held is free for whoever is first."""
        try:
            return not await self._held[0].fetch(_OTHERS, NAME)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False

    async def _lock(self, connection: Any) -> None:
        name = '"' + self._table.replace('"', '""') + '"'
        try:
            await connection.execute("BEGIN")
            await connection.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
            _log.info("holding a lock", table=self._table)
            while True:
                # A statement from time to time: a session that was ended is noticed.
                await connection.execute("SELECT 1")
                await asyncio.sleep(_AGAIN_S)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as exc:
            _log.warning("the lock was lost", error=str(exc))

    async def _connect(self) -> Any | None:
        try:
            return await asyncpg.connect(
                self._url,
                password=self._password,
                timeout=_TIMEOUT_S,
                server_settings={"application_name": NAME},
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError):
            return None


async def _run(client: GreedyClient, mode: str) -> None:
    holding = client.hold_lock() if mode == "lock" else client.hold_connections()
    task = asyncio.create_task(holding)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        client.close()


def main() -> int:
    """The exit code: 0 after SIGTERM, 1 with a message when the environment makes no sense."""
    mode, environment = os.environ.get("HOLD", ""), os.environ
    if mode not in _MODES or not environment.get("DATABASE_URL"):
        fatal(f"set DATABASE_URL, and HOLD to {' or '.join(_MODES)}", service=NAME)
        return 1
    if mode == "lock" and not environment.get("LOCK_TABLE"):
        fatal("set LOCK_TABLE to the table to lock", service=NAME)
        return 1
    configure("info", service=NAME, version="1.0.0")
    asyncio.run(_run(GreedyClient(environment), mode))
    return 0


if __name__ == "__main__":
    sys.exit(main())
