"""A container's hooks, and its ending with grace."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from localcluster.runtime import hooks, probes
from localcluster.runtime.inside import Inside
from localcluster.runtime.process import Child
from localcluster.runtime.sandbox import Sandbox, ports_of

# However long its preStop hook took, a container has this much after its stop signal.
_LEAST_GRACE_S: Final = 2.0

# Type, reason and message of an Event about the container.
Event = Callable[[str, str, str], None]


class Lifecycle:
    """Of one container, over all of its runs."""

    def __init__(self, sandbox: Sandbox, spec: Mapping[str, Any], event: Event) -> None:
        self._sandbox = sandbox
        self._spec = spec
        self._hooks: Mapping[str, Any] = spec.get("lifecycle") or {}
        self._compress = sandbox.node.compress
        self._event = event

    @property
    def has_post_start(self) -> bool:
        return bool(self._hooks.get("postStart"))

    @property
    def grace_s(self) -> float:
        return float(self._sandbox.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def prober(self, inside: Inside) -> probes.Prober:
        return probes.Prober(self._sandbox.ip, ports_of(self._spec), inside.execute)

    async def end(self, inside: Inside, child: Child, grace_s: float) -> None:
        """preStop hook, stop signal, and SIGKILL when the grace period is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s / self._compress
        if await self._pre_stop(inside, child, deadline - loop.time()):
            deadline = max(deadline, loop.time() + _LEAST_GRACE_S / self._compress)
        child.signal(inside.image.stop_signal)
        try:
            async with asyncio.timeout_at(deadline):
                await child.wait()
        except TimeoutError:
            child.kill_group()
            await child.wait()

    async def post_start(self, inside: Inside, child: Child) -> str | None:
        """Runs the hook. What went wrong, if anything; then the container has been ended."""
        hook = self._hooks["postStart"]
        running = asyncio.create_task(self._run(hook, inside, None))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
                return None
            problem = "the container ended before its postStart hook"
        except hooks.HookError as failed:
            problem = str(failed)
        finally:
            running.cancel()
            ended.cancel()
        # What went wrong may hold secrets, so the kubelet keeps it out of its events.
        self._event("Warning", "FailedPostStartHook", "PostStartHook failed")
        if child.code is None:
            self._event("Normal", "Killing", "FailedPostStartHook")
            await self.end(inside, child, self.grace_s)
        return problem

    async def _pre_stop(self, inside: Inside, child: Child, left_s: float) -> bool:
        """False when there is no hook, or no time for one. It ends with the container."""
        hook = self._hooks.get("preStop")
        if not hook or left_s <= 0:
            return False
        running = asyncio.create_task(self._run(hook, inside, left_s))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
            failed = not running.done() or isinstance(running.exception(), hooks.HookError)
            if running.done() and not failed:
                running.result()
        finally:
            running.cancel()
            ended.cancel()
        if failed:
            self._event("Warning", "FailedPreStopHook", "PreStopHook failed")
        return True

    async def _run(self, hook: Mapping[str, Any], inside: Inside, limit_s: float | None) -> None:
        await hooks.run(
            hook,
            self.prober(inside),
            limit_s=limit_s,
            compress=self._compress,
            container=self._spec["name"],
            pod=self._sandbox.shown,
        )
