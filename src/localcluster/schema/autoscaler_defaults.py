"""What the API server adds to a HorizontalPodAutoscaler."""

from localcluster.objects import KubeObject


def default_autoscaler(autoscaler: KubeObject) -> None:
    spec = autoscaler.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if (behavior := spec.get("behavior")) is not None:
        _default_behavior(behavior)
    state = autoscaler.setdefault("status", {})
    state.setdefault("desiredReplicas", 0)
    state.setdefault("currentMetrics", None)


def _default_behavior(behavior: KubeObject) -> None:
    """Both directions are completed as soon as one of them is told."""
    everything = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up = behavior.setdefault("scaleUp", {})
    up.setdefault("stabilizationWindowSeconds", 0)
    up.setdefault("selectPolicy", "Max")
    if not up.get("policies"):
        up["policies"] = [{"type": "Pods", "value": 4, "periodSeconds": 15}, dict(everything)]
    down = behavior.setdefault("scaleDown", {})
    down.setdefault("selectPolicy", "Max")
    if not down.get("policies"):
        down["policies"] = [everything]
