"""The embedded detector and a real Prometheus, on the same targets at the same time.

Their alert times must agree within one scrape and one evaluation: each has its own phase of both.
"""

import json
import math
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from drills import COMPRESSION as DRILL_COMPRESSION
from drills import TOP, Drill

from rundrill.base.clock import MonotonicClock
from rundrill.detection import AlertChange, ScrapeFailure, ScrapeTarget, interval_s, load_rules
from rundrill.detectors import BESIDE, Detecting, detector_choice, make_beside, make_detector
from rundrill.events import AlertChanged, DrillStarted
from rundrill.model import Outcome
from tests.unit.detection.prometheus_program import needs_prometheus

pytestmark = [pytest.mark.e2e, needs_prometheus]

ALERTS = TOP / "runbooks/payment-service/alerts.yml"
COMPRESSION = 30.0
AGREE_S = 2 * interval_s(COMPRESSION)
QUIET_S, ILL_S, HEALED_S = 4.0, 8.0, 12.0
"""At this compression the rules' five minutes last ten seconds, and their `for: 1m` two."""

Times = Mapping[tuple[str, str], float]


def first_times(changes: list[tuple[float, str, str]], since: float) -> Times:
    """When each alert first came into each state after `since`."""
    found: dict[tuple[str, str], float] = {}
    for at, alert, state in sorted(changes):
        if at >= since:
            found.setdefault((alert, state), at)
    return found


class IllService:
    """Well, then ill for a while from `ill_at` on: all of it a function of the clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ill_at = math.inf

    def targets(self) -> list[ScrapeTarget]:
        pod = {"namespace": "production", "pod": "payment-service-1"}
        return [
            ScrapeTarget("payment-service", "payment-service-1:8080", self._service, pod),
            ScrapeTarget("kube-state-metrics", "kube-state-metrics", self._cluster),
            ScrapeTarget("cadvisor", "node", self._node),
        ]

    def _ill_for(self) -> float:
        return min(max(0.0, self._now() - self.ill_at), ILL_S)

    @property
    def _ill(self) -> bool:
        return 0.0 < self._now() - self.ill_at < ILL_S

    def _service(self) -> str:
        ill_s, asked = self._ill_for(), 16 * self._now()
        return f"""\
payments_build_info{{version="1"}} 1
payments_http_requests_total{{outcome="ok"}} {asked - 8 * ill_s}
payments_http_requests_total{{outcome="server_error"}} {8 * ill_s}
payments_http_request_duration_seconds_bucket{{le="0.5"}} {asked}
payments_http_request_duration_seconds_bucket{{le="+Inf"}} {asked}
payments_oldest_in_flight_seconds {ill_s if self._ill else 0.0}
payments_db_errors_total{{kind="connect"}} {5 * ill_s}
payments_cache_requests_total{{result="error"}} {ill_s}
"""

    def _cluster(self) -> str:
        where = 'namespace="production",container="payment-service",pod="payment-service-1"'
        return f"""\
