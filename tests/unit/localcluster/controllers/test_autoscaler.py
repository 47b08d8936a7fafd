"""Autoscalers: from figures to replicas, and how slowly they are taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.autoscaler import AutoscalerController
from localcluster.controllers.scaling_metrics import milli_quantity
from localcluster.controllers.scaling_rules import History, decide

BEGAN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CPU = "cpu resource utilization (percentage of request)"


class Autoscaled:
    """The Deployment `web` with an autoscaler, its pods' use given by hand."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.registry = cluster.registry
        self.cores: float | None = 0.1
        self.by_pod: dict[str, float | None] = {}
        self.memory = 10 * 1024 * 1024

    def start(self, *, compress: float = 1.0) -> None:
        AutoscalerController(
            self.registry,
            self.cluster.recorder,
            self.cluster.time,
            self.now,
            self.usage,
            compress=compress,
        ).start()

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.cluster.time.time())

    def usage(self, namespace: str, pod: str) -> dict[str, tuple[float, int]] | None:
        cores = self.by_pod.get(pod, self.cores)
        return None if cores is None else {"app": (cores, self.memory)}

    def deploy(self, replicas: int, *, request: bool = True) -> None:
        self.cluster.deploy(replicas=replicas)
        if request:

            def ask(obj: Any) -> None:
                container = obj["spec"]["template"]["spec"]["containers"][0]
                container["resources"] = {"requests": {"cpu": "100m", "memory": "20Mi"}}

            self.cluster.change(ask)
        self.settle()

    def settle(self) -> None:
        """All pods of the Deployment there, ready, and old enough to be trusted."""
        self.cluster.settle()
        for pod in self.cluster.pods(app="web"):

            def age(obj: Any) -> None:
                obj["status"]["startTime"] = "2026-03-02T10:00:00Z"
                for condition in obj["status"]["conditions"]:
                    condition["lastTransitionTime"] = "2026-03-02T10:00:01Z"

            self.registry.modify(kinds.PODS, "shop", pod["metadata"]["name"], age, status=True)

    def autoscale(self, *metrics: Any, least: int = 1, most: int = 10, **spec: Any) -> None:
        self.registry.create(
            kinds.HORIZONTAL_POD_AUTOSCALERS,
            {
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {
                    "scaleTargetRef": {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": "web",
                    },
                    "minReplicas": least,
                    "maxReplicas": most,
                    "metrics": list(metrics or [cpu(50)]),
                    **spec,
                },
            },
        )
        self.cluster.time.advance()

    def look(self, seconds: float = 15.0) -> None:
        self.cluster.time.advance(seconds)
        self.settle()

    @property
    def replicas(self) -> int:
        return int(self.cluster.deployment()["spec"]["replicas"])

    @property
    def status(self) -> Any:
        return self.registry.get(kinds.HORIZONTAL_POD_AUTOSCALERS, "shop", "web")["status"]

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(each for each in self.status["conditions"] if each["type"] == kind)
        return found["status"], found["reason"]


def cpu(percent: int) -> Any:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


@pytest.fixture
def web(cluster: Any) -> Autoscaled:
    return Autoscaled(cluster)


def test_twice_the_target_doubles_the_replicas_and_says_why(web: Autoscaled) -> None:
    web.start()
    web.deploy(2)
    web.autoscale()
    assert web.replicas == 4
    assert web.cluster.events("SuccessfulRescale") == [f"New size: 4; reason: {CPU} above target"]
    assert web.condition("AbleToScale") == ("True", "SucceededRescale")
    assert web.condition("ScalingActive") == ("True", "ValidMetricFound")
    assert web.condition("ScalingLimited") == ("False", "DesiredWithinRange")
    status = web.status
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 4)
    assert status["currentMetrics"] == [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "current": {"averageUtilization": 100, "averageValue": "100m"},
            },
        }
    ]
    assert status["lastScaleTime"] == "2026-03-02T12:00:00Z"


@pytest.mark.parametrize("cores", [0.046, 0.054])
def test_a_tenth_more_or_less_changes_nothing(web: Autoscaled, cores: float) -> None:
    web.start()
    web.cores = cores
    web.deploy(3)
    web.autoscale()
    assert web.replicas == 3


