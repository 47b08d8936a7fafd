"""The way back where the cluster refuses, where others work, and where nothing may be repeated."""

from collections.abc import Mapping
from typing import Any

import pytest
from fakes import FakeClock

from rundrill.base.wait import WaitTimeoutError
from rundrill.restore import Restoration, restore
from rundrill.target.cluster import Cluster, ClusterError, Rollout, object_path
from rundrill.target.snapshot import Snapshot, differences, way_back
from rundrill.undo import UndoEntry

PAY = "deployment/shop/pay"


def deployment(replicas: int = 3, image: str = "good") -> dict[str, Any]:
    return {"metadata": {"name": "pay"}, "spec": {"replicas": replicas, "image": image}}


def autoscaler() -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pay"}
    return {"metadata": {"name": "pay"}, "spec": {"scaleTargetRef": target, "maxReplicas": 9}}


def job(*, finished: bool, image: str = "good") -> dict[str, Any]:
    conditions = [{"type": "Complete", "status": "True"}] if finished else []
    return {
        "metadata": {"name": "once"},
        "spec": {"image": image},
        "status": {"conditions": conditions},
    }


class Scripted:
    """A cluster with one namespace, and a fault in it that needs its object.

    `refusals` are what the next requests get, by verb.
    """

    def __init__(self, objects: Mapping[str, Mapping[str, Any]]) -> None:
        self.objects = dict(objects)
        self.refusals: dict[str, list[ClusterError]] = {}
        self.told: list[str] = []

    def _meet(self, verb: str) -> None:
        self.told.append(verb)
        if self.refusals.get(verb):
            raise self.refusals[verb].pop(0)

    def declared(self, namespace: str) -> Snapshot:
        self._meet("list")
        return dict(self.objects)

    def rollouts(self, namespace: str | None = None) -> Mapping[str, Rollout]:
        return {}

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None:
        self._meet(f"patch {path.rpartition('/')[2]}")
        name = f"{path.rpartition('/')[0].rpartition('/')[2].removesuffix('s')}"
        key = f"{name}/shop/{path.rpartition('/')[2]}"
        now = self.objects[key]
        self.objects[key] = {**now, "spec": {**now["spec"], **body["spec"]}}

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        self._meet("create")
        self.objects[PAY] = body

    # the fault
    def undo(self, original: Mapping[str, Any]) -> None:
        self._meet("undo")
        if PAY not in self.objects:
            raise ClusterError("GET deployments/pay: 404 not found", 404)
        now = self.objects[PAY]
        self.objects[PAY] = {**now, "spec": {**now["spec"], "image": original["image"]}}

    def undone(self, original: Mapping[str, Any]) -> str | None:
        return "as before" if self.objects[PAY]["spec"]["image"] == original["image"] else None


def undo(cluster: Scripted, before: Snapshot, *, bring_back: bool = True) -> Restoration:
    entry = UndoEntry(
        run_id="run",
        kubeconfig="here",
        fault="bad-release",
        parameters={},
        original={"image": "good"},
        namespaces=["shop"],
        snapshot=before,
    )
    fault: Any = cluster
    clock = FakeClock()
    return restore(entry, fault, cluster, budget_s=10, clock=clock, bring_back=bring_back)


@pytest.mark.parametrize("verb", ["undo", "list", "patch pay"])
@pytest.mark.parametrize("code", [None, 429, 503])
def test_a_cluster_that_does_not_answer_once_is_asked_again(verb: str, code: int | None) -> None:
    cluster = Scripted({PAY: deployment(5, "bad")})
    cluster.refusals = {verb: [ClusterError("busy", code)]}
    done = undo(cluster, {PAY: deployment(3)})
    assert cluster.objects == {PAY: deployment(3)}
    assert (done.restored, done.left) == ((f"{PAY}: spec.replicas was 3, is 5",), ())


def test_the_object_of_the_fault_that_the_procedure_deleted_is_made_again() -> None:
    cluster = Scripted({})
    done = undo(cluster, {PAY: deployment()})
    assert done.restored == (f"{PAY}: was deleted",)
    assert done.left == ()
    assert cluster.told.count("create") == 1


def test_what_is_being_deleted_is_made_again_once_it_has_gone() -> None:
    gone = deployment()
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    cluster = Scripted({PAY: gone})
    still = cluster.declared

    def declared(namespace: str) -> Snapshot:
        if cluster.told.count("list") == 3:
            del cluster.objects[PAY]
        return still(namespace)

    cluster.declared = declared  # type: ignore[method-assign]
    done = undo(cluster, {PAY: deployment()})
    assert (done.restored, done.left) == ((f"{PAY}: was deleted",), ())


def test_what_stays_while_it_is_being_deleted_is_told() -> None:
    gone = deployment()
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    done = undo(Scripted({PAY: gone}), {PAY: deployment()})
    assert (done.restored, done.left) == ((), (f"{PAY}: is being deleted",))


def test_at_the_end_of_the_budget_the_last_refusal_is_told() -> None:
    cluster = Scripted({PAY: deployment(3, "bad")})
    cluster.refusals = {
        "undo": [ClusterError("no answer", 503)] * 1000,
        "list": [ClusterError("the database is full", 503)] * 1000,
    }
    with pytest.raises(ClusterError, match=r"waited 10\.0 s for .*the database is full"):
        undo(cluster, {PAY: deployment()})


def test_a_fault_that_stays_without_a_refusal_is_a_timeout() -> None:
    cluster = Scripted({PAY: deployment()})
    cluster.undone = lambda original: None  # type: ignore[method-assign]
    with pytest.raises(WaitTimeoutError):
        undo(cluster, {PAY: deployment()})


