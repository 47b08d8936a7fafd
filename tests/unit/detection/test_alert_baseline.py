"""The shipped rules on a simulated service: silent while it is well, and each fires for its cause.

Fifteen times compressed, as a drill is: 10 minutes here are two and a half hours of the rules.
"""

from collections.abc import Callable

import pytest

from rundrill.detection import load_rules
from tests.unit.detection.simulated import ALERTS, Habits, Simulated

CRITICAL = {n for n, r in load_rules(ALERTS).alerts.items() if r.labels["severity"] == "critical"}


def test_no_alert_stirs_in_ten_minutes_of_health() -> None:
    """Not even pending: one request in 500 fails, and there are two restarts far apart."""
    simulated = Simulated(1)
    simulated.run(300)
    simulated.pods[0].restarts += 1
    simulated.pods[1].counts['payments_db_errors_total{kind="query"}'] = 3
    simulated.run(300)
    assert simulated.watched.changes == []
    assert simulated.watched.failures == []
    assert simulated.watched.detector.rule_errors() == {}
    # Silent for want of data would be no silence.
    alerts = load_rules(ALERTS).alerts
    blind = {name: simulated.watched.detector.unseen_metrics(name) for name in alerts}
    assert {name for name, missing in blind.items() if missing} == set()
    assert simulated.severity in ("", "P2")  # a payment fails now and then
    assert len(simulated.watched.detector.query("payments:severity_condition")) == 8


def _changed(**numbers: object) -> Callable[[Simulated], None]:
    def fault(simulated: Simulated) -> None:
        def change(habits: Habits) -> None:
            for name, value in numbers.items():
                setattr(habits, name, value)

        simulated.each(change)

    return fault


def _restart(simulated: Simulated, times: int) -> None:
    for _ in range(times):
        simulated.run(7)  # four in 28 s: within the 40 s that ten minutes are
        simulated.pods[0].restarts += 1


def _all_gone(simulated: Simulated) -> None:
    simulated.pods = []


@pytest.mark.parametrize(
    ("fault", "fires", "severity"),
    [
        pytest.param(_changed(failing=0.2), {"PaymentSuccessRateLow"}, "P1", id="errors"),
        pytest.param(_changed(wallets=False), {"PaymentSuccessRateLow"}, "P1", id="one way"),
        pytest.param(
            _changed(seconds=lambda chance: chance.uniform(2.1, 4.9)),
            {"PaymentResponseTimeHigh"},
            "P1",
            id="slow",
        ),
        pytest.param(_changed(answers=False), {"PaymentResponseTimeHigh"}, "P0", id="hangs"),
        pytest.param(
            lambda simulated: _restart(simulated, 4), {"PaymentPodRestarting"}, "", id="restarts"
        ),
        pytest.param(_changed(memory_of_limit=0.88), {"PaymentMemoryHigh"}, "", id="memory"),
        pytest.param(
            _changed(connects=False),
            {"PaymentDatabaseErrors", "PaymentSuccessRateLow"},
            "P0",
            id="database",
        ),
        pytest.param(_all_gone, {"PaymentSuccessRateLow"}, "P0", id="no pod"),
    ],
)
def test_each_fault_makes_its_critical_alert_fire_and_no_other(
    fault: Callable[[Simulated], None], fires: set[str], severity: str
) -> None:
    simulated = Simulated(2)
    simulated.each(lambda habits: setattr(habits, "failing", 0.0))
    simulated.run(60)
    assert simulated.watched.changes == []
    assert simulated.severity == ""
    fault(simulated)
    simulated.run(15)
    assert simulated.told("firing") & CRITICAL == fires
    assert simulated.severity == severity


def test_the_faults_of_this_file_make_all_five_critical_alerts_fire() -> None:
    assert len(CRITICAL) == 5
    told = {
        alert
        for mark in test_each_fault_makes_its_critical_alert_fire_and_no_other.pytestmark
        for param in mark.args[1]
        for alert in param.values[1]
    }
    assert told == CRITICAL


def test_three_restarts_do_not_fire() -> None:
    simulated = Simulated(3)
    simulated.run(60)
    _restart(simulated, 3)
    simulated.run(60)
    assert simulated.told("firing") == set()
    assert simulated.told("pending") == set()