def test_less_use_is_followed_after_five_minutes(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.01
    web.deploy(5)
    web.autoscale()
    for _ in range(19):
        web.look()
    assert web.replicas == 5
    assert web.condition("AbleToScale") == ("True", "ScaleDownStabilized")
    web.look()
    assert web.replicas == 1
    assert web.cluster.events("SuccessfulRescale") == [
        "New size: 1; reason: All metrics below target"
    ]


def test_compression_divides_window_and_period(web: Autoscaled) -> None:
    web.start(compress=15)
    web.cores = 0.01
    web.deploy(5)
    web.autoscale()
    web.look(19.5)
    assert web.replicas == 5
    web.look(1)
    assert web.replicas == 1


def test_without_behavior_it_at_most_doubles(web: Autoscaled) -> None:
    web.start()
    web.cores = 1.0
    web.deploy(3)
    web.autoscale(most=100)
    assert web.replicas == 6
    assert web.condition("ScalingLimited") == ("True", "ScaleUpLimit")


def test_the_bounds_come_before_the_metrics(web: Autoscaled) -> None:
    web.start()
    web.cores = None
    web.deploy(1)
    web.autoscale(least=2, most=3)
    assert web.replicas == 2
    assert web.cluster.events("SuccessfulRescale") == [
        "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
    ]
    web.cluster.scale(9)
    web.look()
    assert web.replicas == 3


def test_a_missing_request_is_told_and_nothing_is_done(web: Autoscaled) -> None:
    web.start()
    web.deploy(2, request=False)
    web.autoscale()
    assert web.replicas == 2
    (told,) = {
        text.partition(" of Pod")[0] for text in web.cluster.events("FailedGetResourceMetric")
    }
    assert told == "failed to get cpu utilization: missing request for cpu in container app"
    assert web.condition("ScalingActive") == ("False", "FailedGetResourceMetric")
    (told,) = web.cluster.events("FailedComputeMetricsReplicas")
    assert told.startswith("invalid metrics (1 invalid out of 1), first error is: failed to get")


def test_no_figures_at_all_are_told(web: Autoscaled) -> None:
    web.start()
    web.cores = None
    web.deploy(2)
    web.autoscale()
    assert web.cluster.events("FailedGetResourceMetric") == [
        (
            "failed to get cpu utilization: unable to get metrics for resource cpu: "
            "no metrics returned from resource metrics API"
        )
    ]


def test_a_target_that_is_not_there_is_told(web: Autoscaled) -> None:
    web.start()
    web.autoscale()
    assert web.cluster.events("FailedGetScale") == ['deployments/scale.apps "web" not found']
    assert web.condition("AbleToScale") == ("False", "FailedGetScale")


def test_pods_without_figures_count_as_busy_when_it_would_shrink(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.01
    web.deploy(4)
    names = [pod["metadata"]["name"] for pod in web.cluster.pods(app="web")]
    web.by_pod = dict.fromkeys(names[:2])
    web.autoscale(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}})
    # (0.01 + 0.01 + 0.1 + 0.1) / 0.4 is 55 %: within the tolerance of 50 %.
    assert web.replicas == 4


