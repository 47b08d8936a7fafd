import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.arrivals import Arrivals, Share

rates = st.floats(0.1, 1000)
ramps = st.floats(0, 300)


@given(rate=rates, index=st.integers(0, 100_000))
def test_without_a_ramp_arrival_i_is_due_after_i_periods(rate, index):
    assert Arrivals(start=7.0, rate_per_s=rate).due(index) == pytest.approx(7.0 + index / rate)


@given(rate=rates, ramp=ramps, index=st.integers(0, 5000))
def test_arrivals_are_in_order_and_never_closer_than_the_full_rate_allows(rate, ramp, index):
    arrivals = Arrivals(start=0.0, rate_per_s=rate, ramp_s=ramp)
    gap = arrivals.due(index + 1) - arrivals.due(index)
    assert gap >= (1 / rate) * (1 - 1e-6)


@given(rate=rates, ramp=st.floats(1, 300), share=st.floats(0.01, 1))
def test_in_the_ramp_the_number_of_arrivals_grows_with_the_square_of_the_time(rate, ramp, share):
    arrivals = Arrivals(start=0.0, rate_per_s=rate, ramp_s=ramp)
    index = int(share * rate * ramp / 2)
    assert rate * arrivals.due(index) ** 2 / (2 * ramp) == pytest.approx(index, abs=1e-6)


def test_after_the_ramp_the_rate_is_the_full_one():
    arrivals = Arrivals(start=0.0, rate_per_s=10, ramp_s=4)
    assert arrivals.due(20) == pytest.approx(4.0)
    assert arrivals.due(21) - arrivals.due(20) == pytest.approx(0.1)


@given(
    workers=st.integers(1, 64),
    rate=rates,
    ramp=ramps,
    upto=st.integers(0, 300),
    start=st.floats(0, 1e6),
)
def test_what_all_workers_issue_is_exactly_the_schedule_of_one(workers, rate, ramp, upto, start):
    arrivals = Arrivals(start=start, rate_per_s=rate, ramp_s=ramp)
    union = [
        (index, arrivals.due(index))
        for worker in range(1, workers + 1)
        for index in itertools.takewhile(
            lambda index: index < upto, Share(worker=worker, of=workers).indices()
        )
    ]
    assert sorted(union) == [(index, arrivals.due(index)) for index in range(upto)]


@given(workers=st.integers(1, 64), whole=st.integers(0, 10_000))
def test_the_parts_of_a_limit_sum_to_it_and_are_as_even_as_can_be(workers, whole):
    parts = [Share(worker=worker, of=workers).part(whole) for worker in range(1, workers + 1)]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1
