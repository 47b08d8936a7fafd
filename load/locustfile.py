"""The steady load, for `locust -f load/locustfile.py --host http://...` and for rundrill.

All options are environment variables; load/settings.py lists them. Exit code 3: the request log
could not be written. 4: the process that started the load is gone.
"""

import logging
import os
import signal
import sys
import time
from typing import Any, Final, NoReturn

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from load.arrivals import WHOLE
from load.connections import check_host
from load.distributed import Master, Worker, misuse
from load.endpoint import serve
from load.flights import Flights, Why
from load.merged import MergedMetrics
from load.open_loop import OpenLoop, OpenLoopUser
from load.record import Record, RecordError, Value
from load.settings import Settings, SettingsError, from_environment

LOG: Final = logging.getLogger("load")
FLUSH_EVERY_S: Final = 0.1
WATCH_EVERY_S: Final = 0.5
ORPHAN_STOP_S: Final = 0.5
"""How long an orphan waits for its requests: it has to be gone within two seconds."""
EXIT_INPUT, EXIT_RECORD, EXIT_ORPHAN = 2, 3, 4


def refuse(message: str, exit_code: int) -> NoReturn:
    """One message, no traceback."""
    sys.stderr.write(f"load: {message}\n")
    sys.stderr.flush()
    sys.exit(exit_code)


class Session:
    """One run of this process: what connects Locust's events with the load."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.record = Record(settings.record)
        self.flights = Flights(self.record, time.monotonic, settings.share or WHOLE)
        self._worker = Worker(settings.share) if settings.share else None
        self._master: Master | None = None
        self.loop = OpenLoop(
            settings, self.flights, self._worker.start if self._worker else time.monotonic
        )
        self._ended = False

    def init(self, environment: Environment, runner: Any, **_: object) -> None:
        """Announces the load, then keeps its record flushed and its parent watched."""
        if problem := misuse(runner, self.settings.share, environment):
            refuse(problem, EXIT_INPUT)
        if environment.web_ui is None:
            try:
                check_host(environment.host or "")
            except ValueError as error:
                refuse(str(error), EXIT_INPUT)
        address = None
        merged = MergedMetrics()
        is_master = isinstance(runner, MasterRunner)
        if self.settings.metrics:
            host, port = self.settings.metrics
            try:
                address = serve(merged if is_master else self.flights.metrics, host, port)
            except OSError as error:
                refuse(
                    f"RUNDRILL_LOAD_METRICS={host}:{port}: cannot listen: {error.strerror}\n"
                    "  fix: use port 0, which takes a free one",
                    EXIT_INPUT,
                )
            LOG.info("metrics: %s", address)
        start: dict[str, Value] = {
            "t": "start",
            "at": time.monotonic(),
            "pid": os.getpid(),
            "rate_per_min": self.settings.rate_per_min,
            "metrics": address,
        }
        self.record.write(start | ({"port": runner.server.port} if is_master else {}))
        try:
            self.record.flush()
        except RecordError as error:
            refuse(str(error), EXIT_RECORD)
        if isinstance(runner, MasterRunner):
            options = environment.parsed_options
            expected = int(options.expect_workers) if options else 1
            self._master = Master(runner, merged, expected)
            # One for each worker, or one worker would issue its share and the others nothing.
            Customers.fixed_count = expected
        elif isinstance(runner, WorkerRunner) and self._worker:
            self._worker.join(runner, address)
        gevent.spawn(self._keep_flushed, environment)
        # Python's own Ctrl-C strikes anywhere, also between writing lines and forgetting them;
        # gevent's comes between two greenlets. It also works where a shell, starting us in the
        # background, told all descendants to ignore SIGINT.
        gevent.signal_handler(signal.SIGINT, self._interrupt, environment)
        if self.settings.parent is not None:
            gevent.spawn(self._watch_parent, self.settings.parent)

    def test_start(self, environment: Environment, **_: object) -> None:
        if self._master:
            return  # as many users as workers
        users = environment.parsed_options and environment.parsed_options.num_users
        if users and users > 1 and self._worker is None:
            LOG.warning(
                "--users %s is ignored: one open-loop user issues every request; "
                "set RUNDRILL_LOAD_RATE to change the load",
                users,
            )

    def quitting(self, environment: Environment, **_: object) -> None:
        """Whatever made Locust quit: the record gets its end."""
        try:
            self.end("stopped", within_s=self.settings.stop_s)
        except RecordError as error:
            self._fail(environment, error)

    def end(self, why: Why, *, within_s: float) -> None:
        """Lands what is in flight and closes the record; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self.loop.land(within_s)
        self.flights.end(why)
        self.record.close()

    def _keep_flushed(self, environment: Environment) -> None:
        while not self._ended:
            gevent.sleep(FLUSH_EVERY_S)
            if self._worker:
                self.record.write({"t": "tick", "at": time.monotonic()})
            try:
                self.record.flush()
            except RecordError as error:
                self._ended = True
                self.loop.halt()
                self._fail(environment, error)
                self._quit(environment)

    def _interrupt(self, environment: Environment) -> None:
        if self._ended:
            LOG.warning("stopped a second time: requests in flight are given up")
            self.loop.give_up()
            return
        LOG.info("stopping; requests in flight: %s", self.flights.in_flight)
        self.quitting(environment)
        if self._worker:
            self._worker.report()
        self._quit(environment)

    def _fail(self, environment: Environment, error: RecordError) -> None:
        LOG.error("%s", error)
        environment.process_exit_code = EXIT_RECORD

    def _quit(self, environment: Environment) -> None:
        if environment.runner:
            environment.runner.quit()
        if environment.web_ui:
            environment.web_ui.stop()  # type: ignore[no-untyped-call]  # Locust's, untyped

    def _watch_parent(self, parent: int) -> None:
        while os.getppid() == parent:
            gevent.sleep(WATCH_EVERY_S)
        LOG.error("the process that started the load (%s) is gone: stopping", parent)
        try:
            self.end("parent died", within_s=ORPHAN_STOP_S)
        finally:
            os._exit(EXIT_ORPHAN)  # Locust's own shutdown may wait for a reader of its output


def begin() -> Session:
    """Reads the settings and hooks the session into Locust. Exits on bad input."""
    try:
        session = Session(from_environment(os.environ))
    except SettingsError as error:
        refuse(str(error), EXIT_INPUT)
    except RecordError as error:
        refuse(str(error), EXIT_RECORD)
    # Locust's own functions carry no types.
    events.init.add_listener(session.init)  # type: ignore[no-untyped-call]
    events.test_start.add_listener(session.test_start)  # type: ignore[no-untyped-call]
    events.quitting.add_listener(session.quitting)  # type: ignore[no-untyped-call]
    return session


class Customers(OpenLoopUser):
    """Everyone who pays."""

    loop = begin().loop
