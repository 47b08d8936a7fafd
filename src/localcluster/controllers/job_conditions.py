"""A Job's conditions and how it ends. Pure but for the wall time given."""

from collections.abc import Sequence
from typing import Any, Final

from localcluster.objects import KubeObject

Conditions = list[dict[str, Any]]

SUSPENDED: Final = "Suspended"
# What a Job is going to be, before its last pod has gone; and what it is then.
INTERIM: Final = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}

REACHED: Final = ("CompletionsReached", "Reached expected number of succeeded pods")
TOO_MANY_FAILURES: Final = (
    "BackoffLimitExceeded",
    "Job has reached the specified backoff limit",
)
TOO_LATE: Final = ("DeadlineExceeded", "Job was active longer than specified deadline")


def find(conditions: Sequence[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    """The condition of that type that is true."""
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def of(job: KubeObject) -> Conditions:
    return [dict(each) for each in (job.get("status") or {}).get("conditions") or ()]


def ended(job: KubeObject) -> str | None:
    """`Complete` or `Failed`; None while it is neither."""
    conditions = of(job)
    return next((kind for kind in INTERIM.values() if find(conditions, kind)), None)


def deciding(conditions: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The condition that says how the Job is going to end."""
    return next((found for kind in INTERIM if (found := find(conditions, kind))), None)


def condition(kind: str, reason: str, message: str, now: str, *, true: bool = True) -> KubeObject:
    return {
        "type": kind,
        "status": "True" if true else "False",
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def put(conditions: Conditions, new: KubeObject) -> bool:
    """Sets it in place; False when it stood there with the same status already."""
    for index, each in enumerate(conditions):
        if each["type"] == new["type"]:
            if each["status"] == new["status"]:
                return False
            conditions[index] = new
            return True
    conditions.append(new)
    return True
