"""The loop: scrape, evaluate, report."""

import threading
from pathlib import Path

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.detection import AlertStatus, Detector, Labels, ScrapeTarget
from rundrill.detection.detector import LOOKBACK_S
from rundrill.detection.rules import parse_rules
from rundrill.errors import RulesError
from tests.unit.detection.fakes import FakeClock, Watched

RULES = """
groups:
  - name: g
    rules:
      - record: job:x:sum
        expr: sum by (job) (x)
      - alert: High
        expr: job:x:sum > 10
        for: 30s
        labels: {severity: critical}
"""


class Source:
    """A target whose answer a test sets."""

    def __init__(self, text: str, job: str = "app", instance: str = "1") -> None:
        self.text: str | Exception = text
        self.target = ScrapeTarget(job, instance, self.fetch, {"namespace": "production"})

    def fetch(self) -> str:
        if isinstance(self.text, Exception):
            raise self.text
        return self.text


def test_a_rule_goes_from_pending_to_firing_to_inactive_and_each_is_told_once() -> None:
    source = Source("x 20\n")
    watched = Watched(RULES, lambda: [source.target], compression=10)
    for _ in range(6):
        watched.step()
    source.text = "x 1\n"
    for _ in range(3):
        watched.step()
    assert watched.told() == [
        (1000.0, "High", "pending"),
        (1003.0, "High", "firing"),
        (1006.0, "High", "inactive"),
    ]
    fired = watched.changes[1]
    assert fired.labels == {"alertname": "High", "job": "app", "severity": "critical"}
    assert fired.value == 20
    assert watched.changes[2].value is None
    assert watched.detector.evaluations == 9


def test_every_evaluation_tells_the_states_of_all_series() -> None:
    source = Source("x 20\n")
    told: list[tuple[float, list[str]]] = []
    clock = FakeClock()
    detector = Detector(
        parse_rules(RULES, "alerts.yml"),
        lambda: [source.target],
        clock=clock,
        compression=10,
        on_change=lambda _change: None,
        on_scrape_failure=lambda _failure: None,
        on_evaluation=lambda states, at: told.append(
            (at, [str(series.status) for series in states["High"].series])
        ),
    )
    for _ in range(4):
        detector.step(clock.at)
        clock.at += 1.0
    source.text = "x 1\n"
    detector.step(clock.at)
    pending = [(1000.0 + second, ["pending"]) for second in range(3)]
    assert told == [*pending, (1003.0, ["firing"]), (1004.0, [])]


def test_targets_give_their_labels_and_their_health_as_up() -> None:
    source, broken = Source('x{namespace="mine"} 1\n'), Source("", job="down")
    broken.text = OSError("connection refused")
    watched = Watched(RULES, lambda: [source.target, broken.target])
    watched.step()
    assert watched.detector.query("x") == [
        (
            Labels(
                {
                    "__name__": "x",
                    "job": "app",
                    "instance": "1",
                    "namespace": "production",
                    "exported_namespace": "mine",
                }
            ),
            1.0,
        )
    ]
    assert {labels["job"]: value for labels, value in watched.detector.query("up")} == {
        "app": 1.0,
        "down": 0.0,
    }


def test_a_failure_is_told_once_when_it_begins_and_ends_the_series_at_once() -> None:
    source = Source("x 20\n")
    watched = Watched(RULES, lambda: [source.target])
    watched.step()
    source.text = RuntimeError("HTTP 500")
    for _ in range(3):
        watched.step()
    assert [(f.at, f.job, f.instance, f.error) for f in watched.failures] == [
        (1001.0, "app", "1", "RuntimeError: HTTP 500")
    ]
    assert watched.detector.query("x") == []
    source.text = "x 5\n"
    watched.step()
    source.text = "x\n"
    watched.step()
    assert len(watched.failures) == 2
    assert "line 1" in watched.failures[1].error


def test_an_answer_with_a_series_twice_is_refused_whole() -> None:
    source = Source('x{a="1",b="2"} 1\nx{b="2",a="1"} 2\n')
    watched = Watched(RULES, lambda: [source.target])
    watched.step()
    assert "is there twice" in watched.failures[0].error
    assert watched.detector.query("x") == []


def test_lines_that_do_not_come_back_are_forgotten() -> None:
    source = Source("".join(f'x{{n="{n}"}} 1\n' for n in range(1100)))
    watched = Watched(RULES, lambda: [source.target])
    watched.step()
    source.text = "x 1\n"
    watched.step()
    assert len(watched.detector._ingester._known["app", "1"].lines) == 1


