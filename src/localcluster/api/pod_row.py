"""A pod's line in `kubectl get pods`: what STATUS, READY and RESTARTS say. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcluster.api.ages import human_duration, parse_time
from localcluster.objects import KubeObject

Statuses = list[dict[str, Any]]


@dataclass(slots=True)
class _Tally:
    reason: str
    restarts: int = 0
    last_restart: datetime | None = None

    def count(self, container: KubeObject) -> None:
        self.restarts += container.get("restartCount", 0)
        terminated = (container.get("lastState") or {}).get("terminated") or {}
        finished = parse_time(terminated.get("finishedAt"))
        if finished and (self.last_restart is None or finished > self.last_restart):
            self.last_restart = finished


def pod_summary(pod: KubeObject, now: datetime) -> tuple[str, str, str]:
    """(ready, status, restarts) as kubectl prints them: `1/1`, `Running`, `3 (5s ago)`."""
    spec, state = pod.get("spec", {}), pod.get("status", {})
    init = _Tally(state.get("reason") or state.get("phase") or "")
    for condition in state.get("conditions") or ():
        if (condition.get("type"), condition.get("reason")) == ("PodScheduled", "SchedulingGated"):
            init.reason = "SchedulingGated"
    sidecars = _sidecars(spec)
    waiting = _initializing(state.get("initContainerStatuses") or [], spec, sidecars, init)
    ready = sum(
        1
        for container in state.get("initContainerStatuses") or ()
        if container["name"] in sidecars and container.get("ready")
    )
    tally = init
    if not waiting or _condition(state, "Initialized"):
        tally, running = _containers(state, sidecars, init.reason)
        ready += running
    if "deletionTimestamp" in pod["metadata"]:
        if state.get("reason") == "NodeLost":
            tally.reason = "Unknown"
        elif state.get("phase") not in ("Succeeded", "Failed"):
            tally.reason = "Terminating"
    total = len(spec.get("containers") or ()) + len(sidecars)
    return f"{ready}/{total}", tally.reason, _restarts(tally, now)


def _restarts(tally: _Tally, now: datetime) -> str:
    if tally.restarts and tally.last_restart is not None:
        since = human_duration((now - tally.last_restart).total_seconds())
        return f"{tally.restarts} ({since} ago)"
    return str(tally.restarts)


def _sidecars(spec: KubeObject) -> set[str]:
    return {
        container["name"]
        for container in spec.get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }


def _condition(state: KubeObject, kind: str) -> bool:
    return any(
        condition.get("type") == kind and condition.get("status") == "True"
        for condition in state.get("conditions") or ()
    )


def _initializing(statuses: Statuses, spec: KubeObject, sidecars: set[str], tally: _Tally) -> bool:
    """Tells of the first init container that has not done its work; False when all have."""
    for index, container in enumerate(statuses):
        tally.count(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if container["name"] in sidecars and container.get("started"):
            continue
        if terminated is not None:
            tally.reason = f"Init:{_ended(terminated)}"
        elif waiting.get("reason") not in (None, "", "PodInitializing"):
            tally.reason = f"Init:{waiting['reason']}"
        else:
            tally.reason = f"Init:{index}/{len(spec.get('initContainers') or ())}"
        return True
    return False


def _ended(terminated: KubeObject) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _containers(state: KubeObject, sidecars: set[str], reason: str) -> tuple[_Tally, int]:
    """The tally of the main containers and how many of them are ready and running."""
    tally = _Tally(reason)
    for container in state.get("initContainerStatuses") or ():
        if container["name"] in sidecars:
            tally.count(container)
    ready = 0
    for container in reversed(state.get("containerStatuses") or []):
        tally.count(container)
        now = container.get("state") or {}
        waiting = (now.get("waiting") or {}).get("reason")
        terminated = now.get("terminated")
        if waiting:
            tally.reason = waiting
        elif terminated is not None:
            tally.reason = _ended(terminated)
        elif container.get("ready") and now.get("running") is not None:
            ready += 1
    if tally.reason == "Completed" and ready:
        tally.reason = "Running" if _condition(state, "Ready") else "NotReady"
    return tally, ready
