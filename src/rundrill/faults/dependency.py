"""A workload that others depend on is gone: what the faults `cache-down` and `auth-down` share.

It is scaled to 0. Evidence that it landed: none of its pods is left, and a pod of the service
counted a call that failed.
"""

from collections.abc import Mapping
from typing import Final

from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import LOOKS, Increase
from rundrill.faults.workload import Workload
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError

FAILED: Final = FaultParameter(
    name="failed", help='the counter of calls to it that failed: name{label="value"}'
)
PARAMETERS: Final = (
    FaultParameter(name="namespace", help="the namespace of the dependency"),
    FaultParameter(name="deployment", help="the Deployment that goes away"),
    *SERVICE,
    FAILED,
)
PERMISSIONS: Final = (
    Permission(verbs=("get", "list", "patch"), group="apps", resource="deployments"),
    Permission(verbs=("list",), group="apps", resource="statefulsets"),
    Permission(verbs=("list",), resource="pods"),
    *WATCH_SERVICE,
)


class ScaledDown:
    """`workload` at 0 replicas, seen from outside."""

    def __init__(
        self, cluster: Cluster, workload: Workload, parameters: Mapping[str, object]
    ) -> None:
        self._workload = workload
        self._service = service_pods(cluster, parameters)
        self._failed = counter(parameters, "failed")
        self._since = Increase(self._service, self._failed)
        self._recent = Increase(self._service, self._failed)

    def original(self) -> Original:
        replicas = self._workload.replicas()
        if replicas == 0:
            raise ClusterError(f"{self._workload.text} has no replicas already")
        return {"replicas": replicas}

    def inject(self) -> str:
        self._since.look()
        self._recent.look()
        self._workload.scale(0)
        return f"{self._workload.text} in {self._workload.namespace} scaled to 0"

    def landed(self) -> str | None:
        if self._workload.pods():
            return None
        failed = self._first_failed()
        return None if failed is None else f"no pod of {self._workload.text} is left; {failed}"

    def missing(self) -> str:
        pods = self._workload.pods()
        if pods:
            return f"{len(pods)} pods of {self._workload.text} are there"
        return f"no pod of the service counted {self._failed.text}: nobody missed it"

    def harm(self) -> str | None:
        pods = self._workload.pods()
        if not any(pod.ready for pod in pods):
            return f"no pod of {self._workload.text} is ready, {len(pods)} are there"
        unready = self._service.unready()
        if unready is not None:
            return unready
        self._recent.look()
        (failed,) = self._recent.recent
        if failed:
            return f"{failed:g} calls of it failed in the last {LOOKS} looks"
        return None

    def undo(self, original: Original) -> None:
        self._workload.scale(original["replicas"])

    def undone(self, original: Original) -> str | None:
        rollout = self._workload.rollout()
        if rollout.wanted != original["replicas"] or not rollout.complete:
            return None
        if self._service.unready() is not None:
            return None
        return f"{self._workload.text} has {rollout.available} ready pods, and so has the service"

    def _first_failed(self) -> str | None:
        """A pod of the service that could not reach it since the injection."""
        self._since.look()
        for pod, (count,) in self._since.by_pod.items():
            if count:
                return f"{pod} counted {count:g} more of {self._failed.text}"
        return None


class DependencyDown(ScaledDown):
    """A Deployment of which the parameter `deployment` is the name."""

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        workload = Workload(
            cluster, "deployment", str(parameters["namespace"]), str(parameters["deployment"])
        )
        super().__init__(cluster, workload, parameters)
