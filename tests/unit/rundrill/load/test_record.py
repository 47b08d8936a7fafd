import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.events import LoadSampled
from rundrill.load.record import RequestLog, Totals, quantile

ZERO = 1000.5
SLOW_S = 0.5
ticks = st.integers(0, 64 * 8).map(lambda tick: tick / 64)  # exact in binary


@st.composite
def logs(draw):
    """Lines of a load of up to eight seconds, in the order of their times."""
    lines = []
    for i in range(draw(st.integers(0, 40))):
        due = ZERO + draw(ticks)
        at = due + draw(ticks) / 8
        fate = draw(st.sampled_from(["ok", "failed", "dropped", "hangs", "abandoned"]))
        if fate == "dropped":
            lines.append((at, {"t": "dropped", "i": i, "due": due, "at": at}))
            continue
        lines.append(
            (at, {"t": "issued", "i": i, "name": "n", "due": due, "sent": at, "key": None})
        )
        end = at + draw(ticks)
        if fate == "abandoned":
            lines.append((end, {"t": "abandoned", "i": i, "at": end}))
        elif fate != "hangs":
            line = {"t": "done", "i": i, "due": due, "sent": at, "done": end, "ok": fate == "ok"}
            line |= {"status": 200, "error": None, "key": None, "payment": None}
            lines.append((end, line))
    return [line for _, line in sorted(lines, key=lambda pair: pair[0])]


def when(line):
    return line[{"issued": "sent", "done": "done"}.get(line["t"], "at")]


def brute_force(lines, second):
    """The same second, computed from the whole log at once."""
    begin, end = ZERO + second - 1, ZERO + second
    within = [line for line in lines if begin <= when(line) < end]
    done = [line for line in within if line["t"] == "done"]
    latencies = sorted((line["done"] - line["due"]) * 1000 for line in done)
    gone = {line["i"] for line in lines if line["t"] != "issued" and when(line) < end}
    flying = [
        line["due"]
        for line in lines
        if line["t"] == "issued" and when(line) < end and line["i"] not in gone
    ]
    return LoadSampled(
        at=float(second),
        issued=sum(line["t"] == "issued" for line in within),
        completed=len(done),
        ok=sum(line["ok"] for line in done),
        failed=sum(not line["ok"] for line in done),
        dropped=sum(line["t"] == "dropped" for line in within),
        in_flight=len(flying),
        oldest_in_flight_s=max((end - due for due in flying), default=0.0),
        p50_ms=rank(latencies, 50),
        p95_ms=rank(latencies, 95),
        p99_ms=rank(latencies, 99),
        slow=sum(is_slow(line) for line in done),
        failed_ages=ages([line for line in done if not line["ok"]], second),
        slow_ages=ages([line for line in done if is_slow(line)], second),
    )


def is_slow(line):
    return line["ok"] and line["done"] - line["due"] > SLOW_S


def ages(done, second):
    """How many seconds before this one they were due: a request of 9.9 s due at 0.1 is 10 old."""
    found = {}
    for line in done:
        age = next(n for n in range(1000) if line["due"] >= ZERO + second - 1 - n)
        found[str(age)] = found.get(str(age), 0) + 1
    return found


def rank(values, percent):
    for index, value in enumerate(values, start=1):
        if index * 100 >= percent * len(values):
            return value
    return None


@given(log=logs(), cuts=st.lists(st.integers(0, 80), max_size=5))
def test_samples_taken_on_the_way_are_those_of_the_whole_log(log, cuts):
    account = RequestLog(zero=ZERO, start=ZERO, slow_s=SLOW_S)
    samples = []
    for number, line in enumerate(log):
        if number in cuts:
            samples += account.samples(when(log[number - 1]) if number else None)
        account.feed(json.dumps(line))
    samples += account.samples(ZERO + 20 + 1)
    assert samples == [brute_force(log, second) for second in range(1, 21)]


@given(log=logs())
def test_totals_count_every_line_once(log):
    account = RequestLog(zero=ZERO, start=ZERO)
    for line in log:
        account.feed(json.dumps(line))
    kinds = [line["t"] for line in log]
    lateness = [line["sent"] - line["due"] for line in log if line["t"] == "issued"]
    assert account.totals == Totals(
        issued=kinds.count("issued"),
        completed=kinds.count("done"),
        dropped=kinds.count("dropped"),
        abandoned=kinds.count("abandoned"),
        worst_lateness_ms=round(max(lateness) * 1000, 3) if lateness else None,
    )


def test_nothing_is_counted_slow_where_nobody_said_what_slow_is():
    account = RequestLog(zero=100.0, start=100.0)
    account.feed(issued(0, 100.5))
    (sample,) = account.samples(102.0)
    assert sample.slow is None


