"""The folder where this machine's drills keep what must survive a killed runner.

`.rundrill/` (or $RUNDRILL_HOME) holds the undo journal and the embedded cluster's state. One
runner at a time holds its lock; the kernel lets go of it when the runner dies.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError
from rundrill.errors import MachineError, RundrillError, TargetError
from rundrill.faults import FAULTS
from rundrill.images.build import Sources
from rundrill.marked import marked_entry
from rundrill.plan import ServiceFile
from rundrill.restore import Restoration, restore
from rundrill.target import marker
from rundrill.target.choice import TargetChoice
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.context import FOLDER as CONTEXTS
from rundrill.target.context import ContextTarget
from rundrill.target.interface import Target
from rundrill.target.kind import KindTarget
from rundrill.target.local import LocalTarget
from rundrill.undo import UndoEntry, UndoJournal

UNDO_BUDGET_S = 60.0
KIND_CONFIG = Path("kind-config.yaml")
KIND_MANIFESTS = Path("deploy/overlays/kind")
WATCHDOG = "watchdog"
"""Folder in which a running watchdog says what it watches, and is asked to end it."""


class Workplace:
    """One folder, one runner at a time."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = (home or Path(os.environ.get("RUNDRILL_HOME", ".rundrill"))).resolve()
        self.journal = UndoJournal(self.home / "undo")
        self.scratch = self.home / "scratch"
        self.held: int | None = None
        """The descriptor by which the lock is held: whoever inherits it holds it, too."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Raises `MachineError` when another runner holds it."""
        folder = self._acquire()
        try:
            self._empty()  # of a killed runner
            self.held = folder
            yield
        finally:
            self.held = None
            self._empty()
            with suppress(OSError):  # only when nothing is left in it
                self.home.rmdir()
            os.close(folder)

    def in_use(self) -> bool:
        """Whether a runner is at work here, or the watchdog of one that was killed."""
        if not self.home.exists():
            return False
        try:
            os.close(self._acquire())
        except MachineError:
            return True
        return False

    def tidy(self) -> None:
        """As a runner that ends leaves it; for who has inherited the lock of one that was killed.

        The journal and what is needed to follow it stay.
        """
        self._forget_credentials()
        self._empty()
        with suppress(OSError):  # only when nothing is left in it
            self.home.rmdir()

    def _empty(self) -> None:
        for folder in (self.scratch, self.home / WATCHDOG):
            shutil.rmtree(folder, ignore_errors=True)

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

    def target(
        self,
        choice: TargetChoice,
        local: LocalTarget,
        *,
        namespaces: Collection[str],
        kubectl: Path,
        clock: Clock,
        say: Callable[[str], None],
        load_url: str | None = None,
        sure: str | None = None,
    ) -> Target:
        """What was asked for; of a cluster that is not ours, `namespaces` must be ready.

        `sure` is the name of a context that looks like production and is meant.
        """
        if choice.is_ours:
            return local
        if choice.kind == "kind":
            return KindTarget(
                self.home / "kind",
                scratch=self.scratch,
                config=KIND_CONFIG,
                manifests=KIND_MANIFESTS,
                sources=Sources(root=Path()),
                kubectl=kubectl,
                clock=clock,
                say=say,
                base_image=os.environ.get("BASE_IMAGE"),
            )
        return ContextTarget(
            choice.context,
            home=self.home,
            scratch=self.scratch,
            namespaces=namespaces,
            kubectl=kubectl,
            clock=clock,
            say=say,
            load_url=load_url,
            sure=sure,
        )

    def recover(
        self,
        local: LocalTarget,
        *,
        clock: Clock,
        say: Callable[[str], None],
        bring_back: bool = False,
    ) -> int:
        """Undoes what killed runs left, the newest first; gives how many faults.

        `bring_back` also reverts what else changed where the drill's time is long over; without
        it that is only told. Raises `RundrillError` for what could not be undone, after the rest.
        """
        self.journal.sweep()
        failures: list[RundrillError] = [
            MachineError(
                f"is no undo entry: {why}",
                path=path,
                fix="see what it names, undo that by hand, then delete the file",
            )
            for path, why in self.journal.unreadable()
        ]
        try:
            up = local.running() is not None
            answers = up
        except TargetError as error:
            failures.append(error)
            up, answers = True, False
        count = 0
        for entry in self.journal.leftovers():
            kubeconfig = Path(entry.kubeconfig)
            ours = kubeconfig == local.kubeconfig.resolve()
            if ours and up and not answers:
                continue  # told already
            try:
                if ours and not up:
                    # The embedded cluster ends with its runner, and everything in it.
                    say(f"the cluster of run {entry.run_id} is gone, and its fault with it")
                else:
                    self._undo(entry, kubeconfig, clock=clock, say=say, bring_back=bring_back)
            except RundrillError as error:
                failures.append(error)
            else:
                self.journal.remove(entry)
                count += 1
        if not up:
            failure = local.down()
            if failure is not None:
                failures.append(local.not_down(failure))
        self._forget_credentials()
        _raise(failures)
        return count

    def _forget_credentials(self) -> None:
        """Of the clusters of killed runs in which nothing is left to undo."""
        needed = {Path(entry.kubeconfig) for entry in self.journal.leftovers()}
        for kubeconfig in (self.home / CONTEXTS).glob("*"):
            if kubeconfig not in needed:
                kubeconfig.unlink(missing_ok=True)
        with suppress(OSError):  # only when nothing is left in it
            (self.home / CONTEXTS).rmdir()

    def recover_marked(
        self,
        kubeconfig: Path,
        *,
        only_expired: bool,
        clock: Clock,
        say: Callable[[str], None],
        bring_back: bool = False,
    ) -> int:
        """Undoes the faults whose markers are in a cluster, as `recover` does; gives how many.

        For when the runner's machine, and the undo journal with it, is gone.
        """
        failures: list[RundrillError] = []
        runs: dict[str, list[marker.Marker]] = {}
        for found in self._markers(kubeconfig):
            if isinstance(found, marker.Unreadable):
                failures.append(_no_marker(kubeconfig, found))
            else:
                runs.setdefault(found.run_id, []).append(found)
        count = 0
        now = datetime.now(UTC)
        for run_id, marks in sorted(runs.items(), key=lambda run: run[1][0].expires, reverse=True):
            if only_expired and not all(mark.expired(now) for mark in marks):
                say(f"the fault of run {run_id} may last until {marks[0].expires}")
                continue
            try:
                entry = marked_entry(run_id, marks, kubeconfig)
                if entry is None:
                    say(f"run {run_id} was cut off before it changed anything")
                else:
                    self._undo(entry, kubeconfig, clock=clock, say=say, bring_back=bring_back)
                self._release(run_id, marks, kubeconfig)
                count += 1
            except RundrillError as error:
                failures.append(error)
        _raise(failures)
        return count

    def require_free(self, kubeconfig: Path, *, clock: Clock, say: Callable[[str], None]) -> None:
        """Undoes faults that have expired. Raises `TargetError` when one has not."""
        self.recover_marked(kubeconfig, only_expired=True, clock=clock, say=say)
        for found in self._markers(kubeconfig):
            if isinstance(found, marker.Unreadable):
                raise _no_marker(kubeconfig, found)
            raise TargetError(
                f"the fault of run {found.run_id} is in this cluster until {found.expires}",
                path=kubeconfig,
                fix="wait, or undo it now: rundrill recover --kubeconfig " + str(kubeconfig),
            )

    def _markers(self, kubeconfig: Path) -> Sequence[marker.Marker | marker.Unreadable]:
        try:
            return marker.find(Cluster(kubeconfig, scratch=self.scratch))
        except ClusterError as error:
            raise TargetError(str(error), path=kubeconfig) from error

    def _release(self, run_id: str, marks: Sequence[marker.Marker], kubeconfig: Path) -> None:
        try:
            marker.release(
                Cluster(kubeconfig, scratch=self.scratch),
                namespaces=[mark.namespace for mark in marks],
                run_id=run_id,
            )
        except ClusterError as error:
            raise TargetError(str(error), path=kubeconfig) from error

    def _undo(
        self,
        entry: UndoEntry,
        kubeconfig: Path,
        *,
        clock: Clock,
        say: Callable[[str], None],
        bring_back: bool,
    ) -> None:
        say(f"undoing what run {entry.run_id} left: {entry.fault}")
        late = entry.outlived(datetime.now(UTC)) and not bring_back
        fix = "bring the cluster back and run `rundrill recover`"
        if late:
            fix += "; with --restore it also makes again what was deleted"
        if entry.fault not in FAULTS:
            raise TargetError(
                f"run {entry.run_id} left a fault that is not known here: {entry.fault}",
                path=kubeconfig,
                fix="undo it with the version of rundrill that made it",
            )
        try:
            done = undo_leftover(
                entry, Cluster(kubeconfig, scratch=self.scratch), clock, bring_back=not late
            )
        except (ClusterError, WaitTimeoutError) as error:
            raise TargetError(
                f"the fault of run {entry.run_id} is not undone: {error}", path=kubeconfig, fix=fix
            ) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            # It was written by somebody else: another version, or another hand.
            raise TargetError(
                f"the undo entry of run {entry.run_id} cannot be followed: {error!r}",
                path=kubeconfig,
                fix="undo it with the version of rundrill that made it, or by hand",
            ) from error
        if not done.compared:
            say(f"run {entry.run_id} kept no snapshot: only its fault was undone, nothing compared")
        elif late and done.left:
            say(
                f"run {entry.run_id} was to end by {entry.expires or 'an unknown time'}: others may"
                " have worked here since, so only its fault was undone"
            )
        for difference in done.left:
            say(f"not as it was before run {entry.run_id}: {difference}")


def undo_leftover(
    entry: UndoEntry, cluster: Cluster, clock: Clock, *, bring_back: bool
) -> Restoration:
    """Undoes what a killed run left; `bring_back` is that of `restore`.

    Raises `ClusterError` and `WaitTimeoutError`.
    """
    fault = FAULTS[entry.fault](cluster, entry.parameters)
    done = restore(
        entry, fault, cluster, budget_s=UNDO_BUDGET_S, clock=clock, bring_back=bring_back
    )
    marker.release(cluster, namespaces=entry.namespaces, run_id=entry.run_id)
    return done


def _no_marker(kubeconfig: Path, found: marker.Unreadable) -> TargetError:
    return TargetError(
        f"configmap/{found.name} in {found.namespace} is labelled as the marker of a drill,"
        f" and is none: {found.why}",
        path=kubeconfig,
        fix=f"see who made it, then: kubectl -n {found.namespace} delete configmap {found.name}",
    )


def _raise(failures: Sequence[RundrillError]) -> None:
    """All of them as one, each with its own place and fix."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise TargetError("\n".join(str(failure) for failure in failures))