def test_pods_without_figures_count_as_idle_when_it_would_grow(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.1
    web.deploy(4)
    names = [pod["metadata"]["name"] for pod in web.cluster.pods(app="web")]
    web.by_pod = dict.fromkeys(names[:2])
    web.autoscale()
    assert web.replicas == 4


def test_a_pod_that_has_just_started_does_not_drive_it_up(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.05
    web.deploy(2)
    busy = web.cluster.pods(app="web")[0]["metadata"]["name"]
    web.by_pod = {busy: 1.0}

    def young(obj: Any) -> None:
        obj["status"]["startTime"] = "2026-03-02T11:59:50Z"
        obj["status"]["conditions"][0]["lastTransitionTime"] = "2026-03-02T11:59:55Z"

    web.registry.modify(kinds.PODS, "shop", busy, young, status=True)
    web.autoscale()
    assert web.replicas == 2


def test_a_scaled_down_target_is_left_alone(web: Autoscaled) -> None:
    web.start()
    web.deploy(0)
    web.autoscale()
    assert web.replicas == 0
    assert web.condition("ScalingActive") == ("False", "ScalingDisabled")


def test_memory_as_an_average_and_the_metric_that_asks_for_more(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.05
    web.deploy(2)
    target = {"type": "AverageValue", "averageValue": "5Mi"}
    memory = {"type": "Resource", "resource": {"name": "memory", "target": target}}
    web.autoscale(cpu(50), memory)
    assert web.replicas == 4
    assert web.cluster.events("SuccessfulRescale") == [
        "New size: 4; reason: memory resource above target"
    ]
    assert web.status["currentMetrics"][1]["resource"]["current"] == {"averageValue": "10485760"}


def test_a_metric_that_this_cluster_does_not_have_blocks_only_the_way_down(
    web: Autoscaled,
) -> None:
    web.start()
    web.deploy(2)
    requests = {
        "type": "Pods",
        "pods": {
            "metric": {"name": "requests"},
            "target": {"type": "AverageValue", "averageValue": "5"},
        },
    }
    web.autoscale(cpu(50), requests)
    assert web.cluster.events("FailedGetPodsMetric")
    assert web.replicas == 4
    web.cores = 0.001
    for _ in range(30):
        web.look()
    assert web.replicas == 4


def test_a_change_of_the_spec_is_looked_at_at_once_and_its_own_status_is_not(
    web: Autoscaled,
) -> None:
    web.start()
    web.cores = 0.05
    web.deploy(2)
    web.autoscale()
    version = web.registry.resource_version
    web.cluster.time.advance(14)
    assert web.registry.resource_version == version
    web.registry.modify(
        kinds.HORIZONTAL_POD_AUTOSCALERS,
        "shop",
        "web",
        lambda obj: obj["spec"].update(minReplicas=3),
    )
    web.cluster.time.advance()
    assert web.replicas == 3


def test_a_deleted_autoscaler_leaves_no_timer(web: Autoscaled) -> None:
    web.start()
    web.cores = 0.05
    web.deploy(2)
    web.autoscale()
    web.registry.delete(kinds.HORIZONTAL_POD_AUTOSCALERS, "shop", "web")
    web.cores = 1.0
    web.look(60)
    assert web.replicas == 2


# The rules alone

BOUNDS = {"minReplicas": 1, "maxReplicas": 100}


def _behavior(up: Any = None, down: Any = None) -> Any:
    everything = [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    return {
        **BOUNDS,
        "behavior": {
            "scaleUp": {"policies": everything, "selectPolicy": "Max", **(up or {})},
            "scaleDown": {"policies": everything, "selectPolicy": "Max", **(down or {})},
        },
    }


def _pods(value: int, period: int = 60) -> Any:
    return {"type": "Pods", "value": value, "periodSeconds": period}


def _percent(value: int, period: int = 60) -> Any:
    return {"type": "Percent", "value": value, "periodSeconds": period}


@pytest.mark.parametrize(
    ("up", "expected", "reason"),
    [
        ({"policies": [_pods(2), _percent(10)]}, 12, "ScaleUpLimit"),
        ({"policies": [_pods(2), _percent(10)], "selectPolicy": "Min"}, 11, "ScaleUpLimit"),
        ({"policies": [_pods(2)], "selectPolicy": "Disabled"}, 10, "ScaleUpLimit"),
        ({"policies": [_percent(900)]}, 50, "DesiredWithinRange"),
    ],
)
def test_policies_bound_the_way_up(up: Any, expected: int, reason: str) -> None:
    decision = decide(_behavior(up=up), History(), 10, 50, 0.0)
    assert (decision.replicas, decision.limit[0]) == (expected, reason)


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        ({"policies": [_pods(2), _percent(10)]}, 8),
        ({"policies": [_pods(2), _percent(10)], "selectPolicy": "Min"}, 9),
        ({"policies": [_pods(2)], "selectPolicy": "Disabled"}, 10),
    ],
)
def test_policies_bound_the_way_down(down: Any, expected: int) -> None:
    spec = _behavior(down={**down, "stabilizationWindowSeconds": 0})
    assert decide(spec, History(), 10, 1, 0.0).replicas == expected


def test_a_policy_counts_what_was_done_in_its_period() -> None:
    history = History()
    spec = _behavior(up={"policies": [_pods(4)]})
    assert decide(spec, history, 2, 50, 0.0).replicas == 6
    history.scaled(0.0, 2, 6)
    assert decide(spec, history, 6, 50, 30.0).replicas == 6
    assert decide(spec, history, 6, 50, 61.0).replicas == 10


def test_a_window_up_takes_the_lowest_recent_proposal() -> None:
    history = History()
    spec = _behavior(up={"stabilizationWindowSeconds": 60})
    decide(spec, history, 4, 4, 0.0)
    decision = decide(spec, history, 4, 8, 30.0)
    assert (decision.replicas, decision.able[0]) == (4, "ScaleUpStabilized")
    assert decide(spec, history, 4, 8, 100.0).replicas == 8


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.25, "250m"), (2.0, "2"), (5000.0, "5k"), (0.0, "0"), (10485760.0, "10485760")],
)
def test_quantities_are_written_shortest(amount: float, text: str) -> None:
    assert milli_quantity(amount) == text
