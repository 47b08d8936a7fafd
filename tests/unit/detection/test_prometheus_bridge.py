"""The page that Prometheus scrapes: what the embedded detector would have stored, and no less."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection import ScrapeTarget
from rundrill.detection.exposition import samples, series_labels
from rundrill.detection.labels import Labels
from rundrill.detection.prometheus.bridge import Bridge
from rundrill.detection.scrape import Ingester
from rundrill.detection.store import SampleStore

TEXT = r"""# HELP a comment
# TYPE a counter
a 1
a{job="own",x="back\\slash, \"quote\" and\nline"} 2.5 1700000000000
b{exported_job="taken",pod="p"} NaN
c +Inf
"""


def bridge_of(targets: Callable[[], Sequence[ScrapeTarget]], interval_s: float = 1.0) -> Bridge:
    return Bridge(targets, interval_s=interval_s, clock=MonotonicClock())


def read(page: str | None) -> dict[Labels, str]:
    assert page is not None
    return {series_labels(series): repr(value) for series, value, _ in samples(page)}


@contextmanager
def released() -> Iterator[threading.Event]:
    """What hangs in a test must not hang after it."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


def test_series_and_labels_are_those_of_the_embedded_detector() -> None:
    target = ScrapeTarget("app", "pod-1:80", lambda: TEXT, {"namespace": "n", "pod": "pod-1"})
    store = SampleStore(10**9)
    assert Ingester(store).ingest(target, TEXT, 1000) is None
    embedded = {series.labels: repr(series.values[-1]) for series in store._series.values()}
    assert read(bridge_of(lambda: [target]).page()) == embedded
    assert len(embedded) == 5


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("<html>", "not the text format: line 1"),
        ("a 1\na 2\n", "there twice"),
        ('a{x="1",y="2"} 1\na{y="2",x="1"} 1\n', "there twice"),
        ("a 1", "was cut"),
        (ConnectionRefusedError("nobody listens"), "ConnectionRefusedError: nobody listens"),
    ],
)
def test_a_target_that_failed_is_down_and_told_once(answer: str | Exception, error: str) -> None:
    def fetch() -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer if answer.endswith("\n") or answer == "a 1" else f"{answer}\n"

    good = ScrapeTarget("app", "1", lambda: "a 1\n")
    bridge = bridge_of(lambda: [ScrapeTarget("app", "2", fetch), good])
    for _ in range(3):
        assert read(bridge.page()) == {
            Labels({"__name__": "up", "job": "app", "instance": "2"}): "0.0",
            Labels({"__name__": "up", "job": "app", "instance": "1"}): "1.0",
            Labels({"__name__": "a", "job": "app", "instance": "1"}): "1.0",
        }
    [failure] = bridge.take_failures()
    assert (failure.job, failure.instance) == ("app", "2")
    assert error in failure.error
    assert bridge.take_failures() == []


def test_a_target_that_hangs_delays_nobody() -> None:
    with released() as hang:
        stuck = ScrapeTarget("app", "stuck", lambda: "a 1\n" if hang.wait(60) else "")
        bridge = bridge_of(lambda: [stuck, ScrapeTarget("app", "1", lambda: "a 1\n")], 0.2)
        clock = MonotonicClock()
        before = clock.now()
        for _ in range(3):
            page = read(bridge.page())
            assert page[Labels({"__name__": "up", "job": "app", "instance": "stuck"})] == "0.0"
            assert page[Labels({"__name__": "a", "job": "app", "instance": "1"})] == "1.0"
        assert clock.now() - before < 30
        assert len(bridge.take_failures()) == 1


def test_a_target_that_is_gone_has_no_series() -> None:
    targets = [ScrapeTarget("app", str(n), lambda: "a 1\n") for n in range(2)]
    bridge = bridge_of(lambda: list(targets))
    assert len(read(bridge.page())) == 4
    del targets[0]
    assert len(read(bridge.page())) == 2


def test_while_the_list_hangs_the_last_one_counts() -> None:
    with released() as hang:
        asked = [0]

        def targets() -> list[ScrapeTarget]:
            asked[0] += 1
            if asked[0] > 1:
                hang.wait(60)
            return [ScrapeTarget("app", "1", lambda: "a 1\n")]

        bridge = bridge_of(targets, 0.2)
        for _ in range(3):
            assert len(read(bridge.page())) == 2
        assert asked[0] == 2


def test_a_target_that_went_while_it_was_scraped_is_no_failure() -> None:
    targets: list[ScrapeTarget] = []
    bridge = bridge_of(lambda: list(targets))

    def fetch() -> str:
        bridge._roster = ()  # a newer list came meanwhile
        raise ConnectionResetError("terminated")

    targets.append(ScrapeTarget("app", "1", fetch))
    assert len(read(bridge.page())) == 1
    assert bridge.take_failures() == []


def test_a_bug_is_kept_and_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = bridge_of(lambda: [ScrapeTarget("app", "1", lambda: "a 1\n")])
    monkeypatch.setattr(bridge, "_read", lambda *_: 1 / 0)
    assert bridge.page() is None
    assert isinstance(bridge.failure, ZeroDivisionError)


def test_a_list_that_cannot_be_used_ends_the_detection() -> None:
    one = ScrapeTarget("app", "1", lambda: "a 1\n")
    bridge = bridge_of(lambda: [one, one])
    assert bridge.page() is None
    assert "same job and instance" in str(bridge.failure)


def test_it_is_served_on_loopback_until_it_is_stopped() -> None:
    roster: list[list[ScrapeTarget]] = [[ScrapeTarget("app", "1", lambda: "a 1\n")]]
    bridge = bridge_of(lambda: roster[0])
    address = bridge.start()
    try:
        assert address.startswith("127.0.0.1:")
        url = f"http://{address}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert 'a{instance="1",job="app"} 1.0' in answer.read().decode()
        roster[0] = roster[0] * 2
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(url, timeout=10)
    finally:
        bridge.stop()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url, timeout=10)
    bridge.stop()
