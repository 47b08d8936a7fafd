"""The load and the detection of one target: started once, for one drill or for several in a row.

A drill attaches itself to hear what is detected; between two drills nobody listens.
"""

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.detection import AlertChange, RuleSet, ScrapeFailure, interval_s
from rundrill.detection.notify import (
    Alertmanager,
    DeliveryFailure,
    Notification,
    Notifier,
    RemoteNotifier,
    Routing,
)
from rundrill.detection.recorder import FILE_NAME, Recorder
from rundrill.detectors import (
    DEFAULT,
    Detecting,
    DetectorChoice,
    make_beside,
    make_detector,
    rules_evaluated,
)
from rundrill.events import Event
from rundrill.load import DrillLoad, Load
from rundrill.model import LoadProfile
from rundrill.money import GatewayBooks
from rundrill.plan import ServiceFile
from rundrill.sources import (
    alert_changed,
    alerts_notified,
    notification_failed,
    scrape_failed,
    scrape_targets,
)
from rundrill.target.cluster import Cluster

Emit = Callable[[Event], None]


class Instruments:
    """Against one target. Its request log and the samples of its detection go to `folder`.

    `zero` is its start on the clock. `routing` is followed here, unless it is a real
    Alertmanager that tells.

    Raises `ClusterError` when the target does not answer.
    """

    def __init__(  # noqa: PLR0913 - by keyword, each with its own reason
        self,
        *,
        cluster: Cluster,
        service: ServiceFile,
        load_url: str,
        profile: LoadProfile,
        rules: RuleSet,
        compression: float,
        folder: Path,
        clock: Clock,
        scratch: Path,
        routing: Routing | Alertmanager | None = None,
        detector: DetectorChoice = DEFAULT,
    ) -> None:
        self._clock = clock
        self.zero = clock.now()
        self._load = Load(
            locustfile=service.locustfile,
            host=load_url,
            profile=profile,
            folder=folder,
            clock=clock,
            zero=self.zero,
        )
        self._wall_offset_s = datetime.now(UTC).timestamp() - self.zero  # for `time()` in rules
        self.notifier: Notifier | RemoteNotifier | None = None
        """None when nobody is notified."""
        if isinstance(routing, Alertmanager):
            detector = replace(detector, alertmanager=routing.url)
            self.notifier = RemoteNotifier(
                routing,
                clock=clock,
                on_notification=self._on_notification,
                on_failure=self._on_delivery_failure,
            )
        elif routing is not None:
            self.notifier = Notifier(
                routing,
                compression=compression,
                clock=clock,
                wall_offset_s=self._wall_offset_s,
                on_notification=self._on_notification,
                on_failure=self._on_delivery_failure,
            )
        self._recorder = (
            Recorder(
                folder / FILE_NAME,
                rules=rules_evaluated(detector, rules),
                interval_s=interval_s(compression),
                compression=compression,
                wall_offset_s=self._wall_offset_s,
            )
            if detector.is_embedded
            else None
        )
        """None when a Prometheus scrapes: its samples stay with it."""
        parts = Detecting(
            rules=rules,
            targets=scrape_targets(cluster, cluster.nodes(), service, self._load),
            compression=compression,
            clock=clock,
            scratch=scratch,
            on_change=self._on_change,
            on_scrape_failure=self._on_scrape_failure,
            wall_offset_s=self._wall_offset_s,
            on_evaluation=None if self.notifier is None else self.notifier.take,
            recorder=self._recorder,
        )
        self.alertmanager = routing if isinstance(routing, Alertmanager) else None
        self.detector = make_detector(detector, parts)
        self._beside = make_beside(detector, parts, folder=folder, zero=self.zero)
        self.books = GatewayBooks(cluster, service.charges)
        self._listener: tuple[Emit, float] | None = None
        self._told: list[tuple[float, str]] = []
        self._started = False

    def start(self) -> None:
        """Harmless when it runs already. What was started before it raised is ended by `stop`.

        Raises `ClusterError` and `RundrillError`.
        """
        if not self._started:
            self._started = True
            self.books.open()
            self._load.start()
            if self.notifier is not None:
                self.notifier.start()
            self.detector.start()
            if self._beside is not None:
                self._beside.start()

    def stop(self) -> None:
        """Ends all; harmless to repeat."""
        self._listener = None
        self._load.stop()
        self.detector.stop()
        if self._beside is not None:
            self._beside.stop()
        if self.notifier is not None:
            self.notifier.stop()
        recorder = self._recorder
        if recorder is not None and recorder.close() and recorder.failure is not None:
            sys.stderr.write(
                f"rundrill: {recorder.path}: the samples could not be written:"
                f" {recorder.failure.strerror}; no rules can be tried on all of this run\n"
            )

    @property
    def beside_failure(self) -> BaseException | None:
        """What ended a second detector that only records."""
        return None if self._beside is None else self._beside.failure

    def begin_drill(self, run_id: str, started: float) -> None:
        """Marks in the recorded samples where a drill begins, so that it can be found there."""
        if self._recorder is not None:
            self._recorder.begin(run_id, started, self._clock.now())

    def attach(self, emit: Emit, started: float) -> None:
        """From now on what is detected is told to `emit`, in seconds since `started`.

        What fires already was another drill's alert: nobody is told of it any more.
        """
        self._told = []
        if self.notifier is not None:
            self.notifier.begin()
        self._listener = (emit, started)

    def detach(self) -> None:
        self._listener = None

    def load(self, *, started: float, ends: bool) -> DrillLoad:
        """The load as a drill sees it that began at `started`; `ends` when it is the last."""
        return DrillLoad(self._load, zero=self.zero, started=started, ends=ends, clock=self._clock)

    def notified(self, since: float) -> frozenset[str]:
        """The alerts of which a receiver was told from `since`, by the clock."""
        return frozenset(alert for at, alert in self._told if at >= since)

    def group_wait_s(self, labels: Mapping[str, str]) -> float | None:
        """How long an alert with these labels waits for its group, in real seconds of this run.

        None when nobody is told of it.
        """
        return None if self.notifier is None else self.notifier.group_wait_s(labels)

    def why_untold(self, alerts: Collection[str]) -> str:
        """What is known of alerts of which nobody was told; empty where nothing is."""
        return "" if self.notifier is None else self.notifier.why_untold(alerts)

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

    def _on_notification(self, notification: Notification) -> None:
        listener = self._listener
        if listener is None:
            return
        emit, started = listener
        for event in alerts_notified(notification, started, self._wall_offset_s):
            self._told.append((notification.at, event.alert))
            emit(event)

    def _on_delivery_failure(self, failure: DeliveryFailure) -> None:
        listener = self._listener
        if listener is not None:
            emit, started = listener
            emit(notification_failed(failure, started))
