"""What the API server refuses in a HorizontalPodAutoscaler, in the form of autoscaling/v2."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from localcluster.objects import KubeObject
from localcluster.schema.metadata_rules import quoted
from localcluster.schema.quantity import parse_quantity
from localcluster.status import Cause, invalid_value, required, unsupported

_SOURCES: Final[Mapping[str, str]] = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_LONGEST_WINDOW_S: Final = 3600
_LONGEST_PERIOD_S: Final = 1800


def check_autoscaler(autoscaler: KubeObject) -> Iterator[Cause]:
    """With its defaults set."""
    spec = autoscaler["spec"]
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not target.get(field):
            yield required(f"spec.scaleTargetRef.{field}")
    least, most = spec["minReplicas"], spec.get("maxReplicas", 0)
    if least < 1:
        yield invalid_value("spec.minReplicas", str(least), "must be greater than or equal to 1")
    if most < 1:
        yield invalid_value("spec.maxReplicas", str(most), "must be greater than 0")
    if most < least:
        text = "must be greater than or equal to `minReplicas`"
        yield invalid_value("spec.maxReplicas", str(most), text)
    for index, metric in enumerate(spec["metrics"]):
        yield from _check_metric(metric, f"spec.metrics[{index}]")
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            yield from _check_rules(rules, f"spec.behavior.{direction}")


def _check_metric(metric: KubeObject, path: str) -> Iterator[Cause]:
    kind = metric.get("type", "")
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
        return
    if kind not in _SOURCES:
        yield unsupported(f"{path}.type", kind, _SOURCES)
        return
    source = metric.get(_SOURCES[kind])
    if source is None:
        text = "must populate information for the given metric source"
        yield required(f"{path}.{_SOURCES[kind]}", text)
        return
    for other, key in _SOURCES.items():
        if other != kind and key in metric:
            text = "must populate the given metric source only"
            yield Cause(
                reason="FieldValueForbidden", message=f"Forbidden: {text}", field=f"{path}.{key}"
            )
    if kind in ("Resource", "ContainerResource"):
        yield from _check_resource(source, f"{path}.{_SOURCES[kind]}")
    if kind == "ContainerResource" and not source.get("container"):
        yield required(f"{path}.containerResource.container", "must specify a container")


def _check_resource(source: KubeObject, path: str) -> Iterator[Cause]:
    if not source.get("name"):
        yield required(f"{path}.name", "must specify a resource name")
    target = source.get("target") or {}
    yield from _check_target(target, f"{path}.target")
    if "averageUtilization" in target and "averageValue" in target:
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: may not set both a target raw value and a target utilization",
            field=f"{path}.target.averageValue",
        )
    if "averageUtilization" not in target and "averageValue" not in target:
        text = "must set either a target raw value or a target utilization"
        yield required(f"{path}.target.averageUtilization", text)


def _check_target(target: KubeObject, path: str) -> Iterator[Cause]:
    kind = target.get("type", "")
    if not kind:
        yield required(f"{path}.type", "must specify a metric target type")
    elif kind not in ("Utilization", "Value", "AverageValue"):
        text = "must be either Utilization, Value, or AverageValue"
        yield invalid_value(f"{path}.type", quoted(kind), text)
    for field in ("value", "averageValue"):
        if field in target and not _is_positive(target[field]):
            yield invalid_value(f"{path}.{field}", quoted(target[field]), "must be positive")
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        yield invalid_value(f"{path}.averageUtilization", str(share), "must be greater than 0")


def _is_positive(text: Any) -> bool:
    try:
        return parse_quantity(str(text)) > 0
    except ValueError:
        return False


def _check_rules(rules: KubeObject, path: str) -> Iterator[Cause]:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        field = f"{path}.stabilizationWindowSeconds"
        yield invalid_value(field, str(window), "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW_S:
        field = f"{path}.stabilizationWindowSeconds"
        text = f"must be less than or equal to {_LONGEST_WINDOW_S}"
        yield invalid_value(field, str(window), text)
    choice = rules.get("selectPolicy")
    if choice is not None and choice not in ("Disabled", "Max", "Min"):
        yield unsupported(f"{path}.selectPolicy", choice, ("Disabled", "Max", "Min"))
    policies = rules.get("policies") or []
    if not policies:
        yield required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(policies):
        yield from _check_policy(policy, f"{path}.policies[{index}]")


def _check_policy(policy: KubeObject, path: str) -> Iterator[Cause]:
    kind, value, period = policy["type"], policy["value"], policy["periodSeconds"]
    if kind not in ("Percent", "Pods"):
        yield unsupported(f"{path}.type", kind, ("Percent", "Pods"))
    if value <= 0:
        yield invalid_value(f"{path}.value", str(value), "must be greater than zero")
    if period <= 0:
        yield invalid_value(f"{path}.periodSeconds", str(period), "must be greater than zero")
    if period > _LONGEST_PERIOD_S:
        text = f"must be less than or equal to {_LONGEST_PERIOD_S}"
        yield invalid_value(f"{path}.periodSeconds", str(period), text)
