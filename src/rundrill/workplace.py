"""The folder where this machine's drills keep what must survive a killed runner.

`.rundrill/` (or $RUNDRILL_HOME) holds the undo journal and the embedded cluster's state. One
runner at a time holds its lock; the kernel lets go of it when the runner dies.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import MachineError, TargetError
from rundrill.faults import FAULTS
from rundrill.plan import ServiceFile
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
                say(f"undoing what run {entry.run_id} left: {entry.fault}")
                self._undo(entry, clock)
            self.journal.remove(entry)
        if local.running() is None:
            local.down()
        return len(leftovers)

    def _undo(self, entry: UndoEntry, clock: Clock) -> None:
        original = dict(entry.original)
        try:
            cluster = Cluster(Path(entry.kubeconfig), scratch=self.scratch)
            fault = FAULTS[entry.fault](cluster, entry.parameters)
            fault.undo(original)
            until(
                lambda: fault.undone(original),
                what="the fault to be undone",
                budget_s=UNDO_BUDGET_S,
                every_s=0.2,
                clock=clock,
            )
        except (ClusterError, WaitTimeoutError) as error:
            raise TargetError(
                f"the fault of run {entry.run_id} is not undone: {error}",
                path=entry.kubeconfig,
                fix="bring the cluster back and run `rundrill recover`",
            ) from error
