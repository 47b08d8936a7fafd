"""One pod on this node: from its binding to its last process."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Final

from localcluster import kinds
from localcluster.objects import ApiError, KubeObject
from localcluster.runtime import pod_status
from localcluster.runtime.container import Container
from localcluster.runtime.node import Node
from localcluster.runtime.sandbox import Sandbox
from localcluster.runtime.states import Terminated, Waiting, wall_time
from localcluster.runtime.volumes import MountError

_LOG: Final = logging.getLogger(__name__)
_FIRST_RETRY_S: Final = 0.5
_LONGEST_RETRY_S: Final = 122.0
_OVERDUE: Final = "Pod was active on the node longer than the specified deadline"


class PodWorker:
    """Owns the pod's processes. Everything others may know of them is in the pod's status."""

    def __init__(self, node: Node, pod: KubeObject) -> None:
        self._node = node
        self.sandbox = Sandbox(node, pod)
        spec = pod["spec"]
        self.inits = [
            Container(self.sandbox, each, self._changed, init=True)
            for each in spec.get("initContainers") or ()
        ]
        self.mains = [Container(self.sandbox, each, self._changed) for each in spec["containers"]]
        if self.inits:
            for container in (*self.inits, *self.mains):
                container.state = Waiting(reason="PodInitializing")
        self._policy: str = spec.get("restartPolicy", "Always")
        self._start_time = wall_time()
        self._planned = False
        self._gone = False
        self._has_sandbox = False
        self._overdue = False
        self._deadline: asyncio.TimerHandle | None = None
        self._fail: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._end: asyncio.Task[None] | None = None
        self._until = 0.0  # when its grace is over, once it is being ended

    @property
    def containers(self) -> list[Container]:
        return [*self.inits, *self.mains]

    def start(self) -> None:
        self._life = asyncio.create_task(self._live(), name=f"pod {self.sandbox.name}")
        self._life.add_done_callback(_report)
        # A number of the manifest's author, not a timer of the kubelet's: never compressed.
        if limit := self.sandbox.pod["spec"].get("activeDeadlineSeconds"):
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(float(limit), self._exceed_deadline)

    def terminate(self, grace_s: float) -> asyncio.Task[None]:
        """Ends the pod with grace and removes its object; a second call may shorten the grace."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace_s / self._node.compress
        if self._end is None:
            self._until = until
            self._end = asyncio.create_task(self._terminate(grace_s))
            self._end.add_done_callback(_report)
        elif grace_s <= 0:
            self.kill()
        elif until < self._until:
            self._until = until
            loop.call_at(until, self.kill)
        return self._end

    def kill(self) -> None:
        for container in self.containers:
            container.kill()

    def forget(self) -> asyncio.Task[None]:
        """The object is gone already: no grace, no status."""
        self._gone = True
        self.kill()
        return self.terminate(0)

    def shut_down(self) -> asyncio.Task[None]:
        """The node ends: grace for the processes, but the object is left as it is."""
        self._gone = True
        return self.terminate(self._grace())

    def refresh_volumes(self, kind: str, name: str) -> None:
        # Its folders may be gone already, and are not to come back.
        if not self._gone:
            self.sandbox.volumes.refresh(kind, name)

    def refresh_downward(self) -> None:
        """Labels or annotations of the pod have changed."""
        if not self._gone:
            self.sandbox.volumes.refresh_downward(self.sandbox.pod)

    # From start to end

    async def _live(self) -> None:
        self._changed()
        # What it is like before anything has started is written down as well.
        await asyncio.sleep(0)
        await self._mount()
        self._has_sandbox = True
        self._changed()
        sidecars: list[asyncio.Task[Terminated]] = []
        try:
            for container in self.inits:
                if container.sidecar:
                    sidecars.append(asyncio.create_task(container.supervise("Always")))
                    await container.has_started.wait()
                    continue
                # An init container that fails is tried again unless the policy is Never.
                policy = "Never" if self._policy == "Never" else "OnFailure"
                end = await container.supervise(policy)
                if end.exit_code != 0:
                    return
            async with asyncio.TaskGroup() as group:
                for container in self.mains:
                    group.create_task(container.supervise(self._policy))
            # All have ended for good, so the sidecars do too.
            for container in reversed(self.inits):
                await container.stop(self._grace())
                await container.ended()
        finally:
            for task in sidecars:
                task.cancel()

    async def _mount(self) -> None:
        delay = _FIRST_RETRY_S
        while True:
            try:
                self.sandbox.prepare()
                self.sandbox.volumes.mount()
            except MountError as error:
                problem = str(error)
            except OSError as error:
                problem = f"cannot make the pod's folders: {error.strerror}"
            else:
                return
            self._node.recorder.event(self.sandbox.pod, "Warning", "FailedMount", problem)
            await asyncio.sleep(max(delay / self._node.compress, 0.1))
            delay = min(2 * delay, _LONGEST_RETRY_S)

    def _exceed_deadline(self) -> None:
        if self._end is None and self._life is not None and not self._life.done():
            self._fail = asyncio.create_task(self._fail_overdue())
            self._fail.add_done_callback(_report)

    async def _fail_overdue(self) -> None:
        self._node.recorder.event(self.sandbox.pod, "Normal", "DeadlineExceeded", _OVERDUE)
        self._overdue = True
        self._changed()
        await self._stop_all(self._grace())
        self._changed()

    async def _stop_all(self, grace_s: float) -> None:
        """Ends the containers: the sidecars last, in the reverse order of their start."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({self._life})
        await _all(container.stop(grace_s) for container in self.mains)
        for container in reversed(self.inits):
            await container.stop(grace_s)
        await _all(container.ended() for container in self.containers)

    async def _terminate(self, grace_s: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        await self._stop_all(grace_s)
        self._publish()
        remains, self._gone = not self._gone, True
        self.sandbox.close()
        if not remains:
            return
        meta = self.sandbox.pod["metadata"]
        # Deleted by force in the meantime, or already another pod of the same name.
        with contextlib.suppress(ApiError):
            self._node.registry.delete(
                kinds.PODS, meta["namespace"], meta["name"], uid=meta["uid"], grace_period_s=0
            )

    def _grace(self) -> float:
        return float(self.sandbox.pod["spec"].get("terminationGracePeriodSeconds", 30))

    # Its status

    def _changed(self) -> None:
        # Several changes of one instant become one write.
        if not self._planned and not self._gone:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._planned = False
        if self._gone:
            return
        meta = self.sandbox.pod["metadata"]
        found = self._node.registry.find(kinds.PODS, meta["namespace"], meta["name"])
        if found is None or found["metadata"]["uid"] != meta["uid"]:
            return
        with contextlib.suppress(ApiError):
            written = self._node.registry.modify(
                kinds.PODS, meta["namespace"], meta["name"], self._write, status=True
            )
            if written is not None:
                self.sandbox.pod = written

    def _write(self, pod: KubeObject) -> None:
        status = pod.setdefault("status", {})
        inits = [container.view for container in self.inits]
        mains = [container.view for container in self.mains]
        phase = "Failed" if self._overdue else pod_status.phase(inits, mains, self._policy)
        if self._overdue:
            status["reason"], status["message"] = "DeadlineExceeded", _OVERDUE
        address = self._node.block.node_address
        status["phase"] = phase
        status["conditions"] = pod_status.conditions(
            inits,
            mains,
            phase,
            status.get("conditions") or (),
            wall_time(),
            sandbox=self._has_sandbox,
        )
        status["hostIP"], status["hostIPs"] = address, [{"ip": address}]
        status["podIP"], status["podIPs"] = self.sandbox.ip, [{"ip": self.sandbox.ip}]
        status.setdefault("startTime", self._start_time)
        if inits:
            status["initContainerStatuses"] = [view.status() for view in inits]
        status["containerStatuses"] = [view.status() for view in mains]
        status["observedGeneration"] = pod["metadata"].get("generation", 1)


async def _all(waits: Iterable[asyncio.Future[None] | object]) -> None:
    await asyncio.gather(*waits)  # type: ignore[arg-type]  # coroutines, all of them


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("%s failed", task.get_name(), exc_info=task.exception())
