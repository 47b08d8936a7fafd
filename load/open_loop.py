"""The open-loop user: arrivals keep their times, whatever the service does.

A closed-loop user sends its next request when the last one has ended, so it falls silent while
the service hangs, and the worst seconds vanish from the statistics (coordinated omission). Here
one dispatcher issues every request at its due time in a greenlet of its own, and latency counts
from the due time.
"""

import http.client
import logging
import time
from collections.abc import Callable
from typing import ClassVar, Final

import gevent
from gevent.pool import Group
from locust import User, task
from locust.env import Environment

from load.arrivals import WHOLE, Arrivals
from load.connections import Connections
from load.flights import Flights
from load.mix import Mix, Request
from load.outcome import Outcome, answered, unanswered
from load.settings import Settings

LOG: Final = logging.getLogger("load")
HALTED_S: Final = 1.0
RETRY_AFTER_S: Final = 0.2
"""Pause before the first retry of a payment; doubled for each further one."""


class RequestFailed(Exception):  # noqa: N818 - Locust prints the class's name in its tables
    """What Locust shows as the failure."""


class OpenLoop:
    """The dispatcher and the requests it has in flight.

    `start` gives when the schedule begins; it may wait for others that share it.
    """

    def __init__(
        self,
        settings: Settings,
        flights: Flights,
        start: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._flights = flights
        self._start = start
        self._share = settings.share or WHOLE
        self._max_in_flight = self._share.part(settings.max_in_flight)
        seed = settings.seed
        # With one seed for all, the n-th request of each worker would be the same one.
        self._mix = Mix(
            settings.mix, None if seed is None else seed * self._share.of + self._share.worker - 1
        )
        self._greenlets = Group()
        self._environment: Environment
        self._connections: Connections | None = None
        self._arrivals: Arrivals
        self._indices = self._share.indices()
        self._index = next(self._indices)
        self.running = False
        self.over = False

    def begin(self, environment: Environment, host: str) -> None:
        """Starts the schedule once its start is known. Raises `ValueError` for a bad host."""
        settings = self._settings
        keep = max(1, self._share.part(settings.connections))
        connections = Connections(host, keep=keep, timeout_s=settings.timeout_s)
        if self._connections:
            self._connections.close()
        self._connections = connections
        self._environment = environment
        self.running = True  # already while it waits: there is one dispatcher
        self._arrivals = Arrivals(
            start=self._start(), rate_per_s=settings.rate_per_min / 60, ramp_s=settings.ramp_s
        )
        self._indices = self._share.indices()
        self._index = next(self._indices)

    def issue_due(self) -> None:
        """Issues everything that is due; after a late wake-up that is more than one arrival."""
        while self.running and (due := self._arrivals.due(self._index)) <= time.monotonic():
            self._index = next(self._indices)
            if self._flights.in_flight >= self._max_in_flight:
                self._flights.drop(due)
                continue
            number = self._flights.depart(due)
            flight = gevent.Greenlet(self._fly, self._connections, number, self._mix.draw())
            self._greenlets.start(flight)

    def until_next_s(self) -> float:
        """Seconds to the next arrival; some, when there will be none, so that nobody spins."""
        if not self.running:
            return HALTED_S
        return max(0.0, self._arrivals.due(self._index) - time.monotonic())

    def halt(self) -> None:
        """Issues nothing more; what is in flight goes on."""
        self.running = False

    def land(self, within_s: float) -> None:
        """Waits until the requests in flight have ended; after `within_s` gives them up."""
        self.halt()
        self.over = True
        self._greenlets.join(timeout=within_s)
        self.give_up()

    def give_up(self) -> None:
        """Ends the requests in flight; each is accounted for as abandoned."""
        self._greenlets.kill()

    def _fly(self, connections: Connections, number: int, request: Request) -> None:
        try:
            sent = self._flights.sent(number, request)
            outcome = self._attempt(connections, request)
            attempts = 1
            while request.key and outcome.unanswered and attempts <= self._settings.retries:
                gevent.sleep(RETRY_AFTER_S * 2 ** (attempts - 1))
                attempts += 1
                self._flights.retry(number, attempts, outcome)
                outcome = self._attempt(connections, request)
            duration_s = self._flights.done(number, request, sent, outcome, attempts)
        finally:
            self._flights.abandon(number)  # does nothing when it is done
        if outcome.ok and outcome.payment:
            self._mix.acknowledged(outcome.payment)
        self._report(request, outcome, duration_s)

    def _attempt(self, connections: Connections, request: Request) -> Outcome:
        headers = {"Authorization": f"Bearer {self._settings.token}", "Accept": "application/json"}
        if request.key:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": request.key}
        try:
            # A socket's time-out is for one read; a customer waits for the whole answer.
            with gevent.Timeout(self._settings.timeout_s, TimeoutError):
                status, body = connections.send(request.method, request.path, request.body, headers)
        except (OSError, http.client.HTTPException) as error:
            return unanswered(error)
        return answered(status, body, pays=request.key is not None)

    def _report(self, request: Request, outcome: Outcome, duration_s: float) -> None:
        """Tells Locust, so that its own tables, CSV and web page are right too."""
        method, _, name = request.name.partition(" ")
        self._environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type=method,
            name=name,
            response_time=duration_s * 1000,
            response_length=outcome.length,
            exception=None if outcome.ok else RequestFailed(outcome.reason),
            context={},
        )


class OpenLoopUser(User):
    """Locust's way of running the dispatcher; one issues everything, others only sleep."""

    abstract = True
    fixed_count = 1
    loop: ClassVar[OpenLoop]
    dispatches = False

    def on_start(self) -> None:
        if self.loop.over:  # Locust gives the user of a worker that has stopped to another
            return
        if self.loop.running:
            LOG.warning("one user issues every request; a further one adds no load")
            return
        try:
            self.loop.begin(self.environment, self.host or self.environment.host or "")
        except ValueError as error:  # only from the web page; the command line was checked
            LOG.error("%s", error)  # noqa: TRY400 - bad input is no bug: no traceback
            return
        self.dispatches = True

    def on_stop(self) -> None:
        if self.dispatches:
            self.loop.halt()

    def wait_time(self) -> float:
        return self.loop.until_next_s() if self.dispatches else HALTED_S

    @task
    def issue(self) -> None:
        if self.dispatches:
            self.loop.issue_due()
