"""A Deployment or a StatefulSet as faults work with it: its pods, its replicas, its progress."""

from collections.abc import Mapping, Sequence
from typing import Any

from rundrill.target.cluster import Cluster, ClusterError, Pod, Rollout, object_path


class Workload:
    """`kind` is `deployment` or `statefulset`. Every method may raise `ClusterError`."""

    def __init__(self, cluster: Cluster, kind: str, namespace: str, name: str) -> None:
        self._cluster = cluster
        self.namespace = namespace
        self.text = f"{kind}/{name}"
        self.path = object_path(kind, namespace, name)
        self._key = f"{kind}/{namespace}/{name}"

    def spec(self) -> Mapping[str, Any]:
        spec: Mapping[str, Any] = self._cluster.get(self.path)["spec"]
        return spec

    def selector(self) -> str:
        """The labels of its pods as `key=value,key=value`."""
        labels = self.spec()["selector"].get("matchLabels") or {}
        if not labels:
            raise ClusterError(f"{self.text} in {self.namespace} selects its pods by no labels")
        return ",".join(f"{key}={value}" for key, value in labels.items())

    def pods(self) -> Sequence[Pod]:
        """Those that are not on their way out."""
        found = self._cluster.pods(self.namespace, self.selector())
        return [pod for pod in found if not pod.terminating]

    def unready(self) -> Sequence[str]:
        return [pod.name for pod in self.pods() if not pod.ready]

    def replicas(self) -> int:
        return int(self.spec().get("replicas", 1))

    def scale(self, replicas: int) -> None:
        """Harmless when it has that many."""
        if self.replicas() != replicas:
            self.change({"replicas": replicas})

    def change(self, spec: Mapping[str, Any]) -> None:
        """A strategic merge patch of its spec."""
        self._cluster.patch(self.path, {"spec": spec})

    def replace(self, spec: Mapping[str, Any]) -> None:
        """A JSON merge patch of its spec: null removes, a list is the whole list."""
        self._cluster.merge_patch(self.path, {"spec": spec})

    def rollout(self) -> Rollout:
        """How far it has come."""
        return self._cluster.rollouts(self.namespace)[self._key]
