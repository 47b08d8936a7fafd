"""Groups and their timers step by step; the clock moves only when a test moves it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rundrill.detection.labels import Labels
from rundrill.detection.notify import Dispatcher, Routing, parse_routing
from tests.unit.detection.notify.simulate import Burning, Told, simulate

WAIT_S, INTERVAL_S, REPEAT_S = 10.0, 60.0, 3600.0


def routing(
    wait: float = WAIT_S, interval: float = INTERVAL_S, repeat: float = REPEAT_S, extra: str = ""
) -> Routing:
    return parse_routing(
        f"""
route:
  receiver: on-call
  group_by: [alertname]
  group_wait: {round(wait * 1000)}ms
  group_interval: {round(interval * 1000)}ms
  repeat_interval: {round(repeat * 1000)}ms
receivers:
  - name: on-call
    webhook_configs: [{{url: "http://pager/"{extra}}}]
"""
    )


def burns(name: str, begins: float, ends: float | None = None, pod: str = "") -> Burning:
    return Burning({"alertname": name, "pod": pod}, begins, ends)


def times(told: list[Told]) -> list[tuple[float, tuple[str, ...], tuple[str, ...]]]:
    return [(one.at, one.firing, one.ended) for one in told]


def test_the_first_message_waits_for_the_group_and_holds_all_that_fires_by_then() -> None:
    alerts = [burns("A", 100.0, pod="1"), burns("A", 105.0, pod="2"), burns("B", 104.0)]
    assert times(simulate(routing(), alerts, 160.0)) == [
        (110.0, ("A/1", "A/2"), ()),
        (114.0, ("B/",), ()),
    ]


def test_what_comes_after_the_first_message_waits_for_the_groups_next_turn() -> None:
    alerts = [burns("A", 0.0, pod="1"), burns("A", 11.0, pod="2"), burns("A", 71.0, pod="3")]
    assert times(simulate(routing(), alerts, 200.0)) == [
        (10.0, ("A/1",), ()),
        (70.0, ("A/1", "A/2"), ()),
        (130.0, ("A/1", "A/2", "A/3"), ()),
    ]


def test_an_alert_that_is_over_before_its_group_had_waited_is_told_to_nobody() -> None:
    assert simulate(routing(), [burns("A", 0.0, 9.0)], 500.0) == []


def test_the_end_of_an_alert_is_told_at_the_next_turn_and_once() -> None:
    assert times(simulate(routing(), [burns("A", 0.0, 20.0)], 500.0)) == [
        (10.0, ("A/",), ()),
        (70.0, (), ("A/",)),
    ]


def test_an_integration_that_wants_no_ends_is_told_of_none_and_of_the_next_alert_again() -> None:
    quiet = routing(extra=", send_resolved: false")
    alerts = [burns("A", 0.0, 20.0), burns("A", 100.0, 200.0)]
    assert times(simulate(quiet, alerts, 500.0)) == [(10.0, ("A/",), ()), (110.0, ("A/",), ())]


def test_where_no_ends_are_wanted_one_alert_fewer_is_no_news() -> None:
    quiet = routing(extra=", send_resolved: false")
    alerts = [burns("A", 0.0, 20.0, "1"), burns("A", 0.0, pod="2"), burns("A", 100.0, pod="3")]
    assert times(simulate(quiet, alerts, 300.0)) == [
        (10.0, ("A/1", "A/2"), ()),
        (130.0, ("A/2", "A/3"), ()),
    ]


def test_an_alert_that_comes_back_between_two_turns_is_not_told_again() -> None:
    alerts = [burns("A", 0.0, 20.0), burns("A", 30.0)]
    assert times(simulate(routing(), alerts, 500.0)) == [(10.0, ("A/",), ())]


def test_nothing_new_is_told_again_at_the_first_turn_after_the_repeat_interval() -> None:
    told = simulate(routing(repeat=150.0), [burns("A", 0.0)], 700.0)
    # Turns at 10, 70, 130, 190, ...: the first that is more than 150 s after the last message.
    assert [one.at for one in told] == [10.0, 190.0, 370.0, 550.0]


@pytest.mark.parametrize(("again", "told_at"), [(85.0, 130.0), (95.0, 105.0)])
def test_a_group_that_is_empty_keeps_its_turns_until_the_sweep(
    again: float, told_at: float
) -> None:
    """It is empty at 70, and swept at 90."""
    alerts = [burns("A", 0.0, 20.0), burns("A", again)]
    assert simulate(routing(), alerts, 300.0, sweep_s=30.0)[-1].at == told_at


def test_an_alert_that_has_fired_for_long_when_it_is_first_heard_of_waits_no_more() -> None:
    old = Burning({"alertname": "A"}, 100.0, since=50.0)
    assert [one.at for one in simulate(routing(), [old], 200.0)] == [100.0]


def test_what_was_not_delivered_is_told_at_the_next_turn() -> None:
    told = simulate(routing(), [burns("A", 0.0)], 300.0, fails=[0, 1])
    assert times(told) == [(130.0, ("A/",), ())]


def test_an_end_that_was_not_delivered_is_not_forgotten() -> None:
    told = simulate(routing(), [burns("A", 0.0, 20.0)], 300.0, fails=[1])
    assert times(told) == [(10.0, ("A/",), ()), (130.0, (), ("A/",))]


def test_a_group_whose_message_is_under_way_waits_with_the_next_one() -> None:
    dispatcher = Dispatcher(routing(), began=0.0)
    first, second = Labels({"alertname": "A"}), Labels({"alertname": "A", "pod": "2"})
    dispatcher.take({first: 0.0}, 0.0)
    (message,) = dispatcher.flush(10.0)
    dispatcher.take({first: 0.0, second: 20.0}, 20.0)
    assert dispatcher.due() is None
    assert dispatcher.flush(75.0) == []
    dispatcher.settle(message, 80.0, delivered=True)
    assert dispatcher.due() == 70.0
    (late,) = dispatcher.flush(80.0)
    assert [dict(alert.labels) for alert in late.firing] == [dict(first), dict(second)]


def test_no_more_alerts_than_asked_for_stand_in_a_message() -> None:
    dispatcher = Dispatcher(routing(extra=", max_alerts: 2"), began=0.0)
    firing = {Labels({"alertname": "A", "pod": str(pod)}): 0.0 for pod in range(5)}
    dispatcher.take(firing, 0.0)
    (message,) = dispatcher.flush(10.0)
    assert (len(message.alerts), message.truncated) == (2, 3)


def test_a_receiver_without_any_integration_is_never_told() -> None:
    nobody = parse_routing("route: {receiver: nobody}\nreceivers: [{name: nobody}]")
    assert simulate(nobody, [burns("A", 0.0, 100.0)], 1000.0) == []
    assert nobody.group_wait_s({"alertname": "A"}) is None


def test_a_new_drill_hears_nothing_of_what_fired_before_it_until_that_has_ended() -> None:
    dispatcher = Dispatcher(routing(), began=0.0)
    old, new = Labels({"alertname": "A"}), Labels({"alertname": "A", "pod": "2"})
    dispatcher.take({old: 0.0}, 0.0)
    (under_way,) = dispatcher.flush(10.0)
    dispatcher.forget()
    dispatcher.settle(under_way, 11.0, delivered=True)
    dispatcher.take({old: 0.0}, 12.0)
    assert dispatcher.due() is None
    dispatcher.take({old: 0.0, new: 13.0}, 13.0)
    (message,) = dispatcher.flush(23.0)  # no group is left whose turn it had to wait for
    assert [alert.labels for alert in message.alerts] == [new]
    dispatcher.settle(message, 23.0, delivered=True)
    dispatcher.take({new: 13.0}, 30.0)
    dispatcher.take({new: 13.0, old: 40.0}, 40.0)
    assert {alert.labels for alert in dispatcher.flush(83.0)[0].alerts} == {old, new}


MOMENTS = st.integers(0, 960).map(lambda eighths: eighths / 8)
"""Seconds whose sums are exact: what comes at the very moment of a turn does so in both."""


@st.composite
def histories(draw: st.DrawFn) -> list[Burning]:
    """Up to six series of two alerts; each burns once or twice, never twice at the same time."""
    found = []
    for pod in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from("AB"))
        edges = sorted(draw(st.sets(MOMENTS, min_size=2, max_size=4)))
        found += [
            burns(name, begins, ends, str(pod))
            for begins, ends in zip(edges[::2], edges[1::2])  # noqa: B905 - the last may burn on
        ]
    return found


@settings(max_examples=300, deadline=None)
@given(histories(), st.sampled_from([0.0, 0.75, 3.0, 30.0]), st.sampled_from([4.0, 20.0]))
def test_whoever_fires_long_enough_is_told_in_time_and_nothing_is_said_twice(
    alerts: list[Burning], wait: float, interval: float
) -> None:
    told = simulate(routing(wait, interval, 1e6), alerts, 400.0, sweep_s=1e9)
    longest = max(wait, interval)
    for one in alerts:
        name = f"{one.labels['alertname']}/{one.labels['pod']}"
        assert one.ends is not None
        first = next((m.at for m in told if name in m.firing and m.at >= one.begins), None)
        again = any(
            other.labels == one.labels and other.begins < one.begins for other in alerts
        )  # one that came back between two turns was never gone for those who were told
        if one.ends - one.begins > longest and not again:
            assert first is not None
            assert first - one.begins <= longest + 0.002
    for message in told:
        for name in message.firing:
            assert any(
                f"{one.labels['alertname']}/{one.labels['pod']}" == name
                and one.begins - 0.002 <= message.at <= (one.ends or 1e9)
                for one in alerts
            )
    for name in "AB":
        messages = [one for one in told if f'"{name}"' in one.group_key]
        for before, after in pairwise(messages):
            assert after.at - before.at >= interval - 0.002
            assert (before.firing, before.ended) != (after.firing, after.ended)
            assert set(after.firing) - set(before.firing) or set(after.ended) - set(before.ended)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_compression_divides_every_time_of_a_message(alerts: list[Burning]) -> None:
    slow = simulate(routing(), alerts, 400.0)
    fast = simulate(
        routing().compressed(8.0),
        [Burning(a.labels, a.begins / 8, (a.ends or 0.0) / 8) for a in alerts],
        50.0,
        sweep_s=3.75,
    )
    assert [(m.firing, m.ended) for m in slow] == [(m.firing, m.ended) for m in fast]
    assert all(abs(a.at - 8 * b.at) < 0.02 for a, b in zip(slow, fast, strict=True))
