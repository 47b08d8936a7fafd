"""Rollouts, revisions and conditions, against the real registry and a fake kubelet."""

from typing import Any

from localcluster import kinds


def test_a_new_deployment_gets_a_replica_set_named_by_its_template_hash(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    (owned,) = cluster.registry.list(kinds.REPLICA_SETS, "shop")
    digest = owned["metadata"]["labels"]["pod-template-hash"]
    assert owned["metadata"]["name"] == f"web-{digest}"
    assert owned["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": digest}
    assert owned["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] == digest
    assert len(cluster.pods(**{"pod-template-hash": digest})) == 3
    assert all(pod["metadata"]["name"].startswith(f"web-{digest}-") for pod in cluster.pods())


def test_a_finished_rollout_says_so_in_its_status_and_conditions(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    status = cluster.deployment()["status"]
    assert {key: status[key] for key in status if key != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
    }
    assert cluster.condition("Available") == ("True", "MinimumReplicasAvailable")
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")
    assert cluster.deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == (
        "1"
    )


def test_conditions_pass_through_the_reasons_of_a_real_rollout(cluster: Any) -> None:
    seen: list[tuple[str, str]] = []
    cluster.registry.subscribe(kinds.DEPLOYMENTS, lambda event: seen.append(_progress(event)))
    cluster.deploy()
    cluster.settle()
    assert list(dict.fromkeys(seen)) == [
        ("", ""),
        ("True", "NewReplicaSetCreated"),
        ("True", "ReplicaSetUpdated"),
        ("True", "NewReplicaSetAvailable"),
    ]


def _progress(event: Any) -> tuple[str, str]:
    for each in event.object.get("status", {}).get("conditions") or ():
        if each["type"] == "Progressing":
            return each["status"], each["reason"]
    return "", ""


def test_three_replicas_roll_with_one_more_and_none_less(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    available: list[int] = []
    cluster.registry.subscribe(
        kinds.DEPLOYMENTS,
        lambda event: available.append(event.object.get("status", {}).get("availableReplicas", 0)),
    )
    cluster.most_pods = 0
    cluster.release("v2")
    cluster.settle()
    assert cluster.sets() == {"v1": 0, "v2": 3}
    # A pod that is ending still exists beside the one that replaces it.
    assert cluster.most_pods <= 5
    assert min(available) == 3


def test_a_bad_release_stops_at_one_pod_and_leaves_the_old_ones_serving(cluster: Any) -> None:
    cluster.bad_images.add("broken")
    cluster.deploy()
    cluster.settle()
    cluster.release("broken")
    cluster.settle()
    assert cluster.sets() == {"v1": 3, "broken": 1}
    status = cluster.deployment()["status"]
    assert (status["availableReplicas"], status["unavailableReplicas"]) == (3, 1)
    assert cluster.condition("Available")[0] == "True"


def test_going_back_uses_the_old_replica_set_with_a_new_revision(cluster: Any) -> None:
    cluster.bad_images.add("broken")
    cluster.deploy()
    cluster.settle()
    names = {each["metadata"]["name"] for each in cluster.pods()}
    cluster.release("broken")
    cluster.settle()
    cluster.release("v1")
    cluster.settle()
    assert cluster.sets() == {"v1": 3, "broken": 0}
    assert cluster.revisions() == {"v1": "3", "broken": "2"}
    assert {each["metadata"]["name"] for each in cluster.pods()} == names
    first = next(
        each
        for each in cluster.registry.list(kinds.REPLICA_SETS, "shop")
        if each["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    )
    history = first["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"]
    assert history == "1"
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_the_change_cause_is_copied_to_the_replica_set_of_its_revision(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()

    def annotate(obj: Any) -> None:
        obj["metadata"]["annotations"]["kubernetes.io/change-cause"] = "release 2"
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "v2"

    cluster.change(annotate)
    cluster.settle()
    causes = {
        each["metadata"]["annotations"].get("kubernetes.io/change-cause")
        for each in cluster.registry.list(kinds.REPLICA_SETS, "shop")
    }
    assert causes == {None, "release 2"}


def test_a_rollout_that_makes_no_progress_exceeds_its_deadline(cluster: Any) -> None:
    cluster.bad_images.add("broken")
    cluster.deploy(progressDeadlineSeconds=15)
    cluster.settle()
    cluster.release("broken")
    cluster.settle()
    assert cluster.condition("Progressing") == ("True", "ReplicaSetUpdated")
    cluster.time.advance(14)
    assert cluster.condition("Progressing") == ("True", "ReplicaSetUpdated")
    cluster.time.advance(2)
    assert cluster.condition("Progressing") == ("False", "ProgressDeadlineExceeded")
    cluster.release("v1")
    cluster.settle()
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_recreate_waits_for_the_last_old_pod(cluster: Any) -> None:
    cluster.deploy(strategy={"type": "Recreate"})
    cluster.settle()
    cluster.most_pods = 0
    cluster.release("v2")
    cluster.settle()
    assert cluster.sets() == {"v1": 0, "v2": 3}
    assert cluster.most_pods == 3


def test_scaling_changes_the_only_replica_set_and_makes_no_revision(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    cluster.scale(8)
    cluster.settle()
    assert len(cluster.pods()) == 8
    cluster.scale(2)
    cluster.settle()
    assert len(cluster.pods()) == 2
    assert cluster.revisions() == {"v1": "1"}


def test_scaling_in_the_middle_of_a_rollout_is_shared_in_proportion(cluster: Any) -> None:
    """The example of Kubernetes' own documentation: 8 and 5 become 11 and 7."""
    cluster.bad_images.add("broken")
    rolling = {"maxSurge": 3, "maxUnavailable": 2}
    cluster.deploy(replicas=10, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    cluster.settle()
    cluster.release("broken")
    cluster.settle()
    assert cluster.sets() == {"v1": 8, "broken": 5}
    cluster.scale(15)
    cluster.time.advance()
    assert cluster.sets() == {"v1": 11, "broken": 7}


def test_scaling_down_prefers_pods_that_are_not_ready(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    victim = cluster.pods()[1]["metadata"]["name"]
    cluster.bad_images.add("v1")
    cluster.set_ready(victim, is_ready=False)
    cluster.time.advance()
    cluster.scale(2)
    cluster.settle()
    assert victim not in {pod["metadata"]["name"] for pod in cluster.pods()}


def test_a_paused_deployment_waits_with_its_change_and_still_scales(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    cluster.change(lambda obj: obj["spec"].update(paused=True))
    cluster.settle()
    assert cluster.condition("Progressing") == ("Unknown", "DeploymentPaused")
    cluster.release("v2")
    cluster.scale(4)
    cluster.settle()
    assert cluster.sets() == {"v1": 4}
    cluster.change(lambda obj: obj["spec"].pop("paused"))
    cluster.settle()
    assert cluster.sets() == {"v1": 0, "v2": 4}
    assert cluster.condition("Progressing") == ("True", "NewReplicaSetAvailable")


def test_the_history_keeps_as_many_old_sets_as_its_limit(cluster: Any) -> None:
    cluster.deploy(revisionHistoryLimit=2)
    for number in range(1, 6):
        cluster.release(f"v{number}")
        cluster.settle()
    assert set(cluster.revisions()) == {"v3", "v4", "v5"}


def test_a_deleted_deployment_takes_everything_with_it(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    cluster.registry.delete(kinds.DEPLOYMENTS, "shop", "web")
    cluster.settle()
    assert not cluster.registry.list(kinds.REPLICA_SETS, "shop")
    assert not cluster.pods()


def test_events_tell_of_scaling_and_of_pods(cluster: Any) -> None:
    cluster.deploy(replicas=1)
    cluster.settle()
    (name,) = [each["metadata"]["name"] for each in cluster.registry.list(kinds.REPLICA_SETS)]
    assert cluster.events("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 1"]
    assert cluster.events("SuccessfulCreate") == [
        f"Created pod: {cluster.pods()[0]['metadata']['name']}"
    ]


def test_min_ready_seconds_keep_a_ready_pod_from_counting_as_available(cluster: Any) -> None:
    cluster.deploy(replicas=1, minReadySeconds=300)
    cluster.settle()
    status = cluster.deployment()["status"]
    assert status["readyReplicas"] == 1
    assert "availableReplicas" not in status


def test_a_deployment_at_rest_writes_nothing(cluster: Any) -> None:
    cluster.deploy()
    cluster.settle()
    before = cluster.registry.resource_version
    cluster.time.advance(30)
    assert cluster.registry.resource_version == before
