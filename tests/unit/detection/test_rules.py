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
        ("histogram_avg(x)", "function histogram_avg() is not supported"),
        ("mad_over_time(x[5m])", "function mad_over_time() is not supported"),
        ("limitk(2, x)", "limitk is not supported"),
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


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"cannot be read: No such file") as told:
        load_rules(tmp_path / "nothing.yml")
    assert told.value.path == tmp_path / "nothing.yml"
    (tmp_path / "binary.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulesError, match="not UTF-8"):
        load_rules(tmp_path / "binary.yml")
