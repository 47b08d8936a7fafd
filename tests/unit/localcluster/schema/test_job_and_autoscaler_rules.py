"""What is refused in Jobs, CronJobs and autoscalers, and what may change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import ApiError
from localcluster.registry import MemoryRegistry

NAMES = {kinds.JOBS: "job", kinds.CRON_JOBS: "cron", kinds.HORIZONTAL_POD_AUTOSCALERS: "hpa"}


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry(lambda: datetime.now(UTC))


def _pod(**spec: Any) -> Any:
    return {"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}], **spec}


def _job(**spec: Any) -> Any:
    return {"metadata": {"name": "x"}, "spec": {"template": {"spec": _pod()}, **spec}}


def _cron(**spec: Any) -> Any:
    template = {"spec": {"template": {"spec": _pod()}}}
    return {
        "metadata": {"name": "x"},
        "spec": {"schedule": "* * * * *", "jobTemplate": template, **spec},
    }


def _autoscaler(**spec: Any) -> Any:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "metadata": {"name": "x"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 3, **spec},
    }


def _metric(**target: Any) -> Any:
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _rules(**rules: Any) -> Any:
    return {"scaleDown": rules}


@pytest.mark.parametrize(
    ("resource", "obj", "problem"),
    [
        (kinds.JOBS, _job(completions=-1), "spec.completions: Invalid value: -1"),
        (kinds.JOBS, _job(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
        (
            kinds.JOBS,
            _job(completionMode="Indexed", parallelism=1),
            "spec.completions: Required value: when completion mode is Indexed",
        ),
        (kinds.JOBS, _job(completionMode="Odd"), 'supported values: "Indexed", "NonIndexed"'),
        (kinds.JOBS, _job(podReplacementPolicy="Odd"), "spec.podReplacementPolicy"),
        (kinds.JOBS, _job(maxFailedIndexes=1), "when indexed completion mode is not used"),
        (
            kinds.JOBS,
            _job(template={"spec": _pod(restartPolicy="Always")}),
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (kinds.CRON_JOBS, _cron(schedule=""), "spec.schedule: Required value"),
        (kinds.CRON_JOBS, _cron(schedule="* *"), "expected exactly 5 fields, found 2: [* *]"),
        (kinds.CRON_JOBS, _cron(schedule="TZ=UTC * * * * *"), "use timeZone field instead"),
        (kinds.CRON_JOBS, _cron(timeZone="Mars/Olympus"), "unknown time zone Mars/Olympus"),
        (kinds.CRON_JOBS, _cron(timeZone="Local"), "timeZone must be an explicit time zone"),
        (
            kinds.CRON_JOBS,
            _cron(concurrencyPolicy="Never"),
            'supported values: "Allow", "Forbid", "Replace"',
        ),
        (kinds.CRON_JOBS, _cron(failedJobsHistoryLimit=-1), "spec.failedJobsHistoryLimit"),
        (
            kinds.CRON_JOBS,
            {**_cron(), "metadata": {"name": "x" * 53}},
            "must be no more than 52 characters",
        ),
        (kinds.HORIZONTAL_POD_AUTOSCALERS, _autoscaler(minReplicas=0), "spec.minReplicas"),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(minReplicas=4),
            "must be greater than or equal to `minReplicas`",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(scaleTargetRef={"kind": "Deployment", "name": ""}),
            "spec.scaleTargetRef.name: Required value",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(metrics=_metric(type="Utilization", averageUtilization=0)),
            "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(metrics=_metric(type="Odd", averageValue="1")),
            "must be either Utilization, Value, or AverageValue",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(metrics=_metric(type="Utilization")),
            "must set either a target raw value or a target utilization",
        ),
        (kinds.HORIZONTAL_POD_AUTOSCALERS, _autoscaler(metrics=[{"type": "Odd"}]), "Unsupported"),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(metrics=[{"type": "Pods"}]),
            "must populate information for the given metric source",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(behavior=_rules(stabilizationWindowSeconds=3601)),
            "spec.behavior.scaleDown.stabilizationWindowSeconds",
        ),
        (
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            _autoscaler(
                behavior=_rules(policies=[{"type": "Odd", "value": 0, "periodSeconds": 1801}])
            ),
            "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801",
        ),
    ],
)
def test_what_is_refused(registry: MemoryRegistry, resource: Any, obj: Any, problem: str) -> None:
    with pytest.raises(ApiError) as caught:
        registry.create(resource, obj)
    assert caught.value.code == 422
    assert problem in caught.value.message


def _change(registry: MemoryRegistry, change: Callable[[Any], None]) -> None:
    registry.modify(kinds.JOBS, "default", "x", change)


def test_a_jobs_template_selector_and_completions_stay(registry: MemoryRegistry) -> None:
    registry.create(kinds.JOBS, _job())

    def template(job: Any) -> None:
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "j"

    for change, field in (
        (template, "spec.template"),
        (lambda job: job["spec"].update(completions=2), "spec.completions"),
        (lambda job: job["spec"].update(completionMode="Indexed"), "spec.completionMode"),
        (
            lambda job: job["spec"].update(selector={"matchLabels": {"job-name": "x"}}),
            "spec.selector",
        ),
    ):
        with pytest.raises(ApiError, match="field is immutable") as caught:
            _change(registry, change)
        assert f"{field}: Invalid value" in caught.value.message
    _change(registry, lambda job: job["spec"].update(parallelism=5, backoffLimit=1, suspend=True))


def test_an_indexed_job_grows_with_its_parallelism(registry: MemoryRegistry) -> None:
    registry.create(kinds.JOBS, _job(completionMode="Indexed", completions=2, parallelism=2))
    _change(registry, lambda job: job["spec"].update(completions=3, parallelism=3))
    with pytest.raises(ApiError, match="field is immutable"):
        _change(registry, lambda job: job["spec"].update(completions=4))


def test_where_a_suspended_job_runs_may_still_be_said(registry: MemoryRegistry) -> None:
    registry.create(kinds.JOBS, _job(suspend=True))

    def move(job: Any) -> None:
        job["spec"]["template"]["spec"]["nodeSelector"] = {"a": "b"}

    _change(registry, move)
    _change(registry, lambda job: job["spec"].update(suspend=False))
    with pytest.raises(ApiError, match="field is immutable"):
        _change(registry, lambda job: job["spec"]["template"]["spec"].pop("nodeSelector"))


def test_one_direction_of_behavior_completes_the_other(registry: MemoryRegistry) -> None:
    made = registry.create(
        kinds.HORIZONTAL_POD_AUTOSCALERS, _autoscaler(behavior=_rules(selectPolicy="Min"))
    )
    behavior = made["spec"]["behavior"]
    assert behavior["scaleDown"]["selectPolicy"] == "Min"
    assert "stabilizationWindowSeconds" not in behavior["scaleDown"]
    assert behavior["scaleUp"] == {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    }


@pytest.mark.parametrize("resource", NAMES, ids=NAMES.values())
def test_defaults_set_twice_change_nothing(registry: MemoryRegistry, resource: Any) -> None:
    made = {
        kinds.JOBS: _job,
        kinds.CRON_JOBS: _cron,
        kinds.HORIZONTAL_POD_AUTOSCALERS: _autoscaler,
    }[resource]()
    before = registry.create(resource, made)
    registry.modify(resource, "default", "x", lambda obj: None)
    assert registry.get(resource, "default", "x") is before
