"""A Deployment's status and conditions. Pure but for the wall time that conditions record."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from localcluster.controllers.rollout import bounds, in_status, replicas, total
from localcluster.objects import KubeObject

NEW_SET_CREATED: Final = "NewReplicaSetCreated"
FOUND_NEW_SET: Final = "FoundNewReplicaSet"
NEW_SET_AVAILABLE: Final = "NewReplicaSetAvailable"
UPDATED: Final = "ReplicaSetUpdated"
TIMED_OUT: Final = "ProgressDeadlineExceeded"
PAUSED: Final = "DeploymentPaused"
RESUMED: Final = "DeploymentResumed"

Conditions = list[dict[str, Any]]


def counts(
    deployment: KubeObject, sets: Sequence[KubeObject], new: KubeObject | None
) -> dict[str, int]:
    """The numbers of status; those that are zero are left out, as in the real one."""
    available = in_status(sets, "availableReplicas")
    numbers = {
        "replicas": in_status(sets, "replicas"),
        "updatedReplicas": in_status([new], "replicas") if new else 0,
        "readyReplicas": in_status(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(sets) - available),
    }
    status = {"observedGeneration": deployment["metadata"]["generation"]}
    return status | {key: number for key, number in numbers.items() if number}


def available_condition(deployment: KubeObject, available: int) -> dict[str, Any]:
    _, unavailable = bounds(deployment)
    if available >= replicas(deployment) - unavailable:
        return _condition(
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    return _condition(
        "Available",
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    )


def progressing(status: str, reason: str, name: str) -> dict[str, Any]:
    """The Progressing condition for a reason; `name` is the new ReplicaSet's."""
    messages = {
        NEW_SET_CREATED: f'Created new replica set "{name}"',
        FOUND_NEW_SET: f'Found new replica set "{name}"',
        NEW_SET_AVAILABLE: f'ReplicaSet "{name}" has successfully progressed.',
        UPDATED: f'ReplicaSet "{name}" is progressing.',
        TIMED_OUT: f'ReplicaSet "{name}" has timed out progressing.',
        PAUSED: "Deployment is paused",
        RESUMED: "Deployment is resumed",
    }
    return _condition("Progressing", status, reason, messages[reason])


def replica_failure(problem: str) -> dict[str, Any]:
    """A ReplicaSet's condition when its pods cannot be made; its Deployment shows it as well."""
    condition = _condition("ReplicaFailure", "True", "FailedCreate", problem)
    del condition["lastUpdateTime"]
    return condition


def with_failures(current: Conditions, sets: Sequence[KubeObject]) -> Conditions:
    """The first ReplicaFailure of a ReplicaSet as the Deployment's own; none when there is none."""
    for each in sets:
        failure = find((each.get("status") or {}).get("conditions") or (), "ReplicaFailure")
        if failure is not None:
            own = {**failure, "lastUpdateTime": failure["lastTransitionTime"]}
            return put(current, own)
    return [each for each in current if each["type"] != "ReplicaFailure"]


def is_complete(deployment: KubeObject, status: KubeObject) -> bool:
    wanted = replicas(deployment)
    return all(
        status.get(key, 0) == wanted for key in ("updatedReplicas", "replicas", "availableReplicas")
    )


def has_progressed(old: KubeObject, new: KubeObject) -> bool:
    """More updated, more ready, more available, or fewer old ones than before."""

    def grown(key: str) -> bool:
        return int(new.get(key, 0)) > int(old.get(key, 0))

    def outdated(status: KubeObject) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    return (
        grown("updatedReplicas")
        or grown("readyReplicas")
        or grown("availableReplicas")
        or outdated(new) < outdated(old)
    )


def find(conditions: Sequence[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((each for each in conditions if each["type"] == kind), None)


def put(conditions: Conditions, condition: dict[str, Any], *, touch: bool = False) -> Conditions:
    """Sets a condition. One of the same status and reason stays as it is, unless `touch`; one
    that keeps its status keeps the time of its transition."""
    current = find(conditions, condition["type"])
    if current is not None and current["status"] == condition["status"]:
        if current["reason"] == condition["reason"] and not touch:
            return conditions
        condition = {**condition, "lastTransitionTime": current["lastTransitionTime"]}
    return [each for each in conditions if each["type"] != condition["type"]] + [condition]


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }
