"""The load and the detection of one target: started once, for one drill or for several in a row.

A drill attaches itself to hear what is detected; between two drills nobody listens.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.detection import AlertChange, Detector, RuleSet, ScrapeFailure, interval_s
from rundrill.detection.recorder import FILE_NAME, Recorder
from rundrill.events import Event
from rundrill.load import DrillLoad, Load
from rundrill.model import LoadProfile
from rundrill.money import GatewayBooks
from rundrill.plan import ServiceFile
from rundrill.sources import alert_changed, scrape_failed, scrape_targets
from rundrill.target.cluster import Cluster

Emit = Callable[[Event], None]


class Instruments:
    """Against one target. Its request log and the samples of its detection go to `folder`.

    `zero` is its start on the clock.

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
        wall_offset_s = datetime.now(UTC).timestamp() - self.zero  # for `time()` in rules
        self._recorder = Recorder(
            folder / FILE_NAME,
            rules=rules,
            interval_s=interval_s(compression),
            compression=compression,
            wall_offset_s=wall_offset_s,
        )
        self.detector = Detector(
            rules,
            scrape_targets(cluster, cluster.nodes(), service, self._load),
            clock=clock,
            interval_s=interval_s(compression),
            compression=compression,
            on_change=self._on_change,
            on_scrape_failure=self._on_scrape_failure,
            wall_offset_s=wall_offset_s,
            recorder=self._recorder,
        )
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

    def stop(self) -> None:
        """Ends both; harmless to repeat."""
        self._listener = None
        self._load.stop()
        self.detector.stop()
        if self._recorder.close() and self._recorder.failure is not None:
            sys.stderr.write(
                f"rundrill: {self._recorder.path}: the samples could not be written:"
                f" {self._recorder.failure.strerror}; no rules can be tried on all of this run\n"
            )

    def begin_drill(self, run_id: str, started: float) -> None:
        """Marks in the recorded samples where a drill begins, so that it can be found there."""
        self._recorder.begin(run_id, started, self._clock.now())

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
