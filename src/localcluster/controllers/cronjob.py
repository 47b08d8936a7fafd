"""CronJobs: Jobs at the times of a schedule, which are wall-clock times and never compressed."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from localcluster import kinds
from localcluster.controllers import job_conditions
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.ownership import controller_of, reference_to
from localcluster.controllers.queue import Scheduler, WorkQueue
from localcluster.cron_schedule import Schedule, ScheduleError, parse
from localcluster.interfaces import Registry
from localcluster.json_copy import copy_json
from localcluster.objects import ApiError, KubeObject, WatchEvent
from localcluster.registry import rfc3339

COMPONENT: Final = "cronjob-controller"
SCHEDULED: Final = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_MOST_MISSED: Final = 100
# Metadata counts whole seconds; a moment later the time has come by any count.
_SLACK_S: Final = 0.1
# The machine's clock may be set, or stand still while it sleeps.
_LONGEST_SLEEP_S: Final = 600.0


class CronJobController:
    """One timer a CronJob, for its next time. `now` is the wall time."""

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        scheduler: Scheduler,
        now: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._now = now
        self._queue = WorkQueue(COMPONENT, scheduler, self.reconcile)

    def start(self) -> None:
        self._registry.subscribe(kinds.CRON_JOBS, self._changed)
        self._registry.subscribe(kinds.JOBS, self._job_changed)

    def _changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        self._queue.add(meta["namespace"], meta["name"])

    def _job_changed(self, event: WatchEvent) -> None:
        owner = controller_of(event.object)
        if owner is not None and owner["kind"] == "CronJob":
            self._queue.add(event.object["metadata"]["namespace"], owner["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        found = self._registry.find(kinds.CRON_JOBS, namespace, name)
        if found is not None:
            _Pass(self._registry, self._recorder, self._queue, found, self._now()).run()


class _Pass:
    """One look at one CronJob."""

    def __init__(
        self,
        registry: Registry,
        recorder: EventRecorder,
        queue: WorkQueue,
        cron_job: KubeObject,
        now: datetime,
    ) -> None:
        self._registry = registry
        self._recorder = recorder
        self._queue = queue
        self._cron_job = cron_job
        self._now = now
        self._spec: KubeObject = cron_job["spec"]
        status = cron_job.get("status") or {}
        self._active: list[KubeObject] = list(status.get("active") or ())
        self._last: str | None = status.get("lastScheduleTime")
        self._last_successful: str | None = status.get("lastSuccessfulTime")

    @property
    def _namespace(self) -> str:
        return str(self._cron_job["metadata"]["namespace"])

    def run(self) -> None:
        jobs = self._jobs()
        self._follow(jobs)
        if "deletionTimestamp" not in self._cron_job["metadata"] and not self._spec.get("suspend"):
            self._start_what_is_due()
        self._write()
        self._forget_old(jobs)

    def _jobs(self) -> list[KubeObject]:
        uid = self._cron_job["metadata"]["uid"]
        return [
            job
            for job in self._registry.list(kinds.JOBS, self._namespace)
            if (owner := controller_of(job)) is not None and owner["uid"] == uid
        ]

    # What has become of its Jobs

    def _follow(self, jobs: Sequence[KubeObject]) -> None:
        listed = {each["uid"] for each in self._active}
        for job in jobs:
            name, uid = job["metadata"]["name"], job["metadata"]["uid"]
            end = job_conditions.ended(job)
            if end is None and uid not in listed:
                message = f"Saw a job that the controller did not create or forgot: {name}"
                self._tell("Warning", "UnexpectedJob", message)
            elif end is not None:
                if uid in listed:
                    self._drop(uid)
                    message = f"Saw completed job: {name}, condition: {end}"
                    self._tell("Normal", "SawCompletedJob", message)
                completed = (job.get("status") or {}).get("completionTime")
                if end == "Complete" and completed:
                    self._last_successful = max(completed, self._last_successful or "")
        there = {job["metadata"]["uid"] for job in jobs}
        for each in [each for each in self._active if each["uid"] not in there]:
            self._tell("Normal", "MissingJob", f"Active job went missing: {each['name']}")
            self._drop(each["uid"])

    def _drop(self, uid: str) -> None:
        self._active = [each for each in self._active if each["uid"] != uid]

    def _forget_old(self, jobs: Sequence[KubeObject]) -> None:
        limits = {
            "Complete": self._spec.get("successfulJobsHistoryLimit"),
            "Failed": self._spec.get("failedJobsHistoryLimit"),
        }
        for end, limit in limits.items():
            if limit is None:
                continue
            done = [job for job in jobs if job_conditions.ended(job) == end]
            done.sort(key=lambda job: (job["status"].get("startTime", ""), job["metadata"]["name"]))
            for job in done[: max(0, len(done) - limit)]:
                self._delete(job)

    def _delete(self, job: KubeObject) -> None:
        meta = job["metadata"]
        try:
            self._registry.delete(kinds.JOBS, meta["namespace"], meta["name"], uid=meta["uid"])
        except ApiError as error:
            self._tell("Warning", "FailedDelete", f"Deleted job: {error.message}")
            return
        self._tell("Normal", "SuccessfulDelete", f"Deleted job {meta['name']}")

    # What is due

    def _start_what_is_due(self) -> None:
        try:
            schedule = parse(self._spec["schedule"], self._spec.get("timeZone"))
        except ScheduleError as error:
            shown = self._spec["schedule"]
            message = f'unparseable schedule: "{shown}" : {error}'
            self._tell("Warning", "UnparseableSchedule", message)
            return
        due = self._most_recent(schedule)
        if due is not None:
            self._start(due)
        # Counted from the last time, which is what `@every` goes by.
        following = schedule.after(due or self._since())
        if following is not None and following <= self._now:
            following = schedule.after(self._now)
        if following is not None:
            seconds = (following - self._now).total_seconds() + _SLACK_S
            meta = self._cron_job["metadata"]
            self._queue.add_after(min(seconds, _LONGEST_SLEEP_S), self._namespace, meta["name"])

    def _since(self) -> datetime:
        created = self._cron_job["metadata"]["creationTimestamp"]
        return datetime.fromisoformat(self._last or created)

    def _most_recent(self, schedule: Schedule) -> datetime | None:
        """The latest time that has come since the last one, or since it was made."""
        since = self._since()
        deadline = self._spec.get("startingDeadlineSeconds")
        if deadline is not None:
            since = max(since, self._now - timedelta(seconds=deadline))
        missed = 0
        found: datetime | None = None
        following = schedule.after(since)
        while following is not None and following <= self._now:
            found = following
            missed += 1
            if missed == _MOST_MISSED + 1:
                self._tell(
                    "Warning",
                    "TooManyMissedTimes",
                    "too many missed start times. Set or decrease .spec.startingDeadlineSeconds "
                    "or check clock skew",
                )
                # Not one by one any more: from shortly before now, and from further back only
                # when nothing has come since.
                following = self._latest(schedule, since)
                continue
            following = schedule.after(found)
        return found

    def _latest(self, schedule: Schedule, since: datetime) -> datetime | None:
        for back in (timedelta(hours=1), timedelta(days=1), timedelta(days=32)):
            found = schedule.after(max(since, self._now - back))
            if found is not None and found <= self._now:
                return found
        return None

    def _start(self, due: datetime) -> None:
        name = f"{self._cron_job['metadata']['name']}-{int(due.timestamp()) // 60}"
        if rfc3339(due) == self._last or any(each["name"] == name for each in self._active):
            return
        deadline = self._spec.get("startingDeadlineSeconds")
        if deadline is not None and due + timedelta(seconds=deadline) < self._now:
            shown = due.strftime("%a, %d %b %Y %H:%M:%S %z")
            self._tell("Warning", "MissSchedule", f"Missed scheduled time to start a job: {shown}")
            return
        policy = self._spec["concurrencyPolicy"]
        if policy == "Forbid" and self._active:
            self._tell(
                "Normal",
                "JobAlreadyActive",
                "Not starting job because prior execution is running and concurrency policy is "
                "Forbid",
            )
            return
        if policy == "Replace":
            for each in list(self._active):
                job = self._registry.find(kinds.JOBS, self._namespace, each["name"])
                if job is not None:
                    self._delete(job)
                self._drop(each["uid"])
        self._create(name, due)

    def _create(self, name: str, due: datetime) -> None:
        try:
            job = self._registry.create(kinds.JOBS, self._job(name, due))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                self._tell("Warning", "FailedCreate", f"Error creating job: {error.message}")
                return
            job = self._registry.get(kinds.JOBS, self._namespace, name)
            owner = controller_of(job)
            if owner is None or owner["uid"] != self._cron_job["metadata"]["uid"]:
                self._tell("Warning", "FailedCreate", f"Error creating job: {error.message}")
                return
        else:
            self._tell("Normal", "SuccessfulCreate", f"Created job {name}")
        meta = job["metadata"]
        if job_conditions.ended(job) is None:
            self._active.append(
                {
                    "kind": "Job",
                    "apiVersion": kinds.JOBS.api_version,
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "resourceVersion": meta["resourceVersion"],
                }
            )
        self._last = rfc3339(due)

    def _job(self, name: str, due: datetime) -> KubeObject:
        template = copy_json(self._spec["jobTemplate"])
        given = template.get("metadata") or {}
        meta: dict[str, Any] = {
            "name": name,
            "namespace": self._namespace,
            "annotations": {**(given.get("annotations") or {}), SCHEDULED: _rfc3339_local(due)},
            "ownerReferences": [reference_to(self._cron_job)],
        }
        if given.get("labels"):
            meta["labels"] = given["labels"]
        return {"metadata": meta, "spec": template["spec"]}

    # Telling

    def _write(self) -> None:
        status: dict[str, Any] = {}
        if self._active:
            status["active"] = self._active
        if self._last:
            status["lastScheduleTime"] = self._last
        if self._last_successful:
            status["lastSuccessfulTime"] = self._last_successful

        def change(obj: KubeObject) -> None:
            obj["status"] = status

        meta = self._cron_job["metadata"]
        self._registry.modify(kinds.CRON_JOBS, self._namespace, meta["name"], change, status=True)

    def _tell(self, kind: str, reason: str, message: str) -> None:
        self._recorder.event(self._cron_job, kind, reason, message, component=COMPONENT)


def _rfc3339_local(moment: datetime) -> str:
    """In the schedule's own zone; `Z` when that is UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
