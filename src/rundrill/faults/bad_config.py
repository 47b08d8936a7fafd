"""A value in a ConfigMap that no pod can start with, and the restart that a deploy brings.

Pods read it when they start. So the running ones notice nothing, and whoever takes the restart
back has healthy pods again that cannot be restarted: harm, though nobody sees it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from rundrill.faults.crash_loop import crash_looping, described
from rundrill.faults.fault import Original, Permission
from rundrill.faults.workload import Workload
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, object_path

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` writes into the pod template."""


class BadConfig:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace of both"),
        FaultParameter(name="configmap", help="the ConfigMap that pods read when they start"),
        FaultParameter(name="key", help="the key that gets a bad value"),
        FaultParameter(name="value", help="the value that no pod can start with"),
        FaultParameter(name="deployment", help="the Deployment that reads it"),
        FaultParameter(name="container", help="the container that cannot start"),
    )
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("get", "patch"), resource="configmaps"),
        Permission(verbs=("get", "list", "patch"), group="apps", resource="deployments"),
        Permission(verbs=("list",), group="apps", resource="statefulsets"),
        Permission(verbs=("list",), resource="pods"),
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        namespace = str(parameters["namespace"])
        self._cluster = cluster
        self._name = str(parameters["configmap"])
        self._key = str(parameters["key"])
        self._value = str(parameters["value"])
        self._container = str(parameters["container"])
        self._path = object_path("configmap", namespace, self._name)
        self._workload = Workload(cluster, "deployment", namespace, str(parameters["deployment"]))

    def original(self) -> Original:
        value = self._read()
        if value == self._value:
            raise ClusterError(f"configmap/{self._name} says {self._key}={value} already")
        return {"value": value, "restarted_at": self._restarted_at()}

    def inject(self) -> str:
        self._write(self._value)
        self._restart(datetime.now(UTC).isoformat(timespec="microseconds"))
        return (
            f"configmap/{self._name}: {self._key} set to {self._value!r};"
            f" {self._workload.text} restarted"
        )

    def landed(self) -> str | None:
        return crash_looping(self._workload.pods(), self._container)

    def missing(self) -> str:
        return described(self._workload.pods(), self._container)

    def harm(self) -> str | None:
        unready = self._workload.unready()
        if unready:
            return f"not ready: {', '.join(unready)}"
        if self._read() == self._value:
            return (
                f"configmap/{self._name} still says {self._key}={self._value}:"
                " the next pod that starts cannot"
            )
        return None

    def undo(self, original: Original) -> None:
        if self._read() != original["value"]:
            self._write(original["value"])
        if self._restarted_at() != original["restarted_at"]:
            self._restart(original["restarted_at"])

    def undone(self, original: Original) -> str | None:
        if self._read() != original["value"] or self._restarted_at() != original["restarted_at"]:
            return None
        if not self._workload.rollout().complete:
            return None
        return f"configmap/{self._name} has its {self._key} back, every pod is available"

    def _read(self) -> str | None:
        found = (self._cluster.get(self._path).get("data") or {}).get(self._key)
        return None if found is None else str(found)

    def _write(self, value: str | None) -> None:
        self._cluster.merge_patch(self._path, {"data": {self._key: value}})

    def _restarted_at(self) -> str | None:
        meta: Mapping[str, Any] = self._workload.spec()["template"].get("metadata") or {}
        return (meta.get("annotations") or {}).get(RESTARTED_AT)

    def _restart(self, at: str | None) -> None:
        self._workload.replace({"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}})
