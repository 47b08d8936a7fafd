import pytest

from rundrill.claims import Threshold
from rundrill.runbook import parse
from rundrill.runbook.durations import duration_of
from rundrill.runbook.markdown import MAX_TEXT
from rundrill.runbook.quantities import comparisons


def read_thresholds(text: str, heading: str = "Alerts") -> list[Threshold]:
    runbook = parse(f"# A\n\n## {heading}\n\n- {text}\n", "runbook.md")
    return [threshold for _, threshold in runbook.having(Threshold)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15 minutes", 900.0),
        ("within 2h", 7200.0),
        ("500ms", 0.5),
        ("1.5 s", 1.5),
        ("3-day", 259200.0),
        ("1 week", 604800.0),
        ("1,200 secs", 1200.0),
        ("10 milliseconds", 0.01),
        ("next business day", None),
        ("5 mice", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "subject", "comparator", "value", "unit", "window_s"),
    [
        ("Error Rate: Should be <1%", "error rate", "<", 0.01, "ratio", None),
        ("High error rates (>5%)", "error rate", ">", 0.05, "ratio", None),
        ("Slow response times (>3s)", "response time", ">", 3.0, "s", None),
        ("p95 above 2 s", "response time", ">", 2.0, "s", None),
        ("latency ≥ 250 ms over the last 5 minutes", "response time", ">=", 0.25, "s", 300.0),
        ("restarts >3 in 10 minutes", "restart count", ">", 3.0, "count", 600.0),
        ("more than 3 restarts per hour", "restart count", ">", 3.0, "count", 3600.0),
        ("Throughput: baseline 50 rps", "throughput", "~", 3000.0, "req/min", None),
        ("Throughput ~1,000 requests per minute", "throughput", "~", 1000.0, "req/min", None),
        ("traffic of about 2k req/s", "traffic", "~", 120000.0, "req/min", None),
        ("Memory at 90% or more", "memory usage", ">=", 0.9, "ratio", None),
        ("CPU 50 percent or less", "cpu usage", "<=", 0.5, "ratio", None),
        ("replicas = 3", "replicas", "==", 3.0, "count", None),
        ("5+ timeouts", "timeouts", ">=", 5.0, "count", None),
        ("Payment success rate <95% for 5m", "success rate", "<", 0.95, "ratio", 300.0),
        ("no more than 2 restarts within a day", "restart count", "<=", 2.0, "count", 86400.0),
        ("queue age exceeds 30 seconds", "queue age", ">", 30.0, "s", None),
        ("5xx at least 2% (in 1 hour)", "error rate", ">=", 0.02, "ratio", 3600.0),
    ],
)
def test_thresholds(
    text: str, subject: str, comparator: str, value: float, unit: str, window_s: float | None
) -> None:
    (read,) = read_thresholds(text)
    assert (read.line, read.section, read.text) == (5, "Alerts", text)
    assert (read.metric, read.comparator, read.value, read.unit, read.window_s) == (
        subject,
        comparator,
        value,
        unit,
        window_s,
    )


@pytest.mark.parametrize(
    "text",
    [
        "> 3x the usual",
        "version 1.2",
        "within 5 minutes",
        "a <b> c",
        "-> 5 km",
        "about the API",
    ],
)
def test_what_is_no_comparison(text: str) -> None:
    assert [one for one in comparisons(text) if one.unit != "count"] == []


def test_two_numbers_in_one_sentence_have_subjects_of_their_own() -> None:
    read = read_thresholds("error rate < 1% and latency < 500 ms")
    assert [(one.metric, one.value) for one in read] == [
        ("error rate", 0.01),
        ("response time", 0.5),
    ]


def test_a_window_is_not_a_second_threshold() -> None:
    assert len(comparisons("restarts > 3 over 10 minutes")) == 1


def test_a_very_long_line_is_prose() -> None:
    assert read_thresholds("x " * MAX_TEXT + "error rate < 1%") == []
