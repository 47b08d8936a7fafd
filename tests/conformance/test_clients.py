"""The official Python client and Chaos Toolkit's activities do here what they do on a real one."""

import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, local_cluster
from transcript import Cluster

from localcluster import kinds

NAMESPACE = "conf-clients"
PROGRAMS = HERE / "programs"


@pytest.fixture(scope="module")
def own(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An embedded one for these tests alone, as a node is drained; or the one that was given."""
    if not cluster.is_ours:
        yield from _with_namespace(cluster)
    else:
        for made in local_cluster(tmp_path_factory.mktemp("clients")):
            yield from _with_namespace(made)


def _with_namespace(cluster: Cluster) -> Iterator[Cluster]:
    cluster.kubectl(f"kubectl delete namespace {NAMESPACE} --ignore-not-found --timeout=150s")
    cluster.kubectl(f"kubectl create namespace {NAMESPACE}", check=True)
    try:
        yield cluster
    finally:
        cluster.kubectl(f"kubectl delete namespace {NAMESPACE} --wait=false")


def _program(cluster: Cluster, name: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / name), *arguments],
        # The dynamic client keeps what it discovers among the temporary files.
        env={
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig),
            "TMPDIR": str(cluster.scratch),
        },
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def told(own: Cluster) -> Any:
    """What the official client found, on a cluster with an object of every kind."""
    names = ["payment.yaml", "stateful.yaml"] + (["every-kind.yaml"] if own.is_ours else [])
    for name in names:
        own.kubectl(f"kubectl apply -n {NAMESPACE} -f {name}", check=True)
    own.kubectl(
        f"kubectl rollout status statefulset/numbered -n {NAMESPACE} --timeout=90s", check=True
    )
    # The embedded server remembers the last one or two thousand changes of a kind; the real one
    # forgets its first after some minutes.
    forget = "2100" if own.is_ours else "0"
    return _program(own, "official.py", str(own.kubeconfig), NAMESPACE, forget)


def test_every_object_of_every_kind_passes_the_clients_strict_models(
    told: Any, own: Cluster
) -> None:
    # 1.20 gives events no eventTime, which the client of a later release demands.
    old = set() if own.is_ours else {"events.k8s.io/v1/Event"}
    assert set(told["lists"]["unread"]) <= old, told["lists"]["unread"]
    if own.is_ours:
        served = {
            f"{resource.group}/{resource.version}/{resource.kind}".removeprefix("/")
            for resource in kinds.RESOURCES
        }
        # Not in the main table when it is a second version of a kind.
        assert served <= set(told["lists"]["kinds"])
        assert [kind for kind, count in told["lists"]["kinds"].items() if not count] == []


def test_no_update_of_fifty_writers_is_lost(told: Any) -> None:
    assert told["lost_updates"] == {"count": 200, "wanted": 200, "had_conflicts": 1}
    assert told["patched_keys"] == 50


def test_refusals_have_the_codes_and_reasons_that_programs_decide_by(told: Any) -> None:
    assert told["refusals"] == {
        "stale": [409, "Conflict"],
        "missing": [404, "NotFound"],
        "twice": [409, "AlreadyExists"],
        "invalid": [422, "Invalid"],
        "precondition": [409, "Conflict"],
    }


def test_a_watch_goes_on_where_it_was_and_ends_in_time(told: Any) -> None:
    assert told["watches"] == {
        "from_place": [["MODIFIED", "1"], ["MODIFIED", "2"], ["MODIFIED", "3"]],
        "from_now": [["ADDED", "3"]],
    }


def test_a_watch_that_lost_its_place_gets_410_and_goes_on_after_a_new_list(
    own: Cluster, told: Any
) -> None:
    assert told["lost_place"]["after_listing"] == [["MODIFIED", "again"]]
    if not own.is_ours and told["lost_place"]["code"] == 200:
        pytest.skip("the real cluster is only minutes old and has not forgotten its first place")
    assert told["lost_place"]["code"] == 410


def test_the_dynamic_client_makes_patches_watches_and_lists(told: Any) -> None:
    assert told["dynamic"] == {"data": {"x": "1", "y": "2"}, "listed": 1, "watched": ["ADDED"]}


ACTIVITIES = {
    "deployment.actions.create_deployment": "done",
    "deployment.probes.deployment_fully_available": True,
    "deployment.probes.deployment_available_and_healthy": True,
    "deployment.probes.deployment_partially_available": True,
    "deployment.probes.deployment_not_fully_available": False,
    "deployment.actions.rollout_deployment": "done",
    "deployment.actions.scale_deployment": "done",
    "deployment.actions.delete_deployment": "done",
    "event.probes.get_events": "EventList",
    "namespace.actions.create_namespace": "done",
    "namespace.actions.delete_namespace": "done",
    "namespace.probes.namespace_exists": True,
    "networking.actions.allow_dns_access": "done",
    "networking.actions.create_network_policy": "done",
    "networking.actions.deny_all_egress": "done",
    "networking.actions.deny_all_ingress": "done",
    "networking.actions.remove_allow_dns_access": "done",
    "networking.actions.remove_deny_all_egress": "done",
    "networking.actions.remove_deny_all_ingress": "done",
    "networking.actions.remove_network_policy": "done",
    "node.probes.all_nodes_must_be_ready_to_schedule": True,
    "node.probes.get_all_node_status_conditions": True,
    "node.probes.get_nodes": 1,
    "node.probes.nodes_must_be_healthy": True,
    "node.probes.verify_nodes_condition": True,
    "pod.actions.exec_in_pods": [["3", "inside\n"]],
    "pod.actions.terminate_pods": 1,
    "pod.probes.count_min_pods": True,
    "pod.probes.count_pods": 0,
    "pod.probes.pod_is_not_available": False,
    "pod.probes.pods_in_conditions": True,
    "pod.probes.pods_in_phase": True,
    "pod.probes.pods_not_in_phase": True,
    "pod.probes.read_pod_logs": ["hello", "hello"],
    "pod.probes.should_be_found_in_logs": True,
    "replicaset.actions.delete_replica_set": "done",
    "secret.actions.create_secret": "done",
    "secret.actions.delete_secret": "done",
    "secret.probes.secret_exists": True,
    "service.actions.create_service_endpoint": "done",
    "service.actions.delete_service": "done",
    "service.probes.service_is_initialized": True,
    "statefulset.actions.create_statefulset": "done",
    "statefulset.actions.remove_statefulset": "done",
    "statefulset.actions.scale_statefulset": "done",
    "statefulset.probes.statefulset_fully_available": True,
    "statefulset.probes.statefulset_not_fully_available": "ActivityFailed: microservice "
    "'chaos-set' failed to stop running within 1s",
}
ON_A_NODE_OF_OUR_OWN = {
    "node.actions.cordon_node": 1,
    "node.actions.drain_nodes": True,
    "node.actions.uncordon_node": 1,
}
NOT_PLAYED = {
    "networking.actions.create_ingress": "Ingress is not served here",
    "networking.actions.delete_ingress": "Ingress is not served here",
    "networking.actions.update_ingress": "Ingress is not served here",
    "networking.probes.ingress_exists": "Ingress is not served here",
    "node.actions.create_node": "a node is a machine: there is one",
    "node.actions.delete_nodes": "a node is a machine: there is one",
}
MODULES = ("deployment", "event", "namespace", "networking", "node", "pod", "replicaset")
MODULES += ("secret", "service", "statefulset")


def test_the_toolkits_activities_do_what_they_do_on_a_real_cluster(
    own: Cluster, tmp_path: Path
) -> None:
    drain = ["drain"] if own.is_ours else []
    # A disruption budget would rightly hold the drain up.
    own.kubectl(f"kubectl delete poddisruptionbudgets --all -n {NAMESPACE}")
    results = _program(own, "activities.py", NAMESPACE, str(tmp_path), *drain)
    wanted = ACTIVITIES | (ON_A_NODE_OF_OUR_OWN if own.is_ours else {})
    if not own.is_ours and "V1ServiceStatus" in str(results["service.actions.delete_service"]):
        # 1.20 answers with a Status what later releases, and their client, answer with a Service.
        results["service.actions.delete_service"] = "done"
    assert results == wanted


def test_every_activity_of_the_kinds_served_here_is_played() -> None:
    found = set()
    for name in MODULES:
        for part in ("actions", "probes"):
            try:
                module = importlib.import_module(f"chaosk8s.{name}.{part}")
            except ModuleNotFoundError:
                continue
            found |= {
                f"{name}.{part}.{public}"
                for public in module.__all__
                if inspect.isfunction(getattr(module, public))
            }
    assert found == {*ACTIVITIES, *ON_A_NODE_OF_OUR_OWN, *NOT_PLAYED}
