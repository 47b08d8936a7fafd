"""When an alert changed, from looks that come late and samples that may be missing."""

import pytest

from rundrill.detection import AlertStatus
from rundrill.detection.prometheus.timeline import Timeline

P, F = AlertStatus.PENDING, AlertStatus.FIRING


def advance(
    timeline: Timeline,
    *active: tuple[float, AlertStatus],
    now_inactive: bool = False,
    since: tuple[float, ...] = (),
    evaluated: float = 0.0,
) -> list[tuple[float, str]]:
    turns = timeline.advance(
        active,
        now_inactive=now_inactive,
        active_since=since,
        evaluated=evaluated or max((at for at, _ in active), default=0.0),
        interval_s=1.0,
    )
    return [(turn.at, str(turn.status)) for turn in turns]


def test_each_turn_has_the_time_of_its_evaluation() -> None:
    timeline = Timeline()
    samples = [(10.0, P), (11.0, P), (12.0, F), (13.0, F)]
    assert advance(timeline, *samples, since=(10.0,)) == [(10.0, "pending"), (12.0, "firing")]
    assert (timeline.status, timeline.since) == (F, 12.0)
    # The same samples again, and nothing new: nothing is told twice.
    assert advance(timeline, *samples, since=(10.0,)) == []
    assert advance(timeline, now_inactive=True, evaluated=14.002) == [(14.0, "inactive")]
    assert advance(timeline, now_inactive=True, evaluated=15.0) == []


def test_the_most_advanced_series_is_the_state() -> None:
    timeline = Timeline()
    samples = [(10.0, P), (11.0, F), (11.0, P), (12.0, P)]
    assert advance(timeline, *samples, since=(10.0,)) == [
        (10.0, "pending"),
        (11.0, "firing"),
        (12.0, "pending"),
    ]


def test_an_alert_that_came_and_went_between_two_looks_is_told() -> None:
    timeline = Timeline()
    assert advance(timeline, (10.0, F), now_inactive=True, evaluated=14.0) == [
        (10.0, "firing"),
        (11.0, "inactive"),
    ]


def test_one_that_came_back_was_gone_in_between() -> None:
    timeline = Timeline()
    assert advance(timeline, (10.0, P), (13.0, P), since=(13.0,)) == [
        (10.0, "pending"),
        (11.0, "inactive"),
        (13.0, "pending"),
    ]


def test_evaluations_that_did_not_take_place_end_no_alert() -> None:
    timeline = Timeline()
    assert advance(timeline, (10.0, P), (13.0, F), since=(10.0,)) == [
        (10.0, "pending"),
        (13.0, "firing"),
    ]


def test_inactive_is_believed_only_after_an_evaluation_that_made_it_so() -> None:
    """Prometheus has the new state a moment before it has the time of that evaluation."""
    timeline = Timeline()
    assert advance(timeline, (10.0, F)) == [(10.0, "firing")]
    assert advance(timeline, now_inactive=True, evaluated=10.003) == []
    assert advance(timeline, now_inactive=True, evaluated=10.9) == [(10.9, "inactive")]


def test_what_was_before_is_no_change() -> None:
    timeline = Timeline()
    timeline.ignore_until(20.0)
    assert advance(timeline, (18.0, P), (19.0, F), now_inactive=True, evaluated=21.0) == []
    assert timeline.since is None
    assert advance(timeline, (19.0, F), (21.0, F), since=(5.0,)) == [(21.0, "firing")]


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_samples_does_not_matter(order: int) -> None:
    samples = [(10.0, P), (11.0, F)][::order]
    assert advance(Timeline(), *samples, since=(10.0,)) == [(10.0, "pending"), (11.0, "firing")]
