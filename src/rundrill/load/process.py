"""The load generator's process: started, watched, sampled, stopped.

It runs in a session of its own, so that a Ctrl-C at the terminal reaches only the drill, which
then stops the load in its order. It ends by itself when this process is gone.
"""

import importlib.util
import os
import signal
import site
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from rundrill.base import wait
from rundrill.base.clock import Clock
from rundrill.errors import MachineError, TargetError
from rundrill.events import LoadSampled, LoadStopped
from rundrill.load.record import NOTHING, Delivered, RequestLog, Totals
from rundrill.load.tail import Tail, last_lines
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
    `folder`. `zero` is the clock reading that events call 0; without it, the time of `start`.
    Several threads may use it: one samples while another stops it.
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
        self._tail = Tail(self.record_path)
        self._line = 0
        self._foreign: MachineError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._reading = threading.RLock()
        self._stopping = threading.RLock()
        self._expected: bool | None = None
        self._stopped: LoadStopped | None = None

    @property
    def record_path(self) -> Path:
        return self._folder / "requests.jsonl"

    @property
    def log_path(self) -> Path:
        return self._folder / "load.log"

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Also of its process group; None before `start`."""
        return None if self._process is None else self._process.pid

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
            with self.log_path.open("ab") as log:
                self._process = self._spawn(log)
        except OSError as error:
            raise MachineError(
                f"the load cannot be started: {error.strerror}",
                path=error.filename or self._folder,
                fix="check the free disk space and the permissions of the run folder",
            ) from error
        try:
            wait.until(
                lambda: self._read().totals.issued > 0 or not self.alive,
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

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, "-m", "locust", "--locustfile", str(self._locustfile)),
            *("--host", self._host, "--headless", "--users", "1", "--spawn-rate", "1"),
            # A failed request is what the drill is about, not a failure of the load.
            *("--only-summary", "--exit-code-on-error", "0"),
            # Instead of tables in the log. Locust adds ".json" itself.
            *("--json-file", str(self._folder / "locust")),
        ]
        return subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )

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
            "RUNDRILL_LOAD_RECORD": str(self.record_path),
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
        account = self._log
        with self._reading:
            for line in self._tail.lines():
                self._line += 1
                try:
                    account.feed(line)
                except ValueError as error:
                    self._foreign = MachineError(
                        f"not a line of a request log: {error}",
                        path=self.record_path,
                        line=self._line,
                        fix="nothing else may write into the run folder",
                    )
            if self._foreign:
                raise self._foreign
        return account

    def _end(self) -> LoadStopped:
        process = self._process
        if process is None or self._account is None:
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
            self._expected = process.poll() is None
        # Before it has announced itself it has nothing to finish, and may ignore SIGINT.
        announced = self._account.metrics_url is not None
        for number, budget_s in ESCALATION if announced else ESCALATION[1:]:
            if _signal_and_wait(process, number, budget_s):
                break
        detail = [] if self._expected else ["it ended before it was told to stop"]
        if process.returncode != 0:
            what = "it did not stop cleanly; " if self._expected and announced else ""
            detail.append(f"{what}exit code {process.returncode}: {self._last_words()}")
        try:
            self._read()
        except MachineError as error:  # the account is then of what could be read
            detail.append(str(error))
        with self._reading:
            totals = self._account.totals
            self._tail.close()
        return LoadStopped(
            at=self._clock.now() - (self._zero or 0.0),
            expected=self._expected,
            exit_code=process.returncode,
            issued=totals.issued,
            completed=totals.completed,
            dropped=totals.dropped,
            worst_lateness_ms=totals.worst_lateness_ms,
            detail="; ".join(detail),
        )

    def _did_not_start(self, why: str) -> MachineError:
        return MachineError(
            f"the load did not start: {why}: {self._last_words()}",
            path=self.log_path,
            fix="read the log, or run the same by hand: locust -f load/locustfile.py --host URL",
        )

    def _last_words(self) -> str:
        return " / ".join(last_lines(self.log_path, 5)) or "its log is empty"


def _signal_and_wait(
    process: subprocess.Popen[bytes], number: signal.Signals, budget_s: float
) -> bool:
    """Whether the process has ended. Sends SIGKILL to the whole group, other signals to it."""
    if process.poll() is not None:
        return True
    if number is signal.SIGKILL:
        os.killpg(process.pid, number)  # not reaped yet, so the group is still its own
    else:
        process.send_signal(number)
    try:
        process.wait(budget_s)
    except subprocess.TimeoutExpired:
        return False
    return True
