"""Asks the cluster, before anything is changed, whether the account may do what the drills need."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

from rundrill.errors import TargetError
from rundrill.permissions import Need

AT_ONCE: Final = 4
"""Questions under way: some tens of them, each one way to the API server and back."""
_TOLD: Final = 4
"""Of those who need one permission."""


class Reviewer(Protocol):
    """What is asked of the cluster."""

    def may(self, *, verb: str, group: str, resource: str, namespace: str) -> bool: ...


def require_allowed(cluster: Reviewer, needs: Sequence[Need], *, path: Path) -> None:
    """Raises one `TargetError` that names all that is missing, and `ClusterError` without answer.

    `path` is the kubeconfig whose account is asked about.
    """
    missing = lacking(cluster, needs)
    if missing:
        raise TargetError(
            f"this account lacks {len(missing)} of the {len(needs)} permissions that the drills"
            " need; nothing was started:\n" + "\n".join(map(_told, missing)),
            path=path,
            fix="as an administrator `kubectl apply -f deploy/rbac.yaml`, then use the account"
            " that it makes; for experiments of your own see docs/permissions.md",
        )


def lacking(cluster: Reviewer, needs: Sequence[Need]) -> Sequence[Need]:
    """What the account may not do. Raises `ClusterError`."""

    def allowed(need: Need) -> bool:
        access = need.access
        return cluster.may(
            verb=access.verb,
            group=access.group,
            resource=access.resource,
            namespace=access.namespace,
        )

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="access-review")
    try:
        answers = list(pool.map(allowed, needs))
    finally:
        pool.shutdown(cancel_futures=True)  # after one without an answer no other is asked
    return [need for need, yes in zip(needs, answers, strict=True) if not yes]


def _told(need: Need) -> str:
    who = ", ".join(need.who[:_TOLD])
    more = f" and {len(need.who) - _TOLD} more" if len(need.who) > _TOLD else ""
    return f"  {need.access}, for {who}{more}"
