"""Pods of a ReplicaSet: made, replaced, released, adopted."""

from typing import Any

from localcluster import kinds


def test_a_deleted_pod_is_replaced_before_it_has_gone(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    victim = cluster.pods()[0]["metadata"]["name"]
    cluster.registry.delete(kinds.PODS, "shop", victim)
    cluster.time.advance()
    names = {pod["metadata"]["name"] for pod in cluster.pods()}
    assert len(names) == 4
    assert victim in names
    cluster.settle()
    assert len(cluster.pods()) == 3


def test_a_pod_that_loses_the_label_is_released_and_replaced(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    name = cluster.pods()[0]["metadata"]["name"]

    def quarantine(pod: Any) -> None:
        pod["metadata"]["labels"]["app"] = "quarantine"

    cluster.registry.modify(kinds.PODS, "shop", name, quarantine)
    cluster.settle()
    alone = cluster.registry.get(kinds.PODS, "shop", name)
    assert not alone["metadata"].get("ownerReferences")
    assert len(cluster.pods(app="web")) == 3
    cluster.registry.modify(
        kinds.PODS, "shop", name, lambda pod: pod["metadata"]["labels"].update(app="web")
    )
    cluster.settle()
    assert len(cluster.pods(app="web")) == 3


def test_a_failed_pod_is_left_lying_and_replaced(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    name = cluster.pods()[0]["metadata"]["name"]
    cluster.registry.modify(
        kinds.PODS, "shop", name, lambda pod: pod["status"].update(phase="Failed"), status=True
    )
    cluster.bad_images.add("v1")
    cluster.time.advance()
    assert len(cluster.pods()) == 4
    (owned,) = cluster.registry.list(kinds.REPLICA_SETS, "shop")
    assert owned["status"]["replicas"] == 3
