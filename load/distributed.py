"""Several processes under one schedule: Locust's master and workers, on one machine.

Each worker knows its share from RUNDRILL_LOAD_SHARE. When all have told the master that they wait
for the start, and where their metrics are, it gives them one on the monotonic clock, which is one
clock for all processes of a machine and for no two machines.
"""

import logging
import time
from typing import Any, Final

from gevent.event import AsyncResult
from locust.env import Environment
from locust.rpc.protocol import Message
from locust.runners import MasterRunner, WorkerRunner

from load.arrivals import Share
from load.merged import MergedMetrics

LOG: Final = logging.getLogger("load")
READY, START = "load-worker-ready", "load-start"
LEAD_S: Final = 0.1
"""From telling the common start to the start: all have heard of it by then."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def misuse(runner: object, share: Share | None, environment: Environment) -> str | None:
    """What is wrong with how Locust was started, with its fix; None when nothing is."""
    options = environment.parsed_options
    if options and options.processes:
        return (
            "--processes is not supported: each worker needs a share and a request log of its "
            "own\n  fix: start --master and each --worker with its RUNDRILL_LOAD_SHARE"
        )
    if isinstance(runner, WorkerRunner):
        if share is None:
            return (
                "a worker without its share would issue all requests of the schedule\n"
                "  fix: set RUNDRILL_LOAD_SHARE, for example to 2/3 for the second of three"
            )
        if runner.master_host not in LOOPBACK:
            return (
                f"--master-host {runner.master_host}: workers share the clock of one machine\n"
                "  fix: run the master and its workers on one machine: --master-host 127.0.0.1"
            )
    elif share is not None:
        return "RUNDRILL_LOAD_SHARE is set, but this is no worker\n  fix: add --worker, or unset it"
    return None


class Worker:
    """What a worker tells its master, and is told."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._start: AsyncResult[float] = AsyncResult()
        self._runner: WorkerRunner
        self._metrics: str | None = None

    def join(self, runner: WorkerRunner, metrics: str | None) -> None:
        self._runner, self._metrics = runner, metrics
        runner.register_message(START, self._started)

    def start(self) -> float:
        """Waits for the common start; all its fellows wait for it too by then."""
        self._runner.send_message(
            READY, {"worker": self._share.worker, "of": self._share.of, "metrics": self._metrics}
        )
        return float(self._start.get())

    def report(self) -> None:
        """What Locust would report only every 3 s: the last seconds of its statistics."""
        data: dict[str, Any] = {}
        self._runner.environment.events.report_to_master.fire(  # type: ignore[no-untyped-call]
            client_id=self._runner.client_id, data=data
        )
        self._runner.send_message("stats", data)

    def _started(self, *, msg: Message, **_: object) -> None:
        self._start.set(msg.data["at"])


class Master:
    """Waits for the workers, then starts all of them at once."""

    def __init__(self, runner: MasterRunner, metrics: MergedMetrics, expected: int) -> None:
        self._runner = runner
        self._metrics = metrics
        self._expected = expected
        self._pages: dict[int, str | None] = {}
        runner.register_message(READY, self._ready)

    def _ready(self, *, msg: Message, **_: object) -> None:
        worker, of = msg.data["worker"], msg.data["of"]
        if of != self._expected or worker in self._pages:
            LOG.error(
                "a worker has the share %s/%s; of %s workers each must have its own\n"
                "  fix: start them with RUNDRILL_LOAD_SHARE=1/%s and so on",
                *(worker, of, self._expected, self._expected),
            )
            self._runner.environment.process_exit_code = 2
            self._runner.quit()
            return
        self._pages[worker] = msg.data["metrics"]
        if len(self._pages) == self._expected:
            pages = [self._pages[one] for one in sorted(self._pages)]
            self._metrics.workers = [page for page in pages if page is not None]
            self._runner.send_message(START, {"at": time.monotonic() + LEAD_S})
