"""Samples in memory."""

import pytest

from rundrill.detection.labels import Labels
from rundrill.detection.selector import LabelMatcher, Match, Selector
from rundrill.detection.store import SampleStore

X = Labels({"__name__": "x", "pod": "a"})


def named(name: str) -> Selector:
    return Selector((LabelMatcher("__name__", Match.EQUAL, name),))


def test_time_goes_forward_only() -> None:
    store = SampleStore(1000)
    store.append(X, 10, 1.0)
    with pytest.raises(ValueError, match="not newer"):
        store.append(X, 10, 2.0)


def test_a_series_that_was_forgotten_comes_back_where_selectors_find_it() -> None:
    store = SampleStore(1000)
    series = store.append(X, 10, 1.0)
    assert store.select(named("x"))
    store.forget_old(5000)
    assert len(store) == 0
    assert not store.select(named("x"))
    assert store.has_seen("x")
    store.append_to(series, 6000, 2.0)
    assert store.select(named("x")) == [series]
    assert store.samples == 1


def test_a_new_series_joins_the_selections_that_mean_it() -> None:
    store = SampleStore(1000)
    anything = Selector((LabelMatcher("pod", Match.NOT_EQUAL, ""),))
    assert store.select(anything) == []
    assert store.select(named("x")) == []
    store.append(X, 10, 1.0)
    assert len(store.select(anything)) == len(store.select(named("x"))) == 1


def test_selections_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rundrill.detection.store._SELECTIONS_KEPT", 3)
    store = SampleStore(1000)
    store.append(X, 10, 1.0)
    for name in "abcdefg":
        store.select(named(name))
    assert len(store._selections) <= 3
    assert store.select(named("x"))


def test_an_end_hides_a_series_from_then_on_until_its_next_sample() -> None:
    store = SampleStore(10**6)
    series = store.append(X, 10, 1.0)
    store.end([series], 20)
    store.append(X, 30, 2.0)
    assert series.latest(19, 0) == 0
    assert series.latest(20, 0) == -1
    assert series.latest(29, 0) == -1
    assert series.latest(30, 0) == 1
    assert series.latest(9, 0) == -1
    assert series.latest(40, 31) == -1
    assert series.bounds(0, 100) == (0, 2)


def test_old_samples_and_ends_go_in_batches() -> None:
    store = SampleStore(100)
    for at in range(0, 1000, 10):
        series = store.append(X, at, float(at))
        store.end([series], at + 5)
    store.forget_old(1000)
    assert series.times[0] == 900
    assert len(series.ends) == 10
    store.forget_old(1010)
    assert series.times[0] == 900


def test_labels_compare_and_print_like_prometheus_has_them() -> None:
    assert X == {"__name__": "x", "pod": "a"}
    assert X.nameless() != X
    assert str(X) == 'x{pod="a"}'
    assert str(Labels()) == "{}"
    assert str(Labels({"__name__": "x"})) == "x"
    assert repr(X) == 'Labels(x{pod="a"})'
    assert len(X) == 2
    assert Labels({"a": ""}) == Labels()
    assert Labels({"a": "b"}).nameless() == {"a": "b"}
