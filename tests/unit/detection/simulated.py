"""A payment service that is only its metrics: three pods on a clock, well until told otherwise."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rundrill.detection import ScrapeTarget
from tests.unit.detection.fakes import FakeClock, Watched

ALERTS = Path(__file__).parents[3] / "runbooks" / "payment-service" / "alerts.yml"
COMPRESSION = 15
_BOUNDS = (0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 3.0, 5.0, 10.0)
_MEBIBYTE = 1024 * 1024


@dataclass(slots=True)
class Habits:
    """What a pod does. The numbers that a fault changes."""

    requests_a_s: float = 1000 / 60 / 3
    failing: float = 0.002
    seconds: Callable[[random.Random], float] = lambda chance: chance.uniform(0.03, 0.3)
    answers: bool = True
    wallets: bool = True
    connects: bool = True
    memory_of_limit: float = 0.5
    cores_of_limit: float = 0.35


@dataclass(slots=True)
class Pod:
    """One pod's counters, moved forward by `pass_time`."""

    name: str
    chance: random.Random
    habits: Habits = field(default_factory=Habits)
    restarts: int = 0
    counts: dict[str, float] = field(default_factory=dict)
    oldest: float = 0.0

    def pass_time(self, seconds: float) -> None:
        habits, chance = self.habits, self.chance
        self.count("container_cpu", seconds * 0.2 * habits.cores_of_limit)
        if not habits.connects:
            self.count('payments_db_errors_total{kind="connect"}', 3 * seconds)
        if not habits.answers:
            self.oldest += seconds
            return
        self.oldest = chance.uniform(0, 0.2)
        due = habits.requests_a_s * seconds
        for _ in range(int(due) + (chance.random() < due % 1)):
            self._request()

    def _request(self) -> None:
        habits, chance = self.habits, self.chance
        read = chance.random() < 0.3
        method = chance.choice(("card", "card", "wallet"))
        failed = chance.random() < habits.failing
        failed = failed or not (read or habits.connects)
        failed = failed or not (read or habits.wallets or method == "card")
        outcome = "server_error" if failed else "ok"
        route = "/payments/{payment_id}" if read else "/payments"
        labels = f'route="{route}",method="{"GET" if read else "POST"}",outcome="{outcome}"'
        self.count(f"payments_http_requests_total{{{labels}}}")
        took = habits.seconds(chance)
        for bound in (*(f"{one:g}" for one in _BOUNDS if took <= one), "+Inf"):
            name = "payments_http_request_duration_seconds_bucket"
            self.count(f'{name}{{{labels},le="{bound}"}}')
        self.count('payments_cache_requests_total{result="hit"}')
        if not read and habits.connects:
            status = "failed" if failed else chance.choice(("captured",) * 19 + ("declined",))
            self.count(f'payments_processed_total{{payment_method="{method}",status="{status}"}}')

    def count(self, series: str, by: float = 1.0) -> None:
        self.counts[series] = self.counts.get(series, 0.0) + by

    def metrics(self) -> str:
        shown = {
            'payments_build_info{version="1"}': 1.0,
            "payments_oldest_in_flight_seconds": self.oldest,
            'payments_db_errors_total{kind="connect"}': 0.0,
            'payments_db_errors_total{kind="query"}': 0.0,
            **self.counts,
        }
        return _text({name: v for name, v in shown.items() if name != "container_cpu"})


class Simulated:
    """The service, its cluster, and a detector over the shipped rules."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pods = [Pod(f"payment-service-{n}", self.chance) for n in "abc"]
        self.watched = Watched(ALERTS.read_text(), self.targets, compression=COMPRESSION)
        self.clock: FakeClock = self.watched.clock

    def each(self, change: Callable[[Habits], None]) -> None:
        for pod in self.pods:
            change(pod.habits)

    def run(self, seconds: float) -> None:
        """Rounds about a second apart, never on a grid."""
        until = self.clock.at + seconds
        while self.clock.at < until:
            passed = self.chance.uniform(0.85, 1.15)
            for pod in self.pods:
                pod.pass_time(passed)
            self.watched.step(passed)

    def told(self, state: str) -> set[str]:
        """Alerts that ever came into the state."""
        return {change.alert for change in self.watched.changes if str(change.state) == state}

    @property
    def severity(self) -> str:
        """The highest that is met; empty when none is."""
        found = self.watched.detector.query("payments:severity:highest")
        return found[0][0]["severity"] if found else ""

    def targets(self) -> Sequence[ScrapeTarget]:
        return [
            *(
                ScrapeTarget("payment-service", f"{p.name}:9090", p.metrics, {"pod": p.name})
                for p in self.pods
            ),
            ScrapeTarget("kube-state-metrics", "kube-state-metrics", self._state),
            ScrapeTarget("cadvisor", "node", self._cadvisor),
        ]

    def _state(self) -> str:
        shown = {
            "kube_deployment_status_replicas_available"
            '{namespace="production",deployment="payment-service"}': float(len(self.pods)),
            # Another team's, so that an empty service is no missing exporter.
            "kube_pod_container_status_restarts_total"
            '{namespace="production",pod="other",container="other",uid="o"}': 9.0,
            "kube_pod_container_resource_limits"
            '{namespace="production",pod="other",container="other",resource="memory"}': 1.0,
        }
        for pod in self.pods:
            labels = f'namespace="production",pod="{pod.name}",container="payment-service"'
            restarts = f'kube_pod_container_status_restarts_total{{{labels},uid="{pod.name}"}}'
            shown[restarts] = pod.restarts
            limits = f"kube_pod_container_resource_limits{{{labels},resource="
            shown[f'{limits}"memory"}}'] = 256 * _MEBIBYTE
            shown[f'{limits}"cpu"}}'] = 0.2
        return _text(shown)

    def _cadvisor(self) -> str:
        shown = {
            'container_memory_working_set_bytes{namespace="production",container="other"}': 1.0,
        }
        for pod in self.pods:
            labels = f'namespace="production",pod="{pod.name}",container="payment-service"'
            used = pod.habits.memory_of_limit * 256 * _MEBIBYTE
            shown[f"container_memory_working_set_bytes{{{labels}}}"] = used
            cpu = pod.counts.get("container_cpu", 0.0)
            shown[f"container_cpu_usage_seconds_total{{{labels}}}"] = cpu
        return _text(shown)


def _text(values: dict[str, float]) -> str:
    return "".join(f"{name} {value!r}\n" for name, value in values.items())
