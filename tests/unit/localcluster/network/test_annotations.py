"""Edge faults as annotations."""

import pytest

from localcluster.network.annotations import PREFIX, read
from localcluster.network.ruling import NO_FAULTS, Faults


def _marks(**values: str):
    return read({PREFIX + name.replace("_", "-"): value for name, value in values.items()})


def test_without_annotations_nothing_is_done() -> None:
    marks = read(None)
    assert marks.faults == NO_FAULTS
    assert marks.callers is None
    assert marks.open_connections == "keep"
    assert marks.problems == ()


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("1.5s", 1.5), ("1m30s", 90), ("250us", 0.00025)]
)
def test_a_latency_is_a_duration(text: str, seconds: float) -> None:
    assert _marks(latency=text).faults.latency_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("latency", "200"),
        ("latency", "-1s"),
        ("latency", "6m"),
        ("reset", "1.5"),
        ("reset", "nan"),
        ("reset", "10%"),
        ("black_hole", "yes"),
        ("open_connections", "cut"),
        ("callers", "app in web"),
    ],
)
def test_what_cannot_be_read_has_no_effect_and_is_told(name: str, text: str) -> None:
    marks = _marks(**{name: text})
    assert marks.faults == NO_FAULTS
    assert marks.open_connections == "keep"
    (problem,) = marks.problems
    assert f'{PREFIX}{name.replace("_", "-")}: "{text}" has no effect: ' in problem
    assert "write" in problem


def test_unreadable_callers_mean_nobody() -> None:
    marks = _marks(black_hole="true", callers="app in web")
    assert marks.callers is not None
    assert not marks.callers({"app": "web"})


def test_callers_are_a_label_selector() -> None:
    callers = _marks(callers="app=web,tier!=test").callers
    assert callers is not None
    assert callers({"app": "web"})
    assert not callers({"app": "web", "tier": "test"})


def test_faults_add_up() -> None:
    both = Faults(latency_s=0.1, reset_ratio=0.5) + Faults(
        latency_s=0.2, reset_ratio=0.5, black_hole=True
    )
    assert both.latency_s == pytest.approx(0.3)
    assert both.reset_ratio == 0.75
    assert both.black_hole
