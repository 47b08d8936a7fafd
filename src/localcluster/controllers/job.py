"""Jobs: pods that run to their end, as often as asked for."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from localcluster import kinds
from localcluster.controllers import job_pods
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.job_actions import COMPONENT, JobActions, JobMemory
from localcluster.controllers.job_pass import JobPass
from localcluster.controllers.ownership import controller_of
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.interfaces import Registry
from localcluster.objects import WatchEvent

# A timer may fire a little before its time.
_SLACK_S: Final = 0.01


class JobController:
    """Parallel, Indexed and work-queue Jobs. `compress` divides the back-off of failed pods; the
    deadlines that a Job's author wrote are real seconds. `now` is the wall time of its status."""

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        scheduler: Scheduler,
        now: Callable[[], datetime],
        *,
        compress: float = 1.0,
    ) -> None:
        self._registry = registry
        self._actions = JobActions(
            registry=registry,
            recorder=recorder,
            time=scheduler.time,
            now=now,
            compress=compress,
        )
        self._memory: dict[str, JobMemory] = {}
        self._queue = WorkQueue(COMPONENT, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.JOBS, self._changed)
        self._registry.subscribe(kinds.PODS, self._pod_changed)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if event.type == "DELETED":
            self._memory.pop(meta["uid"], None)
        self._queue.add(meta["namespace"], meta["name"])

    def _pod_changed(self, event: WatchEvent) -> None:
        pod = event.object
        namespace = pod["metadata"]["namespace"]
        owner = controller_of(pod)
        if owner is not None and owner["kind"] == "Job":
            found = self._registry.find(kinds.JOBS, namespace, owner["name"])
            if found is not None and found["metadata"]["uid"] == owner["uid"]:
                self._queue.add(namespace, owner["name"])
                return
        # Nobody is there to count it, so nobody must hold it.
        if event.type != "DELETED" and job_pods.is_tracked(pod):
            self._actions.release([pod])

    def reconcile(self, namespace: str, name: str) -> None:
        job = self._registry.find(kinds.JOBS, namespace, name)
        if job is None:
            return
        memory = self._memory.setdefault(job["metadata"]["uid"], JobMemory())
        after_s = JobPass(self._actions, job, memory).run()
        if after_s is not None:
            self._queue.add_after(after_s + _SLACK_S, namespace, name)
