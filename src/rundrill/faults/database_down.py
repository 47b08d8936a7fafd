"""The database is gone, or its process is killed again and again.

`by: scale` takes its pods away. `by: kill` deletes them without grace, as a node that fails does:
the database comes back, recovers from its log, and is killed again.
"""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import dependency, pods_killed
from rundrill.faults.dependency import ScaledDown
from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE
from rundrill.faults.repeated_kill import RepeatedKill
from rundrill.faults.workload import Workload
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class DatabaseDown(ScaledDown):
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace of the database"),
        FaultParameter(name="statefulset", help="the StatefulSet that goes away"),
        FaultParameter(
            name="by", help="`scale` or `kill`", default="scale",
            kind="choice", choices=("scale", "kill"),
        ),
        *pods_killed.PACE,
        *SERVICE,
        dependency.FAILED,
    )  # fmt: skip
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("get", "list", "patch"), group="apps", resource="statefulsets"),
        Permission(verbs=("list",), group="apps", resource="deployments"),
        Permission(verbs=("list", "delete"), resource="pods"),
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        workload = Workload(
            cluster, "statefulset", str(parameters["namespace"]), str(parameters["statefulset"])
        )
        super().__init__(cluster, workload, parameters)
        self._kill: RepeatedKill | None = None
        if parameters["by"] == "kill":
            self._kill = RepeatedKill(
                cluster,
                workload,
                count=1,
                interval_s=float(str(parameters["interval"])),
                duration_s=float(str(parameters["duration"])),
            )

    def inject(self) -> str:
        if self._kill is None:
            return super().inject()
        self._since.look()
        self._recent.look()
        self._kill.start()
        return f"a pod of {self._workload.text} is killed, again and again"

    def landed(self) -> str | None:
        if self._kill is None:
            return super().landed()
        failed = self._first_failed()
        return None if failed is None else f"{self._kill.killed} times killed; {failed}"

    def missing(self) -> str:
        if self._kill is None:
            return super().missing()
        return f"{self._kill.killed} times killed; no pod of the service missed it"

    def harm(self) -> str | None:
        """Raises `ClusterError` when it no longer acts: what is well then proves nothing."""
        if self._kill is not None:
            self._kill.require()
        if self._kill is not None and self._kill.running:
            return f"{self._workload.text} is still being killed: {self._kill.killed} times so far"
        return super().harm()

    def undo(self, original: Original) -> None:
        if self._kill is not None:
            self._kill.stop()
        super().undo(original)

    def undone(self, original: Original) -> str | None:
        if self._kill is not None and self._kill.running:
            return None
        return super().undone(original)
