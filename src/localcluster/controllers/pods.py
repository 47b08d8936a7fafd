"""Questions that several controllers ask about a pod. Pure, but for the wall time given."""

from datetime import UTC, datetime

from localcluster.objects import KubeObject


def is_active(pod: KubeObject) -> bool:
    """Neither finished nor being deleted."""
    return (
        pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        and "deletionTimestamp" not in pod["metadata"]
    )


def is_ready(pod: KubeObject) -> bool:
    return ready_since(pod) is not None


def ready_since(pod: KubeObject) -> datetime | None:
    """When its Ready condition became true; None when it is not."""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return _moment(condition["lastTransitionTime"])
    return None


def unavailable_for(pod: KubeObject, min_ready_s: int) -> float | None:
    """Seconds until a ready pod counts as available: 0 when it does, None when it is not ready.

    Metadata knows wall time alone, so this is the one duration that is taken from it.
    """
    since = ready_since(pod)
    if since is None:
        return None
    if min_ready_s <= 0:
        return 0.0
    return max(0.0, min_ready_s - (datetime.now(UTC) - since).total_seconds())


def deletion_rank(pod: KubeObject) -> tuple[bool, int, bool, float, float, int, str]:
    """Pods that sort first are deleted first: the order of the ReplicaSet controller.

    Not bound, not running, not ready, cheap, ready for the shortest time, most restarts, newest.
    """
    status = pod.get("status", {})
    phases = {"Pending": 0, "Unknown": 1, "Running": 2}
    since = ready_since(pod)
    restarts = max(
        (each.get("restartCount", 0) for each in status.get("containerStatuses") or ()), default=0
    )
    annotations = pod["metadata"].get("annotations") or {}
    cost = annotations.get("controller.kubernetes.io/pod-deletion-cost", "0")
    return (
        bool(pod["spec"].get("nodeName")),
        phases.get(status.get("phase", "Pending"), 0),
        since is not None,
        float(cost) if cost.lstrip("-").isdecimal() else 0.0,
        -since.timestamp() if since else 0.0,
        -restarts,
        _inverted(pod["metadata"]["creationTimestamp"]),
    )


def _inverted(time: str) -> str:
    # Digits turned around, so that the newest sorts first among texts.
    return time.translate(str.maketrans("0123456789", "9876543210"))


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)
