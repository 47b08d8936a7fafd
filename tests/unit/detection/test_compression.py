"""Expressions on a shorter time scale."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rundrill.detection.durations import seconds
from rundrill.detection.promql import Moment, compile_expression
from rundrill.detection.promql.compression import compressed
from tests.unit.detection import generate
from tests.unit.detection.promtool import Scenario, fill


@pytest.mark.parametrize(
    ("text", "shorter"),
    [
        ("rate(x[5m])", "rate(x[20s])"),
        ("x offset 10m - x offset -1m30s", "x offset 40s - x offset -6s"),
        (
            "max_over_time(rate(x[5m])[1h:1m] offset 5m)",
            "max_over_time(rate(x[20s])[4m:4s] offset 20s)",
        ),
        ("x[300] ", "x[20s] "),
        ("x offset\n  # five minutes 5m\n  5m > 5", "x offset\n  # five minutes 5m\n  20s > 5"),
        ('x{a="[5m]", b=\'offset 5m\', c=`[5m]`, offset="5m"}', None),
        ("time() - x > 600", None),
        ("x offset 0s", None),
        ("job:x:rate5m > 0.95", None),
        ("x @ end() offset 1m", "x @ end() offset 4s"),
        ("avg_over_time(x[1ms])", "avg_over_time(x[1ms])"),
        ("avg_over_time(x[100ms])", "avg_over_time(x[7ms])"),
        ("predict_linear(x[1h], 4 * 3600) < 0", "predict_linear(x[4m], ( 4 * 3600) / 15.0) < 0"),
        (
            'predict_linear(x{a=",)"}[1h], scalar(f(y, 2))) < 0',
            'predict_linear(x{a=",)"}[4m], ( scalar(f(y, 2))) / 15.0) < 0',
        ),
    ],
)
def test_every_duration_and_nothing_else_becomes_shorter(text: str, shorter: str | None) -> None:
    assert compressed(text, 15.0) == (text if shorter is None else shorter)


def test_a_factor_of_one_leaves_the_text_alone() -> None:
    assert compressed("rate(x[5m])", 1.0) == "rate(x[5m])"


def test_a_compressed_expression_of_compressed_samples_has_the_same_value() -> None:
    """Ten times faster samples, ten times shorter windows: the same restarts, ratios, levels."""
    base = generate.scenario(4, 1)
    slow = fill(Scenario(10_000, base.series, []))
    fast = fill(Scenario(1_000, base.series, []))
    for text in (
        "increase(c[5m])",
        "c - (c offset 10m or 0 * c)",
        "sum(rate(c[1m])) / sum(rate(c[1m] offset 2m))",
        "max_over_time(increase(c[1m])[5m:30s])",
        "predict_linear(g[5m], 600)",
        "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
    ):
        for at in range(200_000, 1_400_000, 130_000):
            long = compile_expression(text).evaluate(Moment(slow, at))
            short = compile_expression(compressed(text, 10.0)).evaluate(
                Moment(fast, at // 10, lookback_ms=30_000)
            )
            assert dict(short) == pytest.approx(dict(long), nan_ok=True), text


@settings(deadline=None)  # the machine is shared
@given(st.text(alphabet="[]offset 5m{}\"'`#()x,:-1shpredict_linear\n", max_size=40))
def test_whatever_can_be_parsed_can_still_be_parsed_when_compressed(text: str) -> None:
    try:
        compile_expression(text)
    except ValueError:
        return
    compile_expression(compressed(text, 7.5))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0), ("0s", 0.0), ("5m", 300.0), ("1h30m", 5400.0), ("1w2d", 777_600.0),
        ("1y", 31_536_000.0), ("1m500ms", 60.5), ("", None), ("5", None), ("5m1h", None),
        ("1.5m", None), ("-5m", None), ("5 m", None),
    ],
)  # fmt: skip
def test_durations_are_read_as_prometheus_reads_them(text: str, value: float | None) -> None:
    assert seconds(text) == value
