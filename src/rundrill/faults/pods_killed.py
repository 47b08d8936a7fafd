"""Pods of the service are deleted without grace, some at a time, again and again.

As when a pool of nodes is taken away. Harm is what is missing to serve: fewer ready pods than
there were. More replicas than are killed at a time are a remedy, though the killing goes on.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from rundrill.faults.fault import Original, Permission
from rundrill.faults.repeated_kill import RepeatedKill
from rundrill.faults.workload import Workload
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster

PACE: Final = (
    FaultParameter(
        name="interval", help="the time from one round of killing to the next",
        kind="duration", low=1, default="5s",  # a pod takes its time to start, however compressed
    ),
    FaultParameter(
        name="duration", help="it stops by itself after this time",
        kind="duration", default="2h", compressed=True,
    ),
)  # fmt: skip


class PodsKilled:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace of the Deployment"),
        FaultParameter(name="deployment", help="the Deployment whose pods are killed"),
        FaultParameter(
            name="pods", help="how many at a time", kind="whole number", low=0, high=1000
        ),
        *PACE,
    )
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("get", "list"), group="apps", resource="deployments"),
        Permission(verbs=("list",), group="apps", resource="statefulsets"),
        Permission(verbs=("list", "delete"), resource="pods"),
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._workload = Workload(
            cluster, "deployment", str(parameters["namespace"]), str(parameters["deployment"])
        )
        self._kill = RepeatedKill(
            cluster,
            self._workload,
            count=int(str(parameters["pods"])),
            interval_s=float(str(parameters["interval"])),
            duration_s=float(str(parameters["duration"])),
        )
        self._before: frozenset[str] = frozenset()

    def original(self) -> Original:
        self._before = frozenset(pod.name for pod in self._workload.pods())
        return {"replicas": self._workload.replicas()}

    def inject(self) -> str:
        self._kill.start()
        return f"pods of {self._workload.text} are killed, {self._kill.count} at a time"

    def landed(self) -> str | None:
        there = {pod.name for pod in self._workload.pods()}
        gone = self._before - there
        if not gone or not there - self._before:
            return None
        return (
            f"gone: {', '.join(sorted(gone))}; {len(there - self._before)} new pods in their place"
        )

    def missing(self) -> str:
        return f"every pod is still there: {', '.join(sorted(self._before))}"

    def harm(self) -> str | None:
        """Raises `ClusterError` when it no longer acts: what is well then proves nothing."""
        self._kill.require()
        ready = sum(pod.ready for pod in self._workload.pods())
        if ready < len(self._before):
            return (
                f"{ready} pods of {self._workload.text} are ready, {len(self._before)} were before"
            )
        return None

    def undo(self, original: Original) -> None:  # noqa: ARG002 - nothing declared was changed
        self._kill.stop()

    def undone(self, original: Original) -> str | None:  # noqa: ARG002 - the same
        rollout = self._workload.rollout()
        if self._kill.running or not rollout.complete:
            return None
        return f"nothing is killed any more, {rollout.available} pods are available"
