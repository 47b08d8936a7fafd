"""Binding, and the counting of Events."""

from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers import events


def test_a_pod_is_bound_and_an_event_says_so(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods()
    assert pod["spec"]["nodeName"] == "node"
    name = pod["metadata"]["name"]
    assert cluster.events("Scheduled") == [f"Successfully assigned shop/{name} to node"]


def test_a_cordoned_node_takes_no_pod_until_it_is_uncordoned(cluster: Any) -> None:
    _cordon(cluster, cordoned=True)
    cluster.deploy(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods()
    assert "nodeName" not in pod["spec"]
    assert pod["status"]["conditions"][0]["reason"] == "Unschedulable"
    assert len(cluster.events("FailedScheduling")) == 1
    _cordon(cluster, cordoned=False)
    cluster.settle()
    assert cluster.pods()[0]["spec"]["nodeName"] == "node"


def test_a_pod_for_another_scheduler_is_left_to_it(cluster: Any) -> None:
    pod = {
        "metadata": {"name": "left", "namespace": "shop"},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "i"}]},
    }
    cluster.registry.create(kinds.PODS, pod)
    _cordon(cluster, cordoned=True)
    _cordon(cluster, cordoned=False)
    cluster.settle()
    (pod,) = cluster.pods()
    assert "nodeName" not in pod["spec"]


def _cordon(cluster: Any, *, cordoned: bool) -> None:
    cluster.registry.modify(
        kinds.NODES, "", "node", lambda node: node["spec"].update(unschedulable=cordoned)
    )


def test_the_same_event_again_raises_its_count(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods()
    for _ in range(4):
        cluster.recorder.event(pod, "Warning", "BackOff", "again", field_path="spec.x")
    (event,) = [e for e in cluster.registry.list(kinds.EVENTS) if e["reason"] == "BackOff"]
    assert event["count"] == 4
    assert event["involvedObject"]["fieldPath"] == "spec.x"
    assert event["source"] == {"component": "kubelet", "host": "node"}


def test_many_similar_events_are_combined(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods()
    for number in range(14):
        cluster.recorder.event(pod, "Normal", "Told", f"number {number}")
    told = [e for e in cluster.registry.list(kinds.EVENTS) if e["reason"] == "Told"]
    assert len(told) == 11
    combined = [e for e in told if e["message"].startswith("(combined from similar events): ")]
    assert [event["count"] for event in combined] == [4]


def test_an_event_in_a_namespace_that_is_gone_is_no_failure(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    (pod,) = cluster.pods()
    cluster.registry.delete(kinds.NAMESPACES, "", "shop")
    cluster.settle()
    cluster.recorder.event(pod, "Normal", "Killing", "late")


def test_events_are_forgotten_after_an_hour(cluster: Any) -> None:
    cluster.recorder.start()
    cluster.deploy(replicas=1)
    cluster.settle()
    assert cluster.registry.list(kinds.EVENTS)
    cluster.time.advance(3700)
    assert not cluster.registry.list(kinds.EVENTS)


def test_no_more_events_are_kept_than_memory_is_meant_for(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_KEPT", 5)
    pod = cluster.registry.create(
        kinds.PODS,
        {
            "metadata": {"name": "p", "namespace": "shop"},
            "spec": {"containers": [{"name": "main", "image": "web"}]},
        },
    )
    for number in range(12):
        cluster.recorder.event(pod, "Normal", f"Reason{number}", "it happened")
    kept = [event["reason"] for event in cluster.registry.list(kinds.EVENTS)]
    assert kept == [f"Reason{number}" for number in range(7, 12)]


def test_events_are_listed_in_the_order_in_which_they_happened(cluster: Any) -> None:
    pod = cluster.registry.create(
        kinds.PODS,
        {
            "metadata": {"name": "p", "namespace": "shop"},
            "spec": {"containers": [{"name": "main", "image": "web"}]},
        },
    )
    reasons = [f"Reason{number}" for number in range(20)]
    for reason in reasons:
        cluster.recorder.event(pod, "Normal", reason, "said")
    listed = cluster.registry.list(kinds.EVENTS, "shop")
    assert [event["reason"] for event in listed if event["message"] == "said"] == reasons