def test_a_recording_that_another_rule_or_a_scrape_also_gives_is_an_error() -> None:
    rules = """
groups:
  - name: g
    rules:
      - {record: r, expr: sum(x), labels: {a: b}}
      - {record: r, expr: 'label_replace(sum(x), "a", "b", "", "")'}
"""
    watched = Watched(rules, lambda: [Source("x 1\n").target])
    watched.step()
    assert "recorded by another rule" in watched.detector.rule_errors()["r"]


def test_a_series_that_disappears_from_an_answer_and_a_target_that_goes_end_at_once() -> None:
    source = Source("x 1\ny 2\n")
    targets = [source.target]
    watched = Watched(RULES, lambda: targets)
    watched.step()
    source.text = "x 1\n"
    watched.step()
    assert watched.detector.query("y") == []
    assert watched.detector.query("x")
    targets.clear()
    watched.step()
    assert watched.detector.query("x") == []
    assert watched.detector.query("up") == []
    assert watched.detector.query("count_over_time(x[1m])")[0][1] == 2


def test_a_sample_with_a_time_of_its_own_stays_for_the_lookback_when_it_is_missed_once() -> None:
    """As in Prometheus, and cAdvisor gives all of its samples one."""
    source = Source("x 1\ny 2 1700000000000\n")
    watched = Watched(RULES, lambda: [source.target])
    watched.step()
    source.text = "x 1\n"
    watched.step()
    assert [value for _, value in watched.detector.query("y")] == [2]
    for _ in range(int(LOOKBACK_S) + 1):
        watched.step()
    assert watched.detector.query("y") == []
    assert watched.detector.query("x")


def test_a_target_with_other_labels_is_another_one() -> None:
    first = Source("x 1\n")
    second = ScrapeTarget("app", "1", first.fetch, {"namespace": "other"})
    targets = [first.target]
    watched = Watched(RULES, lambda: targets)
    watched.step()
    targets[:] = [second]
    watched.step()
    assert [labels["namespace"] for labels, _ in watched.detector.query("x")] == ["other"]


def test_a_hanging_target_delays_nobody_and_is_not_asked_twice_at_once() -> None:
    release, asked = threading.Event(), []

    def hang() -> str:
        asked.append(1)
        release.wait(30)
        return "x 99\n"

    good = Source("x 1\n")
    hanging = ScrapeTarget("slow", "2", hang)
    watched = Watched(RULES, lambda: [hanging, good.target], scrape_timeout_s=0.05)
    watched.step()
    watched.step()
    assert len(asked) == 1
    assert [labels["job"] for labels, _ in watched.detector.query("x")] == ["app"]
    assert [f.error for f in watched.failures] == ["TimeoutError: no answer within 0.05 s"]
    release.set()
    for thread in threading.enumerate():
        if thread.name == "scrape slow 2":
            thread.join()
    watched.detector._scraper._timeout_s = 5
    watched.step()
    assert len(watched.detector.query("x")) == 2


def test_no_data_is_an_empty_answer_and_its_metric_is_unseen() -> None:
    rules = """
groups:
  - name: g
    rules:
      - record: r:z
        expr: sum(z) / sum(x)
      - alert: A
        expr: r:z > 1 or absent(nothing)
"""
    source = Source("x 1\n")
    watched = Watched(rules, lambda: [source.target])
    assert watched.detector.query("x") == []
    assert watched.detector.last_evaluation is None
    watched.step()
    assert watched.detector.query("z") == []
    assert watched.detector.unseen_metrics("A") == {"z"}
    assert watched.detector.alerts()["A"].status is AlertStatus.FIRING
    assert watched.detector.last_evaluation == 1000.0


def test_durations_of_rules_and_queries_are_compressed_and_told() -> None:
    source = Source("x 1\n")
    watched = Watched(
        RULES.replace("job:x:sum > 10", "sum_over_time(x[5m]) > 1000"),
        lambda: [source.target],
        compression=15,
    )
    for _ in range(40):
        watched.step()
    assert watched.detector.query("count_over_time(x[5m])")[0][1] == 20
    assert watched.detector.evaluated_rules() == {"High": "sum_over_time(x[20s]) > 1000 for 2s"}
    # The look-back is 20 s, too.
    watched.detector._ingester.keep_only([], 0)


def test_a_range_that_compression_makes_too_short_is_refused_with_its_line() -> None:
    rules = RULES.replace("sum by (job) (x)", "rate(x[30s])")
    with pytest.raises(RulesError, match=r"alerts.yml:5: a range of 2 s .*too few scrapes") as told:
        Watched(rules, list, compression=15)
    assert told.value.fix == "lower the compression, or use a longer range"


