"""The folder where this machine's drills keep what must survive a killed runner.

`.rundrill/` (or $RUNDRILL_HOME) holds the undo journal and the embedded cluster's state. One
runner at a time holds its lock; the kernel lets go of it when the runner dies.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError
from rundrill.errors import MachineError, TargetError
from rundrill.faults import FAULTS
from rundrill.plan import ServiceFile
from rundrill.restore import restore
from rundrill.target import marker
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.local import LocalTarget
from rundrill.undo import UndoEntry, UndoJournal

UNDO_BUDGET_S = 60.0


class Workplace:
    """One folder, one runner at a time."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = (home or Path(os.environ.get("RUNDRILL_HOME", ".rundrill"))).resolve()
        self.journal = UndoJournal(self.home / "undo")
        self.scratch = self.home / "scratch"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Raises `MachineError` when another runner holds it."""
        folder = self._acquire()
        try:
            shutil.rmtree(self.scratch, ignore_errors=True)  # of a killed runner
            yield
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
            with suppress(OSError):  # only when nothing is left in it
                self.home.rmdir()
            os.close(folder)

    def _acquire(self) -> int:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.home, os.O_RDONLY)
        except OSError as error:
            raise MachineError(
                f"cannot be used: {error.strerror}", path=self.home, fix="set RUNDRILL_HOME"
            ) from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(folder)
            raise MachineError(
                "another drill is running here",
                path=self.home,
                fix="wait for it, or set RUNDRILL_HOME to another folder",
            ) from error
        return folder

    def local(
        self, service: ServiceFile, *, kubectl: Path, clock: Clock, say: Callable[[str], None]
    ) -> LocalTarget:
        """The embedded cluster of this folder, up or not."""
        return LocalTarget(
            self.home / "cluster",
            scratch=self.scratch,
            manifests=service.manifests,
            images=service.images,
            kubectl=kubectl,
            clock=clock,
            say=say,
        )

    def recover(self, local: LocalTarget, *, clock: Clock, say: Callable[[str], None]) -> int:
        """Undoes what killed runs left; gives how many faults. Raises `TargetError`."""
        leftovers = self.journal.leftovers()
        for entry in leftovers:
            if Path(entry.kubeconfig) == local.kubeconfig.resolve() and local.running() is None:
                # The embedded cluster ends with its runner, and everything in it.
                say(f"the cluster of run {entry.run_id} is gone, and its fault with it")
            else:
                self._undo(entry, Path(entry.kubeconfig), clock=clock, say=say)
            self.journal.remove(entry)
        if local.running() is None:
            local.down()
        return len(leftovers)

    def recover_marked(
        self, kubeconfig: Path, *, only_expired: bool, clock: Clock, say: Callable[[str], None]
    ) -> int:
        """Undoes the faults whose markers are in a cluster; gives how many.

        For when the runner's machine, and the undo journal with it, is gone. Raises `TargetError`.
        """
        count = 0
        for found in self._markers(kubeconfig):
            if only_expired and not found.expired(datetime.now(UTC)):
                say(f"the fault of run {found.run_id} may last until {found.expires}")
                continue
            self._undo(UndoEntry(**found.entry), kubeconfig, clock=clock, say=say)
            count += 1
        return count

    def require_free(self, kubeconfig: Path, *, clock: Clock, say: Callable[[str], None]) -> None:
        """Undoes faults that have expired. Raises `TargetError` when one has not."""
        self.recover_marked(kubeconfig, only_expired=True, clock=clock, say=say)
        for found in self._markers(kubeconfig):
            raise TargetError(
                f"the fault of run {found.run_id} is in this cluster until {found.expires}",
                path=kubeconfig,
                fix="wait, or undo it now: rundrill recover --kubeconfig " + str(kubeconfig),
            )

    def _markers(self, kubeconfig: Path) -> Sequence[marker.Marker]:
        try:
            return marker.find(Cluster(kubeconfig, scratch=self.scratch))
        except ClusterError as error:
            raise TargetError(str(error), path=kubeconfig) from error

    def _undo(
        self, entry: UndoEntry, kubeconfig: Path, *, clock: Clock, say: Callable[[str], None]
    ) -> None:
        say(f"undoing what run {entry.run_id} left: {entry.fault}")
        try:
            left = undo_leftover(entry, Cluster(kubeconfig, scratch=self.scratch), clock)
        except (ClusterError, WaitTimeoutError) as error:
            raise TargetError(
                f"the fault of run {entry.run_id} is not undone: {error}",
                path=kubeconfig,
                fix="bring the cluster back and run `rundrill recover`",
            ) from error
        for difference in left:
            say(f"not as it was before run {entry.run_id}: {difference}")


def undo_leftover(entry: UndoEntry, cluster: Cluster, clock: Clock) -> tuple[str, ...]:
    """Undoes what a killed run left; gives what is still different.

    Raises `ClusterError` and `WaitTimeoutError`.
    """
    fault = FAULTS[entry.fault](cluster, entry.parameters)
    done = restore(entry, fault, cluster, budget_s=UNDO_BUDGET_S, clock=clock)
    for namespace in entry.namespaces:
        marker.remove(cluster, namespace=namespace, run_id=entry.run_id)
    return done.left
