"""The load generator's processes: started, watched, sampled, stopped.

One, or a master and the workers that share its schedule: then the load lives only while all live.
Each runs in a session of its own, so that a Ctrl-C at the terminal reaches only the drill, which
then stops the load in its order. Each ends by itself when this process is gone.
"""

import importlib.util
import os
import signal
import site
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rundrill.base import wait
from rundrill.base.clock import Clock
from rundrill.errors import MachineError, TargetError
from rundrill.events import LoadSampled, LoadStopped
from rundrill.load import workers
from rundrill.load.merge import MergedTail
from rundrill.load.record import NOTHING, Delivered, RequestLog, Totals
from rundrill.load.tail import Tail
from rundrill.load.workers import Started
from rundrill.model import LoadProfile

CUSTOMER_TOKEN: Final = "drill-customer"  # noqa: S105 - no secret: the auth simulator knows it
START_BUDGET_S: Final = 30.0
LAND_S: Final = 5.0
"""How long requests in flight may finish after the load was told to stop."""
ESCALATION: Final = ((signal.SIGINT, LAND_S + 5.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))
READ_EVERY_S: Final = 0.05
CATCH_UP_S: Final = 1.0
"""How long `delivered` waits for lines of its window; the log is flushed every 100 ms."""


class Load:
    """The steady load against `host` (`http://name:port`).

    Writes `requests.jsonl`, `load.log` and Locust's own statistics, `locust.json`, into
    `folder`, and a log of each worker where there are several. `zero` is the clock reading that
    events call 0; without it, the time of `start`. Several threads may use it: one samples while
    another stops it.
    """

    def __init__(
        self,
        *,
        locustfile: Path,
        host: str,
        profile: LoadProfile,
        folder: Path,
        clock: Clock,
        token: str = CUSTOMER_TOKEN,
        zero: float | None = None,
    ) -> None:
        self._locustfile = locustfile.absolute()
        self._host = host.rstrip("/")
        self._profile = profile
        self._folder = folder.absolute()
        self._clock = clock
        self._token = token
        self._zero = zero
        self._account: RequestLog | None = None
        self._count = 1
        self._tail = Tail(self.record_path)
        self._merged: MergedTail | None = None
        self._line = 0
        self._foreign: MachineError | None = None
        self._first: Started | None = None
        self._workers: tuple[Started, ...] = ()
        self._reading = threading.RLock()
        self._stopping = threading.RLock()
        self._expected: bool | None = None
        self._early: list[Started] = []
        self._stopped: LoadStopped | None = None

    @property
    def record_path(self) -> Path:
        return self._folder / "requests.jsonl"

    @property
    def log_path(self) -> Path:
        return self._folder / "load.log"

    @property
    def alive(self) -> bool:
        return self._first is not None and all(one.alive for one in self._processes)

    @property
    def pid(self) -> int | None:
        """Of the only process, or of the master; also of its group. None before `start`."""
        return None if self._first is None else self._first.process.pid

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """None where one process makes the load."""
        return tuple(one.process.pid for one in self._workers)

    @property
    def metrics_url(self) -> str:
        """`http://127.0.0.1:port/metrics`; known once `start` has returned."""
        url = self._log.metrics_url
        if url is None:
            raise RuntimeError("the load has not announced its metrics")
        return url

    def start(self) -> None:
        """Returns when the first request was issued. Raises `TargetError` and `MachineError`."""
        self._check()
        now = self._clock.now()
        self._zero = now if self._zero is None else self._zero
        self._account = RequestLog(zero=self._zero, start=now, slow_s=self._profile.slow_s)
        try:
            self._first = self._start_first()
        except OSError as error:
            raise MachineError(
                f"the load cannot be started: {error.strerror}",
                path=error.filename or self._folder,
                fix="check the free disk space and the permissions of the run folder",
            ) from error
        try:
            wait.until(
                lambda: self._issues() or not self.alive,
                what="the first request of the load",
                budget_s=START_BUDGET_S,
                every_s=READ_EVERY_S,
                clock=self._clock,
            )
        except wait.WaitTimeoutError as error:
            self.stop()
            raise self._did_not_start(str(error)) from error
        except BaseException:
            self.stop()
            raise
        if not self.alive:
            code = self.stop().exit_code
            raise self._did_not_start(f"it ended with exit code {code}")

    def sample(self, now: float) -> list[LoadSampled]:
        """The whole seconds completed since the last call, oldest first.

        A second is given once the request log is known to be complete for it: about 0.2 s after
        its end at the usual rates, never more than a second while the load lives.
        """
        alive = self.alive  # first: what it wrote before its end is then read too
        with self._reading:
            return self._read().samples(now if alive else None)

    def delivered(self, start: float, end: float) -> Delivered:
        """What was offered in the clock times [start, end). Reads the log up to `end` first."""
        deadline = self._clock.now() + CATCH_UP_S
        while self._read().last_at < end and self.alive and self._clock.now() < deadline:
            self._clock.sleep(READ_EVERY_S)
        with self._reading:
            return self._log.delivered(start, end, 60 / self._profile.rate_per_min)

    def acknowledged(self) -> Mapping[str, str]:
        """Idempotency key to payment id of every payment that was acknowledged to a customer.

        The id is empty where the service acknowledged without one.
        """
        with self._reading:
            return dict(self._read().acknowledged)

    def totals_since(self, start: float) -> Totals:
        """The account from the clock time `start` on."""
        with self._reading:
            if self._account is None:
                return NOTHING
            if self._stopped is None:
                self._read()
            return self._account.totals_since(start)

    def stop(self) -> LoadStopped:
        """Ends the load and gives its account; a second call gives the same one. Bounded.

        Interrupted by a Ctrl-C, it can be called again.
        """
        with self._stopping:
            if self._stopped is None:
                self._stopped = self._end()
            return self._stopped

    def _check(self) -> None:
        url = urlsplit(self._host)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise TargetError(
                f"the load cannot be sent to {self._host!r}", fix="give it as http://name:port"
            )
        if not self._locustfile.is_file():
            raise MachineError(
                "there is no locustfile", path=self._locustfile, fix="check the path of the load"
            )
        if importlib.util.find_spec("locust") is None:
            raise MachineError(
                "locust, which makes the load, is not installed",
                fix="pip install 'rundrill[local]'",
            )
        if self.record_path.exists():
            raise MachineError(
                "the run folder already holds a request log",
                path=self.record_path,
                fix="give each run a folder of its own",
            )
        self._count = workers.workers_for(self._profile)

    def _start_first(self) -> Started:
        """The only process, or the master."""
        options = [
            *("--headless", "--users", str(self._count), "--spawn-rate", "100"),
            # Instead of tables in the log. Locust adds ".json" itself.
            *("--json-file", str(self._folder / "locust")),
        ]
        if self._count == 1:
            return self._start("", self.log_path, self.record_path, options)
        master = self._folder / "requests.master.jsonl"
        numbers = range(1, self._count + 1)
        self._merged = MergedTail(
            self.record_path, master=master, workers=[self._record_of(k) for k in numbers]
        )
        options += [
            *("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", "0"),
            *("--expect-workers", str(self._count)),
        ]
        return self._start("the master", self.log_path, master, options)

    def _start_workers(self, port: int) -> None:
        options = ["--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]
        for number in range(1, self._count + 1):
            started = self._start(
                f"worker {number} of {self._count}",
                self._folder / f"load.worker-{number}.log",
                self._record_of(number),
                options,
                RUNDRILL_LOAD_SHARE=f"{number}/{self._count}",
            )
            self._workers = (*self._workers, started)

    def _start(
        self, name: str, log: Path, record: Path, options: Sequence[str], **variables: str
    ) -> Started:
        command = [
            *("--locustfile", str(self._locustfile), "--host", self._host),
            # A failed request is what the drill is about, not a failure of the load.
            *("--only-summary", "--exit-code-on-error", "0"),
            *options,
        ]
        environment = self._environment() | {"RUNDRILL_LOAD_RECORD": str(record)} | variables
        return workers.start(
            command, name=name, log=log, environment=environment, folder=self._folder
        )

    def _record_of(self, worker: int) -> Path:
        return self._folder / f"requests.worker-{worker}.jsonl"

    @property
    def _processes(self) -> tuple[Started, ...]:
        return (*self._workers, *((self._first,) if self._first else ()))

    def _issues(self) -> bool:
        """Whether the first request was issued. Starts the workers once their master is there."""
        account = self._read()
        if self._merged and self._merged.port is not None and not self._workers:
            self._start_workers(self._merged.port)
        return account.totals.issued > 0

    def _environment(self) -> dict[str, str]:
        """Ours, without anything that could change the load behind the plan's back."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LOCUST_", "RUNDRILL_LOAD_"))
        }
        profile = self._profile
        return inherited | {
            "HOME": str(self._folder),  # no ~/.locust.conf
            "PYTHONUSERBASE": site.getuserbase(),  # which depends on HOME
            "RUNDRILL_LOAD_RATE": str(profile.rate_per_min),
            "RUNDRILL_LOAD_RAMP_S": str(profile.ramp_s),
            "RUNDRILL_LOAD_MAX_IN_FLIGHT": str(profile.max_in_flight),
            "RUNDRILL_LOAD_MIX": ",".join(f"{kind}={part}" for kind, part in profile.mix.items()),
            "RUNDRILL_LOAD_RETRIES": str(profile.retries),
            "RUNDRILL_LOAD_TOKEN": self._token,
            "RUNDRILL_LOAD_STOP_S": str(LAND_S),
            "RUNDRILL_LOAD_METRICS": "127.0.0.1:0",
            "RUNDRILL_LOAD_PARENT": str(os.getpid()),
        }

    @property
    def _log(self) -> RequestLog:
        if self._account is None:
            raise RuntimeError("the load was not started")
        return self._account

    def _read(self) -> RequestLog:
        """Reads on. Raises `MachineError`, from then on, when a line is not ours."""
        with self._reading:
            self._feed((self._merged or self._tail).lines)
            if self._foreign:
                raise self._foreign
        return self._log

    def _feed(self, lines: Callable[[], Sequence[bytes]]) -> None:
        try:
            read = lines()
        except MachineError as error:
            self._foreign = error
            return
        for line in read:
            self._line += 1
            try:
                self._log.feed(line)
            except ValueError as error:
                self._foreign = MachineError(
                    f"not a line of a request log: {error}",
                    path=self.record_path,
                    line=self._line,
                    fix="nothing else may write into the run folder",
                )

    def _end(self) -> LoadStopped:
        first = self._first
        if first is None or self._account is None:
            return LoadStopped(
                at=0.0,
                expected=False,
                exit_code=None,
                issued=0,
                completed=0,
                dropped=0,
                worst_lateness_ms=None,
                detail="the load was never started",
            )
        if self._expected is None:
            self._early = [one for one in self._processes if not one.alive]
            self._expected = not self._early
        # Before it has announced itself it has nothing to finish, and may ignore SIGINT.
        announced = self._account.metrics_url is not None and (
            self._merged is None or self._merged.announced
        )
        escalation = ESCALATION if announced else ESCALATION[1:]
        # The master last: told to quit by it, a worker would not finish its requests.
        workers.end(self._workers, escalation, self._clock)
        workers.end([first], escalation, self._clock)
        detail = [one.prefixed("it ended before it was told to stop") for one in self._early]
        failed = [one for one in self._processes if one.process.returncode != 0]
        for one in failed:
            what = "it did not stop cleanly; " if self._expected and announced else ""
            code = one.process.returncode
            detail.append(one.prefixed(f"{what}exit code {code}: {one.last_words}"))
        with self._reading:
            try:
                if self._merged:
                    self._feed(self._merged.lines)
                    self._feed(self._merged.rest)
                self._read()
            except (MachineError, OSError) as error:  # the account is of what could be read
                detail.append(str(error))
            totals = self._account.totals
            self._tail.close()
            if self._merged:
                self._merged.close()
        return LoadStopped(
            at=self._clock.now() - (self._zero or 0.0),
            expected=self._expected,
            exit_code=failed[0].process.returncode if failed else 0,
            issued=totals.issued,
            completed=totals.completed,
            dropped=totals.dropped,
            worst_lateness_ms=totals.worst_lateness_ms,
            detail="; ".join(detail),
        )

    def _did_not_start(self, why: str) -> MachineError:
        return MachineError(
            f"the load did not start: {why}: {self._words()}",
            path=self.log_path,
            fix="read the log, or run the same by hand: locust -f load/locustfile.py --host URL",
        )

    def _words(self) -> str:
        """Of those that failed, else of the first."""
        failed = [one for one in self._processes if one.process.returncode]
        said = failed or [one for one in (self._first,) if one]
        return "; ".join(one.prefixed(one.last_words) for one in said)
