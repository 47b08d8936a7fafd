"""Run as a program: a runner that makes a real fault and reports like one, without any load.

`stand_in.py HOME KUBECONFIG FOLDER OPTIONS`, the last one as JSON. It says on stdout how far it
has come, one word a line.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fakes import PLAN

from rundrill import events as e
from rundrill.base.clock import MonotonicClock
from rundrill.errors import RundrillError
from rundrill.faults import FAULTS
from rundrill.plan.limits import ErrorBudget, Limits
from rundrill.responder import leash
from rundrill.restore import restore, take_snapshot
from rundrill.target import marker
from rundrill.target.cluster import Cluster
from rundrill.undo import UndoEntry
from rundrill.watchdog import Begin, Guarded, Watchdog, keeper
from rundrill.workplace import Workplace

RUN = "run-1"
NAMESPACES = ["production"]
PARAMETERS = {
    "namespace": "production",
    "deployment": "payment-service",
    "container": "payment-service",
    "image": "rundrill/payments:1.1.0",
}


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


class Runner:
    def __init__(self, home: Path, kubeconfig: Path, folder: Path, options: dict[str, Any]) -> None:
        self.clock = MonotonicClock()
        self.started = self.clock.now()
        self.place = Workplace(home)
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.options = options
        self.failing = int(options.get("failing", 0))

    def now(self) -> float:
        return self.clock.now() - self.started

    def run(self) -> None:
        keeper.SILENCE_S = self.options.get("watchdog_silence_s", keeper.SILENCE_S)
        with self.place.lock():
            self.place.scratch.mkdir()
            self.cluster = Cluster(self.kubeconfig, scratch=self.place.scratch)
            budget = self.options.get("failed")
            watchdog = Watchdog(
                Guarded(
                    place=self.place,
                    kubeconfig=self.kubeconfig,
                    kubectl=Path(self.options.get("kubectl", "kubectl")),
                    outlives=self.options.get("outlives", True),
                ),
                cluster=self.cluster,
                limits=Limits(
                    error_budget=None
                    if budget is None
                    else ErrorBudget(failed=budget, share=None, over_s=60.0),
                    duration_s=self.options.get("duration_s"),
                    silence_s=self.options.get("silence_s", 60.0),
                ),
                lease_namespace="production",
                day=RUN,
                clock=self.clock,
                say=say,
            )
            with (self.folder / "events.jsonl").open("x", encoding="utf-8") as file:
                self.log = e.EventLog(file, watchdog.hear)
                self.log.emit(
                    e.DrillStarted(
                        at=0.0, run_id=RUN, wall_time="", plan=PLAN, versions={}, rules={}
                    )
                )
                watchdog.start()
                try:
                    self._drill(watchdog)
                finally:
                    watchdog.stop()

    def _drill(self, watchdog: Watchdog) -> None:
        assert watchdog._process is not None
        say(f"watchdog {watchdog._process.pid}")
        watchdog.begin(
            Begin(
                run_id=RUN,
                folder=str(self.folder),
                started=self.started,
                lasts_s=300.0,
                namespaces=NAMESPACES,
                placeholders={"<password>": "hunter2hunter2"},
            )
        )
        self.log.emit(e.PhaseStarted(at=self.now(), phase="baseline"))
        over = threading.Event()
        observer = threading.Thread(target=self._observe, args=(over,), daemon=True)
        observer.start()
        self._reach("baseline", watchdog)
        self.log.emit(e.PhaseStarted(at=self.now(), phase="inject"))
        entry = self._inject(watchdog)
        self._reach("injected", watchdog)
        over.set()
        observer.join()
        if entry is not None:
            self._undo(entry)
        stopped = e.LoadStopped(
            at=self.now(), expected=True, exit_code=0, issued=0, completed=0, dropped=0,
            worst_lateness_ms=None, detail="",
        )  # fmt: skip
        self.log.emit(stopped)
        self.log.emit(e.DrillEnded(at=self.now()))

    def _inject(self, watchdog: Watchdog) -> UndoEntry | None:
        if watchdog.stop_asked():
            return None
        written = datetime.now(UTC)
        expires = written + timedelta(minutes=5)
        marker.claim(self.cluster, namespaces=NAMESPACES, run_id=RUN, expires=expires)
        self._reach("claimed", watchdog)
        fault = FAULTS["bad-release"](self.cluster, PARAMETERS)
        entry = UndoEntry(
            run_id=RUN,
            kubeconfig=str(self.kubeconfig),
            fault="bad-release",
            parameters=PARAMETERS,
            original=fault.original(),
            namespaces=NAMESPACES,
            snapshot=take_snapshot(self.cluster, NAMESPACES),
            written=written.isoformat(),
            expires=expires.isoformat(),
        )
        self.place.journal.write(entry)
        marker.fill(self.cluster, namespaces=NAMESPACES, run_id=RUN, entry=asdict(entry))
        at = self.now()
        change = fault.inject()
        self.log.emit(e.FaultInjected(at=at, fault="bad-release", change=change))
        if "kubectl" in self.options:
            self._command(self.options["kubectl"])
        return entry

    def _command(self, kubectl: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), kubectl],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        say(f"command {process.pid}")

    def _undo(self, entry: UndoEntry) -> None:
        self.log.emit(e.PhaseStarted(at=self.now(), phase="undo"))
        fault = FAULTS["bad-release"](self.cluster, PARAMETERS)
        done = restore(entry, fault, self.cluster, budget_s=20, clock=self.clock)
        marker.release(self.cluster, namespaces=NAMESPACES, run_id=RUN)
        self.place.journal.remove(entry)
        self.log.emit(
            e.FaultUndone(at=self.now(), undone=True, evidence=done.evidence, differences=done.left)
        )

    def _reach(self, word: str, watchdog: Watchdog) -> None:
        """Stays there where the options say so, until it is told to stop, if it listens."""
        say(word)
        if self.options.get("stay") != word:
            return
        deaf = self.options.get("deaf", False)
        if deaf:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        while deaf or watchdog.stop_asked() is None:
            self.clock.sleep(0.05)
        self.log.emit(e.DrillAborted(at=self.now(), why=str(watchdog.stop_asked())))

    def _observe(self, over: threading.Event) -> None:
        while not over.wait(0.1):
            self.log.emit(
                e.LoadSampled(
                    at=self.now(),
                    issued=20,
                    completed=20,
                    ok=20 - self.failing,
                    failed=self.failing,
                    dropped=0,
                    in_flight=0,
                    oldest_in_flight_s=0.0,
                    p50_ms=None,
                    p95_ms=None,
                    p99_ms=None,
                )
            )


if __name__ == "__main__":
    try:
        Runner(*map(Path, sys.argv[1:4]), json.loads(sys.argv[4])).run()
    except RundrillError as error:
        say(f"refused {error.problem}")
        sys.exit(2)
