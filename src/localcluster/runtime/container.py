"""One container: obtained, configured, started, probed, ended, started again."""

import asyncio
import hashlib
import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from localcluster.images.image import ImageProblem, Launch
from localcluster.objects import KubeObject
from localcluster.runtime import probes
from localcluster.runtime.attend import Attendant
from localcluster.runtime.backoff import INITIAL_S, BackOff, go_duration
from localcluster.runtime.environment import ConfigError
from localcluster.runtime.inside import Inside
from localcluster.runtime.logs import LogFile, older
from localcluster.runtime.memory_groups import CGROUP, POLLER, MemoryGroup
from localcluster.runtime.meter import Metered
from localcluster.runtime.pod_status import ContainerView
from localcluster.runtime.process import Child
from localcluster.runtime.pull import Puller
from localcluster.runtime.sandbox import Changed, Sandbox, ports_of
from localcluster.runtime.states import Running, State, Terminated, Waiting, wall_time
from localcluster.schema.quantity import parse_quantity

_OOM_EXIT: Final = 137
_START_ERROR_EXIT: Final = 128
_DRAIN_S: Final = 0.5
_DISCARD_EVERY_S: Final = 0.05
_DISCARD_TRIES: Final = 100
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
        self.log: LogFile | None = None
        self.metered: Metered | None = None
        self._changed = changed
        self._compress = sandbox.node.compress
        self._backoff = BackOff(self._compress)
        self._puller = Puller(sandbox.node.catalogue, self._compress, self.event, self._show)
        self._child: Child | None = None
        self._image_id = ""
        self._container_id = ""
        self._starts = 0
        self._stopping = False
        self._oom = False
        self.has_started = asyncio.Event()
        self._folder: Path = sandbox.folder / "containers" / self.name

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

    def log_path(self, *, previous: bool = False) -> Path | None:
        """The log of the latest run, or of the one before; None when there was none."""
        number = self._starts - (1 if previous else 0)
        path: Path = self._log_file(number)
        return path if number >= 1 and path.exists() else None

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
            end = await self._run(self.inside)
            if not _restarts(restart_policy, end):
                return end
            await self._hold_back(end)
            self.last = end

    async def stop(self, grace_s: float) -> None:
        """Ends it: preStop hook, stop signal, and SIGKILL when the grace period is over."""
        self._stopping = True
        child = self._child
        if child is None or child.code is not None:
            return
        self.event("Normal", "Killing", f"Stopping container {self.name}")
        await self._end(child, grace_s)

    async def _end(self, child: Child, grace_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s / self._compress
        await self._pre_stop(deadline)
        child.signal(self.inside.image.stop_signal if self.inside else signal.SIGTERM)
        try:
            async with asyncio.timeout_at(deadline):
                await child.wait()
        except TimeoutError:
            child.kill_group()
            await child.wait()

    def kill(self) -> None:
        """At once, without grace."""
        self._stopping = True
        if self._child is not None and self._child.code is None:
            self._child.kill_group()

    async def ended(self) -> None:
        """Returns when the process is gone and its end recorded."""
        if self._child is not None:
            await self._child.wait()
            if isinstance(self.state, Running):
                await self._record_end(self._child, self.state.started_at)

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
        self._oom = False
        self._container_id = f"localcluster://{secrets.token_hex(32)}"
        self.event("Normal", "Created", f"Created container: {self.name}")
        started_at = wall_time()
        try:
            launch, streams = self._prepare_run(inside)
        except (OSError, ImageProblem) as error:
            return self._failed_start(error, started_at)
        inside.group = self._memory_group()
        try:
            self._show(Running(started_at=started_at))
            failed = await inside.run_steps(launch, streams, self._remember)
            if failed is not None:
                return await self._record_end(failed, started_at)
            child = inside.start(launch, streams)
        except OSError as error:
            return self._failed_start(error, started_at)
        finally:
            for stream in streams:
                os.close(stream)
        self._remember(child)
        self.event("Normal", "Started", f"Started container {self.name}")
        self._meter(child)
        await self._attend(inside, child)
        return await self._record_end(child, started_at)

    def _remember(self, child: Child) -> None:
        self._child = child

    def _prepare_run(self, inside: Inside) -> tuple[Launch, tuple[int, int]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._forget_old_logs()
        self.log = LogFile(self._log_file(self._starts))
        try:
            launch = inside.launch()
        except ImageProblem as problem:
            self.log.feed("stderr", f"{problem}\n".encode())
            raise
        return launch, (self.log.pipe("stdout"), self.log.pipe("stderr"))

    def _failed_start(self, error: Exception, started_at: str) -> Terminated:
        self._leave_group()
        if isinstance(error, ImageProblem):
            end = self._end_state(1, "Error", started_at, "")
        else:
            what = getattr(error, "filename", None) or self.name
            reason = getattr(error, "strerror", None) or str(error)
            problem = f'exec: "{what}": {reason}'
            message = f'failed to start container "{self.name}": {problem}'
            self.event("Warning", "Failed", f"Error: {message}")
            end = self._end_state(_START_ERROR_EXIT, "StartError", started_at, problem)
        if self.log is not None:
            self.log.close()
        self._show(end)
        return end

    # While it runs

    def _meter(self, child: Child) -> None:
        group = self.inside.group if self.inside else None
        self.metered = Metered(
            pid=child.pid,
            limit_bytes=self._limit_bytes,
            on_exceeded=lambda used: self._exceeded(child, used),
            # It may have ended already, and then nothing is left to enforce.
            enforced_elsewhere=group is not None and group.holds(child.pid),
        )
        self.sandbox.node.meter.add(self.metered)

    @property
    def _limit(self) -> str | None:
        limit = ((self.spec.get("resources") or {}).get("limits") or {}).get("memory")
        return None if limit is None else str(limit)

    @property
    def _limit_bytes(self) -> int | None:
        return None if self._limit is None else int(parse_quantity(self._limit))

    def _memory_group(self) -> MemoryGroup | None:
        """For this run; None when no limit is set or the meter must enforce it."""
        groups, limit = self.sandbox.node.memory_groups, self._limit_bytes
        if groups is None or limit is None:
            return None
        return groups.create(f"{self.sandbox.uid}.{self.name}.{self._starts}", limit)

    def _leave_group(self) -> None:
        """Counts the kernel's kills, ends what is left inside and removes the group."""
        group = self.inside.group if self.inside else None
        if self.inside is None or group is None:
            return
        self.inside.group = None
        if group.kills:
            self._oom = True
            self.event(
                "Warning",
                "OOMKilling",
                f"Container {self.name} reached its memory limit of {self._limit}: killed"
                f" ({CGROUP})",
            )
        groups = self.sandbox.node.memory_groups
        loop = asyncio.get_running_loop()

        def discard(tries: int) -> None:
            # What is left at the end goes with the cluster's own group.
            if groups is not None and not groups.discard(group) and tries:
                loop.call_later(_DISCARD_EVERY_S, discard, tries - 1)

        discard(_DISCARD_TRIES)

    def _exceeded(self, child: Child, used: int) -> None:
        if self._oom or child.code is not None:
            return
        self._oom = True
        self.event(
            "Warning",
            "OOMKilling",
            f"Container {self.name} used {used // 1024}Ki, above its memory limit of {self._limit}:"
            f" killed ({POLLER})",
        )
        child.kill_group()

    async def _attend(self, inside: Inside, child: Child) -> None:
        """Probes it until it ends; a failing liveness or startup probe ends it."""
        prober = probes.Prober(self.sandbox.ip, ports_of(self.spec), inside.execute)
        attendant = Attendant(self, self.spec, prober)
        watching = asyncio.create_task(attendant.run())
        ended = asyncio.create_task(child.wait())
        unhealthy = asyncio.create_task(attendant.unhealthy.wait())
        try:
            await asyncio.wait({ended, unhealthy}, return_when=asyncio.FIRST_COMPLETED)
            if child.code is None:
                watching.cancel()
                grace = self.sandbox.pod["spec"].get("terminationGracePeriodSeconds", 30)
                await self._end(child, float(grace))
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

    async def _pre_stop(self, deadline: float) -> None:
        hook: Mapping[str, Any] = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        left = deadline - asyncio.get_running_loop().time()
        if not hook or left <= 0 or self.inside is None:
            return
        if pause := hook.get("sleep"):
            await asyncio.sleep(min(left, float(pause.get("seconds", 0)) / self._compress))
            return
        prober = probes.Prober(self.sandbox.ip, ports_of(self.spec), self.inside.execute)
        problem = await prober.attempt(hook, left)
        if problem is not None:
            self.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {problem}")

    # Its end

    async def _record_end(self, child: Child, started_at: str) -> Terminated:
        code = await child.wait()
        self.sandbox.node.meter.remove(child.pid)
        self.metered = None
        self._leave_group()
        if self.inside is not None:
            self.inside.discard()
        # What it wrote last may still be in the pipe.
        if self.log is not None:
            await self.log.drained(_DRAIN_S)
            self.log.close()
        if self._oom and code != 0:
            end = self._end_state(_OOM_EXIT, "OOMKilled", started_at, "")
        else:
            reason = "Completed" if code == 0 else "Error"
            end = self._end_state(code, reason, started_at, self._last_words(code))
        self._show(end)
        return end

    def _end_state(self, code: int, reason: str, started_at: str, message: str) -> Terminated:
        return Terminated(
            exit_code=code,
            reason=reason,
            started_at=started_at,
            finished_at=wall_time(),
            container_id=self._container_id,
            at=asyncio.get_running_loop().time(),
            message=message,
        )

    def _last_words(self, code: int) -> str:
        if code == 0 or self.spec.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return ""
        path = self.log_path()
        if path is None:
            return ""
        lines = path.read_bytes().splitlines()[-80:]
        return b"\n".join(line.split(b" ", 3)[-1] for line in lines)[-2048:].decode(
            errors="replace"
        )

    async def _hold_back(self, end: Terminated) -> None:
        """Waits as long as the back-off says, showing the end first and then CrashLoopBackOff."""
        loop = asyncio.get_running_loop()
        delay = self._backoff.delay(end.at)
        due = end.at + delay
        if delay > 0:
            await asyncio.sleep(min(_ERROR_SHOWN_S, delay / 4))
            pod = f"{self.sandbox.name}_{self.sandbox.namespace}({self.sandbox.uid})"
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

    def _log_file(self, number: int) -> Path:
        return self._folder / f"{number}.log"

    def _forget_old_logs(self) -> None:
        """The latest run and the one before are kept, as on a node."""
        path = self._log_file(self._starts - 2)
        path.unlink(missing_ok=True)
        older(path).unlink(missing_ok=True)


def _restarts(policy: str, end: Terminated) -> bool:
    return policy == "Always" or (policy == "OnFailure" and end.exit_code != 0)
