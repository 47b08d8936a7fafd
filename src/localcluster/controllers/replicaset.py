"""ReplicaSets: as many pods as asked for."""

from collections.abc import Sequence
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers.deployment_status import put, replica_failure
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.ownership import claim, controller_of, reference_to
from localcluster.controllers.pods import deletion_rank, is_active, is_ready, unavailable_for
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.interfaces import Registry
from localcluster.json_copy import copy_json
from localcluster.objects import ApiError, KubeObject, WatchEvent
from localcluster.selectors import from_selector

_COMPONENT: Final = "replicaset-controller"
_RETRY_S: Final = 5.0


class ReplicaSetController:
    """Creates and deletes pods; counts them in status."""

    def __init__(self, registry: Registry, recorder: EventRecorder, scheduler: Scheduler) -> None:
        self._registry = registry
        self._recorder = recorder
        self._queue = WorkQueue(_COMPONENT, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.REPLICA_SETS, self._set_changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)

    def _set_changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        self._queue.add(meta["namespace"], meta["name"])

    def _pod_changed(self, event: WatchEvent) -> None:
        for pod in (event.object, event.previous):
            if pod is None:
                continue
            namespace = pod["metadata"]["namespace"]
            owner = controller_of(pod)
            if owner is not None:
                if owner["kind"] == "ReplicaSet":
                    self._queue.add(namespace, owner["name"])
            else:
                labels = pod["metadata"].get("labels") or {}
                for each in self._registry.list(kinds.REPLICA_SETS, namespace):
                    if from_selector(each["spec"].get("selector"))(labels):
                        self._queue.add(namespace, each["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._registry.find(kinds.REPLICA_SETS, namespace, name)
        if found is None:
            return
        mine = claim(self._registry, found, kinds.PODS)
        if "deletionTimestamp" not in found["metadata"]:
            active = [pod for pod in mine if is_active(pod)]
            problem = self._scale(found, active)
        else:
            problem = ""
        mine = claim(self._registry, found, kinds.PODS)
        self._write_status(found, mine, problem)

    def _scale(self, owner: KubeObject, active: Sequence[KubeObject]) -> str:
        """Why pods that are missing could not be made; empty when nothing was in the way."""
        missing = owner["spec"].get("replicas", 1) - len(active)
        if missing > 0:
            for _ in range(missing):
                # The next one would be refused as well.
                if problem := self._create_pod(owner):
                    return problem
        elif missing < 0:
            for pod in sorted(active, key=deletion_rank)[:-missing]:
                meta = pod["metadata"]
                self._registry.delete(kinds.PODS, meta["namespace"], meta["name"], uid=meta["uid"])
                self._tell(owner, "SuccessfulDelete", f"Deleted pod: {meta['name']}")
        return ""

    def _create_pod(self, owner: KubeObject) -> str:
        meta = owner["metadata"]
        try:
            created = self._registry.create(
                kinds.PODS, pod_from(owner, generate_name=f"{meta['name']}-")
            )
        except ApiError as error:
            self._recorder.event(
                owner,
                "Warning",
                "FailedCreate",
                f"Error creating: {error.message}",
                component=_COMPONENT,
            )
            # In a namespace that goes away nothing can be made ever again.
            if not _namespace_ends(error):
                self._queue.add_after(_RETRY_S, meta["namespace"], meta["name"])
            return error.message
        self._tell(owner, "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return ""

    def _tell(self, owner: KubeObject, reason: str, message: str) -> None:
        self._recorder.event(owner, "Normal", reason, message, component=_COMPONENT)

    def _write_status(self, owner: KubeObject, mine: Sequence[KubeObject], problem: str) -> None:
        meta = owner["metadata"]
        active = [pod for pod in mine if is_active(pod)]
        min_ready = owner["spec"].get("minReadySeconds", 0)
        waits = [unavailable_for(pod, min_ready) for pod in active]
        status: dict[str, Any] = {"replicas": len(active)}
        template_labels = owner["spec"]["template"]["metadata"].get("labels") or {}
        counts = {
            "fullyLabeledReplicas": sum(
                template_labels.items() <= (pod["metadata"].get("labels") or {}).items()
                for pod in active
            ),
            "readyReplicas": sum(is_ready(pod) for pod in active),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status |= {key: count for key, count in counts.items() if count}
        status["observedGeneration"] = meta["generation"]
        if problem:
            before = (owner.get("status") or {}).get("conditions") or []
            status["conditions"] = put(before, replica_failure(problem))

        def change(obj: KubeObject) -> None:
            obj["status"] = status

        self._registry.modify(
            kinds.REPLICA_SETS, meta["namespace"], meta["name"], change, status=True
        )
        later = [wait for wait in waits if wait]
        if later:
            self._queue.add_after(min(later) + 0.01, meta["namespace"], meta["name"])


def _namespace_ends(error: ApiError) -> bool:
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def pod_from(
    owner: KubeObject, *, generate_name: str | None = None, name: str | None = None
) -> KubeObject:
    """A pod of the owner's template, belonging to it."""
    template = copy_json(owner["spec"]["template"])
    meta = {
        key: template.get("metadata", {})[key]
        for key in ("labels", "annotations", "finalizers")
        if template.get("metadata", {}).get(key)
    }
    meta["namespace"] = owner["metadata"]["namespace"]
    meta["ownerReferences"] = [reference_to(owner)]
    if name is not None:
        meta["name"] = name
    if generate_name is not None:
        meta["generateName"] = generate_name
    return {"metadata": meta, "spec": template["spec"]}
