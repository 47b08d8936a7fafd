"""Jobs: how many pods, how long between failures, and how it all ends."""

from datetime import UTC, datetime
from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.job import JobController
from localcluster.controllers.job_indexes import format_indexes, parse_indexes
from localcluster.controllers.job_pods import TRACKING
from localcluster.objects import ApiError

PODS = kinds.PODS


class Jobs:
    """One Job called `batch`, and its pods by hand."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.registry = cluster.registry
        JobController(
            cluster.registry, cluster.recorder, cluster.time, lambda: datetime.now(UTC)
        ).start()

    def create(self, *, policy: str = "Never", **spec: Any) -> None:
        pod = {"restartPolicy": policy, "containers": [{"name": "app", "image": "v1"}]}
        self.registry.create(
            kinds.JOBS,
            {
                "metadata": {"name": "batch", "namespace": "shop"},
                "spec": {"template": {"spec": pod}, **spec},
            },
        )
        self.cluster.time.advance()

    def change(self, **spec: Any) -> None:
        self.registry.modify(kinds.JOBS, "shop", "batch", lambda job: job["spec"].update(spec))
        self.cluster.time.advance()

    @property
    def job(self) -> Any:
        return self.registry.get(kinds.JOBS, "shop", "batch")

    @property
    def status(self) -> Any:
        return self.job["status"]

    def active(self) -> list[Any]:
        return [
            pod
            for pod in self.cluster.pods()
            if pod["status"].get("phase") not in ("Succeeded", "Failed")
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def end(self, phase: str, count: int = 1, **status: Any) -> None:
        """That many of the active pods end."""
        for pod in self.active()[:count]:
            self.set(pod, phase=phase, **status)
        self.cluster.time.advance()

    def set(self, pod: Any, **status: Any) -> None:
        def change(obj: Any) -> None:
            obj["status"].update(status)

        self.registry.modify(PODS, "shop", pod["metadata"]["name"], change, status=True)
        self.cluster.time.advance()

    def kubelet(self) -> None:
        """Ends what is to be deleted."""
        for pod in self.cluster.pods():
            if "deletionTimestamp" in pod["metadata"]:
                self.registry.delete(PODS, "shop", pod["metadata"]["name"], grace_period_s=0)
        self.cluster.time.advance()

    def conditions(self) -> dict[str, tuple[str, str]]:
        return {
            each["type"]: (each["status"], each["reason"])
            for each in self.status.get("conditions") or ()
        }


@pytest.fixture
def jobs(cluster: Any) -> Jobs:
    return Jobs(cluster)


def test_as_many_pods_run_at_once_as_asked_for_until_all_have_succeeded(jobs: Jobs) -> None:
    jobs.create(completions=3, parallelism=2)
    assert len(jobs.active()) == 2
    jobs.end("Succeeded")
    assert (len(jobs.active()), jobs.status["succeeded"], jobs.status["active"]) == (2, 1, 2)
    jobs.end("Succeeded")
    assert len(jobs.active()) == 1
    jobs.end("Succeeded")
    assert jobs.status["succeeded"] == 3
    assert "active" not in jobs.status
    assert jobs.conditions() == {
        "SuccessCriteriaMet": ("True", "CompletionsReached"),
        "Complete": ("True", "CompletionsReached"),
    }
    assert jobs.status["completionTime"]
    assert jobs.cluster.events("Completed") == ["Job completed"]
    assert len(jobs.cluster.events("SuccessfulCreate")) == 3


def test_a_pod_belongs_to_its_job_and_stays_until_it_is_counted(jobs: Jobs) -> None:
    jobs.create()
    (pod,) = jobs.active()
    meta = pod["metadata"]
    uid = jobs.job["metadata"]["uid"]
    assert meta["labels"] == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "batch",
        "controller-uid": uid,
        "job-name": "batch",
    }
    assert meta["ownerReferences"][0]["kind"] == "Job"
    assert meta["finalizers"] == [TRACKING]
    jobs.end("Succeeded")
    assert "finalizers" not in jobs.cluster.pods()[0]["metadata"]


def test_failed_pods_are_replaced_after_10_20_and_40_seconds(jobs: Jobs) -> None:
    jobs.create(backoffLimit=3)
    for number, delay in enumerate((10, 20, 40)):
        jobs.end("Failed")
        assert jobs.status["failed"] == number + 1
        jobs.cluster.time.advance(delay - 0.1)
        assert not jobs.active()
        jobs.cluster.time.advance(0.2)
        assert len(jobs.active()) == 1
    jobs.end("Failed")
    assert jobs.conditions()["Failed"] == ("True", "BackoffLimitExceeded")
    assert jobs.cluster.events("BackoffLimitExceeded") == [
        "Job has reached the specified backoff limit"
    ]
    jobs.cluster.time.advance(1000)
    assert not jobs.active()


def test_a_pod_that_succeeds_ends_the_back_off(jobs: Jobs) -> None:
    jobs.create(completions=3, backoffLimit=5)
    jobs.end("Failed")
    jobs.cluster.time.advance(10.1)
    jobs.end("Succeeded")
    assert len(jobs.active()) == 1


def test_compression_divides_the_back_off(cluster: Any) -> None:
    jobs = Jobs.__new__(Jobs)
    jobs.cluster, jobs.registry = cluster, cluster.registry
    JobController(
        cluster.registry, cluster.recorder, cluster.time, lambda: datetime.now(UTC), compress=10
    ).start()
    jobs.create()
    jobs.end("Failed")
    cluster.time.advance(1.1)
    assert len(jobs.active()) == 1


def test_containers_that_restart_in_place_count_against_the_limit(jobs: Jobs) -> None:
    jobs.create(policy="OnFailure", backoffLimit=2)
    (pod,) = jobs.active()
    state = {"name": "app", "image": "v1", "imageID": "", "ready": False}
    jobs.set(pod, phase="Running", containerStatuses=[{**state, "restartCount": 1}])
    assert "FailureTarget" not in jobs.conditions()
    jobs.set(pod, phase="Running", containerStatuses=[{**state, "restartCount": 2}])
    assert jobs.conditions()["FailureTarget"] == ("True", "BackoffLimitExceeded")
    jobs.kubelet()
    assert jobs.conditions()["Failed"] == ("True", "BackoffLimitExceeded")


def test_a_job_past_its_deadline_fails_once_its_last_pod_has_gone(jobs: Jobs) -> None:
    jobs.create(activeDeadlineSeconds=60)
    jobs.cluster.time.advance(59)
    assert jobs.active()
    jobs.cluster.time.advance(2)
    assert not jobs.active()
    assert set(jobs.conditions()) == {"FailureTarget"}
    assert jobs.status["terminating"] == 1
    jobs.kubelet()
    assert jobs.conditions()["Failed"] == ("True", "DeadlineExceeded")
    assert jobs.status["failed"] == 1
    assert not jobs.cluster.pods()
    assert jobs.cluster.events("DeadlineExceeded") == [
        "Job was active longer than specified deadline"
    ]


def test_a_deadline_counts_also_while_failed_pods_are_held_back(jobs: Jobs) -> None:
    jobs.create(activeDeadlineSeconds=12)
    jobs.end("Failed")
    jobs.cluster.time.advance(10.1)
    jobs.end("Failed")
    jobs.cluster.time.advance(3)
    assert jobs.conditions()["Failed"] == ("True", "DeadlineExceeded")


def test_a_suspended_job_has_no_pods_and_none_of_them_has_failed(jobs: Jobs) -> None:
    jobs.create(parallelism=2, completions=2, activeDeadlineSeconds=30)
    jobs.cluster.time.advance(20)
    jobs.change(suspend=True)
    assert not jobs.active()
    assert "failed" not in jobs.status
    assert jobs.conditions()["Suspended"] == ("True", "JobSuspended")
    jobs.kubelet()
    jobs.cluster.time.advance(100)
    jobs.change(suspend=False)
    assert len(jobs.active()) == 2
    assert jobs.conditions()["Suspended"] == ("False", "JobResumed")
    jobs.cluster.time.advance(20)
    assert len(jobs.active()) == 2  # its deadline began again
    assert jobs.cluster.events("Suspended") == ["Job suspended"]
    assert jobs.cluster.events("Resumed") == ["Job resumed"]


def test_a_job_created_suspended_starts_when_it_is_resumed(jobs: Jobs) -> None:
    jobs.create(suspend=True)
    assert "startTime" not in jobs.status
    jobs.change(suspend=False)
    assert jobs.status["startTime"]
    assert len(jobs.active()) == 1


def test_a_work_queue_is_done_when_one_worker_says_so_and_the_others_have_ended(
    jobs: Jobs,
) -> None:
    jobs.create(parallelism=3)
    assert "completions" not in jobs.job["spec"]
    jobs.end("Succeeded")
    assert len(jobs.active()) == 2
    assert "Complete" not in jobs.conditions()
    jobs.end("Failed", 1)
    assert len(jobs.active()) == 1  # nobody is replaced any more
    jobs.end("Succeeded")
    assert "Complete" in jobs.conditions()


def test_each_index_is_done_once(jobs: Jobs) -> None:
    jobs.create(completions=4, parallelism=4, completionMode="Indexed")
    pods = {pod["metadata"]["annotations"][INDEX]: pod for pod in jobs.active()}
    assert sorted(pods) == ["0", "1", "2", "3"]
    spec = pods["2"]["spec"]
    assert spec["hostname"] == "batch-2"
    assert pods["2"]["metadata"]["name"].startswith("batch-2-")
    path = spec["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["fieldPath"]
    assert (spec["containers"][0]["env"][0]["name"], path) == (
        "JOB_COMPLETION_INDEX",
        f"metadata.labels['{INDEX}']",
    )
    for index in ("0", "2", "3"):
        jobs.set(pods[index], phase="Succeeded")
    assert (jobs.status["completedIndexes"], jobs.status["succeeded"]) == ("0,2,3", 3)
    jobs.set(pods["1"], phase="Failed")
    jobs.cluster.time.advance(10.1)
    (again,) = jobs.active()
    assert again["metadata"]["annotations"][INDEX] == "1"
    jobs.set(again, phase="Succeeded")
    assert jobs.status["completedIndexes"] == "0-3"
    assert "Complete" in jobs.conditions()


INDEX = "batch.kubernetes.io/job-completion-index"


def test_less_parallelism_takes_pods_away_that_do_not_count_as_failed(jobs: Jobs) -> None:
    jobs.create(completions=5, parallelism=3)
    jobs.change(parallelism=1)
    assert len(jobs.active()) == 1
    assert "failed" not in jobs.status
    assert len(jobs.cluster.events("SuccessfulDelete")) == 2


def test_a_pod_that_somebody_deletes_has_failed_and_is_replaced(jobs: Jobs) -> None:
    jobs.create()
    (pod,) = jobs.active()
    jobs.registry.delete(PODS, "shop", pod["metadata"]["name"])
    jobs.cluster.time.advance()
    assert jobs.status["failed"] == 1
    jobs.kubelet()
    jobs.cluster.time.advance(10.1)
    assert len(jobs.active()) == 1


def test_a_finished_job_goes_after_its_time_to_live_with_its_pods(jobs: Jobs) -> None:
    jobs.create(ttlSecondsAfterFinished=30)
    jobs.end("Succeeded")
    jobs.cluster.time.advance(29)
    assert jobs.job
    jobs.cluster.time.advance(2)
    assert jobs.registry.find(kinds.JOBS, "shop", "batch") is None
    assert not jobs.cluster.pods()


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_a_job_that_is_deleted_holds_no_pod_back(jobs: Jobs, propagation: str) -> None:
    jobs.create(parallelism=2, completions=2)
    jobs.end("Succeeded")
    jobs.registry.delete(kinds.JOBS, "shop", "batch", propagation=propagation)
    jobs.cluster.time.advance()
    jobs.kubelet()
    assert jobs.registry.find(kinds.JOBS, "shop", "batch") is None
    left = jobs.cluster.pods()
    assert len(left) == (2 if propagation == "Orphan" else 0)
    assert not any("finalizers" in pod["metadata"] for pod in left)


def test_a_namespace_with_a_job_can_be_deleted(jobs: Jobs) -> None:
    jobs.create(parallelism=2, completions=2)
    jobs.registry.delete(kinds.NAMESPACES, "", "shop")
    jobs.cluster.time.advance()
    jobs.kubelet()
    jobs.cluster.time.advance(20)
    assert jobs.registry.find(kinds.NAMESPACES, "", "shop") is None


def test_a_pod_that_is_refused_is_told_and_tried_again(jobs: Jobs) -> None:
    def refuse(resource: Any, pod: Any) -> None:
        if resource is PODS:
            raise ApiError(403, "Forbidden", "exceeded quota")

    jobs.registry.admission.append(refuse)
    jobs.create()
    assert jobs.cluster.events("FailedCreate") == ["Error creating: exceeded quota"]
    jobs.registry.admission.remove(refuse)
    jobs.cluster.time.advance(9)
    assert not jobs.active()
    jobs.cluster.time.advance(1.1)
    assert len(jobs.active()) == 1


def test_a_policy_that_is_not_followed_is_told(jobs: Jobs) -> None:
    jobs.create(podFailurePolicy={"rules": []})
    assert jobs.cluster.events("WithoutEffect") == [
        "spec.podFailurePolicy has no effect in this cluster"
    ]


def test_nothing_is_left_to_do_for_a_finished_job(jobs: Jobs) -> None:
    jobs.create()
    jobs.end("Succeeded")
    version = jobs.registry.resource_version
    jobs.cluster.time.advance(50)
    assert jobs.registry.resource_version == version


@pytest.mark.parametrize(
    ("indexes", "text"), [([], ""), ([3], "3"), ([0, 1], "0,1"), ([0, 1, 2, 5], "0-2,5")]
)
def test_indexes_are_written_as_ranges(indexes: list[int], text: str) -> None:
    assert format_indexes(indexes) == text
    assert parse_indexes(text) == set(indexes)
