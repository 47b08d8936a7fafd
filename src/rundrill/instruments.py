"""The load and the detection of one target: started once, for one drill or for several in a row.

A drill attaches itself to hear what is detected; between two drills nobody listens.
"""

from collections.abc import Callable
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.detection import AlertChange, RuleSet, ScrapeFailure
from rundrill.detectors import DEFAULT, Detecting, DetectorChoice, make_beside, make_detector
from rundrill.events import Event
from rundrill.load import DrillLoad, Load
from rundrill.model import LoadProfile
from rundrill.money import GatewayBooks
from rundrill.plan import ServiceFile
from rundrill.sources import alert_changed, scrape_failed, scrape_targets
from rundrill.target.cluster import Cluster

Emit = Callable[[Event], None]


class Instruments:
    """Against one target. Its request log goes to `folder`; `zero` is its start on the clock.

    Raises `ClusterError` when the target does not answer.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        service: ServiceFile,
        profile: LoadProfile,
        rules: RuleSet,
        compression: float,
        folder: Path,
        clock: Clock,
        scratch: Path,
        detector: DetectorChoice = DEFAULT,
    ) -> None:
        address = cluster.cluster_ip(service.load_namespace, service.load_service)
        self._clock = clock
        self.zero = clock.now()
        self._load = Load(
            locustfile=service.locustfile,
            host=f"http://{address}:{service.load_port}",
            profile=profile,
            folder=folder,
            clock=clock,
            zero=self.zero,
        )
        parts = Detecting(
            rules=rules,
            targets=scrape_targets(cluster, cluster.nodes(), service, self._load),
            compression=compression,
            clock=clock,
            scratch=scratch,
            on_change=self._on_change,
            on_scrape_failure=self._on_scrape_failure,
        )
        self.detector = make_detector(detector, parts)
        self._beside = make_beside(detector, parts, folder=folder, zero=self.zero)
        self.books = GatewayBooks(cluster, service.charges)
        self._listener: tuple[Emit, float] | None = None
        self._started = False

    def start(self) -> None:
        """Harmless when it runs already.

        Raises `ClusterError`, and `RundrillError` with the load stopped.
        """
        if not self._started:
            self._started = True
            self.books.open()
            self._load.start()
            self.detector.start()
            if self._beside is not None:
                self._beside.start()

    def stop(self) -> None:
        """Ends all of it; harmless to repeat."""
        self._listener = None
        self._load.stop()
        self.detector.stop()
        if self._beside is not None:
            self._beside.stop()

    @property
    def beside_failure(self) -> BaseException | None:
        """What ended a second detector that only records."""
        return None if self._beside is None else self._beside.failure

    def attach(self, emit: Emit, started: float) -> None:
        """From now on what is detected is told to `emit`, in seconds since `started`."""
        self._listener = (emit, started)

    def detach(self) -> None:
        self._listener = None

    def load(self, *, started: float, ends: bool) -> DrillLoad:
        """The load as a drill sees it that began at `started`; `ends` when it is the last."""
        return DrillLoad(self._load, zero=self.zero, started=started, ends=ends, clock=self._clock)

    @property
    def load_alive(self) -> bool:
        return self._load.alive

    def _on_change(self, change: AlertChange) -> None:
        listener = self._listener
        if listener is not None:
            emit, started = listener
            emit(alert_changed(change, started))

    def _on_scrape_failure(self, failure: ScrapeFailure) -> None:
        listener = self._listener
        if listener is not None:
            emit, started = listener
            emit(scrape_failed(failure, started))
