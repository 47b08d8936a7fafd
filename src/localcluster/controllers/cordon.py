"""A cordoned node carries the taint by which others see it, as the node controller sets it."""

from typing import Final

from localcluster import kinds
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, WatchEvent
from localcluster.runtime.states import wall_time

_KEY: Final = "node.kubernetes.io/unschedulable"


class CordonTaint:
    """Adds and removes one taint; those that people set are not touched."""

    def __init__(self, registry: Registry, scheduler: Scheduler) -> None:
        self._registry = registry
        self._queue = WorkQueue("node-lifecycle-controller", scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.NODES, self._changed)

    def _changed(self, event: WatchEvent) -> None:
        if event.type != "DELETED":
            self._queue.add("", event.object["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        node = self._registry.find(kinds.NODES, namespace, name)
        if node is None:
            return
        is_cordoned = bool(node.get("spec", {}).get("unschedulable"))
        if is_cordoned == any(each["key"] == _KEY for each in _taints(node)):
            return

        def change(obj: KubeObject) -> None:
            taints = [each for each in _taints(obj) if each["key"] != _KEY]
            if is_cordoned:
                taints.append({"key": _KEY, "effect": "NoSchedule", "timeAdded": wall_time()})
            spec = obj.setdefault("spec", {})
            spec.pop("taints", None)
            if taints:
                spec["taints"] = taints

        self._registry.modify(kinds.NODES, namespace, name, change)


def _taints(node: KubeObject) -> list[KubeObject]:
    return list(node.get("spec", {}).get("taints") or ())
