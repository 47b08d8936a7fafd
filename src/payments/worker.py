"""The background worker: finishes deferred payments, and pending ones that nobody came back for."""

import asyncio

import structlog

from payments.errors import DatabaseError
from payments.processing import Processing

_log = structlog.get_logger("worker")

_BATCH = 20


class Worker:
    """Every pod runs one; they share the queue by row locks."""

    def __init__(self, processing: Processing, *, interval_s: float) -> None:
        self._processing = processing
        self._interval_s = interval_s

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            taken = await self.sweep()
            if taken < _BATCH:
                await asyncio.sleep(self._interval_s)

    async def sweep(self) -> int:
        """One round; how many payments were taken up. A database that is away is no round."""
        try:
            taken = await self._processing.resume_unfinished(_BATCH)
        except DatabaseError:
            return 0  # counted and logged where it happened
        if taken:
            _log.info("unfinished payments taken up", count=taken)
        return taken
