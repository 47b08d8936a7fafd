"""Undoes a fault and what the procedure changed beside it; by the runner, or after it was killed.

The fault's own undo comes first: some of it is no declared object (how a vendor's simulator
behaves). Then whatever is declared in the blast radius gets its snapshot's meaning back: the
runbook itself scales, edits and restarts, and the next drill needs the service as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.faults import Fault
from rundrill.target.cluster import ClusterError, Rollout, object_path
from rundrill.target.snapshot import Change, Snapshot, differences, leaving, way_back
from rundrill.undo import UndoEntry

POLL_S = 0.2
_LEAVING_TRIES = 25
"""Five seconds: a deletion takes longer only where something holds it up."""
_WORTH_ANOTHER_TRY = frozenset({None, 404, 408, 409, 429})
"""Codes below 500 that may go away; None is no answer. Any other is the answer."""


class Objects(Protocol):
    """What is asked of the cluster."""

    def declared(self, namespace: str) -> Mapping[str, Mapping[str, Any]]: ...
    def rollouts(self, namespace: str | None = None) -> Mapping[str, Rollout]: ...
    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None: ...
    def create(self, path: str, body: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """`restored` is what the procedure had changed, `left` what is still different after all.

    `compared` counts the objects of the snapshot; with none of them nothing was compared.
    """

    evidence: str
    restored: tuple[str, ...]
    left: tuple[str, ...]
    compared: int


def take_snapshot(cluster: Objects, namespaces: Sequence[str]) -> Snapshot:
    """All that is declared in the namespaces. Raises `ClusterError`."""
    return {
        name: item for namespace in namespaces for name, item in cluster.declared(namespace).items()
    }


def restore(
    entry: UndoEntry,
    fault: Fault,
    cluster: Objects,
    *,
    budget_s: float,
    clock: Clock,
    bring_back: bool = True,
) -> Restoration:
    """Undoes everything and waits until it is undone; harmless to repeat.

    Without `bring_back` only the fault is undone, and what else is different is told. A cluster
    that refuses or does not answer is asked again until `budget_s` is over. Raises then
    `ClusterError` with what it said last, or `WaitTimeoutError`.
    """
    way = _Way(entry, fault, cluster, bring_back=bring_back and bool(entry.snapshot))
    try:
        evidence, left = until(
            way.go, what="the fault to be undone", budget_s=budget_s, every_s=POLL_S, clock=clock
        )
    except WaitTimeoutError as timeout:
        if way.refusal is None:
            raise
        raise ClusterError(f"{timeout}: {way.refusal}", way.refusal.code) from timeout
    count = len(entry.snapshot)
    return Restoration(
        evidence=f"{evidence}; {count or 'no'} declared objects were compared",
        restored=tuple(way.restored),
        left=left,
        compared=count,
    )


class _Way:
    """How far the undo has come. `refusal` is what the cluster said last, None after an answer."""

    def __init__(
        self, entry: UndoEntry, fault: Fault, cluster: Objects, *, bring_back: bool
    ) -> None:
        self._entry = entry
        self._original = dict(entry.original)
        self._fault = fault
        self._cluster = cluster
        self._fault_undone = False
        self._undo_refusals = 0
        self._tries = 0
        self._brought_back = not bring_back
        self._names: set[str] = set()
        self._given_up: dict[str, str] = {}
        self.restored: dict[str, None] = {}
        self.refusal: ClusterError | None = None

    def go(self) -> tuple[str, tuple[str, ...]] | None:
        """One try: the evidence and what is left different, or None when it is not all undone."""
        self.refusal = None
        try:
            self._undo_fault()
            # What the fault's undo needs may be what the procedure deleted; that is made again
            # below. Anything else may be gone at the next try, and the change is the fault's.
            if not self._brought_back and (
                self.refusal is None or self.refusal.code == 404 or self._undo_refusals > 1
            ):
                self._bring_back()
            if self.refusal is not None or not self._brought_back or self._behind():
                return None
            evidence = self._fault.undone(self._original)
            return None if evidence is None else (evidence, self._left())
        except ClusterError as error:
            self.refusal = error
            return None

    def _undo_fault(self) -> None:
        if self._fault_undone:
            return
        try:
            self._fault.undo(self._original)
            self._fault_undone = True
        except ClusterError as error:
            self._undo_refusals += 1
            self.refusal = error

    def _bring_back(self) -> None:
        """Changes what is different, each on its own: one that is refused keeps no other back."""
        now = take_snapshot(self._cluster, self._entry.namespaces)
        self._tries += 1
        if leaving(self._entry.snapshot, now) and self._tries < _LEAVING_TRIES:
            return
        told = differences(self._entry.snapshot, now)
        done = True
        for change in way_back(self._entry.snapshot, now):
            if change.name in self._given_up:
                continue
            try:
                _apply(self._cluster, change)
            except ClusterError as error:
                if error.code in _WORTH_ANOTHER_TRY or (error.code or 0) >= 500:
                    self.refusal, done = error, False
                else:
                    self._given_up[change.name] = str(error)
                continue
            self._names.add(change.name)
            for sentence in told:
                if sentence.partition(":")[0] == change.name:
                    self.restored[sentence] = None
        self._brought_back = done

    def _behind(self) -> bool:
        # Only what was brought back: another workload may have been behind before the drill.
        return bool(self._names) and any(
            name in self._names and not rollout.complete
            for namespace in self._entry.namespaces
            for name, rollout in self._cluster.rollouts(namespace).items()
        )

    def _left(self) -> tuple[str, ...]:
        if not self._entry.snapshot:  # it may not have fitted into the marker
            return ()
        now = take_snapshot(self._cluster, self._entry.namespaces)
        refused = (f"{name}: not brought back: {why}" for name, why in self._given_up.items())
        return (*differences(self._entry.snapshot, now), *refused)


def _apply(cluster: Objects, change: Change) -> None:
    kind, namespace, name = change.name.split("/")
    path = object_path(kind, namespace, name, api_version=change.api_version)
    if change.create:
        cluster.create(path, change.body)
    else:
        cluster.merge_patch(path, change.body)
