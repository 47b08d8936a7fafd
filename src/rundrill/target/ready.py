"""Waits until what is deployed is ready: every Deployment and StatefulSet complete."""

from collections.abc import Collection

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import TargetError
from rundrill.target.cluster import Cluster, ClusterError


def await_ready(
    cluster: Cluster,
    *,
    namespaces: Collection[str] | None,
    budget_s: float,
    clock: Clock,
    fix: str,
    path: object = None,
) -> None:
    """`namespaces` None means all of the cluster.

    Raises `TargetError` when something is not ready in time, or nothing is deployed at all.
    """
    behind: list[str] = []

    def all_ready() -> bool:
        found = {
            name: rollout
            for namespace in ([None] if namespaces is None else sorted(namespaces))
            for name, rollout in cluster.rollouts(namespace).items()
        }
        behind[:] = [
            f"{name} ({rollout.available} of {rollout.wanted})"
            for name, rollout in found.items()
            if not rollout.complete
        ] or ([] if found else ["nothing is deployed"])
        return not behind

    place = None if path is None else str(path)
    try:
        until(
            all_ready,
            what="the service to be ready",
            budget_s=budget_s,
            every_s=0.2,
            clock=clock,
        )
    except WaitTimeoutError as timeout:
        raise TargetError(
            f"not ready after {timeout.budget_s:g} s: {', '.join(behind)}", path=place, fix=fix
        ) from timeout
    except ClusterError as error:
        raise TargetError(f"the cluster does not answer: {error}", path=place) from error
