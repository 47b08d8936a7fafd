"""The runner's side: starts the watchdog, tells it the events, and heeds it.

It is fed as one more listener of the event log, by the threads of the engine and the observer:
when those hang nothing is told, and that is what the watchdog goes by.
"""

import hashlib
import json
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.base import processes
from rundrill.base.clock import Clock
from rundrill.errors import MachineError, TargetError
from rundrill.events import DrillEnded, Event, to_line
from rundrill.plan.limits import Limits
from rundrill.target import lease
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.watchdog.judgement import HEARD, yields
from rundrill.watchdog.wire import ALIVE, BYE, READY, Begin, Lines, Post, line_of
from rundrill.workplace import Workplace

START_BUDGET_S: Final = 60.0
SILENCE_S: Final = 30.0
"""How long a watchdog may be silent that says once a second that it lives."""
LOOK_S: Final = 0.5
HEED_S: Final = 1.0
"""How long a drill may take to heed by itself; then its command is interrupted."""
END_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What is watched: a target that `outlives` the runner or not, and the kubectl it uses."""

    place: Workplace
    kubeconfig: Path
    kubectl: Path
    outlives: bool


class Watchdog:
    """Of one game day: `start` it, `begin` each drill, let it `hear` the events, `stop` it.

    `stop_asked` says why no drill may go on, None while it may.
    """

    def __init__(
        self,
        guarded: Guarded,
        *,
        cluster: Cluster,
        limits: Limits,
        lease_namespace: str,
        day: str,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._guarded = guarded
        self._cluster = cluster
        self._limits = limits
        self._namespace = lease_namespace
        self._day = day
        self._clock = clock
        self._say = say
        self._holder = _holder(guarded.place)
        self._process: subprocess.Popen[bytes] | None = None
        self._mine: socket.socket | None = None
        self._ready = threading.Event()
        self._heeded = threading.Event()
        self._sending = threading.Lock()
        self._stopping = False
        self._drill = False
        self._why: str | None = None
        self._ear = threading.Thread(target=self._listen, name="watchdog", daemon=True)

    def start(self) -> None:
        """Takes the Lease and starts the process; it is ready at the first `begin`.

        Raises `TargetError` when somebody else has the Lease, `ClusterError` and `MachineError`.
        """
        self._take_lease()
        mine, its = socket.socketpair()
        try:
            with its:
                self._process = self._spawn(its.fileno())
        except OSError as error:
            mine.close()
            self._release()
            raise MachineError(
                f"the watchdog cannot be started: {error.strerror}",
                path=error.filename,
                fix="no drill is made without it",
            ) from error
        self._mine = mine
        mine.setblocking(False)
        guarded = self._guarded
        post = Post(
            home=str(guarded.place.home),
            kubeconfig=str(guarded.kubeconfig.resolve()),
            kubectl=str(guarded.kubectl),
            outlives=guarded.outlives,
            lease_namespace=self._namespace,
            holder=self._holder,
            limits=self._limits,
        )
        self._send(line_of("post", post))
        self._ear.start()

    def begin(self, begin: Begin) -> None:
        """From now on this drill is watched. Raises `MachineError` when nobody watches."""
        ready = self._ready.wait(START_BUDGET_S)
        if not ready or self._why is not None:
            raise MachineError(
                f"the watchdog does not run: {self._why or 'it did not get ready'}",
                fix="no drill is made without it; run it again, or see what ended it",
            )
        self._heeded.clear()
        self._drill = True
        self._send(line_of("begin", begin))

    def hear(self, event: Event) -> None:
        """A listener of the event log; never blocks."""
        if not self._drill or not isinstance(event, HEARD):
            return
        if yields(event):
            self._heeded.set()
        self._drill = not isinstance(event, DrillEnded)
        self._send(to_line(event).encode() + b"\n")

    def stop_asked(self) -> str | None:
        return self._why

    def stop(self) -> None:
        """Ends it and gives the Lease back; harmless to repeat."""
        process = self._process
        if process is None:
            return
        self._process = None
        self._stopping = True
        self._send(line_of(BYE))
        with suppress(subprocess.TimeoutExpired):
            process.wait(END_GRACE_S)
        code = processes.end(process, grace_s=1.0, clock=self._clock)
        self._ear.join()
        if self._mine is not None:
            self._mine.close()
        if code != 0:  # it could not do so itself
            self._release()

    def _take_lease(self) -> None:
        try:
            lease.take(
                self._cluster,
                self._namespace,
                holder=self._holder,
                run_id=self._day,
                clock=self._clock,
                say=self._say,
            )
        except lease.HeldError as held:
            raise TargetError(
                f"another game day is on in namespace {self._namespace}: {held}",
                path=self._guarded.kubeconfig,
                fix="wait until it has ended, or end it where it runs: rundrill abort",
            ) from held

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        lock = self._guarded.place.held
        return subprocess.Popen(
            [sys.executable, "-m", "rundrill.watchdog", str(number)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # Of the lock: while it undoes for a dead runner nobody else begins here.
            pass_fds=(number, *([] if lock is None else [lock])),
            start_new_session=True,  # Ctrl-C is for us; it lives until the fault is undone
        )

    def _release(self) -> None:
        with suppress(ClusterError):  # what stays expires
            lease.release(self._cluster, self._namespace, holder=self._holder)

    def _send(self, data: bytes) -> None:
        try:
            assert self._mine is not None
            with self._sending:
                whole = self._mine.send(data) == len(data)
        except OSError:
            whole = False
        if not whole and not self._stopping:  # it is gone, or hangs and its buffer is full
            self._halt("the watchdog does not listen any more, and without it no drill goes on")

    def _listen(self) -> None:
        assert self._mine is not None
        lines = Lines(self._mine)
        heard = self._clock.now()
        while not self._stopping:
            ready, _, _ = select.select([self._mine], [], [], LOOK_S)
            for line in lines.read() if ready else ():
                heard = self._clock.now()
                self._take(line)
            if lines.gone:
                if not self._stopping:
                    self._halt("the watchdog is gone, and without it no drill goes on")
                return
            if self._ready.is_set() and self._clock.now() - heard > SILENCE_S:
                self._halt(f"the watchdog has told nothing for {SILENCE_S:g} s")
                return

    def _take(self, line: str) -> None:
        ((what, value),) = json.loads(line).items()
        if what == READY:
            self._ready.set()
        elif what != ALIVE:
            self._halt(f"the watchdog: {value}")

    def _halt(self, why: str) -> None:
        """The drill ends: it looks for that itself, and is interrupted where it waits longer."""
        if self._why is not None:
            return
        self._why = why
        self._ready.set()  # nobody has to wait for it any more
        threading.Thread(target=self._interrupt, name="interrupt", daemon=True).start()

    def _interrupt(self) -> None:
        if self._drill and not self._heeded.wait(HEED_S) and self._drill and not self._stopping:
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)


def _holder(place: Workplace) -> str:
    """This workplace of this machine: one runner at a time has its lock."""
    number = hashlib.sha256(str(place.home).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}_{number}"
