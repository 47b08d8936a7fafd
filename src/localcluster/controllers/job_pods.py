"""The pods of a Job: how they are made and what they count for. Pure."""

from collections.abc import Sequence
from typing import Final

from localcluster.controllers.job_indexes import COMPLETION_INDEX
from localcluster.controllers.pods import is_active
from localcluster.controllers.replicaset import pod_from
from localcluster.objects import KubeObject

TRACKING: Final = "batch.kubernetes.io/job-tracking"
_INDEX_ENV: Final = "JOB_COMPLETION_INDEX"
_LONGEST_NAME: Final = 63


def job_pod(job: KubeObject, index: int | None) -> KubeObject:
    """A new pod of the Job, which stays until the controller has counted it.

    `index` is its completion index, None when the Job is not Indexed.
    """
    name = job["metadata"]["name"]
    if index is None:
        pod = pod_from(job, generate_name=f"{name}-")
    else:
        pod = pod_from(job, generate_name=f"{name}-{index}-")
        for part in ("annotations", "labels"):
            pod["metadata"].setdefault(part, {})[COMPLETION_INDEX] = str(index)
        pod["spec"].setdefault("hostname", f"{name}-{index}"[:_LONGEST_NAME])
        for kind in ("initContainers", "containers"):
            for container in pod["spec"].get(kind) or ():
                _tell_index(container)
    pod["metadata"]["finalizers"] = [*(pod["metadata"].get("finalizers") or ()), TRACKING]
    return pod


def _tell_index(container: KubeObject) -> None:
    env = container.setdefault("env", [])
    if not any(variable.get("name") == _INDEX_ENV for variable in env):
        path = f"metadata.labels['{COMPLETION_INDEX}']"
        env.append({"name": _INDEX_ENV, "valueFrom": {"fieldRef": {"fieldPath": path}}})


def is_tracked(pod: KubeObject) -> bool:
    """It has not been counted yet."""
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def has_succeeded(pod: KubeObject) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def has_failed(pod: KubeObject, *, only_finished: bool) -> bool:
    """A pod that somebody deletes counts as failed at once, unless `only_finished`."""
    if pod.get("status", {}).get("phase") == "Failed":
        return True
    return not only_finished and is_terminating(pod) and not has_succeeded(pod)


def is_terminating(pod: KubeObject) -> bool:
    return "deletionTimestamp" in pod["metadata"] and pod.get("status", {}).get("phase") not in (
        "Succeeded",
        "Failed",
    )


def finished_at(pod: KubeObject) -> str:
    """When its last container ended, as text that sorts; its deletion, or "" when unknown."""
    ends = [
        (container.get("state") or {}).get("terminated", {}).get("finishedAt") or ""
        for container in pod.get("status", {}).get("containerStatuses") or ()
    ]
    return max(ends, default="") or pod["metadata"].get("deletionTimestamp", "")


def restarts(pods: Sequence[KubeObject]) -> int:
    """Of all containers of the pods that are under way: OnFailure restarts them in place."""
    return sum(
        container.get("restartCount", 0)
        for pod in pods
        if is_active(pod)
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in pod.get("status", {}).get(kind) or ()
    )


def removal_rank(pod: KubeObject) -> tuple[bool, bool, str]:
    """Pods that sort first are deleted first: not started, not ready, newest."""
    phase = pod.get("status", {}).get("phase", "Pending")
    newest = pod["metadata"]["creationTimestamp"].translate(
        str.maketrans("0123456789", "9876543210")
    )
    return (bool(pod["spec"].get("nodeName")), phase == "Running", newest)
