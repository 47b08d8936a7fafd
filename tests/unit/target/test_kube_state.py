"""What is told where there is no kube-state-metrics, against two that know it: the embedded
cluster's page, which follows the original's documentation, and promtool."""

import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from localcluster import kinds
from localcluster.metrics import kube_state as page
from localcluster.registry import MemoryRegistry
from rundrill.detection.exposition import samples as read_samples
from rundrill.target import kube_state

STATES: dict[str, dict[str, Any]] = {
    "crashing": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {
                "name": "app",
                "image": "i",
                "imageID": "",
                "ready": False,
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            }
        ],
    },
    "serving": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "app",
                "image": "i",
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                "lastState": {},
            }
        ],
    },
    "pending": {"phase": "Pending"},
}
RESOURCES = {
    "limits": {"memory": "160Mi", "cpu": "1"},
    "requests": {"memory": "96Mi", "cpu": "100m", "ephemeral-storage": "1Gi"},
}


@pytest.fixture
def cluster() -> MemoryRegistry:
    registry = MemoryRegistry(lambda: datetime.now(UTC))
    spec = {"containers": [{"name": "app", "image": "i", "resources": RESOURCES}]}
    for name, status in STATES.items():
        pod = registry.create(kinds.PODS, {"metadata": {"name": name}, "spec": spec})
        registry.update_status(kinds.PODS, {**pod, "status": status})
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    deployment = registry.create(
        kinds.DEPLOYMENTS,
        {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "template": template,
            },
        },
    )
    status = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "unavailableReplicas": 1}
    registry.update_status(kinds.DEPLOYMENTS, {**deployment, "status": status})
    return registry


def told(cluster: MemoryRegistry) -> str:
    return kube_state.exposition(cluster.list(kinds.PODS), cluster.list(kinds.DEPLOYMENTS))


def samples(text: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def test_every_sample_is_one_of_kube_state_metrics_and_none_of_a_family_is_missing(
    cluster: MemoryRegistry,
) -> None:
    ours, theirs = samples(told(cluster)), samples(page.render(cluster))
    assert len(ours) > 12
    for name, family in ours.items():
        assert family == theirs[name], name


def test_the_detector_and_promtool_can_read_it(cluster: MemoryRegistry) -> None:
    assert len(list(read_samples(told(cluster)))) > 40
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=told(cluster),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr  # 3: it would have other names, or help texts


def test_what_is_not_there_has_no_sample(cluster: MemoryRegistry) -> None:
    restarts = samples(told(cluster))["kube_pod_container_status_restarts_total"]
    assert {dict(labels)["pod"] for labels in restarts} == {"crashing", "serving"}
    assert kube_state.exposition([], []) == ""


def test_a_name_with_a_quote_is_escaped() -> None:
    deployment = {"metadata": {"namespace": 'a"b\\c', "name": "x\ny"}, "spec": {}}
    (label, *_) = samples(kube_state.exposition([], [deployment]))["kube_deployment_spec_replicas"]
    assert dict(label) == {"namespace": 'a"b\\c', "deployment": "x\ny"}