kube_pod_container_status_restarts_total{{{where}}} {self._ill_for() // 1.2}
kube_pod_container_resource_limits{{{where},resource="memory"}} 100
kube_pod_container_resource_limits{{{where},resource="cpu"}} 1
kube_deployment_status_replicas_available{{namespace="production",deployment="payment-service"}} 3
"""

    def _node(self) -> str:
        where = 'namespace="production",container="payment-service",pod="payment-service-1"'
        memory = 50 + 12 * self._ill_for() if self._ill else 50
        return f"""\
container_memory_working_set_bytes{{{where}}} {memory}
container_cpu_usage_seconds_total{{{where}}} {0.1 * self._now()}
"""


@pytest.mark.alone
def test_both_detectors_tell_the_same_times_of_the_same_targets(tmp_path: Path) -> None:
    clock = MonotonicClock()
    service = IllService(clock.now)
    changes: list[AlertChange] = []
    failures: list[ScrapeFailure] = []
    choice = detector_choice("both")
    parts = Detecting(
        rules=load_rules(ALERTS),
        targets=service.targets,
        compression=COMPRESSION,
        clock=clock,
        scratch=tmp_path,
        on_change=changes.append,
        on_scrape_failure=failures.append,
    )
    embedded = make_detector(choice, parts)
    beside = make_beside(choice, parts, folder=tmp_path, zero=0.0)
    assert beside is not None
    try:
        embedded.start()
        beside.start()
        clock.sleep(QUIET_S)
        service.ill_at = clock.now()
        clock.sleep(ILL_S + HEALED_S)
        assert (embedded.failure, beside.failure, failures) == (None, None, [])
        assert embedded.rule_errors() == {}
    finally:
        beside.stop()
        embedded.stop()
    lines = [json.loads(line) for line in (tmp_path / BESIDE).read_text().splitlines()]
    theirs = first_times([(o["at"], o["alert"], o["state"]) for o in lines], service.ill_at)
    ours = first_times([(c.at, c.alert, str(c.state)) for c in changes], service.ill_at)
    compared = []
    for alert in (
        "PaymentSuccessRateLow",
        "PaymentResponseTimeHigh",
        "PaymentMemoryHigh",
        "PaymentDatabaseErrors",
        "PaymentCacheErrors",
        "PaymentPodRestarting",
    ):
        for state in ("pending", "firing", "inactive"):
            if alert == "PaymentPodRestarting" and state != "firing":
                continue  # it has no `for`, and counts its restarts for longer than this lasts
            mine, its = ours[alert, state], theirs[alert, state]
            print(f"{alert} {state}: {mine - service.ill_at:.2f} {its - service.ill_at:.2f}")
            compared.append(abs(mine - its))
    assert max(compared) <= AGREE_S
    assert ours.keys() == theirs.keys()
    assert list(tmp_path.iterdir()) == [tmp_path / BESIDE]


def run(detector: str) -> tuple[str, ...]:
    command = (sys.executable, "-m", "rundrill", "run", "--compress", DRILL_COMPRESSION)
    return (*command, "--detector", detector, "experiments/crash-loop.yaml")


def versions(drill: Drill) -> Mapping[str, str]:
    return next(e for e in drill.events if isinstance(e, DrillStarted)).versions


@pytest.mark.alone
def test_a_drill_with_both_detectors_has_the_same_alert_times(drill: Drill) -> None:
    assert drill.run(*run("both")) == 0
    assert drill.verdict.outcome is Outcome.HELD
    assert versions(drill)["detection"].startswith("embedded")
    lines = [json.loads(line) for line in (drill.run_folder / BESIDE).read_text().splitlines()]
    told = [(o["at"], o["alert"], o["state"]) for o in lines]
    changes = [e for e in drill.events if isinstance(e, AlertChanged)]
    ours = first_times([(e.at, e.alert, e.state) for e in changes], 0.0)
    theirs = first_times(told, 0.0)
    for key in ours.keys() | theirs.keys():
        print(key, ours.get(key), theirs.get(key))
    agree_s = 2 * interval_s(float(DRILL_COMPRESSION))
    for state in ("firing", "inactive"):
        key = ("PaymentPodRestarting", state)
        assert abs(ours[key] - theirs[key]) <= agree_s
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_a_drill_is_held_on_a_real_prometheus_alone(drill: Drill) -> None:
    assert drill.run(*run("prometheus")) == 0
    assert drill.verdict.outcome is Outcome.HELD
    assert versions(drill)["detection"].startswith("Prometheus ")
    assert drill.left_running() == []
    assert drill.left_on_disk() == []


def test_a_prometheus_that_dies_under_way_is_no_pass(drill: Drill) -> None:
    """And it is no alert that did not fire."""
    drill.start(*run("prometheus"))
    drill.wait_for_phase("detect")
    [found] = [p for p in drill.processes() if p.name() == "prometheus"]
    found.send_signal(signal.SIGKILL)
    code = drill.finish()
    assert code not in (0, 1)
    assert "prometheus ended" in drill.output
    assert drill.left_running() == []
    assert drill.left_on_disk() == []
