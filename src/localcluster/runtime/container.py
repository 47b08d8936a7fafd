"""One container: obtained, configured, started, probed, ended, started again."""

import asyncio
import hashlib
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from localcluster.images.image import ImageProblem, Launch
from localcluster.objects import KubeObject
from localcluster.runtime.attend import Attendant
from localcluster.runtime.backoff import INITIAL_S, BackOff, go_duration
from localcluster.runtime.environment import ConfigError
from localcluster.runtime.inside import Inside
from localcluster.runtime.last_words import LastWords
from localcluster.runtime.lifecycle import Lifecycle
from localcluster.runtime.logs import LogFile
from localcluster.runtime.memory_limit import MemoryLimit
from localcluster.runtime.meter import Metered
from localcluster.runtime.pod_status import ContainerView
from localcluster.runtime.process import Child
from localcluster.runtime.pull import Puller
from localcluster.runtime.refusals import NEVER_STARTED, START_ERROR_EXIT, start_refused
from localcluster.runtime.run_logs import RunLogs
from localcluster.runtime.sandbox import Changed, Sandbox, ports_of
from localcluster.runtime.states import Running, State, Terminated, Waiting, wall_time

_OOM_EXIT: Final = 137
_DRAIN_S: Final = 0.5
_RETRY_CONFIG_S: Final = 10.0
_ERROR_SHOWN_S: Final = 1.0


