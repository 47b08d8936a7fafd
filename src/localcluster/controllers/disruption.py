"""A disruption budget's status: what `kubectl get pdb` shows as allowed disruptions."""

from localcluster import kinds
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.disruption import health
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, WatchEvent
from localcluster.runtime.states import wall_time


class DisruptionController:
    """Counts again whenever a pod of the namespace, or who scales it, has changed."""

    def __init__(self, registry: Registry, scheduler: Scheduler) -> None:
        self._registry = registry
        self._queue = WorkQueue("disruption-controller", scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.POD_DISRUPTION_BUDGETS, self._budget_changed)
        for resource in (kinds.PODS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS):
            self._registry.subscribe(resource, self._covered_changed)

    def _budget_changed(self, event: WatchEvent) -> None:
        if event.type != "DELETED":
            self._add(event.object)

    def _covered_changed(self, event: WatchEvent) -> None:
        namespace = event.object["metadata"]["namespace"]
        for budget in self._registry.list(kinds.POD_DISRUPTION_BUDGETS, namespace):
            self._add(budget)

    def _add(self, budget: KubeObject) -> None:
        self._queue.add(budget["metadata"]["namespace"], budget["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        budget = self._registry.find(kinds.POD_DISRUPTION_BUDGETS, namespace, name)
        if budget is None:
            return
        found = health(self._registry, budget)
        generation = budget["metadata"].get("generation", 1)
        new = {
            "currentHealthy": found.current,
            "desiredHealthy": found.desired,
            "disruptionsAllowed": found.allowed,
            "expectedPods": found.expected,
            "observedGeneration": generation,
        }
        old = budget.get("status", {})
        new["conditions"] = [_condition(found.allowed > 0, generation, old)]

        def change(obj: KubeObject) -> None:
            obj["status"] = new

        self._registry.modify(kinds.POD_DISRUPTION_BUDGETS, namespace, name, change, status=True)


def _condition(allowed: bool, generation: int, status: KubeObject) -> KubeObject:
    """Its time changes with its word alone."""
    word = "True" if allowed else "False"
    before: KubeObject = next(iter(status.get("conditions") or ()), {})
    since = before.get("lastTransitionTime") if before.get("status") == word else None
    return {
        "type": "DisruptionAllowed",
        "status": word,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
        "lastTransitionTime": since or wall_time(),
        "observedGeneration": generation,
    }
