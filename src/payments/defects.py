"""The defects of bad releases: memory that is never freed, CPU that every request costs.

A release has its defect by its image (DEFECT); how bad it is, the environment says. The leak
takes real memory, page by page, and the CPU is really burnt, so that a node sees both.
"""

import asyncio
import time
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from payments.traffic import PROBES

_STEP_S: Final = 0.1
_MIB: Final = 1 << 20


class Leak:
    """Memory that grows at a steady pace, in MiB a second, until the process ends."""

    def __init__(self, mib_per_s: float) -> None:
        self._mib_per_s = mib_per_s
        self._kept: list[bytes] = []

    @property
    def bytes(self) -> int:
        """How much is kept so far."""
        return sum(map(len, self._kept))

    async def run(self) -> None:
        """Runs until it is cancelled; what is kept stays."""
        started = time.monotonic()
        kept = 0
        while True:
            wanted = int((time.monotonic() - started) * self._mib_per_s * _MIB)
            if wanted > kept:
                # Written, not only asked for: an untouched page takes no memory.
                self._kept.append(b"\x01" * (wanted - kept))
                kept = wanted
            await asyncio.sleep(_STEP_S)


class Burning:
    """An application of which every customer's request costs so much CPU, in seconds, at first."""

    def __init__(self, app: ASGIApp, cpu_s: float) -> None:
        self._app = app
        self._cpu_s = cpu_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            burn(self._cpu_s)
        await self._app(scope, receive, send)


def burn(cpu_s: float) -> None:
    """Takes that much CPU time of this thread, however long it has to wait for it."""
    end = time.thread_time() + cpu_s
    while time.thread_time() < end:
        pass
