"""Binding pods to the one node, unless it is cordoned."""

from collections.abc import Callable
from typing import Final

from localcluster import kinds
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, WatchEvent
from localcluster.runtime.states import wall_time

_NAME: Final = "default-scheduler"
_NO_NODE: Final = "0/1 nodes are available: 1 node(s) were unschedulable."


class PodScheduler:
    """Does not look at resources: a laptop's pods are not to wait for a cloud's requests."""

    def __init__(
        self, registry: Registry, recorder: EventRecorder, scheduler: Scheduler, node: str
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._node = node
        self._queue = WorkQueue(_NAME, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.PODS, self._pod_changed)
        self._registry.subscribe(kinds.NODES, self._node_changed)

    def _pod_changed(self, event: WatchEvent) -> None:
        pod = event.object
        if event.type == "ADDED" and _is_ours(pod):
            self._queue.add(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _node_changed(self, _event: WatchEvent) -> None:
        for pod in self._registry.list(kinds.PODS):
            if _is_ours(pod):
                self._queue.add(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        pod = self._registry.find(kinds.PODS, namespace, name)
        if pod is None or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return
        node = self._registry.find(kinds.NODES, "", self._node)
        if node is None or node.get("spec", {}).get("unschedulable"):
            self._refuse(pod)
            return

        def bind(obj: KubeObject) -> None:
            obj["spec"]["nodeName"] = self._node

        self._registry.modify(kinds.PODS, namespace, name, _scheduled("True"), status=True)
        self._recorder.scheduled(
            pod, "Normal", "Scheduled", f"Successfully assigned {namespace}/{name} to {self._node}"
        )
        self._registry.modify(kinds.PODS, namespace, name, bind)

    def _refuse(self, pod: KubeObject) -> None:
        conditions = (pod.get("status") or {}).get("conditions") or ()
        if any(each["type"] == "PodScheduled" and each["status"] == "False" for each in conditions):
            return
        meta = pod["metadata"]
        self._registry.modify(
            kinds.PODS,
            meta["namespace"],
            meta["name"],
            _scheduled("False", "Unschedulable", _NO_NODE),
            status=True,
        )
        self._recorder.scheduled(pod, "Warning", "FailedScheduling", _NO_NODE)


def _is_ours(pod: KubeObject) -> bool:
    """Not bound yet, and not left to a scheduler of another name, which is never there."""
    spec = pod["spec"]
    return not spec.get("nodeName") and spec.get("schedulerName", _NAME) == _NAME


def _scheduled(status: str, reason: str = "", message: str = "") -> Callable[[KubeObject], None]:
    """Sets PodScheduled in a pod's status."""
    condition: KubeObject = {
        "type": "PodScheduled",
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": wall_time(),
    }
    if reason:
        condition |= {"reason": reason, "message": message}

    def change(pod: KubeObject) -> None:
        state = pod.setdefault("status", {})
        state.setdefault("phase", "Pending")
        others = [each for each in state.get("conditions") or () if each["type"] != "PodScheduled"]
        state["conditions"] = [*others, condition]

    return change
