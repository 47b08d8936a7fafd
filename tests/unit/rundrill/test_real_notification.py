"""A real Prometheus tells a real Alertmanager, which tells us: from a target to the event."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.detection import AlertChange, ScrapeTarget
from rundrill.detection.notify import (
    Alertmanager,
    DeliveryFailure,
    Notification,
    RemoteNotifier,
)
from rundrill.detection.rules import parse_rules
from rundrill.detectors import Detecting, detector_choice, make_detector
from rundrill.errors import RoutingError
from rundrill.events import AlertNotified
from rundrill.notifiers import find_notifier
from rundrill.sources import alerts_notified
from tests.unit.detection.notify.alertmanager_api import free_port
from tests.unit.detection.notify.real import alertmanager, needs_alertmanager
from tests.unit.detection.prometheus_program import needs_prometheus

pytestmark = [needs_alertmanager, needs_prometheus]

CLOCK = MonotonicClock()
GROUP_WAIT_S = 1.0
LATE_S = 5.0
"""Beyond its group's wait; the machine may have other work."""
RULES = """
groups:
  - name: service
    rules:
      - {alert: Down, expr: app_ok == 0, labels: {severity: critical}}
      - {alert: Slow, expr: app_ok == 0}
"""
CONFIG = """\
route:
  receiver: nobody
  routes:
    - {matchers: ['severity="critical"'], receiver: on-call, group_wait: 1s}
receivers:
  - name: nobody
  - name: on-call
    webhook_configs: [{url: "http://127.0.0.1:PORT/"}]
"""


class Chain:
    """Both programs and what listens to them, on a target that is ill when it is told to be."""

    def __init__(self, folder: Path, found: Alertmanager) -> None:
        self.ok = 1
        self.began = CLOCK.now()
        self.wall_offset_s = datetime.now(UTC).timestamp() - self.began
        self.changes: list[AlertChange] = []
        self.told: list[AlertNotified] = []
        self.failed: list[DeliveryFailure] = []
        self.notifier = RemoteNotifier(
            found, clock=CLOCK, on_notification=self._hear, on_failure=self.failed.append
        )
        target = ScrapeTarget("app", "1", lambda: f"app_ok {self.ok}\n")
        self.detector = make_detector(
            replace(detector_choice("prometheus"), alertmanager=found.url),
            Detecting(
                rules=parse_rules(RULES, "alerts.yml"),
                targets=lambda: [target],
                compression=15.0,
                clock=CLOCK,
                scratch=folder,
                on_change=self.changes.append,
                on_scrape_failure=lambda _failure: None,
                on_evaluation=self.notifier.take,
                wall_offset_s=self.wall_offset_s,
            ),
        )

    def _hear(self, came: Notification) -> None:
        self.told += alerts_notified(came, self.began, self.wall_offset_s)

    def fired_at(self, alert: str) -> float | None:
        """In seconds since it began."""
        fired = (c.at for c in self.changes if c.alert == alert and c.state == "firing")
        at = next(fired, None)
        return None if at is None else at - self.began

    def stop(self) -> None:
        self.detector.stop()
        self.notifier.stop()


def find(url: str, port: int) -> Alertmanager:
    found = find_notifier(
        f"alertmanager:{url}",
        port,
        detector_choice("prometheus"),
        {"Down"},
        clock=CLOCK,
        say=lambda _text: None,
    )
    assert found is not None
    return found


@pytest.fixture
def port() -> int:
    return free_port()


def test_somebody_is_told_by_the_real_chain(port: int, tmp_path: Path) -> None:
    with alertmanager(CONFIG.replace("PORT", str(port)), tmp_path) as real:
        found = find(real.url, port)
        assert found.seen
        assert found.version.startswith("0.")
        assert found.group_wait_s({"alertname": "Down", "severity": "critical"}) == GROUP_WAIT_S
        chain = Chain(tmp_path / "scratch", found)
        try:
            chain.notifier.start()
            chain.detector.start()
            assert chain.told == []
            chain.ok = 0
            until(
                lambda: bool(chain.told), what="a message", budget_s=60, every_s=0.05, clock=CLOCK
            )
            until(
                lambda: chain.fired_at("Down") and chain.fired_at("Slow"),
                what="both alerts", budget_s=10, every_s=0.05, clock=CLOCK,
            )  # fmt: skip
            fired = chain.fired_at("Down")
            assert fired is not None
            assert {(e.alert, e.receiver) for e in chain.told} == {("Down", "on-call")}
            waited = chain.told[0].at - fired
            print(f"fired at {fired:.2f} s, told {waited:.2f} s after it")
            assert GROUP_WAIT_S - 0.1 <= waited <= GROUP_WAIT_S + LATE_S
            assert chain.notifier.why_untold({"Slow"}) == (
                "the Alertmanager has Slow: active for nobody"
            )
            # Another drill now would hear nothing new.
            chain.notifier.stop()
            with pytest.raises(RoutingError, match="Down fires in it already"):
                find(real.url, port)
        finally:
            chain.stop()
        assert chain.failed == []
        assert chain.detector.failure is None
        assert chain.notifier.failure is None


def test_an_alertmanager_that_dies_is_a_failure_and_no_silence(port: int, tmp_path: Path) -> None:
    with alertmanager(CONFIG.replace("PORT", str(port)), tmp_path) as real:
        chain = Chain(tmp_path / "scratch", find(real.url, port))
    try:
        chain.notifier.start()
        assert "does not answer" in chain.notifier.why_untold({"Down"})
        assert [f.alerts for f in chain.failed] == [("Down",)]
    finally:
        chain.stop()


def test_a_real_one_that_does_not_name_us_is_refused(port: int, tmp_path: Path) -> None:
    with (
        alertmanager(CONFIG.replace("PORT", "1"), tmp_path) as real,
        pytest.raises(RoutingError, match="no receiver of its configuration tells"),
    ):
        find(real.url, port)
