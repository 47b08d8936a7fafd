"""What a disruption budget says of its pods."""

from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.disruption import DisruptionController
from localcluster.disruption import health


@pytest.fixture(autouse=True)
def started(cluster: Any) -> None:
    DisruptionController(cluster.registry, cluster.time).start()


def _pod(cluster: Any, name: str, **meta: Any) -> dict[str, Any]:
    pod = {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"}, **meta},
        "spec": {"containers": [{"name": "main", "image": "web"}]},
    }
    created = cluster.registry.create(kinds.PODS, pod)
    assert isinstance(created, dict)
    return created


def _budget(cluster: Any, **limit: Any) -> None:
    spec = {"selector": {"matchLabels": {"app": "web"}}, **limit}
    meta = {"name": "keep", "namespace": "shop"}
    cluster.registry.create(kinds.POD_DISRUPTION_BUDGETS, {"metadata": meta, "spec": spec})


def _status(cluster: Any) -> dict[str, Any]:
    cluster.settle()
    status = cluster.registry.get(kinds.POD_DISRUPTION_BUDGETS, "shop", "keep")["status"]
    assert isinstance(status, dict)
    return status


def test_a_budget_follows_its_pods(cluster: Any) -> None:
    for name in ("a", "b"):
        _pod(cluster, name)
    _budget(cluster, minAvailable=1)
    good = _status(cluster)
    assert (good["expectedPods"], good["currentHealthy"], good["desiredHealthy"]) == (2, 2, 1)
    assert (good["disruptionsAllowed"], good["observedGeneration"]) == (1, 1)
    assert good["conditions"][0]["reason"] == "SufficientPods"
    cluster.registry.delete(kinds.PODS, "shop", "a")
    bad = _status(cluster)
    assert (bad["currentHealthy"], bad["disruptionsAllowed"]) == (1, 0)
    assert bad["conditions"][0]["reason"] == "InsufficientPods"


@pytest.mark.parametrize(
    ("limit", "desired"), [({"maxUnavailable": 1}, 3), ({"minAvailable": "30%"}, 2)]
)
def test_shares_are_of_the_replicas_that_are_wanted(
    cluster: Any, limit: dict[str, Any], desired: int
) -> None:
    template = {
        "metadata": {"labels": {"app": "other"}},
        "spec": {"containers": [{"name": "main", "image": "web"}]},
    }
    owner = cluster.registry.create(
        kinds.REPLICA_SETS,
        {
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "replicas": 4,
                "selector": {"matchLabels": {"app": "other"}},
                "template": template,
            },
        },
    )
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web",
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    _pod(cluster, "a", ownerReferences=[reference])
    _budget(cluster, **limit)
    stored = cluster.registry.get(kinds.POD_DISRUPTION_BUDGETS, "shop", "keep")
    found = health(cluster.registry, stored)
    assert (found.expected, found.desired, found.allowed) == (4, desired, 0)
