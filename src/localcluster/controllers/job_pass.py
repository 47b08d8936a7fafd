"""One reconciliation of one Job."""

from collections.abc import Sequence
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers import job_conditions as conditions
from localcluster.controllers import job_pods
from localcluster.controllers.job_actions import JobActions, JobMemory
from localcluster.controllers.job_indexes import (
    format_indexes,
    index_of,
    missing_indexes,
    parse_indexes,
)
from localcluster.controllers.ownership import claim
from localcluster.controllers.pods import is_active, is_ready
from localcluster.objects import KubeObject

# Stored, and told in an Event.
_WITHOUT_EFFECT: Final = ("backoffLimitPerIndex", "podFailurePolicy", "successPolicy")


class JobPass:
    """One look at one Job: does what can be done now and writes the status."""

    def __init__(self, actions: JobActions, job: KubeObject, memory: JobMemory) -> None:
        self._actions = actions
        self._job = job
        self._spec: KubeObject = job["spec"]
        self._memory = memory
        self._status: KubeObject = dict(job.get("status") or {})
        self._conditions = conditions.of(job)
        self._pods = claim(actions.registry, job, kinds.PODS)
        self._told: list[tuple[str, str, str]] = []
        self._waits: list[float] = []

    @property
    def _indexed(self) -> bool:
        return bool(self._spec.get("completionMode") == "Indexed")

    @property
    def _only_finished(self) -> bool:
        return bool(self._spec.get("podReplacementPolicy") == "Failed")

    @property
    def _active(self) -> list[KubeObject]:
        return [pod for pod in self._pods if is_active(pod)]

    def run(self) -> float | None:
        """Seconds after which it must look again, if nothing else happens."""
        self._run()
        return min(self._waits, default=None)

    def _run(self) -> None:
        if conditions.ended(self._job):
            self._count(self._new_ends())
            self._write()
            self._clean_up()
            return
        if "deletionTimestamp" in self._job["metadata"]:
            self._count(self._new_ends())
            self._write()
            return
        self._follow_suspension()
        self._start()
        self._count(self._new_ends())
        self._decide()
        if conditions.deciding(self._conditions) is not None:
            self._wind_up()
        else:
            self._manage()
        self._finish()
        self._write()
        for kind, reason, message in self._told:
            self._actions.tell(self._job, kind, reason, message)

    # Counting

    def _new_ends(self) -> list[KubeObject]:
        """Pods that have ended and were not counted yet, by the time of their end."""
        ends = [
            pod
            for pod in self._pods
            if job_pods.is_tracked(pod)
            and (
                job_pods.has_succeeded(pod)
                or job_pods.has_failed(pod, only_finished=self._only_finished)
            )
        ]
        return sorted(ends, key=job_pods.finished_at)

    def _count(self, ends: Sequence[KubeObject]) -> None:
        done = parse_indexes(self._status.get("completedIndexes", ""))
        completions = self._spec.get("completions") or 0
        succeeded, failed = self._status.get("succeeded", 0), self._status.get("failed", 0)
        for pod in ends:
            if job_pods.has_succeeded(pod):
                index = index_of(pod)
                if self._indexed and index is not None and index < completions:
                    done.add(index)
                succeeded += 1
                self._memory.failures = 0
            else:
                failed += 1
                self._memory.failures += 1
                self._memory.last_failure_at = self._actions.time()
        if self._indexed:
            done = {index for index in done if index < completions}
            succeeded = len(done)
            self._set("completedIndexes", format_indexes(done))
        self._set("succeeded", succeeded)
        self._set("failed", failed)
        if ends:
            # First written, then released: what is lost in between would never be counted.
            self._write()
            self._actions.release(ends)

    def _set(self, key: str, value: Any) -> None:
        """Zeros and empty texts are left out, as in the real one."""
        if value:
            self._status[key] = value
        else:
            self._status.pop(key, None)

    # Start, suspension, end

    def _follow_suspension(self) -> None:
        now = self._actions.wall_time()
        if self._spec.get("suspend"):
            new = conditions.condition(conditions.SUSPENDED, "JobSuspended", "Job suspended", now)
            if conditions.put(self._conditions, new):
                self._told.append(("Normal", "Suspended", "Job suspended"))
        elif conditions.find(self._conditions, conditions.SUSPENDED):
            reason, message = "JobResumed", "Job resumed"
            conditions.put(
                self._conditions,
                conditions.condition(conditions.SUSPENDED, reason, message, now, true=False),
            )
            self._told.append(("Normal", "Resumed", message))
            # Its deadline does not run while it is suspended.
            self._status["startTime"] = now
            self._memory.started_at = self._actions.time()

    def _start(self) -> None:
        if self._spec.get("suspend") or "startTime" in self._status:
            return
        self._status["startTime"] = self._actions.wall_time()
        self._memory.started_at = self._actions.time()
        for field in _WITHOUT_EFFECT:
            if field in self._spec:
                message = f"spec.{field} has no effect in this cluster"
                self._told.append(("Warning", "WithoutEffect", message))

    def _decide(self) -> None:
        if conditions.deciding(self._conditions) is not None:
            return
        if self._has_too_many_failures():
            self._interim("FailureTarget", conditions.TOO_MANY_FAILURES)
        elif self._is_too_late():
            self._interim("FailureTarget", conditions.TOO_LATE)
        elif self._is_complete():
            self._interim("SuccessCriteriaMet", conditions.REACHED)

    def _interim(self, kind: str, why: tuple[str, str]) -> None:
        now = self._actions.wall_time()
        conditions.put(self._conditions, conditions.condition(kind, *why, now))

    def _has_too_many_failures(self) -> bool:
        limit = self._spec.get("backoffLimit", 6)
        if self._status.get("failed", 0) > limit:
            return True
        if self._spec["template"]["spec"].get("restartPolicy") != "OnFailure":
            return False
        restarts = job_pods.restarts(self._pods)
        return restarts > 0 if limit == 0 else restarts >= limit

    def _is_too_late(self) -> bool:
        limit, started_at = self._spec.get("activeDeadlineSeconds"), self._memory.started_at
        if limit is None or started_at is None or self._spec.get("suspend"):
            return False
        left = float(limit) - (self._actions.time() - started_at)
        if left > 0:
            self._waits.append(left)
        return left <= 0

    def _is_complete(self) -> bool:
        succeeded, completions = self._status.get("succeeded", 0), self._spec.get("completions")
        if completions is None:
            # A work queue is done once one worker says so and the others have ended.
            return succeeded > 0 and not self._active
        return bool(succeeded >= completions)

    def _wind_up(self) -> None:
        for pod in self._active:
            succeeded = conditions.find(self._conditions, "SuccessCriteriaMet") is not None
            self._actions.delete_pod(self._job, pod, counted=not succeeded)
        self._pods = claim(self._actions.registry, self._job, kinds.PODS)
        self._count(self._new_ends())
        self._pods = claim(self._actions.registry, self._job, kinds.PODS)

    def _finish(self) -> None:
        """The end itself comes when the last pod has gone."""
        interim = conditions.deciding(self._conditions)
        terminating = any(job_pods.is_terminating(pod) for pod in self._pods)
        if interim is None or terminating or self._active:
            return
        kind = conditions.INTERIM[interim["type"]]
        now = self._actions.wall_time()
        reason, message = interim["reason"], interim["message"]
        conditions.put(self._conditions, conditions.condition(kind, reason, message, now))
        if kind == "Complete":
            self._status["completionTime"] = now
            self._told.append(("Normal", "Completed", "Job completed"))
        else:
            self._told.append(("Warning", reason, message))

    def _clean_up(self) -> None:
        if self._memory.finished_at is None:
            self._memory.finished_at = self._actions.time()
        live_s = self._spec.get("ttlSecondsAfterFinished")
        if live_s is None or "deletionTimestamp" in self._job["metadata"]:
            return
        left = self._memory.finished_at + float(live_s) - self._actions.time()
        if left > 0:
            self._waits.append(left)
        else:
            self._actions.delete(self._job)

    # As many pods as it needs now

    def _manage(self) -> None:
        active = self._active
        wanted = 0 if self._spec.get("suspend") else self._wanted(len(active))
        if len(active) > wanted:
            ranked = sorted(active, key=self._removal_rank)
            for pod in ranked[: len(active) - wanted]:
                self._actions.delete_pod(self._job, pod, counted=False)
        else:
            self._add(wanted)
        self._pods = claim(self._actions.registry, self._job, kinds.PODS)

    def _removal_rank(self, pod: KubeObject) -> tuple[bool, tuple[bool, bool, str]]:
        """Indexes that a smaller Job does not have any more go first."""
        index = index_of(pod)
        needed = index is None or index < (self._spec.get("completions") or 0)
        return needed, job_pods.removal_rank(pod)

    def _wanted(self, active: int) -> int:
        parallelism = int(self._spec.get("parallelism", 1))
        completions, succeeded = self._spec.get("completions"), self._status.get("succeeded", 0)
        if completions is None:
            return active if succeeded else parallelism
        return max(0, min(parallelism, int(completions) - int(succeeded)))

    def _add(self, wanted: int) -> None:
        occupied = [pod for pod in self._pods if is_active(pod)]
        if self._only_finished:
            occupied += [pod for pod in self._pods if job_pods.is_terminating(pod)]
        missing = wanted - len(occupied)
        if missing <= 0:
            return
        left = self._actions.back_off_left(self._memory)
        if left > 0:
            self._waits.append(left)
            return
        indexes: Sequence[int | None] = [None] * missing
        if self._indexed:
            taken = parse_indexes(self._status.get("completedIndexes", ""))
            taken |= {index for pod in occupied if (index := index_of(pod)) is not None}
            free = missing_indexes(self._spec["completions"], taken)
            indexes = [index for index, _ in zip(free, range(missing), strict=False)]
        for index in indexes:
            if not self._actions.create_pod(self._job, index):
                self._waits.append(self._actions.first_delay_s)
                return

    # Status

    def _write(self) -> None:
        active = self._active
        self._set("active", len(active))
        self._status["ready"] = sum(is_ready(pod) for pod in active)
        self._status["terminating"] = sum(job_pods.is_terminating(pod) for pod in self._pods)
        # The counting of an end and its release are one step here, so nothing waits in between.
        self._status["uncountedTerminatedPods"] = {}
        if self._conditions:
            self._status["conditions"] = self._conditions
        status = self._status

        def change(obj: KubeObject) -> None:
            obj["status"] = status

        meta = self._job["metadata"]
        self._actions.registry.modify(
            kinds.JOBS, meta["namespace"], meta["name"], change, status=True
        )
