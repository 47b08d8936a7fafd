"""One drill, phase by phase, top to bottom.

Each phase tells what it saw as events and whether the drill can go on. Nothing here judges: the
verdict is a function of the events.

The control arm makes the same fault and follows nothing; the dry arm makes none, watches for as
long as an alert may take, and so has nothing to respond to, to recover from, or to undo.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.equipment import Equipment
from rundrill.events import (
    BaselineJudged,
    DrillAborted,
    DrillFailed,
    Event,
    FaultInjected,
    FaultLanded,
    FaultMissed,
    FaultUndone,
    Phase,
    PhaseEnded,
    PhaseStarted,
    Recovered,
    RecoveryMissed,
    Restored,
    SilenceJudged,
    SoakJudged,
    StepSkipped,
    StepStarted,
)
from rundrill.model import Plan
from rundrill.observer import Look
from rundrill.restore import restore, take_snapshot
from rundrill.target.cluster import ClusterError
from rundrill.target.snapshot import Snapshot
from rundrill.undo import UndoEntry

POLL_S = 0.2
WARM_UP_S = 60.0
"""How long the steady state may take to begin: cold caches, and windows that fill."""

SETTLED_S = 5.0
"""For how long nothing may stir before a baseline: scrapes and evaluations are behind by some."""

T = TypeVar("T")
Outcome = tuple[bool, str]


class _StopDrillError(Exception):
    """The drill cannot go on; the event that says why was already told."""


class Drill:
    """The phases of one drill. After one that did not pass, the others but `undo` do nothing."""

    def __init__(
        self,
        plan: Plan,
        *,
        run_id: str,
        kubeconfig: str,
        equipment: Equipment,
        emit: Callable[[Event], None],
        clock: Clock,
        started: float,
        abort_on: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit),
    ) -> None:
        self._plan = plan
        self._run_id = run_id
        self._kubeconfig = kubeconfig
        self._cluster = equipment.cluster
        self._fault = equipment.fault
        self._responder = equipment.responder
        self._observer = equipment.observer
        self._load = equipment.load
        self._instruments = equipment.instruments
        self._unseen = equipment.unseen
        self._journal = equipment.journal
        self._claim = equipment.claim
        self._mark = equipment.mark
        self._unmark = equipment.unmark
        self._notified = equipment.notified
        self._why_untold = equipment.why_untold
        self._stop_asked = equipment.stop_asked
        self._emit = emit
        self._clock = clock
        self._started = started
        self._abort_on = abort_on
        self.begun = False
        self.aborted = False
        self._over = False
        self._undoing = False
        self._load_stopped = False
        self._tolerated = frozenset(plan.tolerated_alerts)
        self._dry = plan.arm == "dry"
        self._injected_at: float | None = None
        self._fired_at: float | None = None
        self._entry: UndoEntry | None = None

    # ------------------------------------------------------------ the story

    def baseline(self) -> bool:
        """The load runs and the runbook's steady state holds for a whole window."""
        return self._phase("setup", self._warm_up) and self._phase("baseline", self._baseline)

    def inject(self) -> bool:
        """The undo is on disk, the fault is made, and proves that it landed."""
        return self._phase("inject", self._inject_nothing if self._dry else self._inject)

    def detect(self) -> bool:
        """The expected alerts fire, and somebody is told, in the window of the runbook's claim."""
        return self._phase("detect", self._listen if self._dry else self._detect)

    def respond(self) -> bool:
        """The procedure is followed, literally."""
        follow = self._respond if self._plan.arm == "drill" else self._stand_by
        return self._phase("respond", follow)

    def recover(self) -> bool:
        """Steady state holds again and the alerts have resolved, in the response time."""
        return not self._over if self._dry else self._phase("recover", self._recover)

    def soak(self) -> bool:
        """It stays fixed for the runbook's monitoring window."""
        return not self._over if self._dry else self._phase("soak", self._soak)

    def undo(self) -> bool:
        """Always: the fault is undone and the blast radius compared with its snapshot."""
        if self._entry is None:
            return True
        if not self._undoing:  # else it goes on where a second Ctrl-C cut it off
            self._undoing = True
            self._emit(PhaseStarted(at=self.now(), phase="undo"))
        passed, why = self._undo(self._entry)
        self._undoing = False
        self._emit(PhaseEnded(at=self.now(), phase="undo", passed=passed, why=why))
        return passed

    def abort(self, why: str) -> None:
        """No phase but `undo` runs any more."""
        if not self._over:
            # Whoever asked may have sent the interrupt that `why` tells of.
            self._emit(DrillAborted(at=self.now(), why=self._stop_asked() or why))
            self.aborted = True
        self._over = True

    def stop_load(self) -> None:
        """Tells the load's own account, once."""
        if not self._load_stopped:
            self._load_stopped = True
            self._emit(self._load.stop())

    def now(self) -> float:
        """Seconds since the drill began."""
        return self._clock.now() - self._started

    # ------------------------------------------------------------ the phases

    def _warm_up(self) -> Outcome:
        """Cold caches and windows that fill are no baseline."""
        try:
            self._wait(self._settled, "the steady state", WARM_UP_S)
        except WaitTimeoutError as timeout:
            return self._judge_baseline(self.now() - timeout.budget_s)
        return True, "the load, the detection and the observation run; the steady state began"

    def _baseline(self) -> Outcome:
        start = self.now()
        self._watch(self._plan.windows.baseline_s, "the baseline window", _stirs)
        return self._judge_baseline(start)

    def _judge_baseline(self, start: float) -> Outcome:
        looks = self._observer.since(start)
        delivered = self._load.delivered(self._started + start, self._clock.now())
        broken = _distinct(reason for look in looks for reason in look.broken)
        alerts = _distinct(alert for look in looks for alert in look.firing)
        # An alert without data is silent too.
        broken += tuple(
            f"{alert} is blind: no samples of {metric}"
            for alert, metrics in self._unseen().items()
            for metric in sorted(metrics)
        )
        # It would fire soon after the injection, and not because of it.
        broken += tuple(f"{alert} is pending" for alert in self._soon(looks[-1:]))
        window_s = self.now() - start
        self._emit(
            BaselineJudged(
                at=self.now(),
                window_s=window_s,
                evaluations=len(looks),
                broken=broken,
                alerts=alerts,
                delivered_per_min=delivered.per_min,
                asked_per_min=self._plan.load.rate_per_min,
                dropped=delivered.dropped,
            )
        )
        if broken or alerts or not looks:
            return False, "; ".join([*broken, *alerts]) or "nothing was evaluated"
        return True, f"held for {window_s:.0f} s, {delivered.per_min:.1f} requests a minute"

    def _inject(self) -> Outcome:
        windows = self._plan.windows
        self._prepare_undo()
        self._injected_at = self.now()
        change = self._fault.inject()
        self._observer.watch(self._fault.harm)
        self._emit(FaultInjected(at=self._injected_at, fault=self._plan.fault, change=change))
        try:
            evidence = self._wait(self._fault.landed, "the fault to land", windows.land_budget_s)
        except WaitTimeoutError as timeout:
            missing = self._fault.missing()
            self._emit(FaultMissed(at=self.now(), waited_s=timeout.budget_s, evidence=missing))
            return False, f"the fault did not land: {missing}"
        self._emit(FaultLanded(at=self.now(), evidence=evidence))
        return True, evidence

    def _prepare_undo(self) -> None:
        """On disk and in the cluster before the first change.

        The claim comes first: what is read before it may be another run's fault. Until all of it
        is there nothing was changed, so nothing of it may stay.
        """
        written, expires = self._claim()
        try:
            snapshot = self._take_snapshot()
            self._entry = UndoEntry(
                run_id=self._run_id,
                kubeconfig=self._kubeconfig,
                fault=self._plan.fault,
                parameters=self._plan.fault_parameters,
                original=self._fault.original(),
                namespaces=list(self._plan.blast_radius.namespaces),
                snapshot=snapshot,
                written=written,
                expires=expires,
            )
            self._journal.write(self._entry)
            self._mark(self._entry)
        except BaseException:
            if self._entry is not None:
                self._journal.remove(self._entry)
                self._entry = None
            with suppress(ClusterError):  # what stays says that nothing was changed, and expires
                self._unmark()
            raise

    def _detect(self) -> Outcome:
        expected = frozenset(self._plan.expected_alerts)
        assert self._injected_at is not None
        injected_at = self._injected_at
        names = ", ".join(sorted(expected))
        until_s = injected_at + self._plan.windows.detect_budget_s

        def fired() -> Look | None:
            return next(
                (look for look in self._observer.since(injected_at) if expected <= look.firing),
                None,
            )

        try:
            look = self._wait(fired, "the expected alert", until_s - self.now())
        except WaitTimeoutError:
            return False, f"{names} did not fire in time"
        self._fired_at = look.at
        notified = self._notified
        if notified is None:
            return True, f"{names} fired; nobody is notified"
        try:  # nobody responds before somebody knows
            self._wait(
                lambda: expected <= notified(injected_at),
                "somebody to be told",
                until_s - self.now(),
            )
        except WaitTimeoutError:
            why = self._why_untold(expected - notified(injected_at))
            return False, "; ".join(
                filter(None, [f"{names} fired, and nobody was told in time", why])
            )
        return True, f"{names} fired, and somebody was told"

    def _respond(self) -> Outcome:
        steps = [step for step in self._plan.steps if step.kind != "monitoring"]

        def recovered() -> bool:
            self._heed()
            return self._recovered_since() is not None

        self._responder.follow(steps, recovered=recovered)
        return True, "the responder is through with the procedure"

    def _inject_nothing(self) -> Outcome:
        return True, "the dry arm: no fault is made"

    def _listen(self) -> Outcome:
        """For as long as the alert would have had: nothing may stir without a fault."""
        start = self.now()
        looks = self._watch(self._plan.windows.detect_budget_s, "the detection window", _stirs)
        broken = _distinct(reason for look in looks for reason in look.broken)
        alerts = _distinct(alert for look in looks for alert in sorted(look.firing))
        window_s = self.now() - start
        self._emit(
            SilenceJudged(
                at=self.now(),
                window_s=window_s,
                evaluations=len(looks),
                broken=broken,
                alerts=alerts,
            )
        )
        if broken or alerts or not looks:
            return False, "; ".join([*broken, *alerts]) or "nothing was evaluated"
        return True, f"nothing stirred in {window_s:.0f} s without a fault"

    def _stand_by(self) -> Outcome:
        """Nobody follows the runbook: in the dry arm since nothing calls for it."""
        why = (
            "the dry arm: no alert calls for it"
            if self._dry
            else "the control arm: nobody follows the runbook"
        )
        for step in self._plan.steps:
            if step.kind != "monitoring":
                self._emit(StepSkipped.of(step, at=self.now(), why=why, needless=True))
        return True, why

    def _recover(self) -> Outcome:
        assert self._fired_at is not None
        budget_s = self._fired_at + self._plan.windows.recover_budget_s - self.now()
        try:
            at = self._wait(self._recovered_since, "the service to recover", budget_s)
        except WaitTimeoutError:
            look = self._observer.looks[-1]
            seen = "; ".join(_troubles(look, self._tolerated))
            waited_s = self.now() - self._fired_at
            self._emit(
                RecoveryMissed(
                    at=self.now(),
                    waited_s=waited_s,
                    evidence=seen,
                    unmeasured=look.unmeasured,
                )
            )
            return False, seen
        evidence = "steady state holds, no alert is firing, nothing of the fault is left"
        self._emit(Recovered(at=at, evidence=evidence))
        return True, evidence

    def _soak(self) -> Outcome:
        start, window_s = self.now(), self._plan.windows.soak_s
        for step in self._plan.steps:
            if step.kind == "monitoring":
                self._emit(StepStarted.of(step, at=start))
        looks = self._watch(
            window_s, "the monitoring window", lambda look: bool(_troubles(look, self._tolerated))
        )
        broken = _distinct(
            reason
            for look in looks
            if look.unmeasured is None
            for reason in (*look.broken, *filter(None, [look.harm]))
        )
        unmeasured = _distinct(look.unmeasured for look in looks if look.unmeasured is not None)
        alerts = _distinct(
            alert for look in looks for alert in sorted(look.firing - self._tolerated)
        )
        self._emit(
            SoakJudged(
                at=self.now(),
                window_s=self.now() - start,
                evaluations=len(looks),
                broken=broken,
                alerts=alerts,
                unmeasured=unmeasured,
            )
        )
        if broken or alerts or unmeasured or not looks:
            return False, "; ".join([*broken, *alerts, *unmeasured]) or "nothing was evaluated"
        return True, f"nothing came back in {window_s:.0f} s"

    def _undo(self, entry: UndoEntry) -> Outcome:
        evidence = ""
        left: tuple[str, ...] = ()
        try:
            done = restore(
                entry,
                self._fault,
                self._cluster,
                budget_s=self._plan.windows.undo_budget_s,
                clock=self._clock,
            )
            evidence, left = done.evidence, done.left
            if done.restored:
                self._emit(Restored(at=self.now(), changes=done.restored))
            self._unmark()
            self._journal.remove(entry)
            self._entry = None
            undone = True
        except (WaitTimeoutError, ClusterError) as error:
            undone, evidence = False, str(error)
        self._emit(FaultUndone(at=self.now(), undone=undone, evidence=evidence, differences=left))
        return undone and not left, "; ".join([evidence, *left])

    # ------------------------------------------------------------ what they share

    def _phase(self, phase: Phase, body: Callable[[], Outcome]) -> bool:
        if self._over:
            return False
        self.begun = True
        self._emit(PhaseStarted(at=self.now(), phase=phase))
        passed, why = False, "interrupted"
        try:
            with self._failing_as_event(phase):
                self._heed()
                passed, why = body()
                if not passed:
                    # A cluster that is gone is no answer about the runbook.
                    self._take_snapshot()
        except _StopDrillError as stop:
            why = str(stop)
        finally:
            self._over = self._over or not passed
            self._emit(PhaseEnded(at=self.now(), phase=phase, passed=passed, why=why))
        return passed

    @contextmanager
    def _failing_as_event(self, phase: Phase) -> Iterator[None]:
        """The file must say how it ended, whatever ended it."""
        try:
            yield
        except self._abort_on as interrupt:
            self.abort(str(interrupt) or "Ctrl-C")
            raise
        except _StopDrillError:
            raise
        except ClusterError as error:
            self._emit(DrillFailed(at=self.now(), phase=phase, why=str(error)))
            raise _StopDrillError(str(error)) from error
        except Exception as bug:
            self._emit(DrillFailed(at=self.now(), phase=phase, why=f"{type(bug).__name__}: {bug}"))
            raise

    def _wait(self, find: Callable[[], T | None], what: str, budget_s: float) -> T:
        def guarded() -> T | None:
            self._heed()
            self._require_instruments()
            return find()

        return until(guarded, what=what, budget_s=budget_s, every_s=POLL_S, clock=self._clock)

    def _watch(self, window_s: float, what: str, spoils: Callable[[Look], bool]) -> Sequence[Look]:
        """The looks of a whole window, or up to the first that spoils it."""
        start = self.now()
        self._wait(
            lambda: self.now() - start >= window_s or any(map(spoils, self._observer.since(start))),
            what,
            window_s + POLL_S,
        )
        return self._observer.since(start)

    def _heed(self) -> None:
        """Ends the drill when somebody has asked for it."""
        why = self._stop_asked()
        if why is not None:
            self.abort(why)
            raise _StopDrillError(why)

    def _require_instruments(self) -> None:
        """Without load or measurement nothing that follows would mean anything."""
        if not self._load.alive:
            self.stop_load()
            raise _StopDrillError("the load died")
        for name, failure in self._instruments().items():
            if failure is not None:
                raise RuntimeError(f"{name} stopped: {failure}") from failure

    def _settled(self) -> bool:
        """Nothing has stirred for some seconds: an alert of the drill before may still have to
        resolve, and one that its undo raised to become pending."""
        since: float | None = None
        for look in reversed(self._observer.looks):
            if not look.holds or look.firing or look.pending:
                break
            since = look.at
        return since is not None and self.now() - since >= SETTLED_S

    def _soon(self, looks: Iterable[Look]) -> tuple[str, ...]:
        """Expected alerts that only wait for their time to fire."""
        expected = frozenset(self._plan.expected_alerts)
        return _distinct(alert for look in looks for alert in sorted(look.pending & expected))

    def _recovered_since(self) -> float | None:
        """Since when, after the alert, nothing has been wrong any more."""
        since = None
        for look in reversed(self._observer.since(self._fired_at or 0.0)):
            if _troubles(look, self._tolerated):
                break
            since = look.at
        return since

    def _take_snapshot(self) -> Snapshot:
        return take_snapshot(self._cluster, self._plan.blast_radius.namespaces)


def _stirs(look: Look) -> bool:
    """Whether a look is other than quiet: where nothing is wrong, nothing may stir."""
    return not look.holds or bool(look.firing)


def _troubles(look: Look, tolerated: frozenset[str]) -> list[str]:
    """What keeps a look from being that of a recovered service: any alert but a tolerated one.

    The alert alone would not do: a crash loop's back-off grows until there are too few restarts
    in the window, and the alert resolves while the pod is as dead as before.
    """
    firing = [f"{name} is firing" for name in sorted(look.firing - tolerated)]
    return [*look.broken, *firing, *filter(None, [look.harm])]


def _distinct(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))