def test_what_can_never_be_brought_back_keeps_nothing_else_back_and_is_told() -> None:
    claim = "statefulset/shop/db"
    before = {claim: deployment(1), PAY: deployment(3)}
    cluster = Scripted({claim: deployment(2), PAY: deployment(5)})
    cluster.refusals = {"patch db": [ClusterError("422 immutable", 422)]}
    done = undo(cluster, before)
    assert done.restored == (f"{PAY}: spec.replicas was 3, is 5",)
    assert done.left == (
        f"{claim}: spec.replicas was 1, is 2",
        f"{claim}: not brought back: 422 immutable",
    )


def test_without_bringing_back_only_the_fault_is_undone_and_the_rest_told() -> None:
    cluster = Scripted({PAY: deployment(5, "bad")})
    done = undo(cluster, {PAY: deployment(3)}, bring_back=False)
    assert cluster.objects == {PAY: deployment(5)}
    assert (done.restored, done.left) == ((), (f"{PAY}: spec.replicas was 3, is 5",))


def test_without_a_snapshot_nothing_is_compared_and_nothing_called_new() -> None:
    cluster = Scripted({PAY: deployment(5, "bad")})
    done = undo(cluster, {})
    assert (done.restored, done.left, done.compared) == ((), (), 0)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (job(finished=True), None, ()),
        (job(finished=False), None, ("job/shop/once: was deleted",)),
        (None, job(finished=True), ("job/shop/once: was created",)),
        (
            job(finished=False),
            job(finished=True, image="bad"),
            ("job/shop/once: spec.image was 'good', is 'bad'",),
        ),
    ],
)
def test_a_job_is_never_run_again_and_one_that_has_ended_may_go(
    before: dict[str, Any] | None, after: dict[str, Any] | None, told: tuple[str, ...]
) -> None:
    old = {} if before is None else {"job/shop/once": before}
    new = {} if after is None else {"job/shop/once": after}
    assert way_back(old, new) == []
    assert differences(old, new) == told


def test_what_an_autoscaler_sets_is_left_to_it() -> None:
    hpa = {"horizontalpodautoscaler/shop/pay": autoscaler()}
    before, after = {PAY: deployment(3), **hpa}, {PAY: deployment(7, "bad"), **hpa}
    (change,) = way_back(before, after)
    assert change.body == {"spec": {"image": "good"}}
    assert differences(before, after) == (f"{PAY}: spec.image was 'good', is 'bad'",)
    assert way_back(before, {PAY: deployment(7), **hpa}) == []
    without = way_back({PAY: deployment(3)}, {PAY: deployment(7)})
    assert [change.body for change in without] == [{"spec": {"replicas": 3}}]


@pytest.mark.parametrize(("was", "now"), [(3, 0), (0, 3)])
def test_at_no_replicas_an_autoscaler_rests_and_somebody_else_did_it(was: int, now: int) -> None:
    hpa = {"horizontalpodautoscaler/shop/pay": autoscaler()}
    (change,) = way_back({PAY: deployment(was), **hpa}, {PAY: deployment(now), **hpa})
    assert change.body == {"spec": {"replicas": was}}


def test_who_leads_is_nobodys_intent() -> None:
    def lock(holder: str) -> dict[str, Any]:
        annotations = {"control-plane.alpha.kubernetes.io/leader": holder}
        return {"metadata": {"name": "lock", "annotations": annotations}}

    before, after = {"configmap/shop/lock": lock("a")}, {"configmap/shop/lock": lock("b")}
    assert way_back(before, after) == []
    assert differences(before, after) == ()


class Old(Cluster):
    """A cluster of 1.20: these kinds are served at older versions only."""

    def __init__(self) -> None:
        """Nobody is asked."""

    def get(self, path: str) -> dict[str, Any]:
        served = {
            "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers": (
                "HorizontalPodAutoscaler"
            ),
            "/apis/batch/v1beta1/namespaces/shop/cronjobs": "CronJob",
            "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets": "PodDisruptionBudget",
        }
        if path not in served:
            raise ClusterError(f"GET {path}: 404", 404)
        version = path.removeprefix("/apis/").partition("/namespaces")[0]
        item = {"metadata": {"name": "pay"}, "spec": {"minReplicas": 1}}
        return {"apiVersion": version, "kind": f"{served[path]}List", "items": [item]}


def test_a_kind_is_found_at_the_version_that_serves_it_and_changed_there() -> None:
    before = Old().declared("shop")
    assert {name: item["apiVersion"] for name, item in before.items()} == {
        "cronjob/shop/pay": "batch/v1beta1",
        "horizontalpodautoscaler/shop/pay": "autoscaling/v1",
        "poddisruptionbudget/shop/pay": "policy/v1beta1",
    }
    after = {name: {**item, "spec": {"minReplicas": 2}} for name, item in before.items()}
    for now in (after, {}):
        paths = [
            object_path(*change.name.split("/"), api_version=change.api_version)
            for change in way_back(before, now)
        ]
        assert paths == [
            "/apis/batch/v1beta1/namespaces/shop/cronjobs/pay",
            "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/pay",
            "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/pay",
        ]
    (made, *_) = way_back(before, {})
    assert (made.body["apiVersion"], made.body["kind"]) == ("batch/v1beta1", "CronJob")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_a_name_that_would_reach_another_path_is_refused(name: str) -> None:
    for namespace, of in (("shop", name), (name, "pay")):
        with pytest.raises(ClusterError, match="no name of an object"):
            object_path("configmap", namespace, of)
    assert object_path("configmap", "shop", "a?b").endswith("/a%3Fb")
    assert object_path("cronjob", "shop", "x", api_version="evil/v9").startswith("/apis/batch/v1/")
