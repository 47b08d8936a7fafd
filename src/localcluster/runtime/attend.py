"""A running container's three probes, in their order: startup, then readiness and liveness."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from localcluster.runtime import probes


class Patient(Protocol):
    """What is probed."""

    @property
    def name(self) -> str: ...
    def event(self, kind: str, reason: str, message: str) -> None: ...
    def set_started(self) -> None: ...
    def set_ready(self, ready: bool) -> None: ...


class Attendant:
    """`unhealthy` is set when the startup or the liveness probe has failed for good.

    `grace_s` is then that probe's own grace period, if it has one.
    """

    def __init__(self, patient: Patient, spec: Mapping[str, Any], prober: probes.Prober) -> None:
        self._patient = patient
        self._spec = spec
        self._prober = prober
        self.unhealthy = asyncio.Event()
        self.grace_s: float | None = None

    async def run(self) -> None:
        """Probes until it is cancelled; returns when there is nothing to probe."""
        if startup := self._spec.get("startupProbe"):
            await self._until_started(startup)
        self._patient.set_started()
        readiness, liveness = self._spec.get("readinessProbe"), self._spec.get("livenessProbe")
        self._patient.set_ready(readiness is None)
        async with asyncio.TaskGroup() as group:
            if readiness:
                group.create_task(self._watch("Readiness", readiness, self._patient.set_ready))
            if liveness:
                group.create_task(self._watch("Liveness", liveness, self._on_liveness))

    async def _until_started(self, startup: Mapping[str, Any]) -> None:
        passed = asyncio.Event()

        def on_result(good: bool) -> None:
            if good:
                passed.set()
            else:
                self._give_up("startup", startup)

        watcher = asyncio.create_task(self._watch("Startup", startup, on_result))
        try:
            await passed.wait()
        finally:
            watcher.cancel()

    async def _watch(
        self, kind: str, probe: Mapping[str, Any], on_result: Callable[[bool], None]
    ) -> None:
        def complain(problem: str) -> None:
            self._patient.event("Warning", "Unhealthy", f"{kind} probe {problem}")

        await probes.watch(self._prober, probe, on_result, complain)

    def _on_liveness(self, good: bool) -> None:
        if not good:
            self._give_up("liveness", self._spec["livenessProbe"])

    def _give_up(self, kind: str, probe: Mapping[str, Any]) -> None:
        if not self.unhealthy.is_set():
            self.grace_s = probe.get("terminationGracePeriodSeconds")
            self.unhealthy.set()
            message = f"Container {self._patient.name} failed {kind} probe, will be restarted"
            self._patient.event("Normal", "Killing", message)
