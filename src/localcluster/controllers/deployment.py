"""Deployments: rollouts between ReplicaSets, with revisions, as Kubernetes does them."""

from typing import Any, Final

from localcluster import kinds
from localcluster.controllers import deployment_status as conditions
from localcluster.controllers import rollout
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.ownership import claim, controller_of
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.controllers.revisions import COMPONENT, Revisions
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, WatchEvent

# Above this a progress deadline means "never", as the controller has it.
_NO_DEADLINE: Final = 2**31 - 1


class DeploymentController:
    """One pass for each change; each pass does what can be done now and writes the status."""

    def __init__(self, registry: Registry, recorder: EventRecorder, scheduler: Scheduler) -> None:
        self._registry = registry
        self._recorder = recorder
        self._scheduler = scheduler
        self._queue = WorkQueue(COMPONENT, scheduler, self.reconcile)
        # When a Deployment last made progress, by uid, on the monotonic clock.
        self._progressed: dict[str, float] = {}

    def start(self) -> None:
        self._registry.subscribe(kinds.DEPLOYMENTS, self._changed)
        self._registry.subscribe(kinds.REPLICA_SETS, self._set_changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            self._progressed.pop(meta["uid"], None)
        self._queue.add(meta["namespace"], meta["name"])

    def _set_changed(self, event: WatchEvent) -> None:
        owner = controller_of(event.object)
        if owner is not None and owner["kind"] == "Deployment":
            self._queue.add(event.object["metadata"]["namespace"], owner["name"])

    def _pod_changed(self, event: WatchEvent) -> None:
        """Recreate waits for the last old pod, which no ReplicaSet counts any more."""
        owner = controller_of(event.object)
        if event.type == "DELETED" and owner is not None and owner["kind"] == "ReplicaSet":
            namespace = event.object["metadata"]["namespace"]
            found = self._registry.find(kinds.REPLICA_SETS, namespace, owner["name"])
            deployment = controller_of(found) if found is not None else None
            if deployment is not None:
                self._queue.add(namespace, deployment["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._registry.find(kinds.DEPLOYMENTS, namespace, name)
        if found is None:
            return
        sets = claim(self._registry, found, kinds.REPLICA_SETS)
        revisions = Revisions(
            self._registry,
            self._recorder,
            found,
            sets,
            lambda: self.progressed(found["metadata"]["uid"]),
        )
        _Pass(self._registry, revisions, self).run()

    def progressed(self, uid: str) -> None:
        self._progressed[uid] = self._scheduler.time()

    def deadline_left(self, deployment: KubeObject) -> float | None:
        """Seconds until the progress deadline; None when there is none."""
        limit = deployment["spec"].get("progressDeadlineSeconds")
        if limit is None or limit >= _NO_DEADLINE:
            return None
        uid = deployment["metadata"]["uid"]
        since = self._progressed.setdefault(uid, self._scheduler.time())
        return float(limit) - (self._scheduler.time() - since)

    def look_again(self, deployment: KubeObject, after_s: float) -> None:
        meta = deployment["metadata"]
        self._queue.add_after(after_s, meta["namespace"], meta["name"])


class _Pass:
    """One reconciliation of one Deployment."""

    def __init__(
        self, registry: Registry, revisions: Revisions, controller: DeploymentController
    ) -> None:
        self._registry = registry
        self._revisions = revisions
        self._controller = controller

    @property
    def _deployment(self) -> KubeObject:
        return self._revisions.deployment

    def run(self) -> None:
        spec = self._deployment["spec"]
        if "deletionTimestamp" in self._deployment["metadata"]:
            self._write_status()
            return
        self._follow_pause()
        if spec.get("paused"):
            if self._revisions.new is not None:
                self._revisions.mark()
            self._rescale()
            self._revisions.clean_up()
        elif self._was_scaled():
            if self._revisions.new is not None:
                self._revisions.mark()
            self._rescale()
        elif rollout.is_rolling(self._deployment):
            self._roll()
        else:
            self._recreate()
        self._write_status()

    # Rolling, recreating, scaling

    def _roll(self) -> None:
        new = self._revisions.ensure_new()
        size = rollout.replicas(new)
        wanted = rollout.replicas(self._deployment)
        target = (
            wanted
            if size > wanted
            else rollout.scale_up_to(self._deployment, self._revisions.all, size)
        )
        if target != size:
            self._revisions.scale(new, target)
            return
        self._shrink_old()
        if conditions.is_complete(self._deployment, self._counts()):
            self._revisions.clean_up()

    def _shrink_old(self) -> None:
        new = self._revisions.new
        assert new is not None
        _, unavailable = rollout.bounds(self._deployment)
        minimum = rollout.replicas(self._deployment) - unavailable
        new_unavailable = rollout.replicas(new) - rollout.in_status([new], "availableReplicas")
        room = rollout.total(self._revisions.all) - minimum - new_unavailable
        if room <= 0 or not rollout.total(self._revisions.old):
            return
        # First those that serve nobody: they cost nothing.
        for each in self._revisions.old:
            size, healthy = rollout.replicas(each), rollout.in_status([each], "availableReplicas")
            less = min(room, size - healthy)
            if less > 0:
                self._revisions.scale(each, size - less)
                room -= less
        spare = rollout.in_status(self._revisions.all, "availableReplicas") - minimum
        for each in self._revisions.old:
            less = min(spare, room, rollout.replicas(each))
            if less > 0:
                self._revisions.scale(each, rollout.replicas(each) - less)
                spare -= less
                room -= less

    def _recreate(self) -> None:
        scaled = False
        for each in self._revisions.old:
            if rollout.replicas(each):
                self._revisions.scale(each, 0)
                scaled = True
        if scaled or self._old_pods_live():
            return
        new = self._revisions.ensure_new()
        if rollout.replicas(new) != rollout.replicas(self._deployment):
            self._revisions.scale(new, rollout.replicas(self._deployment))
        elif conditions.is_complete(self._deployment, self._counts()):
            self._revisions.clean_up()

    def _old_pods_live(self) -> bool:
        names = {each["metadata"]["name"] for each in self._revisions.old}
        for pod in self._registry.list(kinds.PODS, self._deployment["metadata"]["namespace"]):
            owner = controller_of(pod)
            finished = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
            if owner is not None and owner["name"] in names and not finished:
                return True
        return False

    def _was_scaled(self) -> bool:
        wanted = str(rollout.replicas(self._deployment))
        for each in self._revisions.all:
            noted = (each["metadata"].get("annotations") or {}).get(rollout.DESIRED)
            if rollout.replicas(each) and noted is not None and noted != wanted:
                return True
        return False

    def _rescale(self) -> None:
        wanted = rollout.replicas(self._deployment)
        active = [each for each in self._revisions.all if rollout.replicas(each)]
        if len(active) <= 1:
            only = (
                active[0]
                if active
                else self._revisions.new
                or (self._revisions.all[-1] if self._revisions.all else None)
            )
            if only is not None:
                self._revisions.scale(only, wanted)
            return
        new = self._revisions.new
        if new is not None and self._is_saturated(new):
            for each in self._revisions.old:
                if rollout.replicas(each):
                    self._revisions.scale(each, 0)
            return
        if rollout.is_rolling(self._deployment):
            for each, size in rollout.shares(self._deployment, active):
                self._revisions.scale(each, size)

    def _is_saturated(self, new: KubeObject) -> bool:
        wanted = rollout.replicas(self._deployment)
        noted = (new["metadata"].get("annotations") or {}).get(rollout.DESIRED)
        return (
            rollout.replicas(new) == wanted
            and noted == str(wanted)
            and rollout.in_status([new], "availableReplicas") == wanted
        )

    # Status

    def _counts(self) -> dict[str, int]:
        return conditions.counts(self._deployment, self._revisions.all, self._revisions.new)

    def _follow_pause(self) -> None:
        if self._controller.deadline_left(self._deployment) is None:
            return
        current = conditions.find(
            (self._deployment.get("status") or {}).get("conditions") or (), "Progressing"
        )
        if current is not None and current["reason"] == conditions.TIMED_OUT:
            return
        paused = bool(self._deployment["spec"].get("paused"))
        was_paused = current is not None and current["reason"] == conditions.PAUSED
        if paused != was_paused:
            reason = conditions.PAUSED if paused else conditions.RESUMED
            self._controller.progressed(self._deployment["metadata"]["uid"])
            self._revisions.set_condition(conditions.progressing("Unknown", reason, ""))

    def _write_status(self) -> None:
        deployment = self._deployment
        old = deployment.get("status") or {}
        status: dict[str, Any] = dict(self._counts())
        if "collisionCount" in old:
            status["collisionCount"] = old["collisionCount"]
        current = list(old.get("conditions") or [])
        current = conditions.put(
            current,
            conditions.available_condition(deployment, status.get("availableReplicas", 0)),
        )
        current = self._with_progress(old, status, current)
        status["conditions"] = conditions.with_failures(current, self._revisions.all)

        def change(obj: KubeObject) -> None:
            obj["status"] = status

        self._revisions.change_status(change)

    def _with_progress(
        self, old: KubeObject, status: KubeObject, current: conditions.Conditions
    ) -> conditions.Conditions:
        left = self._controller.deadline_left(self._deployment)
        if left is None:
            return [each for each in current if each["type"] != "Progressing"]
        before = conditions.find(current, "Progressing")
        reason = before["reason"] if before else ""
        settled = (
            status.get("replicas", 0) == status.get("updatedReplicas", 0)
            and reason == conditions.NEW_SET_AVAILABLE
        )
        if settled or self._deployment["spec"].get("paused"):
            return current
        new = self._revisions.new
        uid, name = self._deployment["metadata"]["uid"], new["metadata"]["name"] if new else ""
        if new is not None and conditions.is_complete(self._deployment, status):
            self._controller.progressed(uid)
            done = conditions.progressing("True", conditions.NEW_SET_AVAILABLE, name)
            return conditions.put(current, done)
        if conditions.has_progressed(old, status):
            self._controller.progressed(uid)
            on = conditions.progressing("True", conditions.UPDATED, name)
            current = conditions.put(current, on, touch=True)
        elif left <= 0 and reason not in (conditions.NEW_SET_AVAILABLE, ""):
            late = conditions.progressing("False", conditions.TIMED_OUT, name)
            return conditions.put(current, late)
        left = self._controller.deadline_left(self._deployment)
        if left is not None and left > 0:
            self._controller.look_again(self._deployment, left + 0.05)
        return current
