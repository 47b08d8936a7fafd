"""The text format, compared with the official client's writer and reader."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rundrill.detection.exposition import ExpositionError, samples, series_labels
from rundrill.detection.labels import METRIC_NAME, Labels

_VALUES = st.floats() | st.integers(-(10**18), 10**18).map(float)


def ours(text: str) -> dict[Labels, float]:
    return {series_labels(series): value for series, value, _ in samples(text)}


def theirs(text: str) -> dict[Labels, float]:
    return {
        Labels({METRIC_NAME: sample.name, **sample.labels}): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def alike(a: dict[Labels, float], b: dict[Labels, float]) -> bool:
    return a.keys() == b.keys() and all(
        value == b[key] or (math.isnan(value) and math.isnan(b[key])) for key, value in a.items()
    )


@settings(deadline=None)  # the machine is shared
@given(
    st.dictionaries(
        st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), _VALUES, max_size=6
    )
)
def test_what_the_official_client_writes_is_read_as_the_official_client_reads_it(
    rows: dict[tuple[str, str], float],
) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("some_gauge", "Help \\ with\nescapes", ["a", "b"], registry=registry)
    for labels, value in rows.items():
        gauge.labels(*labels).set(value)
    counter = Counter("done", "No labels", registry=registry)
    counter.inc(3)
    histogram = Histogram("took_seconds", "Buckets", buckets=(0.5, 1), registry=registry)
    histogram.observe(0.7)
    text = generate_latest(registry).decode()
    assert alike(ours(text), theirs(text))


@pytest.mark.parametrize(
    "text",
    [
        "x 1\n",
        "x 1 1700000000000\n",
        'x{a="b",} 1\n',
        'x{a="b" , c="d"} +Inf\n',
        'x{a="br{a}ce } 5"} 1e3\n',
        'x{a="q\\"uote\\n\\\\"} -Inf\n',
        "x{} NaN\n",
        "# HELP x some text\n# TYPE x gauge\n\nx .5\n",
        "a:b:c 2\n",
        "",
    ],
)
def test_lines_of_every_shape_are_read_as_the_official_client_reads_them(text: str) -> None:
    assert alike(ours(text), theirs(text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x 1", "the answer was cut"),
        ("x\n", "line 1: not `series value [timestamp]`"),
        ("ok 1\nx 1 2 3\n", "line 2: not `series"),
        ("x one\n", "line 1: not a number: one"),
        ("x 1_000\n", "not a number: 1_000"),
        ("x 1 soon\n", "not a timestamp: soon"),
        ("1x 1\n", "not a metric name: 1x"),
        ("x{a} 1\n", "not a label"),
        ("x{a=b} 1\n", "not a label"),
        ('x{a="b" c="d"} 1\n', "no comma between labels"),
        ('x{a="b",a="c"} 1\n', "label a is there twice"),
        ('x{a="b"}} 1\n', "no comma"),
        ("x} 1\n", "not labels: x}"),
        ("<html> 1\n", "not a metric name"),
    ],
)
def test_what_is_not_the_text_format_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ExpositionError) as told:
        ours(text)
    assert problem in str(told.value)
