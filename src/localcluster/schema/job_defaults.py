"""What the API server adds to Jobs and CronJobs."""

from typing import Final

from localcluster.objects import KubeObject
from localcluster.schema.pod_defaults import default_pod_spec

_PREFIX: Final = "batch.kubernetes.io/"


def default_job(job: KubeObject) -> None:
    """Its selector and the labels of its pods come from its uid, once it has one."""
    spec = job.setdefault("spec", {})
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 2**31 - 1 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    fails_by_policy = "podFailurePolicy" in spec
    spec.setdefault("podReplacementPolicy", "Failed" if fails_by_policy else "TerminatingOrFailed")
    _default_template(spec)
    meta = job["metadata"]
    uid, name = meta.get("uid"), meta.get("name")
    if not uid or not name or spec["manualSelector"]:
        return
    spec.setdefault("selector", {"matchLabels": {f"{_PREFIX}controller-uid": uid}})
    labels = spec["template"]["metadata"].setdefault("labels", {})
    for prefix in (_PREFIX, ""):  # without it they had been before there was one
        labels.setdefault(f"{prefix}controller-uid", uid)
        labels.setdefault(f"{prefix}job-name", name)


def default_cron_job(cron_job: KubeObject) -> None:
    """Its template stays as its author wrote it: the Jobs made of it get the defaults."""
    spec = cron_job.setdefault("spec", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    template = spec.setdefault("jobTemplate", {})
    template.setdefault("metadata", {})
    _default_template(template.setdefault("spec", {}))


def _default_template(spec: KubeObject) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))
