"""Rules files: what is read, and what is refused with which line."""

from pathlib import Path

import pytest

from rundrill.detection.promql import Dialect
from rundrill.detection.rules import AlertRule, RecordingRule, load_rules, parse_rules
from rundrill.errors import RulesError

GOOD = """\
groups:
- name: g
  interval: 15s
  rules:
  - record: job:x:rate5m
    expr: sum by (job) (rate(x[5m]))
    labels: {team: payments}
  - alert: High
    expr: |
      job:x:rate5m > 1
      or absent(y)
    for: 1m
    keep_firing_for: 30s
    labels:
      severity: critical
    annotations:
      summary: "{{ $value }} is high"
- name: empty
  rules:
"""


def test_a_rules_file_is_read_whole() -> None:
    rules = parse_rules(GOOD, "alerts.yml")
    recording, alert = rules.groups[0].rules
    assert isinstance(recording, RecordingRule)
    assert isinstance(alert, AlertRule)
    assert (recording.record, recording.labels, recording.line) == (
        "job:x:rate5m",
        {"team": "payments"},
        5,
    )
    assert alert.expr == "job:x:rate5m > 1\n      or absent(y)".replace("      ", "")
    assert (alert.for_s, alert.keep_firing_for_s, alert.line) == (60, 30, 8)
    assert alert.labels == {"severity": "critical"}
    assert alert.annotations == {"summary": "{{ $value }} is high"}
    assert alert.metrics == {"x"}
    assert rules.groups[0].interval_s == 15
    assert rules.groups[1].rules == ()
    assert list(rules.alerts) == ["High"]
    assert rules.dialect is Dialect.PROMETHEUS_3


def rule(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return "groups:\n- name: g\n  rules:\n  -" + lines[3:]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", None, "the file is empty"),
        ("groups: [", 1, "not YAML"),
        ("a:\n b\n  : c: d", 3, "not YAML"),
        ("- a", 1, "not a mapping"),
        ("rules: []", 1, "unknown key 'rules'"),
        ("{}", 1, "no `groups`"),
        ("groups: 5", 1, "not a list"),
        ("groups:\n- rules: []", 2, "a group without `name`"),
        ("groups:\n- name: g\n- name: g", 3, "group 'g' is there twice"),
        ("groups:\n- name: g\n  limit: 3", 3, "unknown key 'limit'"),
        ("groups:\n- name: g\n  query_offset: 3s", 3, "unknown key 'query_offset'"),
        ("groups:\n- name: g\n  labels: {a: b}", 3, "unknown key 'labels'"),
        ("groups:\n- name: g\n  name: h", 3, "key 'name' is there twice"),
        ("groups:\n- name: g\n  interval: often", 3, "not a duration: 'often'"),
        (rule("expr: 1"), 4, "either `alert` or `record`"),
        (rule("alert: A\nrecord: b\nexpr: x"), 4, "either `alert` or `record`"),
        (rule("alert: A"), 4, "a rule without `expr`"),
        (rule("alert: A\nexpr:"), 5, "not a text"),
        (rule("alert: A\nexpr: [x]"), 5, "not a text"),
        (rule("alert: A\nexpr: x >"), 5, "in: x >"),
        (rule("alert: A\nfor: 1m\nexpr: |\n  x >\n  (3"), 7, "in: x > (3"),
        (rule("alert: A\nexpr: x\nfor: 5x"), 6, "not a duration: '5x'"),
        (rule("alert: A\nexpr: x\nkeep_firing_for: -1m"), 6, "not a duration"),
        (rule("alert: A\nexpr: x\nlabels: {a-b: c}"), 6, "not a label name: 'a-b'"),
        (rule("alert: A\nexpr: x\nlabels: {__name__: c}"), 6, "not a label name"),
        (rule("alert: A\nexpr: x\nlabels: {a: [c]}"), 6, "label 'a' is not a text"),
        (rule('alert: A\nexpr: x\nlabels: {a: "{{ $value }}"}'), 6, "label 'a' is a template"),
        (rule("record: a-b\nexpr: x"), 4, "not a metric name: 'a-b'"),
        (rule("record: a\nexpr: x\nfor: 1m"), 6, "unknown key 'for'"),
        (rule("alert: A\nexpr: x") + "  - alert: A\n    expr: y", 6, "alert 'A' is there twice"),
        (
            rule("record: r\nexpr: x") + "  - record: r\n    expr: y",
            6,
            "'r' is recorded twice with the same labels",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_how_to_mend_it(
    text: str, line: int | None, problem: str
) -> None:
    with pytest.raises(RulesError) as told:
        parse_rules(text, "alerts.yml")
    assert told.value.line == line
    assert problem in told.value.problem
    assert told.value.fix
    assert str(told.value).startswith("alerts.yml:")


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("limitk(2, x)", "limitk is not supported"),
        ("limit_ratio(0.5, x)", "limit_ratio is not supported"),
        ("rate(x[5m] smoothed)", "`smoothed` is not supported"),
        ("increase(x[5m] anchored) > 3", "`anchored` is not supported"),
        ("x </ 5", "`</` is not supported"),
        ("{{schema:0 sum:1}}", "unexpected left brace"),
        ("x @ 1700000000.5", "`@` with a fixed time"),
        ("rate(x[5m:1m] @ 1700000000)", "`@` with a fixed time"),
        ("x * on (a) group_left () fill_right(1) y", "fill() is not supported"),
        ("holt_winters(x[5m], 0.1, 0.2)", "unknown function with name 'holt_winters'"),
        ("nosuch(x)", "unknown function with name 'nosuch'"),
        ("max_of(1, 2)", "not supported here: max_of(1, 2)"),
        ("min_of(1, 2)", "not supported here: min_of(1, 2)"),
        ("start()", "not supported here: start()"),
        ("end()", "not supported here: end()"),
        ("range()", "not supported here: range()"),
        ("x{a='1' or b='2'}", "`or` between label matchers"),
        ("x @ 1700000000", "`@` with a fixed time"),
        ("x + fill(0) y", "fill() is not supported"),
        ('x{a=~"[[:alpha:]]+"}', "is not supported"),
        ('x{a=~"\\\\pL+"}', "is not supported"),
        ('count_values("a-b", x)', "invalid label name 'a-b' in count_values"),
        ('label_replace(x, "a-b", "", "c", "d")', "invalid label name 'a-b' in label_replace"),
        ('label_replace(x, "a", "", "c", "(")', "regular expression '('"),
        ('label_join(x, "a", ",", "c-d")', "invalid label name 'c-d' in label_join"),
        ("x[5m]", "not supported here: x[5m]"),
        ('"text"', 'not supported here: "text"'),
        ("step()", "not supported here: step()"),
        ("x / 0 > step()", "not supported here: step()"),
        ('sum(x) > vector("a")', "expected type scalar"),
    ],
)
def test_what_the_evaluator_cannot_do_is_refused_with_the_expression(
    expr: str, problem: str
) -> None:
    with pytest.raises(RulesError) as told:
        parse_rules(rule(f"alert: A\nexpr: |\n  {expr}"), "alerts.yml")
    assert problem in told.value.problem
    assert told.value.line == 6
    assert told.value.problem.endswith(f"in: {expr}")


