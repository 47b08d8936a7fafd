"""Counters of the service's pods: how they are named, read, and compared between looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rundrill.faults.service_pods import LOOKS, Counter, Increase, ServicePods
from rundrill.target.cluster import ClusterError, Pod

PAGE = """
# HELP paid_total Payments.
# TYPE paid_total counter
paid_total{method="card",status="ok"} 3.0
paid_total{method="card",status="failed"} 2.0
paid_total{method="wallet",status="ok"} 1.0
paid_total_created{method="card"} 99.0
plain 7
"""


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("paid_total", 6.0),
        ('paid_total{method="card"}', 5.0),
        ('paid_total{ method = "card" , status=~"ok|failed" }', 5.0),
        ('paid_total{status=~"o"}', 0.0),  # a whole value, as in PromQL
        ('paid_total{other=""}', 6.0),
        ("plain", 7.0),
        ("absent", 0.0),
    ],
)
def test_a_counter_is_the_sum_of_the_series_that_match(text: str, total: float) -> None:
    assert Counter.parse(text).sum(PAGE) == total


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no counter"),
        ("1x", "is no counter"),
        ("x{a=b}", "is no label"),
        ('x{a="b" c="d"}', "is no label"),
        ('x{a=~"("}', "is no regular expression"),
    ],
)
def test_what_is_no_counter_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Counter.parse(text)


def pod(name: str, *, ready: bool = True, terminating: bool = False) -> Pod:
    return Pod(
        name=name,
        namespace="shop",
        images={},
        ready=ready,
        terminating=terminating,
        started=True,
        restarts=0,
        waiting={},
        last_exit_codes={},
        last_reasons={},
    )


@dataclass
class FakeCluster:
    """Pods and what each of them counts; None does not answer."""

    counts: dict[str, float | None] = field(default_factory=dict)
    listed: Mapping[str, Pod] = field(default_factory=dict)

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        assert (namespace, selector) == ("shop", "app=till")
        return [*self.listed.values()] or [pod(name) for name in self.counts]

    def get_text(self, path: str) -> str:
        name = path.split("/")[6].partition(":")[0]
        assert path == f"/api/v1/namespaces/shop/pods/{name}:9090/proxy/metrics"
        count = self.counts[name]
        if count is None:
            raise ClusterError("no answer", 502)
        return f"n_total {count}\n"


def watched(cluster: FakeCluster) -> ServicePods:
    return ServicePods(cluster, namespace="shop", selector="app=till", port=9090)  # type: ignore[arg-type]


def increase(cluster: FakeCluster) -> Increase:
    return Increase(watched(cluster), Counter.parse("n_total"))


def test_the_first_look_is_what_others_are_compared_with() -> None:
    cluster = FakeCluster({"a": 5.0, "b": 1.0})
    grown = increase(cluster)
    assert (grown.recent, grown.total, grown.by_pod) == ((0.0,), (0.0,), {})
    grown.look()
    assert grown.total == (0.0,)
    cluster.counts = {"a": 7.0, "b": 1.0}
    grown.look()
    assert grown.by_pod == {"a": (2.0,), "b": (0.0,)}
    assert grown.total == grown.recent == (2.0,)


def test_a_count_that_went_back_began_anew_and_a_new_pod_began_at_zero() -> None:
    cluster = FakeCluster({"a": 5.0})
    grown = increase(cluster)
    grown.look()
    cluster.counts = {"a": 1.0, "new": 3.0}
    grown.look()
    assert grown.by_pod == {"a": (1.0,), "new": (3.0,)}


def test_a_pod_that_was_silent_at_first_begins_at_its_first_answer() -> None:
    cluster = FakeCluster({"a": 5.0, "old": None})
    grown = increase(cluster)
    grown.look()
    cluster.counts["old"] = 1000.0
    grown.look()
    assert grown.total == (0.0,)
    cluster.counts["old"] = None  # it misses a look, and is not new afterwards
    grown.look()
    cluster.counts["old"] = 1001.0
    grown.look()
    assert grown.total == (1.0,)


def test_what_is_long_past_is_out_of_sight() -> None:
    cluster = FakeCluster({"a": 0.0})
    grown = increase(cluster)
    grown.look()
    cluster.counts["a"] = 4.0
    for _ in range(LOOKS):
        grown.look()
        assert grown.recent == (4.0,)
    grown.look()
    assert (grown.recent, grown.total) == ((0.0,), (4.0,))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(0, 29))
def test_an_increase_is_exact_whatever_restarts(steps: list[int], restart: int) -> None:
    cluster = FakeCluster({"a": 0.0})
    grown = increase(cluster)
    grown.look()
    for number, step in enumerate(steps):
        before = 0.0 if number == restart else cluster.counts["a"] or 0.0
        cluster.counts["a"] = before + step
        grown.look()
    # A restart that is followed by more than was there before cannot be seen.
    assert grown.total[0] <= sum(steps)
    if restart >= len(steps):
        assert grown.total[0] == sum(steps)


def test_when_nobody_answers_nothing_is_known() -> None:
    grown = increase(FakeCluster({"a": None}))
    with pytest.raises(ClusterError, match="no answer"):
        grown.look()
    with pytest.raises(ClusterError, match="nobody tells its metrics"):
        increase(FakeCluster()).look()


def test_readiness_is_that_of_every_pod_that_stays() -> None:
    cluster = FakeCluster()
    assert watched(cluster).unready() == "no pod matches app=till in shop"
    cluster.listed = {"a": pod("a"), "b": pod("b", ready=False, terminating=True)}
    assert watched(cluster).unready() is None
    cluster.listed = {"a": pod("a"), "b": pod("b", ready=False)}
    assert watched(cluster).unready() == "not ready: b"
