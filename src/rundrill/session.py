"""One drill from its first second to its last: everything it needs is started and ended here.

`open` starts the load, the detection and the observation; `conclude` undoes, stops and judges,
whatever happened before, and cannot be interrupted by a second Ctrl-C.
"""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO

from rundrill import audit, report, verdict
from rundrill.base.clock import Clock
from rundrill.engine import WARM_UP_S, Drill
from rundrill.equipment import Equipment
from rundrill.errors import MachineError, RundrillError, TargetError
from rundrill.events import (
    DrillEnded,
    DrillFailed,
    DrillStarted,
    Event,
    EventLog,
)
from rundrill.faults import FAULTS
from rundrill.inputs import Inputs
from rundrill.instruments import Instruments
from rundrill.model import Plan, Verdict
from rundrill.money import MoneyCheck
from rundrill.observer import Observer
from rundrill.responder import AutoResponder, Kubectl
from rundrill.run_secrets import redactor_of
from rundrill.target import marker
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.undo import UndoEntry, UndoJournal
from rundrill.watchdog import Begin, Guarded, Watchdog
from rundrill.workplace import Workplace

FREE_BYTES = 64 * 1024 * 1024
"""A run folder is about 2 MB; a database and logs are beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where and with what drills are run: a cluster, a kubectl, the folders of this machine.

    `load_url` is where the load reaches the service; `outlives`: the cluster lives on when this
    process dies.
    """

    kubeconfig: Path
    load_url: str
    kubectl: Path
    scratch: Path
    journal: UndoJournal
    clock: Clock
    place: Workplace
    outlives: bool

    @property
    def guarded(self) -> Guarded:
        return Guarded(
            place=self.place,
            kubeconfig=self.kubeconfig,
            kubectl=self.kubectl,
            outlives=self.outlives,
        )


