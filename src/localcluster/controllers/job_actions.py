"""What the Job controller does to the world, and what it remembers of a Job."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from localcluster import kinds
from localcluster.controllers import job_pods
from localcluster.controllers.events import EventRecorder
from localcluster.interfaces import Registry
from localcluster.objects import ApiError, KubeObject
from localcluster.registry import rfc3339

COMPONENT: Final = "job-controller"
_FIRST_DELAY_S: Final = 10.0
_LONGEST_DELAY_S: Final = 600.0


@dataclass(slots=True)
class JobMemory:
    """What a Job's metadata cannot tell: durations, on the monotonic clock."""

    started_at: float | None = None
    failures: int = 0
    """In a row: a pod that succeeds sets it back."""
    last_failure_at: float = 0.0
    finished_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobActions:
    """`time` is monotonic, `now` the wall time. `compress` divides the back-off of failed pods."""

    registry: Registry
    recorder: EventRecorder
    time: Callable[[], float]
    now: Callable[[], datetime]
    compress: float = 1.0

    def wall_time(self) -> str:
        return rfc3339(self.now())

    @property
    def first_delay_s(self) -> float:
        return _FIRST_DELAY_S / self.compress

    def back_off_left(self, memory: JobMemory) -> float:
        """Seconds until a pod may follow the ones that failed."""
        if not memory.failures:
            return 0.0
        delay = min(_FIRST_DELAY_S * 2.0 ** min(memory.failures - 1, 10), _LONGEST_DELAY_S)
        return max(0.0, memory.last_failure_at + delay / self.compress - self.time())

    def tell(self, job: KubeObject, kind: str, reason: str, message: str) -> None:
        self.recorder.event(job, kind, reason, message, component=COMPONENT)

    def create_pod(self, job: KubeObject, index: int | None) -> bool:
        """False when it was refused; an Event says why."""
        try:
            created = self.registry.create(kinds.PODS, job_pods.job_pod(job, index))
        except ApiError as error:
            self.tell(job, "Warning", "FailedCreate", f"Error creating: {error.message}")
            return False
        self.tell(job, "Normal", "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return True

    def delete_pod(self, job: KubeObject, pod: KubeObject, *, counted: bool) -> None:
        """`counted`: as one that failed. A pod that is not needed any more has not."""
        meta = pod["metadata"]
        if not counted:
            self.release([pod])
        self.registry.delete(kinds.PODS, meta["namespace"], meta["name"], uid=meta["uid"])
        self.tell(job, "Normal", "SuccessfulDelete", f"Deleted pod: {meta['name']}")

    def release(self, pods: Iterable[KubeObject]) -> None:
        """They have been counted, or nobody will: they need not stay."""
        for pod in pods:
            meta = pod["metadata"]
            self.registry.modify(kinds.PODS, meta["namespace"], meta["name"], _without_tracking)

    def delete(self, job: KubeObject) -> None:
        meta = job["metadata"]
        self.registry.delete(
            kinds.JOBS, meta["namespace"], meta["name"], uid=meta["uid"], propagation="Foreground"
        )


def _without_tracking(pod: KubeObject) -> None:
    finalizers = pod["metadata"].pop("finalizers", None) or []
    left = [each for each in finalizers if each != job_pods.TRACKING]
    if left:
        pod["metadata"]["finalizers"] = left
