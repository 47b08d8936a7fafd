"""One autoscaler in two versions: nothing is lost on the way."""

import json
from typing import Any

import pytest

from localcluster.api.autoscaling_v1 import from_v1, to_v1

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
}
MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "5Mi"}},
}
PODS = {
    "type": "Pods",
    "pods": {
        "metric": {"name": "requests"},
        "target": {"type": "AverageValue", "averageValue": "10"},
    },
}
BEHAVIOR = {
    "scaleDown": {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Max",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    }
}
CONDITION = {
    "type": "AbleToScale",
    "status": "True",
    "lastTransitionTime": "2026-03-02T12:00:00Z",
    "reason": "ReadyForNewScale",
    "message": "recommended size matches current size",
}


def _stored(*metrics: Any, **spec: Any) -> Any:
    current = {"averageUtilization": 12, "averageValue": "12m"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "annotations": {"mine": "kept"}},
        "spec": {
            "scaleTargetRef": TARGET,
            "minReplicas": 1,
            "maxReplicas": 5,
            "metrics": list(metrics),
            **spec,
        },
        "status": {
            "currentReplicas": 2,
            "desiredReplicas": 2,
            "conditions": [CONDITION],
            "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": current}}
            ],
        },
    }


def test_the_old_version_knows_cpu_alone_and_notes_the_rest() -> None:
    old = to_v1(_stored(CPU, MEMORY, behavior=BEHAVIOR))
    assert old["apiVersion"] == "autoscaling/v1"
    assert old["spec"] == {
        "scaleTargetRef": TARGET,
        "minReplicas": 1,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 50,
    }
    assert old["status"]["currentCPUUtilizationPercentage"] == 12
    notes = {key: text for key, text in old["metadata"]["annotations"].items() if key != "mine"}
    assert {key.rpartition("/")[2]: json.loads(text) for key, text in notes.items()} == {
        "metrics": [
            {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "5Mi"}}
        ],
        "current-metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "currentAverageUtilization": 12,
                    "currentAverageValue": "12m",
                },
            }
        ],
        "conditions": [CONDITION],
        "behavior": {
            "ScaleDown": {
                "StabilizationWindowSeconds": 60,
                "SelectPolicy": "Max",
                "Policies": [{"Type": "Percent", "Value": 100, "PeriodSeconds": 15}],
            }
        },
    }


@pytest.mark.parametrize("metrics", [[CPU], [CPU, MEMORY], [MEMORY], [MEMORY, PODS]])
def test_there_and_back_is_the_same(metrics: Any) -> None:
    before = _stored(*metrics, behavior=BEHAVIOR)
    assert from_v1(to_v1(before)) == before


def test_notes_that_cannot_be_read_are_left_out() -> None:
    old = to_v1(_stored(CPU))
    for name in ("metrics", "conditions", "behavior", "current-metrics"):
        old["metadata"]["annotations"][f"autoscaling.alpha.kubernetes.io/{name}"] = "{nonsense"
    new = from_v1(old)
    assert new["spec"]["metrics"] == [CPU]
    assert new["metadata"]["annotations"] == {"mine": "kept"}
