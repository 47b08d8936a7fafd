"""Rows of pods and of what makes and guards them, as the real server prints them. Pure."""

from datetime import datetime

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
