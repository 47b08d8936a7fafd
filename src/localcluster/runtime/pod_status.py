"""A pod's status from the states of its containers, as the kubelet computes it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcluster.objects import KubeObject
from localcluster.runtime.states import Running, State, Terminated, Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """One container as the status shows it. `essential` is False for sidecars."""

    name: str
    image: str
    state: State
    last: Terminated | None
    ready: bool
    started: bool
    restarts: int
    image_id: str = ""
    container_id: str = ""
    essential: bool = True

    def status(self) -> KubeObject:
        status: KubeObject = {
            "name": self.name,
            "state": self.state.status(),
            "lastState": self.last.status() if self.last else {},
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": self.image_id,
            "started": self.started,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        return status


def _begun(mains: Sequence[ContainerView]) -> bool:
    """Once a main container has run, the pod stays initialized, whatever its sidecars do."""
    return any(not isinstance(view.state, Waiting) or view.last is not None for view in mains)


def initialized(inits: Sequence[ContainerView], mains: Sequence[ContainerView]) -> bool:
    return _begun(mains) or all(
        (isinstance(view.state, Terminated) and view.state.exit_code == 0)
        if view.essential
        else view.started
        for view in inits
    )


def phase(
    inits: Sequence[ContainerView], mains: Sequence[ContainerView], restart_policy: str
) -> str:
    """Pending, Running, Succeeded or Failed."""
    failed_init = any(
        isinstance(view.state, Terminated) and view.state.exit_code != 0 and view.essential
        for view in inits
    )
    if not initialized(inits, mains):
        return "Failed" if failed_init and restart_policy == "Never" else "Pending"
    if any(isinstance(view.state, Waiting) and view.last is None for view in mains):
        return "Pending"
    if any(isinstance(view.state, Running) for view in mains) or restart_policy == "Always":
        return "Running"
    ends = [view.state if isinstance(view.state, Terminated) else view.last for view in mains]
    if all(end is not None and end.exit_code == 0 for end in ends):
        return "Succeeded"
    if restart_policy == "Never":
        return "Failed"
    return "Running"


def conditions(
    inits: Sequence[ContainerView],
    mains: Sequence[ContainerView],
    pod_phase: str,
    previous: Sequence[Mapping[str, Any]],
    now: str,
    *,
    sandbox: bool,
) -> list[KubeObject]:
    """In the order of a current kubelet. A condition that keeps its status keeps its time."""
    over = pod_phase in ("Succeeded", "Failed")
    unready = [view.name for view in mains if not view.ready]
    unready += [view.name for view in inits if not view.essential and not view.ready]
    waiting_init = [
        view.name
        for view in inits
        if not _begun(mains)
        and not (isinstance(view.state, Terminated) and view.state.exit_code == 0)
        and (view.essential or not view.started)
    ]
    not_initialized = None
    if waiting_init:
        shown = " ".join(waiting_init)
        not_initialized = (
            "ContainersNotInitialized",
            f"containers with incomplete status: [{shown}]",
        )
    not_ready = None
    if pod_phase == "Succeeded":
        # As the kubelet has it: the reason stands beside a status that is True.
        not_initialized = ("PodCompleted", "")
        not_ready = ("PodCompleted", "")
    elif pod_phase == "Failed":
        not_ready = ("PodFailed", "")
    elif unready:
        shown = " ".join(unready)
        not_ready = ("ContainersNotReady", f"containers with unready status: [{shown}]")
    wanted: list[tuple[str, bool, tuple[str, str] | None]] = [
        ("PodReadyToStartContainers", sandbox and not over, None),
        ("Initialized", not waiting_init, not_initialized),
        ("Ready", not_ready is None, not_ready),
        ("ContainersReady", not_ready is None, not_ready),
        ("PodScheduled", True, None),
    ]
    before = {condition["type"]: condition for condition in previous}
    result = []
    for kind, true, why in wanted:
        status = "True" if true else "False"
        old = before.get(kind)
        since = old["lastTransitionTime"] if old and old["status"] == status else now
        condition: KubeObject = {
            "type": kind,
            "status": status,
            "lastProbeTime": None,
            "lastTransitionTime": since,
        }
        if why is not None:
            condition["reason"] = why[0]
            if why[1]:
                condition["message"] = why[1]
        result.append(condition)
    return result
