"""Jobs, CronJobs and autoscalers as kube-state-metrics shows them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.metrics import kube_state
from localcluster.objects import Resource
from localcluster.registry import MemoryRegistry

MADE = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry(lambda: MADE)


def _create(
    registry: MemoryRegistry, resource: Resource, name: str, status: Any = None, **spec: Any
) -> None:
    made = registry.create(resource, {"metadata": {"name": name}, "spec": spec})
    if status is not None:
        registry.update_status(resource, {**made, "status": status})


def _pod() -> Any:
    return {"spec": {"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}}


def _lines(registry: MemoryRegistry, prefix: str) -> set[str]:
    text = kube_state.render(registry)
    return {line for line in text.splitlines() if line.startswith(prefix)}


def test_a_failed_job_counts_by_its_reason(registry: MemoryRegistry) -> None:
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    status = {"failed": 2, "startTime": "2026-03-02T12:00:31Z", "conditions": [condition]}
    _create(registry, kinds.JOBS, "j", status, template=_pod())
    where = 'namespace="default",job_name="j"'
    assert _lines(registry, "kube_job_status_failed") == {
        f'kube_job_status_failed{{{where},reason="BackoffLimitExceeded"}} 1',
        f'kube_job_status_failed{{{where},reason="DeadlineExceeded"}} 0',
        f'kube_job_status_failed{{{where},reason="Evicted"}} 0',
    }
    assert f'kube_job_failed{{{where},condition="true"}} 1' in _lines(registry, "kube_job_failed")
    assert _lines(registry, "kube_job_status_start_time") == {
        f"kube_job_status_start_time{{{where}}} 1772452831"
    }
    assert not _lines(registry, "kube_job_complete")
    assert not _lines(registry, "kube_job_status_completion_time")


def test_a_running_job_counts_its_failed_pods_without_a_reason(registry: MemoryRegistry) -> None:
    _create(registry, kinds.JOBS, "j", {"failed": 2, "active": 1}, template=_pod())
    where = 'namespace="default",job_name="j"'
    failed = {f'kube_job_status_failed{{{where},reason=""}} 2'}
    assert _lines(registry, "kube_job_status_failed") == failed
    assert _lines(registry, "kube_job_status_active") == {f"kube_job_status_active{{{where}}} 1"}
    assert _lines(registry, "kube_job_owner") == {
        f'kube_job_owner{{{where},owner_kind="",owner_name="",owner_is_controller=""}} 1'
    }


def test_a_cron_job_says_when_it_comes_next(registry: MemoryRegistry) -> None:
    _create(
        registry,
        kinds.CRON_JOBS,
        "c",
        schedule="*/5 * * * *",
        jobTemplate={"spec": {"template": _pod()}},
    )
    where = 'namespace="default",cronjob="c"'
    assert _lines(registry, "kube_cronjob_next_schedule_time") == {
        f"kube_cronjob_next_schedule_time{{{where}}} 1772453100"
    }
    info = 'schedule="*/5 * * * *",concurrency_policy="Allow",timezone="local"'
    assert _lines(registry, "kube_cronjob_info") == {f"kube_cronjob_info{{{where},{info}}} 1"}
    assert _lines(registry, "kube_cronjob_spec_suspend") == {
        f"kube_cronjob_spec_suspend{{{where}}} 0"
    }
    registry.modify(kinds.CRON_JOBS, "default", "c", lambda obj: obj["spec"].update(suspend=True))
    assert not _lines(registry, "kube_cronjob_next_schedule_time")


def test_an_autoscaler_shows_target_current_and_conditions(registry: MemoryRegistry) -> None:
    current = {"averageUtilization": 12, "averageValue": "120m"}
    status = {
        "currentReplicas": 2,
        "desiredReplicas": 3,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": current}}],
        "conditions": [{"type": "AbleToScale", "status": "True"}],
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    _create(
        registry,
        kinds.HORIZONTAL_POD_AUTOSCALERS,
        "h",
        status,
        scaleTargetRef=target,
        maxReplicas=4,
    )
    where = 'namespace="default",horizontalpodautoscaler="h"'
    prefix = "kube_horizontalpodautoscaler_"
    for name, value in {
        "spec_max_replicas": 4,
        "spec_min_replicas": 1,
        "status_current_replicas": 2,
        "status_desired_replicas": 3,
    }.items():
        assert _lines(registry, prefix + name) == {f"{prefix}{name}{{{where}}} {value}"}
    cpu = f'{where},metric_name="cpu",metric_target_type='
    assert _lines(registry, f"{prefix}spec_target_metric") == {
        f'{prefix}spec_target_metric{{{cpu}"utilization"}} 80'
    }
    assert _lines(registry, f"{prefix}status_target_metric") == {
        f'{prefix}status_target_metric{{{cpu}"utilization"}} 12',
        f'{prefix}status_target_metric{{{cpu}"average"}} 0.12',
    }
    able = f'{where},condition="AbleToScale",status='
    assert _lines(registry, f"{prefix}status_condition") == {
        f'{prefix}status_condition{{{able}"true"}} 1',
        f'{prefix}status_condition{{{able}"false"}} 0',
        f'{prefix}status_condition{{{able}"unknown"}} 0',
    }
