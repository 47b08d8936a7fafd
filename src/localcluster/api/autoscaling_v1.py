"""Autoscalers of `autoscaling/v1`, which are stored in the form of `autoscaling/v2`. Pure.

The old version knows a target for CPU alone. Everything else is written into annotations, in
the old version's own words, as the real server does; who writes such an object back loses nothing.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from localcluster import kinds
from localcluster.objects import KubeObject

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_METRICS: Final = f"{_PREFIX}metrics"
_CURRENT: Final = f"{_PREFIX}current-metrics"
_CONDITIONS: Final = f"{_PREFIX}conditions"
_BEHAVIOR: Final = f"{_PREFIX}behavior"
_OURS: Final = (_METRICS, _CURRENT, _CONDITIONS, _BEHAVIOR)

# The key of each kind of metric, and what the old version calls a target and a current value.
_SOURCES: Final = ("resource", "containerResource", "pods", "object", "external")
_TARGETS: Final[Mapping[str, str]] = {
    "averageUtilization": "targetAverageUtilization",
    "averageValue": "targetAverageValue",
    "value": "targetValue",
}
_CURRENTS: Final[Mapping[str, str]] = {
    "averageUtilization": "currentAverageUtilization",
    "averageValue": "currentAverageValue",
    "value": "currentValue",
}
_TARGET_TYPES: Final[Mapping[str, str]] = {
    "averageUtilization": "Utilization",
    "averageValue": "AverageValue",
    "value": "Value",
}


def to_v1(autoscaler: KubeObject) -> KubeObject:
    """A stored autoscaler as `autoscaling/v1` shows it."""
    spec, status = autoscaler.get("spec") or {}, autoscaler.get("status") or {}
    kept = ("scaleTargetRef", "minReplicas", "maxReplicas")
    new_spec = {key: spec[key] for key in kept if key in spec}
    others = []
    for metric in spec.get("metrics") or ():
        share = _cpu_share(metric, "target")
        if share is None:
            others.append(_old_metric(metric, "target", _TARGETS))
        else:
            new_spec.setdefault("targetCPUUtilizationPercentage", share)
    told = ("observedGeneration", "lastScaleTime")
    new_status = {key: status[key] for key in told if key in status}
    new_status["currentReplicas"] = status.get("currentReplicas", 0)
    new_status["desiredReplicas"] = status.get("desiredReplicas", 0)
    current = status.get("currentMetrics") or []
    for metric in current:
        share = _cpu_share(metric, "current")
        if share is not None:
            new_status["currentCPUUtilizationPercentage"] = share
    meta = dict(autoscaler["metadata"])
    annotations = {
        **(meta.get("annotations") or {}),
        **_noted(_METRICS, others),
        **_noted(_CURRENT, [_old_metric(metric, "current", _CURRENTS) for metric in current]),
        **_noted(_CONDITIONS, status.get("conditions")),
        **_noted(_BEHAVIOR, _capitals(spec.get("behavior"))),
    }
    if annotations:
        meta["annotations"] = annotations
    return {
        **autoscaler,
        "apiVersion": kinds.HORIZONTAL_POD_AUTOSCALERS_V1.api_version,
        "metadata": meta,
        "spec": new_spec,
        "status": new_status,
    }


def from_v1(autoscaler: KubeObject) -> KubeObject:
    """An autoscaler of `autoscaling/v1` as it is stored. Annotations that cannot be read are
    left out, as the real server leaves them."""
    spec, status = dict(autoscaler.get("spec") or {}), dict(autoscaler.get("status") or {})
    meta = dict(autoscaler.get("metadata") or {})
    notes = {key: _read(meta, key) for key in _OURS}
    metrics: list[KubeObject] = []
    share = spec.pop("targetCPUUtilizationPercentage", None)
    if share is not None:
        target = {"type": "Utilization", "averageUtilization": share}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    metrics += _each(notes[_METRICS], lambda one: _new_metric(one, "target", _TARGETS))
    if metrics:
        spec["metrics"] = metrics
    behavior = notes[_BEHAVIOR]
    if isinstance(behavior, dict) and behavior:
        spec["behavior"] = _small_letters(behavior)
    share = status.pop("currentCPUUtilizationPercentage", None)
    current = _each(notes[_CURRENT], lambda one: _new_metric(one, "current", _CURRENTS))
    if current:
        status["currentMetrics"] = current
    conditions = notes[_CONDITIONS]
    if isinstance(conditions, list) and conditions:
        status["conditions"] = conditions
    if "annotations" in meta:
        left = {key: text for key, text in meta["annotations"].items() if key not in _OURS}
        meta["annotations"] = left
        if not left:
            del meta["annotations"]
    stored = {**autoscaler, "metadata": meta, "spec": spec}
    stored["apiVersion"] = kinds.HORIZONTAL_POD_AUTOSCALERS.api_version
    if status:
        stored["status"] = status
    return stored


def _cpu_share(metric: KubeObject, part: str) -> int | None:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    share: int | None = (resource.get(part) or {}).get("averageUtilization")
    return share


def _noted(key: str, value: Any) -> dict[str, str]:
    return {key: json.dumps(value, separators=(",", ":"))} if value else {}


def _read(meta: KubeObject, key: str) -> Any:
    text = (meta.get("annotations") or {}).get(key)
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _each(noted: Any, change: Callable[[KubeObject], KubeObject]) -> list[KubeObject]:
    if not isinstance(noted, list):
        return []
    return [change(one) for one in noted if isinstance(one, dict)]


def _source(metric: KubeObject) -> tuple[str, KubeObject]:
    for key in _SOURCES:
        if isinstance(metric.get(key), dict):
            return key, metric[key]
    return "", {}


def _old_metric(metric: KubeObject, part: str, names: Mapping[str, str]) -> KubeObject:
    key, source = _source(metric)
    if not key:
        return dict(metric)
    flat = {name: item for name, item in source.items() if name not in (part, "metric")}
    for name, item in (source.get(part) or {}).items():
        if name in names:
            flat[names[name]] = item
    named = source.get("metric") or {}
    if named:
        flat["metricName"] = named.get("name", "")
        if "selector" in named:
            flat["metricSelector" if key == "external" else "selector"] = named["selector"]
    if key == "object" and "describedObject" in flat:
        flat["target"] = flat.pop("describedObject")
    return {"type": metric.get("type", ""), key: flat}


def _new_metric(metric: KubeObject, part: str, names: Mapping[str, str]) -> KubeObject:
    key, flat = _source(metric)
    if not key:
        return dict(metric)
    values = {new: flat[old] for new, old in names.items() if old in flat}
    taken = {*names.values(), "metricName", "metricSelector", "selector"}
    source = {name: item for name, item in flat.items() if name not in taken}
    if key == "object" and "target" in source:
        source["describedObject"] = source.pop("target")
    if part == "target":
        kinds_told: Iterable[str] = (_TARGET_TYPES[name] for name in values)
        values = {"type": next(iter(kinds_told), ""), **values}
    source[part] = values
    if "metricName" in flat:
        source["metric"] = {"name": flat["metricName"]}
        selector = flat.get("metricSelector") or flat.get("selector")
        if selector:
            source["metric"]["selector"] = selector
    return {"type": metric.get("type", ""), key: source}


def _capitals(value: Any) -> Any:
    """The annotation carries the server's own structure, whose fields begin with capitals."""
    return _renamed(value, lambda key: key[:1].upper() + key[1:])


def _small_letters(value: Any) -> Any:
    return _renamed(value, lambda key: key[:1].lower() + key[1:])


def _renamed(value: Any, name: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name(key): _renamed(item, name) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_renamed(item, name) for item in value]
    return value
