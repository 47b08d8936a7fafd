import pytest
from prometheus_client.parser import text_string_to_metric_families

from load.flights import Flights
from load.merged import GREATEST, MergedMetrics, merge
from load.mix import NAMES, Request
from load.outcome import answered, unanswered
from load.record import Record

PAY = Request(name=NAMES["card"], method="POST", path="/payments", body=b"{}", key="k")


def samples(page):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def flights_with(requests):
    """`requests`: due, sent, done (None: in flight), ok; all read at the time 100."""
    now = [0.0]
    flights = Flights(Record(None), lambda: now[0])
    for due, sent, done, ok in requests:
        number = flights.depart(due)
        now[0] = sent
        flights.sent(number, PAY)
        if done is not None:
            now[0] = done
            outcome = answered(201, b'{"id":"p"}', pays=True) if ok else unanswered(TimeoutError())
            flights.done(number, PAY, sent, outcome, 1)
    now[0] = 100.0
    return flights


REQUESTS = [
    (1.0, 1.0, 1.25, True),
    (2.0, 2.5, 12.0, False),
    (3.0, 3.0, 3.125, True),
    (4.0, 4.0, None, True),
    (5.0, 5.0, 7.0, True),
    (6.0, 6.25, None, True),
]


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_page_of_several_is_the_page_of_one(count):
    pages = [
        flights_with(REQUESTS[worker::count]).metrics.exposition().decode()
        for worker in range(count)
    ]
    assert merge(pages) == flights_with(REQUESTS).metrics.exposition().decode()


def test_every_gauge_that_is_not_summed_is_on_the_page():
    names = {name for name, *_ in samples(flights_with([]).metrics.exposition().decode())}
    assert names > GREATEST


@pytest.mark.parametrize("other", ["a 1\nb 2\n", "c 1\n", "a x\n", ""])
def test_pages_that_are_not_of_the_same_metrics_are_not_merged(other):
    with pytest.raises(ValueError, match="pages of the workers differ"):
        merge(["a 1\n", other])


def test_a_page_without_one_of_the_workers_is_no_page():
    metrics = MergedMetrics()
    with pytest.raises(OSError, match="not all workers are there yet"):
        metrics.exposition()
    metrics.workers = ["http://127.0.0.1:9/metrics"]
    with pytest.raises(OSError, match="worker 1 does not answer"):
        metrics.exposition()
