"""Autoscalers with the names and labels of kube-state-metrics. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from localcluster.metrics.exposition import Family
from localcluster.metrics.timestamps import unix
from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

_PREFIX: Final = "kube_horizontalpodautoscaler_"
_NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "spec_max_replicas": ("spec", "maxReplicas"),
    "spec_min_replicas": ("spec", "minReplicas"),
    "status_current_replicas": ("status", "currentReplicas"),
    "status_desired_replicas": ("status", "desiredReplicas"),
    "metadata_generation": ("metadata", "generation"),
}
_TYPES: Final[Mapping[str, str]] = {
    "averageUtilization": "utilization",
    "averageValue": "average",
    "value": "value",
}


def autoscalers(objects: Sequence[KubeObject]) -> Iterator[Family]:
    """In the stored form, autoscaling/v2."""
    info = Family(f"{_PREFIX}info", "gauge", "Information about this autoscaler.")
    created = Family(f"{_PREFIX}created", "gauge", "Unix creation timestamp")
    condition = Family(f"{_PREFIX}status_condition", "gauge", "The condition of this autoscaler.")
    target = Family(
        f"{_PREFIX}spec_target_metric", "gauge", "The targets of this autoscaler's metrics."
    )
    current = Family(
        f"{_PREFIX}status_target_metric", "gauge", "The current values of its metrics."
    )
    for obj in objects:
        where, spec, status = _where(obj), obj["spec"], obj.get("status") or {}
        reference = spec["scaleTargetRef"]
        info.add(
            1,
            **where,
            scaletargetref_api_version=reference.get("apiVersion", ""),
            scaletargetref_kind=reference["kind"],
            scaletargetref_name=reference["name"],
        )
        created.add_if(unix(obj["metadata"].get("creationTimestamp")), **where)
        for each in status.get("conditions") or ():
            for value in ("true", "false", "unknown"):
                holds = float(each["status"].lower() == value)
                condition.add(holds, **where, condition=each["type"], status=value)
        for metric in spec.get("metrics") or ():
            _add_metric(target, metric, "target", where)
        for metric in status.get("currentMetrics") or ():
            _add_metric(current, metric, "current", where)
    yield from (info, created, condition, target, current)
    for name, (part, field) in _NUMBERS.items():
        family = Family(_PREFIX + name, "gauge", f"{part}.{field} of the autoscaler.")
        for obj in objects:
            family.add(float((obj.get(part) or {}).get(field) or 0), **_where(obj))
        yield family


def _add_metric(family: Family, metric: KubeObject, part: str, where: Mapping[str, str]) -> None:
    kind = metric.get("type", "")
    source = metric.get(kind[:1].lower() + kind[1:]) or {}
    name = source.get("name") or (source.get("metric") or {}).get("name", "")
    for field, told in _TYPES.items():
        value = (source.get(part) or {}).get(field)
        if value is not None:
            amount = float(parse_quantity(str(value)))
            family.add(amount, **where, metric_name=name, metric_target_type=told)


def _where(obj: KubeObject) -> dict[str, str]:
    meta = obj["metadata"]
    return {"namespace": meta["namespace"], "horizontalpodautoscaler": meta["name"]}
