"""The watchdog's process: `python -m rundrill.watchdog SOCKET`, a descriptor it has inherited.

It ends with its runner: after `bye`, or when it has undone what the runner left.
"""

import json
import os
import select
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rundrill.base.clock import Clock, MonotonicClock
from rundrill.base.wait import WaitTimeoutError
from rundrill.errors import RundrillError
from rundrill.events import from_line
from rundrill.run_secrets import redactor_of
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.lease import HeldError
from rundrill.watchdog import request, takeover
from rundrill.watchdog.judgement import Stop, TakeOver, Watch
from rundrill.watchdog.renewal import Renewal
from rundrill.watchdog.runner_process import RunnerProcess
from rundrill.watchdog.wire import (
    ALIVE,
    ALIVE_EVERY_S,
    BYE,
    READY,
    Begin,
    Lines,
    Post,
    line_of,
)
from rundrill.workplace import Workplace

TICK_S: Final = 0.2
SETTLE_S: Final = 0.5
"""A request that the runner had sent when it was ended is answered by then."""
POST_BUDGET_S: Final = 10.0
UNHEARD: Final = 3
"""Exit code of one that could not begin."""


class Watchdog:
    """One day under watch, until `run` returns."""

    def __init__(self, end: socket.socket, *, runner_pid: int, clock: Clock) -> None:
        self._end = end
        self._end.setblocking(False)
        self._lines = Lines(end)
        self._clock = clock
        self._runner_pid = runner_pid
        self._begin: Begin | None = None
        self._watch: Watch | None = None
        self._garbled: str | None = None
        self._bye = False
        self._told_alive = clock.now()

    def run(self) -> None:
        """Raises what keeps it from beginning; from then on it tells instead."""
        self._post = self._read_post()
        self._place = Workplace(Path(self._post.home))
        self._cluster = Cluster(Path(self._post.kubeconfig), scratch=self._place.scratch)
        self._runner = RunnerProcess(self._runner_pid, kubectl=self._post.kubectl)
        self._renewal = Renewal(
            self._cluster, self._post.lease_namespace, self._post.holder, self._clock
        )
        self._renewal.start()
        request.open_at(self._place.home)
        self._send(READY)
        ended = self._go_on()
        if ended is not None:
            self._take_over(ended)
        self._leave()

    def _read_post(self) -> Post:
        until = self._clock.now() + POST_BUDGET_S
        while self._clock.now() < until and not self._lines.gone:
            select.select([self._end], [], [], TICK_S)
            for line in self._lines.read():
                return Post.read(_said(line, "post"))
        raise ValueError("the runner gave no post")

    def _go_on(self) -> TakeOver | None:
        """Returns when there is nothing left to watch, or why the runner is to be ended."""
        while True:
            select.select([self._end], [], [], TICK_S)
            self._hear()
            if self._bye:
                return None
            if self._watch is None or self._watch.ended:
                if self._lines.gone:
                    return None  # between two drills: nothing of it is in the target
            else:
                move = self._watch.move(
                    self._clock.now(), gone=self._lines.gone, asked=self._asked()
                )
                if isinstance(move, TakeOver):
                    return move
                if isinstance(move, Stop):
                    self._send("stop", move.why)
            if self._clock.now() - self._told_alive >= ALIVE_EVERY_S:
                self._send(ALIVE)

    def _asked(self) -> str | None:
        return self._garbled or request.asked(self._place.home) or self._renewal.trouble

    def _hear(self) -> None:
        try:
            for line in self._lines.read():
                self._take(line)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # What cannot be read may have been what mattered.
            self._garbled = f"the watchdog cannot read what the runner tells: {error}"

    def _take(self, line: str) -> None:
        now = self._clock.now()
        if line.startswith('{"event"'):
            if self._watch is not None:
                self._watch.hear(from_line(line), now)
        elif line.startswith('{"begin"'):
            self._begin = Begin(**_said(line, "begin"))
            self._watch = Watch(self._post.limits, lasts_s=self._begin.lasts_s, now=now)
            request.tell_run(self._place.home, self._begin)
        else:
            _said(line, BYE)
            self._bye = True

    def _send(self, what: str, value: object = True) -> None:
        """A runner that does not read, or is gone, is noticed by its silence."""
        with suppress(OSError):
            self._end.send(line_of(what, value))
        self._told_alive = self._clock.now()

    def _take_over(self, move: TakeOver) -> None:
        begin = self._begin
        assert begin is not None
        undone: takeover.Undone | None = None
        redactor = redactor_of(Path(self._post.kubeconfig), begin.placeholders)

        def say(text: str) -> None:
            _say(redactor.text(text))

        try:
            self._runner.end(self._clock)
        except WaitTimeoutError as error:
            # It might go on with what is undone: better one clear state than two.
            failed = takeover.Undone(failure=f"{error}: it may still change things")
            takeover.tell(begin, move.why, failed, say)
            return
        if self._post.outlives:
            self._clock.sleep(SETTLE_S)
            undone = takeover.undo(begin, self._place.journal, self._cluster, self._clock)
        takeover.tell(begin, move.why, undone, say)
        try:
            takeover.conclude(begin, move.why, undone, self._clock, redactor)
        except (RundrillError, OSError, ValueError) as error:
            say(f"rundrill: the report of run {begin.run_id} could not be written: {error}")

    def _leave(self) -> None:
        """Nothing of the day stays, but what `rundrill recover` needs."""
        if self._bye or self._post.outlives:
            with suppress(ClusterError):  # what stays expires
                self._renewal.release()
        request.close_at(self._place.home)
        if self._bye or not self._post.outlives:
            return  # the runner does the rest, or the next one
        with suppress(WaitTimeoutError):
            self._runner.await_end(self._clock)
            self._place.tidy()


def _said(line: str, what: str) -> Any:
    """What stands under the one name that a line may have. Raises `ValueError`."""
    told = json.loads(line)
    if not isinstance(told, Mapping) or list(told) != [what]:
        raise ValueError(f"no {what}: {line[:100]}")
    return told[what]


def _say(text: str) -> None:
    with suppress(OSError, ValueError):  # the terminal may be gone
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Gives the exit code; what kept it from beginning is told to the runner."""
    parent = os.getppid()
    with socket.socket(fileno=int(arguments[0])) as end:
        try:
            Watchdog(end, runner_pid=parent, clock=MonotonicClock()).run()
        except (
            RundrillError, ClusterError, HeldError, OSError, ValueError, TypeError, KeyError,
        ) as error:  # fmt: skip
            with suppress(OSError):
                end.send(line_of("refused", str(error)))
            return UNHEARD
    return 0
