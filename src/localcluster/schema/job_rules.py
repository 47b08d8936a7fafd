"""What the API server refuses in Jobs and CronJobs."""

import json
from collections.abc import Iterator
from typing import Final

from localcluster import selectors
from localcluster.cron_schedule import ScheduleError, find_zone, parse
from localcluster.objects import KubeObject
from localcluster.schema.metadata_rules import check_labels, quoted
from localcluster.schema.pod_rules import check_pod_spec, not_negative
from localcluster.status import Cause, invalid_value, required, unsupported

_NUMBERS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_MODES: Final = ("Indexed", "NonIndexed")
_REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")
_CONCURRENCY: Final = ("Allow", "Forbid", "Replace")
_LARGEST_INDEXED: Final = 100_000
# A CronJob appends eleven characters to its name for each Job.
_LONGEST_CRON_NAME: Final = 52
# Where they run may still be said while a Job is suspended and none of its pods has started.
_WHILE_SUSPENDED: Final = ("nodeSelector", "tolerations", "affinity", "schedulingGates")


def check_job(job: KubeObject) -> Iterator[Cause]:
    """A Job with its defaults set."""
    spec = job["spec"]
    yield from check_job_spec(spec, "spec")
    labels = spec["template"]["metadata"].get("labels") or {}
    yield from check_labels(labels, "spec.template.labels")
    if not selectors.from_selector(spec.get("selector"))(labels):
        yield invalid_value(
            "spec.template.metadata.labels",
            json.dumps(labels, separators=(",", ":")),
            "`selector` does not match template `labels`",
        )


def check_job_spec(spec: KubeObject, path: str) -> Iterator[Cause]:
    """What a Job and the template of a CronJob have in common."""
    for field in _NUMBERS:
        yield from not_negative(spec, field, path)
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in _MODES:
        yield unsupported(f"{path}.completionMode", mode, _MODES)
    elif mode == "Indexed":
        yield from _check_indexed(spec, path)
    else:
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if field in spec:
                text = "when indexed completion mode is not used"
                yield invalid_value(f"{path}.{field}", str(spec[field]), text)
    replacement = spec.get("podReplacementPolicy", "TerminatingOrFailed")
    if replacement not in _REPLACEMENTS:
        yield unsupported(f"{path}.podReplacementPolicy", replacement, _REPLACEMENTS)
    pod = spec["template"]["spec"]
    where = f"{path}.template.spec"
    yield from check_pod_spec(pod, where)
    if pod.get("restartPolicy") == "Always":
        yield required(f"{where}.restartPolicy", 'valid values: "OnFailure", "Never"')


def _check_indexed(spec: KubeObject, path: str) -> Iterator[Cause]:
    completions = spec.get("completions")
    if completions is None:
        yield required(f"{path}.completions", f"when completion mode is {spec['completionMode']}")
    for field in ("completions", "parallelism"):
        if (spec.get(field) or 0) > _LARGEST_INDEXED:
            text = f"must be less than or equal to {_LARGEST_INDEXED} when completion mode is "
            yield invalid_value(f"{path}.{field}", str(spec[field]), text + "Indexed")


def unchanged_job(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    """A Job's completions, selector, template and completion mode stay."""
    after, before = new["spec"], old["spec"]
    if after.get("completions") != before.get("completions") and not _is_resized(after, before):
        yield _immutable("spec.completions", after.get("completions"))
    for field in ("selector", "completionMode", "backoffLimitPerIndex"):
        if after.get(field) != before.get(field):
            yield _immutable(f"spec.{field}", after.get(field))
    if _fixed_template(new, old) != _fixed_template(old, old):
        yield _immutable("spec.template", after["template"])


def _is_resized(after: KubeObject, before: KubeObject) -> bool:
    """An Indexed Job grows and shrinks, when as many of its pods run as it has indexes."""
    return (
        after.get("completionMode") == "Indexed"
        and before.get("completions") == before.get("parallelism")
        and after.get("completions") is not None
        and after.get("completions") == after.get("parallelism")
    )


def _fixed_template(job: KubeObject, old: KubeObject) -> KubeObject:
    template: KubeObject = job["spec"]["template"]
    if not old["spec"].get("suspend") or (old.get("status") or {}).get("startTime"):
        return template
    pod = {key: item for key, item in template["spec"].items() if key not in _WHILE_SUSPENDED}
    return {"spec": pod}


def _immutable(field: str, value: object) -> Cause:
    shown = json.dumps(value, separators=(",", ":"))
    return invalid_value(field, shown, "field is immutable")


def check_cron_job(cron_job: KubeObject) -> Iterator[Cause]:
    """A CronJob with its defaults set."""
    spec = cron_job["spec"]
    yield from _check_schedule(spec)
    yield from not_negative(spec, "startingDeadlineSeconds", "spec")
    if spec["concurrencyPolicy"] not in _CONCURRENCY:
        yield unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], _CONCURRENCY)
    template = spec["jobTemplate"]["spec"]
    if template.get("manualSelector"):
        yield unsupported("spec.jobTemplate.spec.manualSelector", "true", ("nil", "false"))
    yield from check_job_spec(template, "spec.jobTemplate.spec")
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from not_negative(spec, field, "spec")
    name = cron_job["metadata"]["name"]
    if len(name) > _LONGEST_CRON_NAME:
        text = f"must be no more than {_LONGEST_CRON_NAME} characters"
        yield invalid_value("metadata.name", quoted(name), text)


def _check_schedule(spec: KubeObject) -> Iterator[Cause]:
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not schedule:
        yield required("spec.schedule")
    elif "TZ" in schedule:
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid_value("spec.schedule", quoted(schedule), text)
    else:
        try:
            parse(schedule)
        except ScheduleError as error:
            yield invalid_value("spec.schedule", quoted(schedule), str(error))
    if zone is None:
        return
    if not zone:
        yield invalid_value("spec.timeZone", '""', "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        yield invalid_value("spec.timeZone", quoted(zone), "timeZone must be an explicit time zone")
    else:
        try:
            find_zone(zone)
        except ScheduleError as error:
            yield invalid_value("spec.timeZone", quoted(zone), str(error))
