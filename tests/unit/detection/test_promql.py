"""Corners of the evaluator that random series seldom reach, each as Prometheus has it."""

import math
from pathlib import Path

import pytest

from rundrill.detection.labels import Labels
from rundrill.detection.promql import (
    Dialect,
    EvaluationError,
    Moment,
    UnsupportedError,
    compile_expression,
    numbers,
)
from rundrill.detection.promql.histogram import bucket_quantile
from rundrill.detection.promql.regex import compile_regex
from rundrill.detection.promql.values import Projection
from tests.unit.detection.corners import CORNERS, SERIES
from tests.unit.detection.promtool import (
    Scenario,
    ask_promtool,
    differences,
    fill,
    needs_promtool,
)

INF, NAN = math.inf, math.nan


@needs_promtool
def test_corners_are_as_prometheus_has_them(tmp_path: Path) -> None:
    wrong = differences(CORNERS, ask_promtool([CORNERS], tmp_path)[0])
    assert not wrong, "\n".join(wrong)


def evaluate(expr: str, dialect: Dialect = Dialect.PROMETHEUS_3, at: int = 43_000):
    store = fill(Scenario(10_000, SERIES, []))
    return dict(compile_expression(expr, dialect).evaluate(Moment(store, at, dialect=dialect)))


def test_prometheus_3_differs_from_2_where_it_says_so() -> None:
    two, three = Dialect.PROMETHEUS_2, Dialect.PROMETHEUS_3
    assert "__name__" in next(iter(evaluate("x atan2 1", two)))
    assert "__name__" not in next(iter(evaluate("x atan2 1", three)))
    assert evaluate('stddev(far{p="a"})', two) == {Labels(): 0.0}
    assert math.isnan(evaluate('stddev(far{p="a"})', three)[Labels()])
    dot = 'label_replace(vector(1), "a", "b\\n", "", "") '
    replaced = f'label_replace({dot}, "c", "found", "a", "b.")'
    assert "c" not in next(iter(evaluate(replaced, two)))
    assert next(iter(evaluate(replaced, three)))["c"] == "found"


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("x + on () x", "on the right hand-side .* many-to-many matching not allowed"),
        ("x * on () group_right () x", "on the left hand-side"),
        ("x * on () (x > 50 or vector(1))", "found duplicate|many-to-one"),
        ("x * on () vector(1)", "many-to-one matching must be explicit"),
        ("{p='a',__name__=~'x|zero'} * on () group_left () vector(1)", "must ensure unique"),
        ("abs({__name__=~'x|zero'})", "same labelset"),
        ("rate({__name__=~'x|zero'}[1m])", "same labelset"),
        ("topk(NaN, x)", "overflows int64"),
    ],
)
def test_data_that_allow_no_answer_are_an_error(expr: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        evaluate(expr)


@pytest.mark.parametrize(
    "pattern",
    ["\\\\pL", "a++", "[[:alpha:]]", "(?U)a", "\\\\Qa", "\\\\zb", "[a||b]", "\\\\d\\\\x{41}"],
)
def test_a_pattern_that_the_two_engines_read_differently_is_refused(pattern: str) -> None:
    with pytest.raises(UnsupportedError, match=r"regular expression|illegal regex"):
        compile_expression(f'x{{p=~"{pattern}"}}')


def test_a_pattern_in_ascii_classes_is_ascii_as_in_prometheus() -> None:
    assert compile_expression('x{p=~"\\\\w+\\\\.\\\\d"}')
    assert compile_regex("\\w", Dialect.PROMETHEUS_3).fullmatch("é") is None


def test_numbers_never_raise() -> None:
    assert numbers.total([1e308, 1e308]) == INF
    assert numbers.mean([1e308, 1e308]) == 1e308
    assert math.isnan(numbers.total([INF, -INF]))
    assert numbers.power(-10.0, 309.0) == -INF
    assert numbers.power(-10.0, 310.0) == INF
    assert numbers.power(-0.0, -1.0) == -INF
    assert numbers.power(-0.0, -2.0) == INF
    assert math.isnan(numbers.power(-8.0, 0.5))
    assert math.isnan(numbers.quantile(0.5, []))
    assert numbers.parse("1_0") is None
    assert numbers.parse("") is None
    assert numbers.parse("many") is None
    assert numbers.parse("+Inf") == INF
    assert numbers.text_of(1e21) == "1000000000000000000000"
    assert numbers.text_of(1.5e-7) == "0.00000015"
    assert bucket_quantile(0.5, [(1, NAN), (INF, NAN)]) != 0


def test_calendars_have_no_answer_beyond_their_years() -> None:
    for far in ("Inf", "NaN", "1e18", "-1e18"):
        assert math.isnan(evaluate(f"year(vector({far}))")[Labels()])


def test_a_subquery_without_a_step_takes_the_interval_of_the_rules() -> None:
    store = fill(Scenario(10_000, SERIES, []))
    expression = compile_expression('count_over_time(x{p="a"}[20s:])')
    assert expression.evaluate(Moment(store, 40_000, step_ms=5_000))[0][1] == 4


def test_how_far_back_an_expression_looks() -> None:
    for expr, seconds in (
        ("x", 300),
        ("rate(x[5m])", 300),
        ("rate(x[5m] offset 10m)", 900),
        ("x - x offset 1h", 3900),
        ("max_over_time(rate(x[5m])[1h:1m] offset 1m)", 3960),
        ("topk(scalar(y offset 1h), x)", 3900),
        ("1 + 2", 0),
    ):
        assert compile_expression(expr).reach_ms(300_000) == seconds * 1000, expr


def test_which_metrics_an_expression_needs() -> None:
    for expr, names in (
        ("rate(x[5m]) / on () sum(y)", {"x", "y"}),
        ('{__name__="x"} or {__name__=~"y"}', {"x"}),
        ("absent(x) or absent_over_time(y[5m]) or z", {"z"}),
        ("max_over_time((-x)[5m:])", {"x"}),
        ("quantile(scalar(q), (x))", {"q", "x"}),
    ):
        assert compile_expression(expr).metrics == names, expr
    assert compile_expression("absent(x)").all_metrics == {"x"}


def test_a_projection_remembers_the_labels_of_the_last_evaluations_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Labels] = []
    only = Labels.only
    monkeypatch.setattr(Labels, "only", lambda self, names: made.append(self) or only(self, names))
    nothing = Projection((), keep=True)  # every answer is empty, and still an answer
    lasting = [Labels({"p": str(number)}) for number in range(2000)]
    for number in range(100):
        nothing.begin()
        assert all(nothing(labels) == {} for labels in (*lasting, Labels({"q": str(number)})))
    assert len(made) == 2000 + 100
    assert len({*nothing._answers, *nothing._older}) <= 2000 + 2 * nothing._TURNS
