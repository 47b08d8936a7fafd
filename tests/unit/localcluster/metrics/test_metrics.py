"""The cluster's metrics, checked by promtool where it is installed."""

import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.metrics import cadvisor, kube_state
from localcluster.metrics.cadvisor import Usage
from localcluster.registry import MemoryRegistry

CRASHING: dict[str, Any] = {
    "phase": "Running",
    "podIP": "127.9.1.1",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [
        {
            "name": "app",
            "image": "i",
            "imageID": "",
            "ready": False,
            "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }
    ],
}


@pytest.fixture
def text() -> str:
    registry = MemoryRegistry(lambda: datetime.now(UTC))
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "i",
                    "resources": {"limits": {"memory": "64Mi", "cpu": "250m"}},
                }
            ]
        },
    }
    registry.create(
        kinds.DEPLOYMENTS,
        {
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
        },
    )
    pod = registry.create(kinds.PODS, {"metadata": {"name": "web-0"}, "spec": template["spec"]})
    registry.update_status(kinds.PODS, {**pod, "status": CRASHING})
    return kube_state.render(registry)


def _value(text: str, name: str, **labels: str) -> float:
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.split("{")[0] == name and all(f'{k}="{v}"' in head for k, v in labels.items()):
            return float(value)
    raise AssertionError(f"no {name} {labels} in:\n{text}")


def test_restarts_and_reasons_of_a_crashing_container(text: str) -> None:
    where = {"namespace": "default", "pod": "web-0", "container": "app"}
    assert _value(text, "kube_pod_container_status_restarts_total", **where) == 4
    reason = {**where, "reason": "CrashLoopBackOff"}
    assert _value(text, "kube_pod_container_status_waiting_reason", **reason) == 1
    ended = {**where, "reason": "Error"}
    assert _value(text, "kube_pod_container_status_last_terminated_reason", **ended) == 1


def test_phase_and_readiness_have_one_true_series(text: str) -> None:
    assert _value(text, "kube_pod_status_phase", pod="web-0", phase="Running") == 1
    assert _value(text, "kube_pod_status_phase", pod="web-0", phase="Pending") == 0
    assert _value(text, "kube_pod_status_ready", pod="web-0", condition="false") == 1
    assert _value(text, "kube_pod_status_ready", pod="web-0", condition="true") == 0


def test_limits_are_in_base_units(text: str) -> None:
    limits = "kube_pod_container_resource_limits"
    assert _value(text, limits, resource="memory", unit="byte") == 64 * 2**20
    assert _value(text, limits, resource="cpu", unit="core") == 0.25


def test_a_deployment_without_pods_counts_zero(text: str) -> None:
    assert _value(text, "kube_deployment_spec_replicas", deployment="web") == 1
    assert _value(text, "kube_deployment_status_replicas_available", deployment="web") == 0


def test_usage_has_cadvisors_names() -> None:
    text = cadvisor.render(
        [
            Usage(
                namespace="n",
                pod="p",
                uid="u",
                container="c",
                image='odd"\\image',
                cpu_s=1.25,
                memory_bytes=1000,
                limit_bytes=None,
            )
        ]
    )
    assert _value(text, "container_cpu_usage_seconds_total", pod="p") == 1.25
    assert _value(text, "container_memory_working_set_bytes", namespace="n") == 1000
    assert _value(text, "container_spec_memory_limit_bytes", container="c") == 0
    assert 'image="odd\\"\\\\image"' in text


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_can_read_it(text: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False
    )
    # 3 is its exit code for lint: kube-state-metrics' own names do not please it either.
    assert done.returncode in (0, 3), done.stderr
    assert b"error" not in done.stderr.lower()