# Of native histograms, or experimental; whatever the parser learns to read later is refused, too.
REFUSED = (
    "histogram_avg(x)", "histogram_count(x)", "histogram_sum(x)", "histogram_stddev(x)",
    "histogram_stdvar(x)", "histogram_fraction(0, 1, x)", 'histogram_quantiles(x, "q", 0.5)',
    "info(x)", 'sort_by_label(x, "a")', 'sort_by_label_desc(x, "a")', "first_over_time(x[5m])",
    "double_exponential_smoothing(x[5m], 0.1, 0.2)", "mad_over_time(x[5m])",
    "ts_of_max_over_time(x[5m])", "ts_of_min_over_time(x[5m])", "ts_of_first_over_time(x[5m])",
    "ts_of_last_over_time(x[5m])",
)  # fmt: skip
NEEDED = (
    "rate(x[5m])", "irate(x[5m])", "increase(x[5m])", "delta(x[5m])", "idelta(x[5m])",
    "deriv(x[5m])", "predict_linear(x[5m], 60)", "resets(x[5m])", "changes(x[5m])",
    *(f"{name}_over_time(x[5m])" for name in (
        "sum", "avg", "min", "max", "count", "last", "present", "stddev", "stdvar", "absent",
    )),
    "quantile_over_time(0.5, x[5m])", "absent(x)", "histogram_quantile(0.9, x)",
    "clamp(x, 0, 1)", "clamp_min(x, 0)", "clamp_max(x, 1)", "abs(x)", "ceil(x)", "floor(x)",
    "round(x)", "round(x, 5)", "exp(x)", "ln(x)", "log2(x)", "log10(x)", "sqrt(x)", "sgn(x)",
    "vector(time())", "timestamp(x)", "minute()", "hour(x)", "day_of_week()", "day_of_month()",
    "day_of_year()", "days_in_month()", "month()", "year()", "vector(scalar(x))",
    'label_replace(x, "a", "$1", "b", "(.*)")', 'label_join(x, "a", "-", "b", "c")', "sort(x)",
    "sort_desc(x)", "topk(3, x)", "bottomk by (a) (3, x)", "quantile(0.5, x)",
    'count_values("v", x)', "sum(x)", "avg(x)", "min(x)", "max(x)", "count(x)", "group(x)",
    "stddev(x)", "stdvar(x)", "x offset 5m", "x @ start()", "x @ end()", "rate(x[5m:1m])",
)  # fmt: skip


@pytest.mark.parametrize("expr", REFUSED)
def test_a_function_of_native_histograms_or_an_experimental_one_is_refused(expr: str) -> None:
    with pytest.raises(RulesError) as told:
        parse_rules(rule(f"record: a\nexpr: |\n  {expr}"), "alerts.yml")
    name = expr.partition("(")[0]
    assert told.value.problem == f"function {name}() is not supported, in: {expr}"
    assert told.value.line == 6


@pytest.mark.parametrize("expr", NEEDED)
def test_what_alerting_rules_use_is_accepted(expr: str) -> None:
    assert parse_rules(rule(f"alert: A\nexpr: {expr!r}"), "alerts.yml").alerts


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"cannot be read: No such file") as told:
        load_rules(tmp_path / "nothing.yml")
    assert told.value.path == tmp_path / "nothing.yml"
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulesError, match="not UTF-8"):
        load_rules(tmp_path / "binary.yml")
