import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from load.flights import Flights
from load.mix import NAMES, Request
from load.outcome import answered, unanswered
from load.record import Record

PAY = Request(name=NAMES["card"], method="POST", path="/payments", body=b"{}", key="k")
READ = Request(name=NAMES["list"], method="GET", path="/payments")


class Bench:
    def __init__(self, path):
        self.now = 100.0
        self.path = path
        self.record = Record(path)
        self.flights = Flights(self.record, lambda: self.now)

    def lines(self):
        self.record.flush()
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def metrics(self):
        text = self.flights.metrics.exposition().decode()
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path / "r.jsonl")
    yield bench
    bench.record.close()


def test_a_payment_is_issued_once_and_done_once(bench):
    number = bench.flights.depart(100.0)
    bench.now = 100.25
    sent = bench.flights.sent(number, PAY)
    bench.now = 101.0
    outcome = answered(201, b'{"id":"p"}', pays=True)
    assert bench.flights.done(number, PAY, sent, outcome, 1) == 1.0
    issued, done = bench.lines()
    assert issued == {
        "t": "issued",
        "i": 0,
        "name": NAMES["card"],
        "due": 100.0,
        "sent": 100.25,
        "key": "k",
    }
    assert done["done"] - done["due"] == 1.0
    assert (done["status"], done["ok"], done["error"], done["payment"]) == (201, True, None, "p")


def test_a_hang_shows_in_the_metrics_while_it_hangs(bench):
    first = bench.flights.depart(100.0)
    bench.flights.sent(first, PAY)
    bench.now = 106.0
    second = bench.flights.depart(106.0)
    bench.flights.sent(second, READ)
    bench.now = 107.5
    metrics = bench.metrics()
    assert metrics["load_in_flight",] == 2
    assert metrics["load_oldest_in_flight_seconds",] == 7.5
    assert metrics["load_requests_issued_total",] == 2
    assert metrics["load_requests_completed_total", NAMES["card"], "ok"] == 0


def test_latency_counts_from_the_due_time_and_the_limits_are_bucket_bounds(bench):
    number = bench.flights.depart(100.0)
    bench.now = 102.0
    sent = bench.flights.sent(number, READ)
    bench.now = 102.5
    bench.flights.done(number, READ, sent, answered(200, b"", pays=False), 1)
    metrics = bench.metrics()
    assert metrics["load_request_duration_seconds_sum",] == 2.5
    assert metrics["load_request_duration_seconds_bucket", "2.0"] == 0
    assert metrics["load_request_duration_seconds_bucket", "3.0"] == 1
    assert ("load_request_duration_seconds_bucket", "0.5") in metrics
    assert metrics["load_dispatch_lateness_seconds",] == 2.0
    assert metrics["load_oldest_in_flight_seconds",] == 0


def test_every_name_and_outcome_is_there_from_the_start_at_zero(bench):
    counts = {key for key in bench.metrics() if key[0] == "load_requests_completed_total"}
    assert counts == {
        ("load_requests_completed_total", *sorted((name, outcome)))
        for name in NAMES.values()
        for outcome in ("ok", "failed")
    }


def test_a_drop_has_its_own_number_and_is_counted(bench):
    bench.flights.drop(100.0)
    assert bench.flights.depart(100.1) == 1
    assert bench.lines() == [{"t": "dropped", "i": 0, "due": 100.0, "at": 100.0}]
    assert bench.metrics()["load_requests_dropped_total",] == 1


def test_a_retry_stays_the_same_request(bench):
    number = bench.flights.depart(100.0)
    sent = bench.flights.sent(number, PAY)
    bench.flights.retry(number, 2, unanswered(TimeoutError()))
    bench.flights.done(number, PAY, sent, answered(201, b'{"id":"p"}', pays=True), 2)
    issued, retry, done = bench.lines()
    assert (retry["i"], retry["attempt"], retry["error"]) == (issued["i"], 2, "timeout")
    assert done["attempts"] == 2
    assert bench.flights.issued == 1
    assert bench.metrics()["load_request_retries_total",] == 1


def test_the_end_accounts_for_everyone_still_in_flight(bench):
    for _ in range(3):
        bench.flights.sent(bench.flights.depart(100.0), READ)
    bench.flights.done(0, READ, 100.0, answered(500, b"", pays=False), 1)
    bench.flights.end("stopped")
    *_, one, two, end = bench.lines()
    assert [one["t"], two["t"]] == ["abandoned", "abandoned"]
    assert end == {
        "t": "end",
        "at": 100.0,
        "why": "stopped",
        "issued": 3,
        "completed": 1,
        "ok": 0,
        "failed": 1,
        "dropped": 0,
        "abandoned": 2,
        "worst_lateness_ms": 0.0,
    }
    assert bench.flights.in_flight == 0
