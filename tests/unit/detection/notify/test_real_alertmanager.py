"""The same alerts through a real Alertmanager and through ours: same messages, same times."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection.notify import Notification, Receiver, parse_routing
from tests.unit.detection.notify.real import (
    AMTOOL,
    Alertmanager,
    alertmanager,
    needs_alertmanager,
    needs_amtool,
    rfc3339,
)
from tests.unit.detection.notify.simulate import Burning, Told, name_of, simulate

TOP = Path(__file__).parents[4]
SHIPPED = TOP / "runbooks/payment-service/alertmanager.yml"
LASTS_S = 14.5
LATE_S = 0.4
"""What a loaded machine may add to each message; all due times are at least 0.1 s apart."""

CONFIG = """\
route:
  receiver: tickets
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 5s
  routes:
    - matchers: ['severity="critical"', team!="nobody"]
      receiver: on-call
      continue: true
    - matchers: ['team=~"pay.*"', 'severity!~"none|info"']
      receiver: quiet
      group_by: [team]
      group_wait: 1500ms
      routes:
        - match: {size: big}
          group_by: ['...']
    - match_re: {severity: info|none}
      receiver: nobody
receivers:
  - name: on-call
    webhook_configs: [{url: "URL"}]
  - name: tickets
    webhook_configs: [{url: "URL"}]
  - name: quiet
    webhook_configs: [{url: "URL", send_resolved: false}]
  - name: nobody
inhibit_rules:
  - source_matchers: [severity="critical", zone!=""]
    target_match: {severity: page}
    equal: [zone]
  - source_match_re: {alertname: "Twin.*"}
    target_matchers: ['alertname=~"Twin.*"']
"""


def critical(name: str, pod: str = "") -> dict[str, str]:
    return {"alertname": name, "severity": "critical"} | ({"pod": pod} if pod else {})


BURNING = [
    Burning(critical("Grows", "a"), 0.0, 3.5),
    Burning(critical("Grows", "b"), 0.5, 11.5),
    Burning(critical("Grows", "c"), 1.5, 11.5),  # comes after the first message
    Burning(critical("Brief"), 0.2, 0.7),  # gone before anybody is told
    Burning(critical("Old"), 0.3, since=-60.0),  # has waited already
    Burning({"alertname": "Slow", "severity": "warning"}, 2.2, 4.0),
    Burning({"alertname": "Slow", "severity": "warning"}, 6.0, 9.0),  # into the emptied group
    Burning({"alertname": "Paid", "team": "payments", "severity": "page"}, 0.4, 2.5),
    Burning({"alertname": "Both", "team": "pay", "severity": "critical"}, 1.0),
    Burning({"alertname": "Big", "team": "pay", "size": "big", "severity": "x"}, 2.0),
    Burning(critical("ZoneDown") | {"zone": "a"}, 2.1, 6.5),
    Burning({"alertname": "Victim", "severity": "page", "zone": "a"}, 2.3),
    Burning({"alertname": "Brought", "severity": "page", "zone": "a"}, 0.1, 4.5),
    Burning({"alertname": "Elsewhere", "severity": "page", "zone": "b"}, 2.4),
    Burning(critical("TwinOne"), 0.6, 9.0),
    Burning(critical("TwinTwo"), 0.7, 9.0),
    Burning({"alertname": "Unheard", "severity": "info"}, 0.0),
    Burning({"alertname": "Nobodys", "severity": "critical", "team": "nobody"}, 1.0, 5.0),
]


@needs_amtool
def test_the_shipped_file_is_one_that_alertmanager_takes() -> None:
    assert AMTOOL is not None
    done = subprocess.run(
        [AMTOOL, "check-config", SHIPPED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_alertmanager
@pytest.mark.alone
def test_a_real_alertmanager_says_the_same_at_the_same_times(tmp_path: Path) -> None:
    clock = MonotonicClock()
    came: list[Notification] = []
    receiver = Receiver(came.append, clock=clock)
    try:
        with alertmanager(CONFIG.replace("URL", receiver.url), tmp_path) as real:
            zero = _play(real)
    finally:
        receiver.close()
    theirs = [_told(one, zero) for one in came if one.at - zero < LASTS_S]
    ours = simulate(parse_routing(CONFIG), BURNING, LASTS_S)
    assert _by_group(ours).keys() == _by_group(theirs).keys()
    for key, mine in _by_group(ours).items():
        real_ones = _by_group(theirs)[key]
        said = [(told.firing, told.ended) for told in mine]
        assert said == [(told.firing, told.ended) for told in real_ones], (key, mine, real_ones)
        for one, other in zip(mine, real_ones, strict=True):
            assert one.at - 0.05 <= other.at <= one.at + LATE_S, (key, one, other)
    assert len(ours) > 20


def _play(real: Alertmanager) -> float:
    """Posts each alert when it begins and when it ends, as Prometheus does."""
    zero = time.monotonic()
    wall = time.time()  # noqa: TID251 - what is told to another program
    moments = [(one.begins, one, True) for one in BURNING]
    moments += [(one.ends, one, False) for one in BURNING if one.ends is not None]
    for at, one, begins in sorted(moments, key=lambda moment: moment[0]):
        _wait_until(zero + at)
        real.post(
            [
                {
                    "labels": dict(one.labels),
                    "startsAt": rfc3339(wall + one.starts_at),
                    "endsAt": rfc3339(wall + (at + 3600.0 if begins else at)),
                }
            ]
        )
    _wait_until(zero + LASTS_S + LATE_S)
    return zero


def _wait_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))  # noqa: TID251 - a real Alertmanager is timed


def _told(one: Notification, zero: float) -> Told:
    return Told(
        round(one.at - zero, 3),
        one.receiver,
        one.group_key,
        tuple(sorted(name_of(a.labels) for a in one.alerts if a.firing)),
        tuple(sorted(name_of(a.labels) for a in one.alerts if not a.firing)),
    )


def _by_group(told: Sequence[Told]) -> dict[tuple[str, str], list[Told]]:
    found: dict[tuple[str, str], list[Told]] = {}
    for one in sorted(told):
        found.setdefault((one.receiver, one.group_key), []).append(one)
    return found