def test_the_first_second_is_the_one_in_which_the_load_began():
    account = RequestLog(zero=100.0, start=107.3)
    assert [sample.at for sample in account.samples(110.0)] == [8.0, 9.0]


def test_a_second_waits_until_no_line_of_it_can_come_any_more():
    account = RequestLog(zero=100.0, start=100.0)
    assert account.samples(101.9) == []
    assert [sample.at for sample in account.samples(102.0)] == [1.0]


def test_a_line_of_the_next_second_completes_this_one_at_once():
    account = RequestLog(zero=100.0, start=100.0)
    account.feed(issued(0, 100.5))
    account.feed(issued(1, 101.0))
    (sample,) = account.samples(101.05)
    assert (sample.at, sample.issued, sample.in_flight) == (1.0, 1, 1)


def test_no_second_is_invented_after_the_load_has_ended():
    account = RequestLog(zero=100.0, start=100.0)
    account.feed(issued(0, 101.5))
    assert [sample.at for sample in account.samples(None)] == [1.0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', "{}", '{"t":"done"}', '{"t":"end","at":{}}']
)
def test_anything_else_is_no_line_of_a_request_log(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the caller's
        RequestLog(zero=0.0, start=0.0).feed(text)


def test_a_line_of_a_later_version_is_only_a_time():
    account = RequestLog(zero=0.0, start=0.0)
    account.feed('{"t":"weather","at":3.5}')
    assert account.last_at == 3.5


def issued(number, sent):
    line = {"t": "issued", "i": number, "name": "n", "due": sent, "sent": sent, "key": "k"}
    return json.dumps(line)


def done(number, *, status, payment="p", key="k"):
    line = {"t": "done", "i": number, "due": 0.0, "sent": 0.0, "done": 1.0, "ok": True}
    line |= {"status": status, "error": None, "key": key, "payment": payment}
    return json.dumps(line)


def test_acknowledged_are_the_payments_the_customer_was_told_of():
    account = RequestLog(zero=0.0, start=0.0)
    account.feed(done(0, status=201, key="a", payment="1"))
    account.feed(done(1, status=202, key="b", payment="2"))
    account.feed(done(2, status=503, key="c", payment=None))
    account.feed(done(3, status=None, key="d", payment=None))
    account.feed(done(4, status=200, key=None, payment=None))
    account.feed(done(5, status=201, key="e", payment=None))
    assert account.acknowledged == {"a": "1", "b": "2", "e": ""}


# ---------------------------------------------------------------- delivered


def steady(per_min, seconds, *, start=100.0):
    account = RequestLog(zero=0.0, start=start)
    for number in range(round(seconds * per_min / 60)):
        account.feed(issued(number, start + number * 60 / per_min))
    return account


@given(begin=st.floats(100, 130), span=st.floats(5, 30))
def test_a_load_on_time_delivers_its_rate_in_every_window(begin, span):
    delivered = STEADY.delivered(begin, begin + span, 60 / 1000)
    assert delivered.per_min == pytest.approx(1000, rel=1e-6)
    assert abs(delivered.issued - span * 1000 / 60) <= 1


STEADY = steady(1000, 70)


def test_seconds_without_requests_are_missing_from_the_rate():
    account = RequestLog(zero=0.0, start=100.0)
    for number in range(1000):
        if not 200 <= number < 300:
            account.feed(issued(number, 100 + number * 0.06))
    delivered = account.delivered(100.0, 160.0, 0.06)
    assert (delivered.per_min, delivered.issued) == (pytest.approx(900), 900)


def test_a_load_that_died_counts_less_with_every_second():
    account = steady(1000, 30)
    assert account.delivered(100.0, 160.0, 0.06).per_min == pytest.approx(500, rel=0.01)


def test_an_empty_window_delivers_nothing():
    account = RequestLog(zero=0.0, start=0.0)
    assert account.delivered(5.0, 5.0, 0.06).per_min == 0
    assert account.delivered(5.0, 6.0, 0.06).per_min == 0


def test_drops_of_the_window_are_counted():
    account = RequestLog(zero=0.0, start=0.0)
    for number, at in enumerate((1.0, 2.0, 3.0)):
        account.feed(json.dumps({"t": "dropped", "i": number, "due": at, "at": at}))
    assert account.delivered(1.0, 3.0, 0.06).dropped == 2


# ---------------------------------------------------------------- quantile


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted), st.sampled_from([0.5, 0.95, 0.99]))
def test_at_least_q_of_the_values_are_at_or_below_the_quantile(values, q):
    found = quantile(values, q)
    assert found in values
    assert sum(value <= found for value in values) >= math.floor(q * len(values))


def test_nothing_has_no_quantile():
    assert quantile([], 0.5) is None