class Session:
    """One drill against a target that is up, with instruments that may serve several.

    `ends_load` says that no other drill follows under the same load. Raises `TargetError` when
    the target does not answer.
    """

    def __init__(
        self,
        *,
        inputs: Inputs,
        plan: Plan,
        site: Site,
        instruments: Instruments,
        watchdog: Watchdog,
        run_id: str,
        folder: Path,
        listeners: Sequence[Callable[[Event], None]],
        abort_on: tuple[type[BaseException], ...],
        ends_load: bool = True,
    ) -> None:
        self._inputs = inputs
        self.plan = plan
        self._site = site
        self._clock = site.clock
        self._instruments = instruments
        self._detector = instruments.detector
        self._watchdog = watchdog
        self._abort_on = abort_on
        self._ends_load = ends_load
        self._verdict: Verdict | None = None
        self._refusal: Exception | None = None
        self._wall_time = datetime.now(UTC).isoformat(timespec="seconds")
        self.run_id = run_id
        self.folder = folder
        self._started = site.clock.now()
        self._cluster = Cluster(site.kubeconfig, scratch=site.scratch)
        folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (folder / "events.jsonl").open("x", encoding="utf-8")
        self.redactor = redactor_of(site.kubeconfig, plan.placeholders)
        self.log = EventLog(self._file, watchdog.hear, *listeners, redactor=self.redactor)
        self._load = instruments.load(started=self._started, ends=ends_load)
        self._observer = Observer(
            bounds=plan.steady_state,
            detection=self._detector,
            load=self._load,
            emit=self.log.emit,
            clock=site.clock,
            started=self._started,
            oldest_in_flight=inputs.service.oldest_in_flight,
            stale_after_s=lambda: self._detector.stale_after_s,
        )
        self.drill = self._make_drill()

    def open(self) -> None:
        """Starts everything. Raises `RundrillError`, with nothing left running."""
        try:
            with target_errors(self._site.kubeconfig):
                self.log.emit(self._drill_started())
                self._instruments.begin_drill(self.run_id, self._started)
                self._instruments.attach(self.log.emit, self._started)
                self._instruments.start()
                self._observer.start()
                self._watchdog.begin(self._begin())
        except BaseException as error:
            with uninterrupted():
                self._observer.stop()
                self._instruments.stop()
                if isinstance(error, RundrillError):
                    self.log.emit(DrillFailed(at=self.drill.now(), phase="setup", why=str(error)))
                self.log.close()
            raise

    def conclude(self) -> Verdict:
        """Undoes the fault, stops everything, checks the money, judges, writes the report.

        A second call gives the same verdict, or the same refusal to give one. Raises
        `MachineError` when the disk was full.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._verdict is None:
            try:
                self._verdict = self._conclude()
            except Exception as refusal:
                self._refusal = refusal  # Chaos Toolkit swallows it the first time
                raise
        return self._verdict

    def _conclude(self) -> Verdict:
        with uninterrupted():
            try:
                self.drill.undo()
                if not self.drill.aborted:
                    self._observer.await_answers(self.drill.now())
            finally:
                self._instruments.detach()  # that the load ends is no failed scrape
                self.drill.stop_load()
                self._observer.stop()
                self._check_money()
                if self._ends_load:
                    self._instruments.stop()
            self.log.emit(DrillEnded(at=self.drill.now()))
            lost = self._events_lost()
            self.log.close()
            judged = verdict.judge(self.log.events)
            if self.log.failure is not None:
                raise MachineError(
                    f"the events could not be written: {self.log.failure.strerror}",
                    path=self.folder,
                    fix="make room; the fault was undone, and nothing of this run counts",
                )
            if lost:
                raise MachineError(
                    "the events of this run are gone: the file was deleted or replaced",
                    path=self.folder / "events.jsonl",
                    fix="the fault was undone; run the drill again, nothing of this run counts",
                )
            report.write(self.folder, self.log.events, judged)
        return judged

    def _events_lost(self) -> bool:
        """A verdict without the file that it can be recomputed from is worth nothing."""
        try:
            return not os.path.samestat(
                (self.folder / "events.jsonl").stat(), os.fstat(self._file.fileno())
            )
        except OSError:
            return True

    def _make_drill(self) -> Drill:
        responder = AutoResponder(
            kubectl=Kubectl(
                path=self._site.kubectl, kubeconfig=self._site.kubeconfig, cache=self._site.scratch
            ),
            blast_radius=self.plan.blast_radius,
            placeholders=self.plan.placeholders,
            pods=self._cluster.first_pod,
            command_budget_s=self.plan.windows.command_budget_s,
            clock=self._clock,
            emit=self.log.emit,
            now=lambda: self._clock.now() - self._started,
        )
        return Drill(
            self.plan,
            run_id=self.run_id,
            kubeconfig=str(self._site.kubeconfig.resolve()),
            equipment=Equipment(
                cluster=self._cluster,
                fault=FAULTS[self.plan.fault](self._cluster, self.plan.fault_parameters),
                responder=responder,
                observer=self._observer,
                load=self._load,
                instruments=self._instrument_failures,
                unseen=lambda: {
                    name: self._detector.unseen_metrics(name) for name in self._inputs.rules.alerts
                },
                journal=self._site.journal,
                claim=self._claim,
                mark=self._mark,
                unmark=self._unmark,
                notified=None if self._instruments.notifier is None else self._notified,
                why_untold=self._instruments.why_untold,
                stop_asked=self._watchdog.stop_asked,
            ),
            emit=self.log.emit,
            clock=self._clock,
            started=self._started,
            abort_on=self._abort_on,
        )

    def _instrument_failures(self) -> Mapping[str, BaseException | None]:
        rules = [f"{name}: {why}" for name, why in self._detector.rule_errors().items()]
        notifier = self._instruments.notifier
        return {
            "the detection": self._detector.failure,
            "the notification": None if notifier is None else notifier.failure,
            "the detection beside it": self._instruments.beside_failure,
            "the evaluation of the rules": RuntimeError("; ".join(rules)) if rules else None,
            "the observation": self._observer.failure,
            "the event log": self.log.failure,
        }

    def _notified(self, since: float) -> frozenset[str]:
        return self._instruments.notified(self._started + since)

    def _claim(self) -> tuple[str, str]:
        """In the cluster itself: for how long, by the wall clock, the fault may be there."""
        written = datetime.now(UTC)
        expires = written + timedelta(seconds=self._fault_lasts_s())
        namespaces = self.plan.blast_radius.namespaces
        marker.claim(self._cluster, namespaces=namespaces, run_id=self.run_id, expires=expires)
        return written.isoformat(), expires.isoformat()

    def _fault_lasts_s(self) -> float:
        """The most that it may be there."""
        windows = self.plan.windows
        return (
            windows.land_budget_s
            + windows.detect_budget_s
            + windows.recover_budget_s
            + windows.soak_s
            + 2 * windows.undo_budget_s
            + windows.command_budget_s * sum(len(step.commands) for step in self.plan.steps)
        )

    def _begin(self) -> Begin:
        return Begin(
            run_id=self.run_id,
            folder=str(self.folder.resolve()),
            started=self._started,
            lasts_s=WARM_UP_S + self.plan.windows.baseline_s + self._fault_lasts_s(),
            namespaces=list(self.plan.blast_radius.namespaces),
            placeholders={
                name: value
                for name, value in self.plan.placeholders.items()
                if isinstance(value, str)
            },
        )

    def _mark(self, entry: UndoEntry) -> None:
        marker.fill(
            self._cluster, namespaces=entry.namespaces, run_id=entry.run_id, entry=asdict(entry)
        )

    def _unmark(self) -> None:
        namespaces = self.plan.blast_radius.namespaces
        marker.release(self._cluster, namespaces=namespaces, run_id=self.run_id)

    def _drill_started(self) -> DrillStarted:
        alertmanager = self._instruments.alertmanager
        return DrillStarted(
            at=0.0,
            run_id=self.run_id,
            wall_time=self._wall_time,
            plan=self.plan,
            versions={
                "rundrill": version("rundrill"),
                "python": platform.python_version(),
                "platform": platform.platform(),
                "cluster": self._cluster.version(),
                "kubectl": _kubectl_version(self._site.kubectl),
                "detection": self._detector.description,
                **({} if alertmanager is None else {"notification": alertmanager.description}),
            },
            rules=self._detector.evaluated_rules(),
            designs=self._detector.rule_designs(self._instruments.group_wait_s),
            measures={
                bound.subject: self._detector.measure(bound.expr)
                for bound in self.plan.steady_state
            },
        )

    def _check_money(self) -> None:
        at = self.drill.now()
        money = MoneyCheck(
            service=self._inputs.service,
            books=self._instruments.books,
            kubectl=self._site.kubectl,
            kubeconfig=self._site.kubeconfig,
            scratch=self._site.scratch,
            clock=self._clock,
        )
        try:
            acknowledged = self._load.acknowledged()
        except RundrillError as error:
            self.log.emit(audit.unchecked(at=at, acknowledged=0, error=str(error)))
        else:
            self.log.emit(money.check(at=at, acknowledged=acknowledged))


@contextmanager
def target_errors(kubeconfig: Path) -> Iterator[None]:
    """Before a drill begins, a cluster that does not answer is bad input."""
    try:
        yield
    except ClusterError as error:
        raise TargetError(str(error), path=kubeconfig, fix="see that the target is up") from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM are told, not followed: what is being undone gets done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def tell(_number: int, _frame: object) -> None:
        sys.stderr.write("undoing and stopping; this takes seconds, and two minutes at most\n")

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, tell) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def require_room(runs: Path) -> None:
    """Raises `MachineError` when no run folder can be made there, or it could not be filled."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(runs).free
    except OSError as error:
        raise MachineError(
            f"run folders cannot be made here: {error.strerror}", path=runs, fix="see --runs"
        ) from error
    if free < FREE_BYTES or not os.access(runs, os.W_OK):
        raise MachineError(
            f"{free // 1024**2} MiB are free" if free < FREE_BYTES else "cannot be written to",
            path=runs,
            fix="make room, or use --runs",
        )


def _kubectl_version(kubectl: Path) -> str:
    try:
        done = subprocess.run(
            [str(kubectl), "version", "--client", "-o", "json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=True,
        )
        return str(json.loads(done.stdout)["clientVersion"]["gitVersion"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return "unknown"
