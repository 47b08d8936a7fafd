"""Where the Prometheus of a drill comes from: it runs already, or it is ours for the drill."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.detection.prometheus.api import Api, NoAnswerError, RefusedError
from rundrill.detection.prometheus.bridge import Bridge, Targets
from rundrill.detection.prometheus.program import Program, dialect_of
from rundrill.detection.prometheus.rules_file import rules_text
from rundrill.detection.prometheus.server import JOB, Server
from rundrill.detection.promql import Dialect
from rundrill.detection.rules import RuleSet
from rundrill.detection.scrape import ScrapeFailure
from rundrill.errors import DetectionError, MachineError

SCRAPE_BUDGET_S: Final = 30.0
"""Until the second page; the first usually comes after six seconds."""


class Running:
    """One that runs already and scrapes by itself. `jobs` are those whose failures concern us."""

    def __init__(self, url: str, *, jobs: frozenset[str] | None = None) -> None:
        self._api = Api(url)
        self.jobs = jobs
        self._version = ""

    @property
    def description(self) -> str:
        """The first drill of a day is described before anything was opened, so this may ask."""
        if not self._version:
            with suppress(NoAnswerError, RefusedError):  # `open` tells it
                self._version = self._api.version()
        return f"Prometheus {self._version} at {self._api.url}".replace("  ", " ")

    @property
    def failure(self) -> BaseException | None:
        return None

    def open(self) -> Api:
        """Raises `DetectionError` when what is there is no Prometheus."""
        try:
            self._version = self._api.version()
        except (NoAnswerError, RefusedError) as error:
            raise DetectionError(
                str(error), fix="see that a Prometheus runs there, or leave out --detector"
            ) from error
        return self._api

    def require_sending(self) -> None:
        """Whether it sends what fires to an Alertmanager. Raises `DetectionError`."""
        try:
            known = self._api.alertmanagers()
        except (NoAnswerError, RefusedError) as error:
            raise DetectionError(
                str(error), fix="see that a Prometheus runs there, or leave out --detector"
            ) from error
        if not known:
            raise DetectionError(
                "it sends to no Alertmanager",
                path=self._api.url,
                fix="add `alerting: {alertmanagers: [...]}` to its configuration",
            )

    def close(self) -> None:
        """It is not ours to end."""

    def take_failures(self) -> Sequence[ScrapeFailure]:
        return ()


class Started:
    """One that runs `program` in `folder` on our rules and targets, and ends with `close`."""

    jobs = frozenset({JOB})  # the bridge tells of the targets behind it

    def __init__(
        self,
        program: Program,
        folder: Path,
        rules: RuleSet,
        targets: Targets,
        *,
        interval_s: float,
        lookback_s: float,
        compression: float,
        clock: Clock,
        alertmanager: str | None = None,
    ) -> None:
        self._clock = clock
        self._alertmanager = alertmanager
        self._bridge = Bridge(targets, interval_s=interval_s, clock=clock)
        self._server = Server(
            program,
            folder,
            rules=rules_text(rules, compression),
            interval_s=interval_s,
            lookback_s=lookback_s,
            clock=clock,
            alertmanager=alertmanager,
        )
        generation = 2 if dialect_of(program.version) is Dialect.PROMETHEUS_2 else 3
        self.description = f"Prometheus {program.version} (PromQL of {generation}), ours"

    @property
    def failure(self) -> BaseException | None:
        if self._bridge.failure is not None:
            return self._bridge.failure
        ended = self._server.ended
        return None if ended is None else MachineError(ended, fix="see what it says; drill again")

    def open(self) -> Api:
        """Returns when there are samples, and rules that were evaluated on them.

        Prometheus evaluates some seconds before it scrapes, and `absent` then holds of everything.
        As late does it know its Alertmanager, and what fires before is told to nobody.
        Raises `MachineError`.
        """
        api = self._server.start(self._bridge.start())
        try:
            until(
                lambda: (
                    self.failure is not None
                    or (self._bridge.pages > 1 and self._knows_its_alertmanager(api))
                ),
                what="prometheus to scrape"
                + (" and to know its Alertmanager" if self._alertmanager else ""),
                budget_s=SCRAPE_BUDGET_S,
                every_s=0.05,
                clock=self._clock,
            )
        except WaitTimeoutError as timeout:
            raise MachineError(str(timeout), fix="see whether the machine is overloaded") from None
        if self.failure is not None:
            raise self.failure
        return api

    def _knows_its_alertmanager(self, api: Api) -> bool:
        if self._alertmanager is None:
            return True
        try:
            return bool(api.alertmanagers())
        except (NoAnswerError, RefusedError):
            return False

    def close(self) -> None:
        self._server.stop()
        self._bridge.stop()

    def take_failures(self) -> Sequence[ScrapeFailure]:
        return self._bridge.take_failures()
