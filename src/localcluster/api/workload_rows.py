"""Rows of pods and of what makes and guards them, as the real server prints them. Pure."""

from datetime import datetime

from localcluster.api.ages import UNKNOWN, human_duration, parse_time
from localcluster.api.cells import (
    NONE,
    Cells,
    age_of,
    format_selector,
    joined,
    name_of,
    spec_of,
    status_of,
    template_cells,
)
from localcluster.api.pod_row import pod_summary
from localcluster.objects import KubeObject


def pod(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    ready, reason, restarts = pod_summary(obj, now)
    gates = spec.get("readinessGates") or []
    passed = {c.get("type") for c in state.get("conditions") or () if c.get("status") == "True"}
    gate_text = f"{sum(g['conditionType'] in passed for g in gates)}/{len(gates)}"
    return (
        name_of(obj),
        ready,
        reason,
        restarts,
        age_of(obj, now),
        state.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        state.get("nominatedNodeName") or NONE,
        gate_text if gates else NONE,
    )


def deployment(obj: KubeObject, now: datetime) -> Cells:
    state = status_of(obj)
    return (
        name_of(obj),
        f"{state.get('readyReplicas', 0)}/{spec_of(obj).get('replicas', 1)}",
        state.get("updatedReplicas", 0),
        state.get("availableReplicas", 0),
        age_of(obj, now),
        *template_cells(obj),
        format_selector(spec_of(obj).get("selector")),
    )


def replica_set(obj: KubeObject, now: datetime) -> Cells:
    state = status_of(obj)
    return (
        name_of(obj),
        spec_of(obj).get("replicas", 1),
        state.get("replicas", 0),
        state.get("readyReplicas", 0),
        age_of(obj, now),
        *template_cells(obj),
        format_selector(spec_of(obj).get("selector")),
    )


def stateful_set(obj: KubeObject, now: datetime) -> Cells:
    ready = f"{status_of(obj).get('readyReplicas', 0)}/{spec_of(obj).get('replicas', 1)}"
    return (name_of(obj), ready, age_of(obj, now), *template_cells(obj))


def job(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    conditions = {c.get("type") for c in state.get("conditions") or () if c.get("status") == "True"}
    shown = next(
        (kind for kind in ("Complete", "Failed", "Suspended") if kind in conditions), "Running"
    )
    succeeded, wanted = state.get("succeeded", 0), spec.get("completions")
    started = parse_time(state.get("startTime"))
    ended = parse_time(state.get("completionTime")) or now
    return (
        name_of(obj),
        shown,
        f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1",
        human_duration((ended - started).total_seconds()) if started else "",
        age_of(obj, now),
        *template_cells(obj),
        format_selector(spec.get("selector")),
    )


def autoscaler(obj: KubeObject, now: datetime) -> Cells:
    spec, state = spec_of(obj), status_of(obj)
    target = spec.get("scaleTargetRef") or {}
    return (
        name_of(obj),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        joined([_metric(m, state) for m in spec.get("metrics") or ()]).replace(",", ", "),
        str(spec.get("minReplicas", UNKNOWN)),
        spec.get("maxReplicas", 0),
        state.get("currentReplicas", 0),
        age_of(obj, now),
    )


def _metric(metric: KubeObject, state: KubeObject) -> str:
    resource = metric.get("resource") or {}
    name, target = resource.get("name", metric.get("type", "")), resource.get("target") or {}
    current: KubeObject = next(
        (
            (found.get("resource") or {}).get("current") or {}
            for found in state.get("currentMetrics") or ()
            if (found.get("resource") or {}).get("name") == name
        ),
        {},
    )
    if "averageUtilization" in target:
        now = current.get("averageUtilization")
        return f"{name}: {UNKNOWN if now is None else f'{now}%'}/{target['averageUtilization']}%"
    return f"{name}: {current.get('averageValue', UNKNOWN)}/{target.get('averageValue', UNKNOWN)}"


def disruption_budget(obj: KubeObject, now: datetime) -> Cells:
    spec = spec_of(obj)
    return (
        name_of(obj),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        status_of(obj).get("disruptionsAllowed", 0),
        age_of(obj, now),
    )


def revision(obj: KubeObject, now: datetime) -> Cells:
    owner: KubeObject = next(
        (o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), {}
    )
    controller = f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else NONE
    return (name_of(obj), controller, obj.get("revision", 0), age_of(obj, now))
