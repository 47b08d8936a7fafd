"""One answer to whether customers failed, for all that ask."""

from dataclasses import replace

import pytest
from recordings import HELD, load

from rundrill.events import Event, LoadSampled
from rundrill.verdict import customers, judge


def second(at: float = 46.0, **fields: object) -> LoadSampled:
    return replace(load(at), **fields)  # type: ignore[arg-type]


def test_whom_the_load_had_to_drop_has_failed_too() -> None:
    sample = second(completed=10, ok=7, failed=3, dropped=4)
    assert (customers.failed(sample), customers.ended(sample)) == (7, 14)


def test_a_request_that_was_dropped_is_the_first_harm() -> None:
    dropped = second(failed=0, dropped=3)
    events: list[Event] = [dropped if e == load(46.0) else e for e in HELD]
    verdict = judge(events)
    assert verdict.times.first_harm == 46.0
    assert all("no request of a customer failed" not in one.notes for one in verdict.detections)
    assert judge(HELD).times.first_harm is None


@pytest.mark.parametrize(
    ("sample", "harmed"),
    [
        (second(completed=100, failed=2, dropped=0), False),
        (second(completed=100, failed=1, dropped=3), True),
        (second(completed=0, ok=0, failed=0, dropped=0, in_flight=0), False),
        (second(completed=0, failed=0, dropped=0, in_flight=5, oldest_in_flight_s=1.0), False),
        (second(completed=0, failed=0, dropped=0, in_flight=5, oldest_in_flight_s=1.1), True),
        (second(completed=1, failed=0, dropped=0, in_flight=5, oldest_in_flight_s=9.0), False),
    ],
)
def test_a_second_of_harm_is_worse_than_the_steady_state_or_a_hang(
    sample: LoadSampled, harmed: bool
) -> None:
    assert customers.harmed(sample, 0.02) is harmed
