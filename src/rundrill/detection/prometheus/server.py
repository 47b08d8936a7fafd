"""A Prometheus of our own, for one drill: configured, started, watched, ended, gone.

It runs on loopback in a folder of its own under a warden, which ends it and removes the folder
also when this process is killed.
"""

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

import yaml

from rundrill.base import processes
from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.detection.prometheus.api import Api, NoAnswerError, RefusedError
from rundrill.detection.prometheus.program import Program
from rundrill.detection.prometheus.rules_file import duration_text
from rundrill.errors import MachineError

JOB: Final = "rundrill"
START_BUDGET_S: Final = 30.0
RESEND_S: Final = 5
"""What fires is sent again after so long, and ends in an Alertmanager four times that after us: a
minute, as is usual, would keep the next drill waiting for four."""
_GRACE_S: Final = 8.0
"""More than the warden gives Prometheus itself."""
_ATTEMPTS: Final = 3
_TAKEN: Final = "address already in use"
_WORDS: Final = 2000


class Server:
    """`program` in `folder`, which is made and removed. Scrapes one page, labels included.

    What fires is sent to the Alertmanager at the URL `alertmanager`, if there is one.
    """

    def __init__(
        self,
        program: Program,
        folder: Path,
        *,
        rules: str,
        interval_s: float,
        lookback_s: float,
        clock: Clock,
        alertmanager: str | None = None,
    ) -> None:
        self.program = program
        self._folder = folder.absolute()
        self._rules = rules
        self._interval_s = interval_s
        self._lookback_s = lookback_s
        self._clock = clock
        self._alertmanager = alertmanager
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def ended(self) -> str | None:
        """Why it is not there any more; None while it runs."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"prometheus ended (exit code {self._process.returncode}): {self._last_words()}"

    def start(self, page: str) -> Api:
        """Returns when it answers. `page` is the `host:port` whose `/metrics` it scrapes.

        Raises `MachineError`, with nothing left.
        """
        told = ""
        for _ in range(_ATTEMPTS):
            port = _free_port()
            api = Api(f"http://127.0.0.1:{port}")
            try:
                self._prepare(page)
                self._spawn(port)
                if self._comes_up(api):
                    return api
                told = self._last_words()
            except OSError as error:
                self.stop()
                raise MachineError(
                    f"prometheus cannot be started: {error.strerror}",
                    path=error.filename or self._folder,
                    fix="check the free disk space and the permissions of the folder",
                ) from error
            except BaseException:
                self.stop()
                raise
            self.stop()
            if _TAKEN not in told:
                break
        raise MachineError(
            f"prometheus did not start: {told}",
            path=self.program.path,
            fix="see what it says, or leave out --detector",
        )

    def stop(self) -> None:
        """Ends it and removes its folder. Harmless to repeat."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            processes.end(process, grace_s=_GRACE_S, clock=self._clock)
        log, self._log = self._log, None
        if log is not None:
            log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------ inside

    def _prepare(self, page: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        interval = duration_text(self._interval_s)
        configuration: dict[str, object] = {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
            },
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                # The page has the labels of its targets; see `bridge`.
                {
                    "job_name": JOB,
                    "honor_labels": True,
                    "static_configs": [{"targets": [page]}],
                }
            ],
        }
        if self._alertmanager is not None:
            configuration["alerting"] = {"alertmanagers": [_alertmanager(self._alertmanager)]}
        text = yaml.safe_dump(configuration, sort_keys=False)
        (self._folder / "prometheus.yml").write_text(text, encoding="utf-8")
        (self._folder / "rules.yml").write_text(self._rules, encoding="utf-8")

    def _spawn(self, port: int) -> None:
        # Kept open: what it told can be read when the folder is gone.
        self._log = (self._folder / "prometheus.log").open("w+b")
        warden = Path(__file__).with_name("warden.py")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-I", str(warden), str(self._folder), str(self.program.path)),
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                "--storage.tsdb.retention.time=1d",
                f"--query.lookback-delta={duration_text(self._lookback_s)}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--rules.alert.resend-delay={RESEND_S}s",
                "--log.level=warn",
            ],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C is for us: the detection must go on until the fault is undone.
            start_new_session=True,
        )

    def _comes_up(self, api: Api) -> bool:
        def answers() -> bool:
            try:
                return self.ended is None and bool(api.rules())
            except (NoAnswerError, RefusedError):
                return False

        try:
            until(
                lambda: answers() or self.ended is not None,
                what="prometheus to answer",
                budget_s=START_BUDGET_S,
                every_s=0.1,
                clock=self._clock,
            )
        except WaitTimeoutError:
            return False
        return self.ended is None

    def _last_words(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0, 2)
        self._log.seek(max(0, self._log.tell() - _WORDS))
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it told nothing"


def _alertmanager(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "scheme": parts.scheme,
        "path_prefix": parts.path or "/",
        "api_version": "v2",
        "static_configs": [{"targets": [parts.netloc]}],
    }


def _free_port() -> int:
    """Free a moment ago: Prometheus cannot be told to take any port and say which."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
