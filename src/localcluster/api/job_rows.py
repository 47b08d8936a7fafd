"""Rows of Jobs, CronJobs and autoscalers, as the real server prints them. Pure."""

from datetime import datetime
from typing import Final

from localcluster.api.ages import UNKNOWN, age, human_duration, parse_time
from localcluster.api.cells import (
    NONE,
    Cells,
    age_of,
    format_selector,
    name_of,
    spec_of,
    status_of,
    template_cells,
)
from localcluster.objects import KubeObject

_MOST_METRICS: Final = 2


def job(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    return (
        name_of(obj),
        _job_status(obj),
        _completions(spec, state.get("succeeded", 0)),
        _duration(state, now),
        age_of(obj, now),
        *template_cells(obj),
        format_selector(spec.get("selector")),
    )


def _job_status(obj: KubeObject) -> str:
    conditions = {
        each.get("type")
        for each in status_of(obj).get("conditions") or ()
        if each.get("status") == "True"
    }
    if "Complete" in conditions:
        return "Complete"
    if "Failed" in conditions:
        return "Failed"
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if kind in conditions:
            return kind
    return "Running"


def _completions(spec: KubeObject, succeeded: int) -> str:
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    parallelism = spec.get("parallelism", 0)
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(state: KubeObject, now: datetime) -> str:
    """From the start to the end, which may be a failure."""
    started = parse_time(state.get("startTime"))
    if started is None:
        return ""
    ended = parse_time(state.get("completionTime"))
    for condition in state.get("conditions") or ():
        if condition.get("type") == "Failed" and condition.get("status") == "True":
            ended = ended or parse_time(condition.get("lastTransitionTime"))
    return human_duration(((ended or now) - started).total_seconds())


def cron_job(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    last = state.get("lastScheduleTime")
    containers = template_cells({"spec": (spec.get("jobTemplate") or {}).get("spec") or {}})
    return (
        name_of(obj),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(state.get("active") or ()),
        age(last, now) if last else NONE,
        age_of(obj, now),
        *containers,
        NONE,
    )


def autoscaler(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    target = spec.get("scaleTargetRef") or {}
    return (
        name_of(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        _targets(spec, state),
        str(spec.get("minReplicas", "<unset>")),
        spec.get("maxReplicas", 0),
        state.get("currentReplicas", 0),
        age_of(obj, now),
    )


def _targets(spec: KubeObject, state: KubeObject) -> str:
    """Each metric as `cpu: 12%/50%`; beyond two they are only counted."""
    metrics = spec.get("metrics") or []
    if not metrics:
        return NONE
    current = state.get("currentMetrics") or []
    shown = [
        _metric(metric, current[index] if index < len(current) else {})
        for index, metric in enumerate(metrics[:_MOST_METRICS])
    ]
    more = len(metrics) - _MOST_METRICS
    return ", ".join(shown) + (f" + {more} more..." if more > 0 else "")


def _metric(metric: KubeObject, state: KubeObject) -> str:
    kind = metric.get("type", "")
    key = kind[:1].lower() + kind[1:]
    source, told = metric.get(key) or {}, (state.get(key) or {}).get("current") or {}
    target = source.get("target") or {}
    name = source.get("name") or (source.get("metric") or {}).get("name", "")
    prefix = f"{name}: " if key in ("resource", "containerResource") else ""
    if "averageUtilization" in target:
        share = told.get("averageUtilization")
        now = UNKNOWN if share is None else f"{share}%"
        return f"{prefix}{now}/{target['averageUtilization']}%"
    if "averageValue" in target:
        suffix = " (avg)" if key in ("external", "object") else ""
        now = told.get("averageValue") or UNKNOWN
        return f"{prefix}{now}/{target['averageValue']}{suffix}"
    return f"{prefix}{told.get('value') or UNKNOWN}/{target.get('value', UNKNOWN)}"