class Container:
    """Its `view` is what the pod's status shows; `changed` is called whenever that changes."""

    def __init__(
        self, sandbox: Sandbox, spec: KubeObject, changed: Changed, *, init: bool = False
    ) -> None:
        self.sandbox = sandbox
        self.spec = spec
        self.name: str = spec["name"]
        self.init = init
        self.sidecar = init and spec.get("restartPolicy") == "Always"
        self.state: State = Waiting(reason="ContainerCreating")
        self.last: Terminated | None = None
        self.restarts = 0
        self.ready = False
        self.started = False
        self.inside: Inside | None = None
        self._changed = changed
        self._compress = sandbox.node.compress
        self._backoff = BackOff(self._compress)
        self._puller = Puller(sandbox.node.catalogue, self._compress, self.event, self._show)
        self._folder = sandbox.container_folder(self.name)
        self._last_words = LastWords(spec, self._folder)
        self._lifecycle = Lifecycle(sandbox, spec, self.event)
        self._logs = RunLogs(self._folder)
        self._child: Child | None = None
        self._image_id = ""
        self._container_id = ""
        self._starts = 0
        self._stopping = False
        self._recorded = True
        self._started_at = ""
        self._memory: MemoryLimit | None = None
        # Why it did not come up, as shown while it waits for its next start.
        self._failure: Waiting | None = None
        self.has_started = asyncio.Event()

    # What others see

    @property
    def view(self) -> ContainerView:
        return ContainerView(
            name=self.name,
            image=self.spec["image"],
            state=self.state,
            last=self.last,
            ready=self.ready,
            started=self.started,
            restarts=self.restarts,
            image_id=self._image_id,
            container_id=self._container_id,
            essential=not self.sidecar,
        )

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.code is None

    @property
    def metered(self) -> Metered | None:
        """What it uses while it runs."""
        return None if self._memory is None else self._memory.metered

    @property
    def started_since(self) -> float:
        """When this run began, in seconds since 1970, as far as its status tells: whole ones."""
        return datetime.fromisoformat(self._started_at).timestamp() if self._started_at else 0.0

    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed a process of this run for want of memory."""
        return 0 if self._memory is None else self._memory.kills

    @property
    def log(self) -> LogFile | None:
        return self._logs.current

    def log_path(self, *, previous: bool = False) -> Path | None:
        """The log of the latest run, or of the one before; None when there was none."""
        return self._logs.path(previous=previous)

    def event(self, kind: str, reason: str, message: str) -> None:
        where = "spec.initContainers" if self.init else "spec.containers"
        self.sandbox.node.recorder.event(
            self.sandbox.pod, kind, reason, message, field_path=f"{where}{{{self.name}}}"
        )

    # Life

    async def supervise(self, restart_policy: str) -> Terminated:
        """Runs it, again and again as the policy says; returns its last end."""
        while True:
            self.inside = await self._configure()
            self._failure = None
            end = await self._run(self.inside)
            if self._stopping or not _restarts(restart_policy, end):
                return end
            if self._failure is not None:
                self.last = end
                self._show(self._failure)
            await self._hold_back(end)
            self.last = end

    async def stop(self, grace_s: float) -> None:
        """Ends it: preStop hook, stop signal, and SIGKILL when the grace period is over."""
        self._stopping = True
        child = self._child
        if child is None or child.code is not None or self.inside is None:
            return
        self.event("Normal", "Killing", f"Stopping container {self.name}")
        await self._lifecycle.end(self.inside, child, grace_s)

    def kill(self) -> None:
        """At once, without grace."""
        self._stopping = True
        if self._child is not None and self._child.code is None:
            self._child.kill_group()

    async def ended(self) -> None:
        """Returns when the process is gone and its end recorded."""
        if self._child is not None:
            await self._child.wait()
            if not self._recorded:
                await self._record_end(self._child)

    async def _configure(self) -> Inside:
        """Waits until its image and every ConfigMap and Secret that it names are there."""
        policy = self.spec.get("imagePullPolicy", "IfNotPresent")
        image = await self._puller.obtain(self.spec["image"], policy)
        digest = hashlib.sha256(repr(image).encode()).hexdigest()
        self._image_id = f"localcluster/{image.name}@sha256:{digest}"
        while True:
            try:
                own = image.env(self.sandbox.ip, ports_of(self.spec))
                surroundings = self.sandbox.surroundings(self.spec, own)
            except (ConfigError, ImageProblem) as error:
                self.event("Warning", "Failed", f"Error: {error}")
                self._show(Waiting(reason="CreateContainerConfigError", message=str(error)))
                await asyncio.sleep(max(1.0, _RETRY_CONFIG_S / self._compress))
            else:
                return Inside(self.sandbox, self.spec, image, surroundings, self._folder)

    async def _run(self, inside: Inside) -> Terminated:
        """One run, from its start to its recorded end."""
        self._starts += 1
        if self._starts > 1:
            self.restarts += 1
        self._container_id = f"localcluster://{secrets.token_hex(32)}"
        self.event("Normal", "Created", f"Created container: {self.name}")
        self._started_at = wall_time()
        try:
            launch, streams = self._prepare_run(inside)
        except ImageProblem:
            return self._close_run(self._end_state(1, "Error", ""))
        except OSError as error:
            return self._failed_start(self.name, error)
        self._memory = self._new_limit()
        inside.enter = self._memory.enter
        try:
            if not self._lifecycle.has_post_start:
                self._show(Running(started_at=self._started_at))
            failed = await inside.run_steps(launch, streams, self._remember)
            if failed is not None:
                return await self._record_end(failed)
            child = inside.start(launch, streams)
        except OSError as error:
            return self._failed_start(launch.argv[0], error)
        finally:
            for stream in streams:
                os.close(stream)
        self._remember(child)
        self.event("Normal", "Started", f"Started container {self.name}")
        self._memory.watch(child)
        if self._lifecycle.has_post_start:
            # Until its hook is through, the kubelet does not show a container as running.
            problem = await self._lifecycle.post_start(inside, child)
            if problem is not None:
                self._failure = Waiting(reason="PostStartHookError", message=problem)
                return await self._record_end(child)
            self._show(Running(started_at=self._started_at))
        await self._attend(inside, child)
        return await self._record_end(child)

    def _remember(self, child: Child) -> None:
        self._child = child
        self._recorded = False

    def _prepare_run(self, inside: Inside) -> tuple[Launch, tuple[int, int]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._last_words.expect()
        log = self._logs.begin()
        try:
            launch = inside.launch()
        except ImageProblem as problem:
            log.feed("stderr", f"{problem}\n".encode())
            raise
        return launch, (log.pipe("stdout"), log.pipe("stderr"))

    def _new_limit(self) -> MemoryLimit:
        run_id = f"{self.sandbox.uid}.{self.name}.{self._starts}"
        return MemoryLimit(self.sandbox.node, self.spec, run_id, self.event)

    def _failed_start(self, program: str, error: OSError) -> Terminated:
        message = start_refused(program, error)
        self.event("Warning", "Failed", f"Error: {message}")
        self._failure = Waiting(reason="RunContainerError", message=message)
        self._started_at = NEVER_STARTED
        end = self._end_state(START_ERROR_EXIT, "StartError", message)
        return self._close_run(end)

    def _close_run(self, end: Terminated) -> Terminated:
        """A run that had no process."""
        if self._memory is not None:
            self._memory.close()
        if self._logs.current is not None:
            self._logs.current.close()
        self._show(end)
        return end

    # While it runs

    async def _attend(self, inside: Inside, child: Child) -> None:
        """Probes it until it ends; a failing liveness or startup probe ends it."""
        attendant = Attendant(self, self.spec, self._lifecycle.prober(inside))
        watching = asyncio.create_task(attendant.run())
        ended = asyncio.create_task(child.wait())
        unhealthy = asyncio.create_task(attendant.unhealthy.wait())
        try:
            await asyncio.wait({ended, unhealthy}, return_when=asyncio.FIRST_COMPLETED)
            if child.code is None:
                watching.cancel()
                own = attendant.grace_s
                grace = self._lifecycle.grace_s if own is None else float(own)
                await self._lifecycle.end(inside, child, grace)
            await ended
        finally:
            for task in (watching, ended, unhealthy):
                task.cancel()

    def set_started(self) -> None:
        self.started = True
        self.has_started.set()
        self._changed()

    def set_ready(self, ready: bool) -> None:
        if self.ready != ready:
            self.ready = ready
            self._changed()

    # Its end

    async def _record_end(self, child: Child) -> Terminated:
        code = await child.wait()
        memory = self._memory
        if memory is not None:
            memory.close(child.pid)
        if self.inside is not None:
            self.inside.discard()
        await self._logs.end(_DRAIN_S)
        exceeded = memory is not None and memory.exceeded and code != 0
        code = _OOM_EXIT if exceeded else code
        reason = "OOMKilled" if exceeded else "Error" if code else "Completed"
        message = self._last_words.read(code, self.log_path())
        end = self._end_state(code, reason, message)
        self._recorded = True
        self._show(end)
        return end

    def _end_state(self, code: int, reason: str, message: str) -> Terminated:
        return Terminated(
            exit_code=code,
            reason=reason,
            started_at=self._started_at,
            finished_at=wall_time(),
            container_id=self._container_id,
            at=asyncio.get_running_loop().time(),
            message=message,
        )

    async def _hold_back(self, end: Terminated) -> None:
        """Waits as long as the back-off says, showing the end first and then CrashLoopBackOff."""
        loop = asyncio.get_running_loop()
        delay = self._backoff.delay(end.at)
        due = end.at + delay
        # Its end is written down even when it starts again at once.
        await asyncio.sleep(0)
        if delay > 0:
            await asyncio.sleep(min(_ERROR_SHOWN_S, delay / 4))
            pod = self.sandbox.shown
            self.last = end
            message = (
                f"back-off {go_duration(delay)} restarting failed container={self.name} pod={pod}"
            )
            self._show(Waiting(reason="CrashLoopBackOff", message=message))
            again = max(1.0, INITIAL_S / self._compress)
            while (left := due - loop.time()) > 0:
                self.event(
                    "Warning",
                    "BackOff",
                    f"Back-off restarting failed container {self.name} in pod {pod}",
                )
                await asyncio.sleep(min(left, again))
        self._backoff.started(loop.time(), end.at)

    def _show(self, state: State) -> None:
        self.state = state
        if not isinstance(state, Running):
            self.ready = False
            self.started = False
            if self.init and isinstance(state, Terminated):
                self.ready = state.exit_code == 0
        self._changed()


def _restarts(policy: str, end: Terminated) -> bool:
    return policy == "Always" or (policy == "OnFailure" and end.exit_code != 0)
