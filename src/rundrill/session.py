"""One drill from its first second to its last: everything it needs is started and ended here.

`open` starts the load, the detection and the observation; `conclude` undoes, stops and judges,
whatever happened before, and cannot be interrupted by a second Ctrl-C.
"""

import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from rundrill import audit, report, verdict
from rundrill.base.clock import Clock
from rundrill.detection import Detector
from rundrill.engine import Drill
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
from rundrill.load import Load
from rundrill.model import Plan, Verdict
from rundrill.observer import Observer
from rundrill.responder import AutoResponder, Kubectl, environment
from rundrill.sources import alert_changed, scrape_failed, scrape_targets
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.undo import UndoJournal

AUDIT_BUDGET_S = 60.0
FREE_BYTES = 64 * 1024 * 1024
"""A run folder is about 2 MB; a database and logs are beside it."""


class Session:
    """One drill against a target that is up."""

    def __init__(
        self,
        *,
        inputs: Inputs,
        plan: Plan,
        kubeconfig: Path,
        kubectl: Path,
        runs: Path,
        scratch: Path,
        journal: UndoJournal,
        clock: Clock,
        listeners: Sequence[Callable[[Event], None]],
        abort_on: tuple[type[BaseException], ...],
    ) -> None:
        self._inputs = inputs
        self.plan = plan
        self._kubeconfig = kubeconfig
        self._kubectl = kubectl
        self._scratch = scratch
        self._journal = journal
        self._clock = clock
        self._abort_on = abort_on
        self._verdict: Verdict | None = None
        self._refusal: RundrillError | None = None
        wall = datetime.now(UTC)
        self._wall_time = wall.isoformat(timespec="seconds")
        name = inputs.experiment.path.stem
        self.run_id = f"{wall:%Y%m%d-%H%M%S}-{name}"
        self.folder = runs / self.run_id
        self._started = clock.now()
        self._cluster = Cluster(kubeconfig, scratch=scratch)
        with _target_errors(kubeconfig):
            host = self._load_host()
            nodes = self._cluster.nodes()
        require_room(runs)
        self.folder.mkdir()
        self._file: IO[str] = (self.folder / "events.jsonl").open("w", encoding="utf-8")
        self.log = EventLog(self._file, *listeners)
        self._load = Load(
            locustfile=inputs.service.locustfile,
            host=host,
            profile=plan.load,
            folder=self.folder,
            clock=clock,
            zero=self._started,
        )
        self._detector = Detector(
            inputs.rules,
            scrape_targets(self._cluster, nodes, inputs.service, self._load),
            clock=clock,
            compression=plan.compression,
            on_change=lambda change: self.log.emit(alert_changed(change, self._started)),
            on_scrape_failure=lambda gone: self.log.emit(scrape_failed(gone, self._started)),
        )
        self._observer = Observer(
            bounds=plan.steady_state,
            detection=self._detector,
            load=self._load,
            emit=self.log.emit,
            clock=clock,
            started=self._started,
        )
        self.drill = self._make_drill()

    def open(self) -> None:
        """Starts everything. Raises `RundrillError`, with nothing left running."""
        try:
            with _target_errors(self._kubeconfig):
                self.log.emit(self._drill_started())
                self._load.start()
                self._detector.start()
                self._observer.start()
        except BaseException as error:
            with uninterrupted():
                self._stop_instruments()
                if isinstance(error, RundrillError):
                    self.log.emit(DrillFailed(at=self.drill.now(), phase="setup", why=str(error)))
                self._file.close()
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
            except RundrillError as refusal:
                self._refusal = refusal
                raise
        return self._verdict

    def _conclude(self) -> Verdict:
        with uninterrupted():
            try:
                self.drill.undo()
            finally:
                self.drill.stop_load()
                self._observer.stop()
                self._check_money()
                self._stop_instruments()
            self.log.emit(DrillEnded(at=self.drill.now()))
            lost = self._events_lost()
            self._file.close()
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
            kubectl=Kubectl(path=self._kubectl, kubeconfig=self._kubeconfig, cache=self._scratch),
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
            kubeconfig=str(self._kubeconfig.resolve()),
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
                journal=self._journal,
            ),
            emit=self.log.emit,
            clock=self._clock,
            started=self._started,
            abort_on=self._abort_on,
        )

    def _instrument_failures(self) -> Mapping[str, BaseException | None]:
        rules = [f"{name}: {why}" for name, why in self._detector.rule_errors().items()]
        return {
            "the detection": self._detector.failure,
            "the evaluation of the rules": RuntimeError("; ".join(rules)) if rules else None,
            "the observation": self._observer.failure,
            "the event log": self.log.failure,
        }

    def _load_host(self) -> str:
        service = self._inputs.service
        address = self._cluster.cluster_ip(service.load_namespace, service.load_service)
        return f"http://{address}:{service.load_port}"

    def _drill_started(self) -> DrillStarted:
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
                "kubectl": _kubectl_version(self._kubectl),
            },
            rules=self._detector.evaluated_rules(),
        )

    def _check_money(self) -> None:
        at = self.drill.now()
        acknowledged: Mapping[str, str] = {}
        try:
            acknowledged = self._load.acknowledged()
            listing = self._run_audit()
            self.log.emit(audit.judge(at=at, acknowledged=acknowledged, listing=listing))
        except (OSError, ValueError, RundrillError, subprocess.SubprocessError) as error:
            told = getattr(error, "stderr", None) or str(error)
            if isinstance(told, bytes):  # of a command that was stopped at its limit
                told = told.decode("utf-8", "replace")
            self.log.emit(audit.unchecked(at=at, acknowledged=len(acknowledged), error=told))

    def _run_audit(self) -> str:
        command = shlex.split(self._inputs.service.audit)
        if command and command[0] == "kubectl":
            command[0] = str(self._kubectl)
        done = subprocess.run(
            command,
            env=environment(os.environ, kubeconfig=self._kubeconfig, cache=self._scratch),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=AUDIT_BUDGET_S,
            start_new_session=True,  # a second Ctrl-C is not for it
            check=True,
        )
        return done.stdout

    def _stop_instruments(self) -> None:
        self._load.stop()
        self._observer.stop()
        self._detector.stop()


@contextmanager
def _target_errors(kubeconfig: Path) -> Iterator[None]:
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
        sys.stderr.write("undoing and stopping; this takes a few seconds\n")

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
