"""Writes as the API server does them: versions, generations, locks, deletion."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.objects import ApiError, KubeObject, Resource, WatchEvent
from localcluster.registry import MemoryRegistry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry(lambda: NOW)


def meta(name: str, **more: object) -> KubeObject:
    return {"name": name, "namespace": "default", **more}


def workload(name: str, **more: object) -> KubeObject:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": containers()}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"metadata": meta(name, **more), "spec": spec}


def containers() -> KubeObject:
    return {"containers": [{"name": "main", "image": "web:v1"}]}


def running_pod(name: str, **more: object) -> KubeObject:
    return {"metadata": meta(name, **more), "spec": {**containers(), "nodeName": "local"}}


def owned_by(owner: KubeObject, *, blocks: bool = True) -> list[KubeObject]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": blocks,
        }
    ]


def test_it_is_what_the_interface_says(registry: MemoryRegistry) -> None:
    seam: Registry = registry
    assert seam.resource_version == 4  # the namespaces every cluster has


def test_a_new_object_gets_what_the_server_sets(registry: MemoryRegistry) -> None:
    made = registry.create(kinds.DEPLOYMENTS, workload("web"))
    assert made["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["uid"]
    assert made["apiVersion"] == "apps/v1"
    assert made["status"] == {}
    assert made["spec"]["progressDeadlineSeconds"] == 600


def test_generated_names_end_in_five_characters(registry: MemoryRegistry) -> None:
    obj = {"metadata": {"generateName": "web-", "namespace": "default"}}
    names = {registry.create(kinds.CONFIG_MAPS, obj)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(len(name) == len("web-") + 5 for name in names)


def test_a_name_is_taken_once(registry: MemoryRegistry) -> None:
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    with pytest.raises(ApiError, match='configmaps "a" already exists') as caught:
        registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")


def test_the_generation_counts_changes_of_the_spec_alone(registry: MemoryRegistry) -> None:
    registry.create(kinds.DEPLOYMENTS, workload("web"))

    def change(function: Callable[[KubeObject], object], *, status: bool = False) -> int:
        written = registry.modify(
            kinds.DEPLOYMENTS, "default", "web", lambda obj: void(function(obj)), status=status
        )
        assert written is not None
        return int(written["metadata"]["generation"])

    assert change(lambda obj: obj["spec"].update(replicas=3)) == 2
    assert change(lambda obj: obj["metadata"].update(labels={"a": "b"})) == 2
    assert change(lambda obj: obj.update(status={"replicas": 3}), status=True) == 2
    assert change(lambda obj: obj["spec"].update(replicas=4)) == 3


def void(_value: object) -> None:
    """Lets a lambda with a value stand where none is wanted."""


def test_status_and_the_rest_are_written_apart(registry: MemoryRegistry) -> None:
    made = registry.create(kinds.DEPLOYMENTS, workload("web"))
    registry.update_status(kinds.DEPLOYMENTS, {**made, "spec": {}, "status": {"replicas": 1}})
    kept = registry.get(kinds.DEPLOYMENTS, "default", "web")
    assert (kept["status"], kept["spec"]) == ({"replicas": 1}, made["spec"])
    registry.modify(kinds.DEPLOYMENTS, "default", "web", lambda obj: obj.pop("status"))
    assert registry.get(kinds.DEPLOYMENTS, "default", "web")["status"] == {"replicas": 1}


def test_a_write_that_changes_nothing_is_silent(registry: MemoryRegistry) -> None:
    made = registry.create(kinds.DEPLOYMENTS, workload("web"))
    before = registry.resource_version
    assert registry.update(kinds.DEPLOYMENTS, made) is made
    registry.update_status(kinds.DEPLOYMENTS, made)
    assert registry.resource_version == before


def test_what_was_handed_out_stays_as_it_was(registry: MemoryRegistry) -> None:
    made = registry.create(kinds.DEPLOYMENTS, workload("web"))
    kept = json.dumps(made)
    registry.modify(kinds.DEPLOYMENTS, "default", "web", lambda obj: obj["spec"].update(replicas=2))
    registry.update_status(kinds.DEPLOYMENTS, {**made, "metadata": meta("web"), "status": {"a": 1}})
    assert json.dumps(made) == kept


def test_a_stale_version_is_a_conflict(registry: MemoryRegistry) -> None:
    made = registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a"), "data": {"k": "1"}})
    registry.update(kinds.CONFIG_MAPS, {**made, "data": {"k": "2"}})
    with pytest.raises(ApiError, match="the object has been modified") as caught:
        registry.update(kinds.CONFIG_MAPS, {**made, "data": {"k": "3"}})
    assert caught.value.code == 409


def test_nothing_is_made_in_a_namespace_that_is_missing_or_ending(
    registry: MemoryRegistry,
) -> None:
    with pytest.raises(ApiError, match='namespaces "no" not found'):
        registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "a", "namespace": "no"}})
    registry.create(kinds.NAMESPACES, {"metadata": {"name": "ends"}})
    held = {"name": "p", "namespace": "ends", "finalizers": ["example.com/held"]}
    registry.create(kinds.CONFIG_MAPS, {"metadata": held})
    registry.delete(kinds.NAMESPACES, "", "ends")
    with pytest.raises(ApiError, match="because it is being terminated") as caught:
        registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "b", "namespace": "ends"}})
    assert caught.value.code == 403


def test_a_namespace_goes_after_its_content(registry: MemoryRegistry) -> None:
    registry.create(kinds.NAMESPACES, {"metadata": {"name": "n"}})
    pod = running_pod("p")
    pod["metadata"]["namespace"] = "n"
    registry.create(kinds.PODS, pod)
    registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "n"}})
    registry.delete(kinds.NAMESPACES, "", "n")
    assert registry.get(kinds.NAMESPACES, "", "n")["status"]["phase"] == "Terminating"
    assert not registry.list(kinds.CONFIG_MAPS, "n")
    registry.delete(kinds.PODS, "n", "p", grace_period_s=0)
    assert registry.find(kinds.NAMESPACES, "", "n") is None


def test_the_first_namespaces_may_not_be_deleted(registry: MemoryRegistry) -> None:
    with pytest.raises(ApiError, match="may not be deleted"):
        registry.delete(kinds.NAMESPACES, "", "default")


def test_a_pod_waits_for_its_kubelet(registry: MemoryRegistry) -> None:
    registry.create(kinds.PODS, running_pod("p"))
    doomed = registry.delete(kinds.PODS, "default", "p")
    assert doomed["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:30Z"
    assert doomed["metadata"]["deletionGracePeriodSeconds"] == 30
    assert registry.delete(kinds.PODS, "default", "p", grace_period_s=60) is doomed
    shortened = registry.delete(kinds.PODS, "default", "p", grace_period_s=5)
    assert shortened["metadata"]["deletionGracePeriodSeconds"] == 5
    registry.delete(kinds.PODS, "default", "p", grace_period_s=0)
    assert registry.find(kinds.PODS, "default", "p") is None


def test_a_pod_without_a_process_goes_at_once(registry: MemoryRegistry) -> None:
    registry.create(kinds.PODS, {"metadata": meta("pending"), "spec": containers()})
    registry.delete(kinds.PODS, "default", "pending")
    registry.create(kinds.PODS, running_pod("ended"))
    registry.modify(
        kinds.PODS,
        "default",
        "ended",
        lambda obj: obj["status"].update(phase="Failed"),
        status=True,
    )
    registry.delete(kinds.PODS, "default", "ended")
    assert not registry.list(kinds.PODS)


def test_a_finalizer_holds_until_it_is_removed(registry: MemoryRegistry) -> None:
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a", finalizers=["example.com/x"])})
    registry.delete(kinds.CONFIG_MAPS, "default", "a")
    assert "deletionTimestamp" in registry.get(kinds.CONFIG_MAPS, "default", "a")["metadata"]
    registry.modify(
        kinds.CONFIG_MAPS, "default", "a", lambda obj: obj["metadata"].pop("finalizers")
    )
    assert registry.find(kinds.CONFIG_MAPS, "default", "a") is None


def test_what_is_being_deleted_is_held_by_no_more_finalizers(registry: MemoryRegistry) -> None:
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a", finalizers=["a.b/x", "a.b/y"])})
    registry.delete(kinds.CONFIG_MAPS, "default", "a")

    def hold(*finalizers: str) -> None:
        registry.modify(
            kinds.CONFIG_MAPS,
            "default",
            "a",
            lambda obj: obj["metadata"].update(finalizers=[*finalizers]),
        )

    with pytest.raises(ApiError, match="no new finalizers can be added") as caught:
        hold("a.b/x", "a.b/z")
    assert caught.value.code == 422
    hold("a.b/y")
    hold()
    assert registry.find(kinds.CONFIG_MAPS, "default", "a") is None


def test_nothing_is_remembered_of_owners_that_are_gone(registry: MemoryRegistry) -> None:
    for turn in range(3):
        owner = registry.create(kinds.CONFIG_MAPS, {"metadata": meta(f"owner-{turn}")})
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": f"owner-{turn}"}
        reference["uid"] = owner["metadata"]["uid"]
        held = meta("held", ownerReferences=[reference], finalizers=["a.b/x"])
        registry.create(kinds.CONFIG_MAPS, {"metadata": held})
        registry.delete(kinds.CONFIG_MAPS, "default", f"owner-{turn}")
        registry.modify(
            kinds.CONFIG_MAPS, "default", "held", lambda obj: obj["metadata"].pop("finalizers")
        )
        assert registry.find(kinds.CONFIG_MAPS, "default", "held") is None
    assert not registry._garbage._dependents


def test_another_uid_is_not_deleted(registry: MemoryRegistry) -> None:
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    with pytest.raises(ApiError, match="does not match the UID in record"):
        registry.delete(kinds.CONFIG_MAPS, "default", "a", uid="another")


@pytest.fixture
def family(registry: MemoryRegistry) -> tuple[KubeObject, KubeObject, KubeObject]:
    owner = registry.create(kinds.DEPLOYMENTS, workload("web"))
    child = registry.create(kinds.REPLICA_SETS, workload("web-1", ownerReferences=owned_by(owner)))
    pod = registry.create(kinds.PODS, running_pod("web-1-a", ownerReferences=owned_by(child)))
    return owner, child, pod


@pytest.mark.usefixtures("family")
def test_dependents_go_with_their_owner(registry: MemoryRegistry) -> None:
    registry.delete(kinds.DEPLOYMENTS, "default", "web")
    assert not registry.list(kinds.REPLICA_SETS)
    assert "deletionTimestamp" in registry.get(kinds.PODS, "default", "web-1-a")["metadata"]


@pytest.mark.usefixtures("family")
def test_in_the_foreground_the_owner_goes_last(registry: MemoryRegistry) -> None:
    registry.delete(kinds.DEPLOYMENTS, "default", "web", propagation="Foreground")
    owner = registry.get(kinds.DEPLOYMENTS, "default", "web")
    assert owner["metadata"]["finalizers"] == ["foregroundDeletion"]
    registry.delete(kinds.PODS, "default", "web-1-a", grace_period_s=0)
    assert not registry.list(kinds.REPLICA_SETS)
    assert not registry.list(kinds.DEPLOYMENTS)


@pytest.mark.usefixtures("family")
def test_orphans_stay_without_their_owner(registry: MemoryRegistry) -> None:
    registry.delete(kinds.DEPLOYMENTS, "default", "web", propagation="Orphan")
    assert "ownerReferences" not in registry.get(kinds.REPLICA_SETS, "default", "web-1")["metadata"]


def test_one_of_two_owners_is_enough(registry: MemoryRegistry) -> None:
    first = registry.create(kinds.CONFIG_MAPS, {"metadata": meta("first")})
    second = registry.create(kinds.CONFIG_MAPS, {"metadata": meta("second")})
    both = owned_by(first) + owned_by(second)
    registry.create(kinds.SECRETS, {"metadata": meta("s", ownerReferences=both)})
    registry.delete(kinds.CONFIG_MAPS, "default", "first")
    left = registry.get(kinds.SECRETS, "default", "s")["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in left] == ["second"]
    registry.delete(kinds.CONFIG_MAPS, "default", "second")
    assert registry.find(kinds.SECRETS, "default", "s") is None


def test_what_is_made_for_an_owner_that_is_gone_is_collected(registry: MemoryRegistry) -> None:
    owner = registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    registry.delete(kinds.CONFIG_MAPS, "default", "a")
    registry.create(kinds.SECRETS, {"metadata": meta("late", ownerReferences=owned_by(owner))})
    assert registry.find(kinds.SECRETS, "default", "late") is None


def test_subscribers_hear_everything_in_order_also_what_they_write(
    registry: MemoryRegistry,
) -> None:
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("before")})
    seen: list[tuple[str, str]] = []

    def write_once(event: WatchEvent) -> None:
        if event.type == "ADDED" and event.object["metadata"]["name"] == "a":
            registry.modify(
                kinds.CONFIG_MAPS, "default", "a", lambda obj: obj.update(data={"k": "v"})
            )

    registry.subscribe(kinds.CONFIG_MAPS, write_once)
    registry.subscribe(
        kinds.CONFIG_MAPS, lambda event: seen.append((event.type, event.object["metadata"]["name"]))
    )
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    assert seen == [("ADDED", "before"), ("ADDED", "a"), ("MODIFIED", "a")]


def test_a_failing_subscriber_spoils_no_write(
    registry: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: WatchEvent) -> None:
        raise RuntimeError("a bug")

    registry.subscribe(kinds.CONFIG_MAPS, fail)
    registry.create(kinds.CONFIG_MAPS, {"metadata": meta("a")})
    assert "a handler failed on ADDED a" in caplog.text


def test_admission_completes_and_refuses(registry: MemoryRegistry) -> None:
    def admit(resource: Resource, obj: KubeObject) -> None:
        if resource is kinds.SERVICES:
            obj["spec"].setdefault("clusterIP", "127.0.5.1")
        if obj["metadata"]["name"] == "bad":
            raise ApiError(403, "Forbidden", "not this one")

    registry.admission.append(admit)
    spec = {"ports": [{"port": 80}]}
    made = registry.create(kinds.SERVICES, {"metadata": meta("web"), "spec": spec})
    assert made["spec"]["clusterIPs"] == ["127.0.5.1"]
    with pytest.raises(ApiError, match="not this one"):
        registry.create(kinds.SERVICES, {"metadata": meta("bad"), "spec": spec})
    # An update may leave the address out, but not change it.
    registry.update(kinds.SERVICES, {"metadata": meta("web"), "spec": spec})
    assert registry.get(kinds.SERVICES, "default", "web")["spec"]["clusterIP"] == "127.0.5.1"
    with pytest.raises(ApiError, match="may not change once set"):
        registry.update(
            kinds.SERVICES, {"metadata": meta("web"), "spec": {**spec, "clusterIP": "127.0.5.2"}}
        )


def test_a_dry_run_leaves_no_trace(registry: MemoryRegistry) -> None:
    before = registry.resource_version
    shown = registry.create(kinds.DEPLOYMENTS, workload("web"), dry_run=True)
    assert shown["spec"]["revisionHistoryLimit"] == 10
    assert registry.resource_version == before
    assert not registry.list(kinds.DEPLOYMENTS)