def test_a_query_that_cannot_be_read_or_answered_says_so() -> None:
    source = Source('x{a="1"} 1\nx{a="2"} 1\n')
    watched = Watched(RULES, lambda: [source.target])
    watched.step()
    with pytest.raises(RulesError, match="unclosed left parenthesis, in: sum"):
        watched.detector.query("sum(x")
    with pytest.raises(RulesError, match="many-to-many"):
        watched.detector.query("x / on () x")
    assert watched.detector.query("1 + 1") == [(Labels(), 2.0)]


def test_a_rule_that_fails_at_evaluation_keeps_its_state_and_names_the_reason() -> None:
    rules = """
groups:
  - name: g
    rules:
      - record: r
        expr: x / on () x
      - alert: A
        expr: x > on () (x * 0)
      - alert: B
        expr: label_replace(x, "__name__", "", "", "") > 0
        labels: {a: same}
"""
    source = Source("x 1\n")
    watched = Watched(rules, lambda: [source.target])
    watched.step()
    assert watched.detector.rule_errors() == {}
    source.text = 'x{a="1"} 1\nx{a="2"} 1\n'
    watched.step()
    errors = watched.detector.rule_errors()
    assert set(errors) == {"r", "A", "B"}
    assert "many-to-many" in errors["A"]
    assert "same labelset" in errors["B"]
    assert watched.detector.query("r") == []
    assert watched.detector.alerts()["A"].status is AlertStatus.FIRING


def test_a_recording_that_makes_two_series_one_is_an_error() -> None:
    rules = """
groups:
  - name: g
    rules:
      - record: r
        expr: x
        labels: {a: same}
"""
    watched = Watched(rules, lambda: [Source('x{a="1"} 1\nx{a="2"} 1\n').target])
    watched.step()
    assert "same labelset" in watched.detector.rule_errors()["r"]


def test_a_group_keeps_its_own_interval() -> None:
    rules = RULES.replace("name: g", "name: g\n    interval: 30s")
    source = Source("x 20\n")
    watched = Watched(rules, lambda: [source.target], compression=10)
    for _ in range(7):
        watched.step()
    assert watched.told() == [(1000.0, "High", "pending"), (1003.0, "High", "firing")]


def test_two_targets_with_the_same_name_are_a_mistake() -> None:
    source = Source("x 1\n")
    watched = Watched(RULES, lambda: [source.target, source.target])
    with pytest.raises(ValueError, match="same job and instance"):
        watched.step()


def test_memory_is_bounded_by_the_longest_range() -> None:
    count = [0]

    def fetch() -> str:
        count[0] += 1
        return f'x 1\nchurn{{n="{count[0]}"}} 1\n'

    watched = Watched(RULES, lambda: [ScrapeTarget("app", "1", fetch)], compression=100)
    for _ in range(600):
        watched.step()
    store = watched.detector._store
    # Retention: 3 s of look-back and 10 s of margin, trimmed in batches.
    assert len(store) < 13 + 16 + 5
    assert store.samples < 200
    assert len(watched.detector._ingester._known["app", "1"].lines) < 1100


def test_the_thread_steps_until_it_is_stopped(tmp_path: Path) -> None:
    source, reached = Source("x 20\n"), threading.Event()
    detector = Detector(
        parse_rules(RULES.replace("for: 30s", "for: 0s"), "alerts.yml"),
        lambda: [source.target],
        clock=MonotonicClock(),
        interval_s=0.01,
        on_change=lambda _: reached.set(),
        on_scrape_failure=lambda _: None,
        scrape_timeout_s=5,
    )
    detector.start()
    assert reached.wait(10)
    with pytest.raises(RuntimeError, match="started before"):
        detector.start()
    detector.stop()
    assert detector.failure is None
    rounds = detector.evaluations
    assert rounds >= 1
    detector.stop()
    assert detector.evaluations == rounds


def test_a_crash_of_the_thread_is_seen() -> None:
    def broken() -> list[ScrapeTarget]:
        raise LookupError("no cluster")

    detector = Detector(
        parse_rules(RULES, "alerts.yml"),
        broken,
        clock=MonotonicClock(),
        on_change=lambda _: None,
        on_scrape_failure=lambda _: None,
    )
    detector.stop()
    detector._stopping.clear()
    detector.start()
    detector._thread.join(10)
    assert isinstance(detector.failure, LookupError)
    detector.stop()


def test_time_and_timestamps_can_be_told_as_unix_time() -> None:
    source = Source("x 1\n")
    watched = Watched(RULES, lambda: [source.target])
    watched.detector._wall_offset_s = 1_700_000_000.0
    watched.step()
    assert watched.detector.query("time()")[0][1] == 1_700_001_000
    assert watched.detector.query("timestamp(x)")[0][1] == 1_700_001_000
