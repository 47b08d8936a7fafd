"""Undoes a fault and what the procedure changed beside it; by the runner, or after it was killed.

The fault's own undo comes first: some of it is no declared object (how a vendor's simulator
behaves). Then whatever is declared in the blast radius gets its snapshot's meaning back: the
runbook itself scales, edits and restarts, and the next drill needs the service as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rundrill.base.clock import Clock
from rundrill.base.wait import until
from rundrill.faults import Fault
from rundrill.target.cluster import Rollout, object_path
from rundrill.target.snapshot import Change, Snapshot, differences, way_back
from rundrill.undo import UndoEntry

POLL_S = 0.2


class Objects(Protocol):
    """What is asked of the cluster."""

    def declared(self, namespace: str) -> Mapping[str, Mapping[str, Any]]: ...
    def rollouts(self, namespace: str | None = None) -> Mapping[str, Rollout]: ...
    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None: ...
    def create(self, path: str, body: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """`restored` is what the procedure had changed, `left` what is still different after all."""

    evidence: str
    restored: tuple[str, ...]
    left: tuple[str, ...]


def take_snapshot(cluster: Objects, namespaces: Sequence[str]) -> Snapshot:
    """All that is declared in the namespaces. Raises `ClusterError`."""
    return {
        name: item for namespace in namespaces for name, item in cluster.declared(namespace).items()
    }


def restore(
    entry: UndoEntry, fault: Fault, cluster: Objects, *, budget_s: float, clock: Clock
) -> Restoration:
    """Undoes everything and waits until it is undone; harmless to repeat.

    Raises `ClusterError`, and `WaitTimeoutError` after `budget_s`.
    """
    original = dict(entry.original)
    fault.undo(original)
    now = take_snapshot(cluster, entry.namespaces)
    changes = way_back(entry.snapshot, now)
    for change in changes:
        _apply(cluster, change)
    names = {change.name for change in changes}
    restored = tuple(
        sentence
        for sentence in differences(entry.snapshot, now)
        if sentence.partition(":")[0] in names
    )

    def undone() -> str | None:
        # Only what was brought back: another workload may have been behind before the drill.
        behind = names and any(
            name in names and not rollout.complete
            for namespace in entry.namespaces
            for name, rollout in cluster.rollouts(namespace).items()
        )
        return None if behind else fault.undone(original)

    evidence = until(
        undone, what="the fault to be undone", budget_s=budget_s, every_s=POLL_S, clock=clock
    )
    left = differences(entry.snapshot, take_snapshot(cluster, entry.namespaces))
    return Restoration(
        evidence=f"{evidence}; {len(entry.snapshot)} declared objects were compared",
        restored=restored,
        left=left,
    )


def _apply(cluster: Objects, change: Change) -> None:
    kind, namespace, name = change.name.split("/")
    path = object_path(kind, namespace, name)
    if change.create:
        cluster.create(path, change.body)
    else:
        cluster.merge_patch(path, change.body)
