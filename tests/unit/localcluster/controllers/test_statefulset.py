"""Ordinals, order, revisions and claims."""

from collections.abc import Callable
from typing import Any

import pytest

from localcluster import kinds


@pytest.fixture
def database(cluster: Any, pod_template: Callable[..., Any]) -> Callable[..., None]:
    def create(replicas: int = 3, **spec: Any) -> None:
        cluster.registry.create(
            kinds.STATEFUL_SETS,
            {
                "metadata": {"name": "db", "namespace": "shop"},
                "spec": {
                    "replicas": replicas,
                    "serviceName": "db",
                    "selector": {"matchLabels": {"app": "db"}},
                    "template": pod_template("v1", app="db"),
                    **spec,
                },
            },
        )

    return create


def _names(cluster: Any) -> list[str]:
    return [pod["metadata"]["name"] for pod in cluster.pods(app="db")]


def _status(cluster: Any) -> Any:
    return cluster.registry.get(kinds.STATEFUL_SETS, "shop", "db")["status"]


def _release(cluster: Any, image: str) -> None:
    def change(obj: Any) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = image

    cluster.registry.modify(kinds.STATEFUL_SETS, "shop", "db", change)


def test_pods_start_in_order_each_after_the_one_before_is_ready(
    cluster: Any, database: Callable[..., None]
) -> None:
    cluster.bad_images.add("v1")
    database()
    cluster.settle()
    assert _names(cluster) == ["db-0"]
    cluster.set_ready("db-0")
    cluster.settle()
    assert _names(cluster) == ["db-0", "db-1"]
    cluster.bad_images.clear()
    cluster.settle()
    assert _names(cluster) == ["db-0", "db-1", "db-2"]
    assert _status(cluster)["readyReplicas"] == 3


def test_parallel_starts_all_at_once(cluster: Any, database: Callable[..., None]) -> None:
    cluster.bad_images.add("v1")
    database(podManagementPolicy="Parallel")
    cluster.settle()
    assert len(_names(cluster)) == 3


def test_a_pod_carries_its_name_ordinal_and_revision(
    cluster: Any, database: Callable[..., None]
) -> None:
    database(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods(app="db")
    labels = pod["metadata"]["labels"]
    assert labels["statefulset.kubernetes.io/pod-name"] == "db-0"
    assert labels["apps.kubernetes.io/pod-index"] == "0"
    assert labels["controller-revision-hash"] == _status(cluster)["updateRevision"]
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("db-0", "db")


def test_a_deleted_pod_comes_back_under_its_name(
    cluster: Any, database: Callable[..., None]
) -> None:
    database(replicas=2)
    cluster.settle()
    before = cluster.registry.get(kinds.PODS, "shop", "db-0")["metadata"]["uid"]
    cluster.registry.delete(kinds.PODS, "shop", "db-0")
    cluster.settle()
    assert _names(cluster) == ["db-0", "db-1"]
    assert cluster.registry.get(kinds.PODS, "shop", "db-0")["metadata"]["uid"] != before


def test_an_update_goes_from_the_last_ordinal_to_the_first(
    cluster: Any, database: Callable[..., None]
) -> None:
    database()
    cluster.settle()
    deleted: list[str] = []
    cluster.registry.subscribe(
        kinds.PODS,
        lambda event: (
            deleted.append(event.object["metadata"]["name"]) if event.type == "DELETED" else None
        ),
    )
    _release(cluster, "v2")
    cluster.settle()
    assert deleted == ["db-2", "db-1", "db-0"]
    status = _status(cluster)
    assert status["currentRevision"] == status["updateRevision"]
    assert status["updatedReplicas"] == 3


def test_a_partition_holds_the_lower_ordinals_back(
    cluster: Any, database: Callable[..., None]
) -> None:
    database(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    cluster.settle()
    _release(cluster, "v2")
    cluster.settle()
    images = [pod["spec"]["containers"][0]["image"] for pod in cluster.pods(app="db")]
    assert images == ["v1", "v1", "v2"]
    cluster.registry.delete(kinds.PODS, "shop", "db-0")
    cluster.settle()
    images = [pod["spec"]["containers"][0]["image"] for pod in cluster.pods(app="db")]
    assert images == ["v1", "v1", "v2"]


def test_scaling_down_removes_the_highest_ordinal_first(
    cluster: Any, database: Callable[..., None]
) -> None:
    database()
    cluster.settle()
    cluster.registry.modify(
        kinds.STATEFUL_SETS, "shop", "db", lambda obj: obj["spec"].update(replicas=1)
    )
    cluster.settle()
    assert _names(cluster) == ["db-0"]


def test_each_ordinal_has_a_claim_that_outlives_its_pod(
    cluster: Any, database: Callable[..., None]
) -> None:
    database(replicas=1, volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": _CLAIM}])
    cluster.settle()
    (pod,) = cluster.pods(app="db")
    volume = next(each for each in pod["spec"]["volumes"] if each["name"] == "data")
    assert volume["persistentVolumeClaim"]["claimName"] == "data-db-0"
    cluster.registry.delete(kinds.PODS, "shop", "db-0")
    cluster.settle()
    assert cluster.registry.find(kinds.PERSISTENT_VOLUME_CLAIMS, "shop", "data-db-0")


_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
