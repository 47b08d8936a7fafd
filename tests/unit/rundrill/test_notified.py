"""From a message that came in to the events of the drill that listens, and of no other."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeClock

from rundrill.detection.notify import (
    Alertmanager,
    DeliveryFailure,
    Notification,
    Routing,
    ToldAlert,
    parse_routing,
)
from rundrill.detection.rules import parse_rules
from rundrill.events import AlertNotified, Event, NotificationFailed
from rundrill.instruments import Instruments
from rundrill.model import LoadProfile

WALL_S = 1e9
ROUTING = parse_routing(
    """
route: {receiver: on-call, group_wait: 30s}
receivers: [{name: on-call, webhook_configs: [{url: "http://pager.example/"}]}]
"""
)
RULES = parse_rules("groups: []", "rules.yml")


def instruments(
    folder: Path, *, notifies: bool = True, routing: Routing | Alertmanager = ROUTING
) -> Instruments:
    """Nothing of them is started."""
    cluster = SimpleNamespace(nodes=list)
    service = SimpleNamespace(
        load_namespace="n", load_service="s", load_port=1, locustfile=folder, scrape=(), charges=()
    )
    made = Instruments(
        cluster=cluster,  # type: ignore[arg-type]
        service=service,  # type: ignore[arg-type]
        load_url="http://127.0.0.1:1",
        profile=LoadProfile(rate_per_min=1.0, max_in_flight=1, ramp_s=0.0, mix={}),
        rules=RULES,
        compression=15.0,
        folder=folder,
        clock=FakeClock(),
        scratch=folder,
        routing=routing if notifies else None,
    )
    made._wall_offset_s = WALL_S
    return made


def message(at: float, *alerts: tuple[str, float, bool]) -> Notification:
    return Notification(
        at=at,
        receiver="on-call",
        group_key="{}:{}",
        firing=True,
        alerts=tuple(
            ToldAlert(labels={"alertname": name}, firing=firing, starts_at=WALL_S + since)
            for name, since, firing in alerts
        ),
    )


def test_each_alert_that_fires_in_a_message_is_told_with_the_time_it_came_in(
    tmp_path: Path,
) -> None:
    made = instruments(tmp_path)
    events: list[Event] = []
    made.attach(events.append, 1000.0)
    made._on_notification(message(1031.5, ("A", 1030, True), ("B", 1020, False), ("C", 1029, True)))
    assert events == [
        AlertNotified(at=31.5, alert="A", labels={"alertname": "A"}, receiver="on-call"),
        AlertNotified(at=31.5, alert="C", labels={"alertname": "C"}, receiver="on-call"),
    ]
    assert made.notified(1000.0) == {"A", "C"}
    assert made.notified(1032.0) == frozenset()


def test_no_drill_hears_of_the_alerts_of_another(tmp_path: Path) -> None:
    made = instruments(tmp_path)
    first: list[Event] = []
    second: list[Event] = []
    made.attach(first.append, 1000.0)
    made._on_notification(message(1010.0, ("A", 1005, True)))
    made.detach()
    made._on_notification(message(1060.0, ("A", 1005, True)))  # between the two
    made.attach(second.append, 1100.0)
    assert made.notified(0.0) == frozenset()
    made._on_notification(message(1101.0, ("A", 1005, True)))  # on its way when the second began
    assert second == []
    made._on_notification(message(1150.0, ("A", 1140, True)))
    assert [type(e) for e in first + second] == [AlertNotified, AlertNotified]
    assert second[0].at == 50.0


def test_a_message_that_did_not_arrive_is_told_to_the_drill(tmp_path: Path) -> None:
    made = instruments(tmp_path)
    events: list[Event] = []
    failure = DeliveryFailure(at=1031.0, receiver="on-call", alerts=("A",), error="HTTP 503")
    made._on_delivery_failure(failure)
    made.attach(events.append, 1000.0)
    made._on_delivery_failure(failure)
    assert events == [
        NotificationFailed(at=31.0, receiver="on-call", alerts=("A",), error="HTTP 503")
    ]


@pytest.mark.parametrize(("notifies", "wait_s"), [(True, 2.0), (False, None)])
def test_the_wait_of_a_group_is_that_of_this_run(
    tmp_path: Path, notifies: bool, wait_s: float | None
) -> None:
    made = instruments(tmp_path, notifies=notifies)
    assert made.group_wait_s({"alertname": "A"}) == wait_s
    assert (made.notifier is None) is not notifies
    assert made.why_untold({"A"}) == ""


def test_a_real_alertmanager_keeps_its_own_waits_and_fails_as_a_message_does(
    tmp_path: Path,
) -> None:
    remote = Alertmanager(
        url="http://127.0.0.1:1",
        version="0.25.0",
        port=1,
        receivers=("on-call",),
        seen=True,
        routing=ROUTING,
    )
    made = instruments(tmp_path, routing=remote)
    assert made.alertmanager is remote
    assert made.group_wait_s({"alertname": "A"}) == 30.0
    events: list[Event] = []
    made.attach(events.append, 1000.0)
    made._on_notification(message(1031.5, ("A", 1030, True)))
    assert "does not answer" in made.why_untold({"B"})
    assert [type(e) for e in events] == [AlertNotified, NotificationFailed]
    made.stop()
