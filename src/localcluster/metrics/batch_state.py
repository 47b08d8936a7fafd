"""Jobs and CronJobs with the names and labels of kube-state-metrics. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from localcluster.cron_schedule import ScheduleError, parse
from localcluster.metrics.exposition import Family
from localcluster.metrics.timestamps import unix
from localcluster.objects import KubeObject

# Metric, part of the object, field; left out when the field is.
_JOB_NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "kube_job_spec_parallelism": ("spec", "parallelism"),
    "kube_job_spec_completions": ("spec", "completions"),
    "kube_job_spec_active_deadline_seconds": ("spec", "activeDeadlineSeconds"),
}
_JOB_TIMES: Final[Mapping[str, tuple[str, str]]] = {
    "kube_job_created": ("metadata", "creationTimestamp"),
    "kube_job_status_start_time": ("status", "startTime"),
    "kube_job_status_completion_time": ("status", "completionTime"),
}
_CRON_NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "kube_cronjob_spec_suspend": ("spec", "suspend"),
    "kube_cronjob_spec_starting_deadline_seconds": ("spec", "startingDeadlineSeconds"),
    "kube_cronjob_spec_successful_job_history_limit": ("spec", "successfulJobsHistoryLimit"),
    "kube_cronjob_spec_failed_job_history_limit": ("spec", "failedJobsHistoryLimit"),
    "kube_cronjob_metadata_resource_version": ("metadata", "resourceVersion"),
}
_CRON_TIMES: Final[Mapping[str, tuple[str, str]]] = {
    "kube_cronjob_created": ("metadata", "creationTimestamp"),
    "kube_cronjob_status_last_schedule_time": ("status", "lastScheduleTime"),
    "kube_cronjob_status_last_successful_time": ("status", "lastSuccessfulTime"),
}
_FAILURES: Final = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")


def jobs(objects: Sequence[KubeObject]) -> Iterator[Family]:
    info = Family("kube_job_info", "gauge", "Information about job.")
    owner = Family("kube_job_owner", "gauge", "Information about the Job's owner.")
    active = Family("kube_job_status_active", "gauge", "The number of actively running pods.")
    succeeded = Family(
        "kube_job_status_succeeded", "gauge", "The number of pods which reached phase Succeeded."
    )
    for job in objects:
        where, status = _where(job, "job_name"), job.get("status") or {}
        info.add(1, **where)
        owners = job["metadata"].get("ownerReferences") or [{}]
        for each in owners:
            owner.add(
                1,
                **where,
                owner_kind=each.get("kind", ""),
                owner_name=each.get("name", ""),
                owner_is_controller=str(bool(each.get("controller"))).lower() if each else "",
            )
        active.add(status.get("active", 0), **where)
        succeeded.add(status.get("succeeded", 0), **where)
    yield from (info, owner, active, succeeded, _failures(objects))
    yield from _fields(objects, "job_name", _JOB_NUMBERS, _JOB_TIMES)
    for name, kind in (
        ("kube_job_complete", "Complete"),
        ("kube_job_failed", "Failed"),
        ("kube_job_status_suspended", "Suspended"),
    ):
        yield _condition(objects, name, kind)


def _failures(objects: Sequence[KubeObject]) -> Family:
    """By reason once the Job itself has failed, and without one before."""
    failed = Family(
        "kube_job_status_failed",
        "gauge",
        "The number of pods which reached phase Failed and the reason for failure.",
    )
    for job in objects:
        where, status = _where(job, "job_name"), job.get("status") or {}
        count = status.get("failed", 0)
        reason = next(
            (
                each.get("reason", "")
                for each in status.get("conditions") or ()
                if each["type"] == "Failed" and each["status"] == "True"
            ),
            "",
        )
        if not count:
            failed.add(0, **where)
        elif reason in _FAILURES:
            for each in _FAILURES:
                failed.add(float(each == reason), **where, reason=each)
        else:
            failed.add(count, **where, reason="")
    return failed


def _condition(objects: Sequence[KubeObject], name: str, kind: str) -> Family:
    family = Family(name, "gauge", f"Whether the condition {kind} of the job holds.")
    for job in objects:
        for each in (job.get("status") or {}).get("conditions") or ():
            if each["type"] != kind:
                continue
            for value in ("true", "false", "unknown"):
                holds = float(each["status"].lower() == value)
                family.add(holds, **_where(job, "job_name"), condition=value)
    return family


def cron_jobs(objects: Sequence[KubeObject]) -> Iterator[Family]:
    info = Family("kube_cronjob_info", "gauge", "Info about cronjob.")
    active = Family("kube_cronjob_status_active", "gauge", "Active holds pointers to running jobs.")
    following = Family(
        "kube_cronjob_next_schedule_time", "gauge", "Next time the cronjob should be scheduled."
    )
    for cron_job in objects:
        where, spec = _where(cron_job, "cronjob"), cron_job["spec"]
        info.add(
            1,
            **where,
            schedule=spec["schedule"],
            concurrency_policy=spec["concurrencyPolicy"],
            timezone=spec.get("timeZone") or "local",
        )
        active.add(len((cron_job.get("status") or {}).get("active") or ()), **where)
        if not spec.get("suspend"):
            following.add_if(_next(cron_job), **where)
    yield from (info, active, following)
    yield from _fields(objects, "cronjob", _CRON_NUMBERS, _CRON_TIMES)


def _next(cron_job: KubeObject) -> float | None:
    """The time after the last one, or after its creation."""
    spec, last = cron_job["spec"], (cron_job.get("status") or {}).get("lastScheduleTime")
    since = datetime.fromisoformat(last or cron_job["metadata"]["creationTimestamp"])
    try:
        found = parse(spec["schedule"], spec.get("timeZone")).after(since)
    except ScheduleError:
        return None
    return None if found is None else found.timestamp()


def _fields(
    objects: Sequence[KubeObject],
    label: str,
    numbers: Mapping[str, tuple[str, str]],
    times: Mapping[str, tuple[str, str]],
) -> Iterator[Family]:
    for name, (part, field) in {**numbers, **times}.items():
        family = Family(name, "gauge", f"{part}.{field} of the object.")
        for obj in objects:
            value = (obj.get(part) or {}).get(field)
            if value is not None:
                family.add_if(unix(value) if name in times else float(value), **_where(obj, label))
        yield family


def _where(obj: KubeObject, label: str) -> dict[str, str]:
    return {"namespace": obj["metadata"]["namespace"], label: obj["metadata"]["name"]}
