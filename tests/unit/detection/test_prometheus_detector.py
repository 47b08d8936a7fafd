"""The adapter to a Prometheus: what it makes of good answers, of bad ones, and of none."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rundrill.detection import AlertChange, AlertStatus, Detection, Detector, ScrapeFailure
from rundrill.detection.labels import Labels
from rundrill.detection.prometheus import PrometheusDetector, Running
from rundrill.detection.prometheus.api import Api, NoAnswerError
from rundrill.detection.prometheus.detector import GONE_S, _literally
from rundrill.detection.prometheus.sameness import require_same_rules
from rundrill.detection.rules import parse_rules
from rundrill.errors import DetectionError, RulesError
from tests.unit.detection.fakes import FakeClock
from tests.unit.detection.prometheus_api import FakePrometheus, serving

RULES = """
groups:
  - name: g
    rules:
      - record: app:x
        expr: sum(x)
      - alert: High
        expr: app:x > 10
        for: 30s
      - alert: Gone
        expr: absent(y)
"""


class Adapter:
    """A detector that looks when told, at a Prometheus that has our rules, divided by 10."""

    def __init__(self, url: str, fake: FakePrometheus) -> None:
        self.fake = fake
        self.recording = fake.rule("app:x", "sum(x)", type="recording")
        self.high = fake.rule("High", "app:x > 10", duration=3)
        self.gone = fake.rule("Gone", "absent(y)")
        self.changes: list[AlertChange] = []
        self.failures: list[ScrapeFailure] = []
        self.url = url
        self.source = Running(url, jobs=frozenset({"app"}))
        self.detector = PrometheusDetector(
            parse_rules(RULES, "alerts.yml"),
            self.source,
            clock=fake.clock,
            every_s=0.01,
            compression=10,
            on_change=self.changes.append,
            on_scrape_failure=self.failures.append,
        )

    def connect(self) -> None:
        self.detector.connect(self.source.open())

    def look(self, seconds: float = 1.0, *, evaluated: bool = True) -> None:
        """A second later."""
        self.fake.clock.at += seconds
        if evaluated:
            for rule in self.fake.rules:
                rule["lastEvaluation"] = self.fake.clock.at
        self.detector.look()

    def told(self) -> list[tuple[float, str, str]]:
        return [(round(c.at, 3), c.alert, str(c.state)) for c in self.changes]


@pytest.fixture
def fake() -> FakePrometheus:
    return FakePrometheus(FakeClock())


@pytest.fixture
def adapter(fake: FakePrometheus) -> Iterator[Adapter]:
    with serving(fake) as url:
        made = Adapter(url, fake)
        yield made
        made.detector.stop()


def active(at: float, state: str = "pending", value: str = "2e+01") -> dict[str, Any]:
    return {
        "labels": {"alertname": "High", "pod": "p"}, "annotations": {}, "state": state,
        "activeAt": at, "value": value,
    }  # fmt: skip


def test_both_detectors_are_what_a_drill_asks_for(adapter: Adapter) -> None:
    def accept(_detection: Detection) -> None: ...

    accept(adapter.detector)
    embedded = Detector(
        parse_rules(RULES, "alerts.yml"),
        tuple,
        clock=FakeClock(),
        on_change=lambda _: None,
        on_scrape_failure=lambda _: None,
    )
    accept(embedded)
    assert adapter.detector.evaluated_rules() == {
        "High": "app:x > 10 for 3s",
        "Gone": "absent(y) for 0s",
    }
    assert (embedded.description, embedded.stale_after_s) == ("embedded (PromQL of 3)", 3.0)


def test_its_version_is_told_before_it_is_started_and_asked_for_once(adapter: Adapter) -> None:
    for _ in range(2):
        assert adapter.detector.description == f"Prometheus 2.42.0 at {adapter.url}"
    assert adapter.fake.asked == [("/api/v1/status/buildinfo", "")]


def test_a_version_that_nobody_tells_is_left_out_until_somebody_does(adapter: Adapter) -> None:
    adapter.fake.raw = (503, b"not ready")
    assert adapter.detector.description == f"Prometheus at {adapter.url}"
    adapter.fake.raw = None
    adapter.connect()
    assert adapter.detector.description == f"Prometheus 2.42.0 at {adapter.url}"


def test_times_are_those_of_the_evaluations_on_our_clock(adapter: Adapter) -> None:
    fake, high = adapter.fake, adapter.high
    adapter.connect()
    adapter.look()
    assert (adapter.told(), adapter.detector.last_evaluation) == ([], pytest.approx(1001.0))
    # Pending since 1001.4, firing since 1004.4; looked at late, at 1003 and at 1006.
    high["state"], high["alerts"] = "pending", [active(1001.4)]
    fake.alerts["High", "pending"] = [1001.4, 1002.4]
    adapter.look(2.0)
    assert adapter.told() == [(1001.4, "High", "pending")]
    high["state"], high["alerts"] = "firing", [active(1001.4, "firing")]
    fake.alerts["High", "pending"].append(1003.4)
    fake.alerts["High", "firing"] = [1004.4, 1005.4]
    adapter.look(3.0)
    assert adapter.told()[1:] == [(1004.4, "High", "firing")]
    assert adapter.changes[-1].labels == Labels({"alertname": "High", "pod": "p"})
    assert adapter.changes[-1].value == 20.0
    state = adapter.detector.alerts()["High"]
    assert (state.status, state.value) == (AlertStatus.FIRING, 20.0)
    assert state.since == pytest.approx(1004.4, abs=1e-3)
    assert state.series[0].active_since == pytest.approx(1001.4, abs=1e-3)
    high["state"], high["alerts"] = "inactive", []
    adapter.look(3.0)
    assert adapter.told()[2:] == [(1006.4, "High", "inactive")]
    assert adapter.detector.alerts()["High"].series == ()
    assert adapter.detector.evaluations == 4


def test_what_fired_before_the_start_is_told_as_of_the_start(adapter: Adapter) -> None:
    adapter.high.update(state="firing", alerts=[active(500.0, "firing")])
    adapter.fake.alerts["High", "firing"] = [998.5, 999.5, 1000.5]
    adapter.connect()
    adapter.look()
    assert adapter.told() == [(1000.5, "High", "firing")]


def test_an_alert_active_before_its_series_is_written_is_pending(adapter: Adapter) -> None:
    adapter.connect()
    adapter.high.update(state="pending", alerts=[active(1000.5)])
    adapter.gone.update(state="firing", alerts=[active(1000.5, "firing")])
    adapter.look()
    assert adapter.told() == [(1000.5, "High", "pending"), (1000.5, "Gone", "firing")]


def test_an_evaluation_newer_than_the_rules_answer_waits_for_the_next_look(
    adapter: Adapter,
) -> None:
    adapter.connect()
    adapter.fake.alerts["High", "pending"] = [1001.2]
    adapter.look()
    assert adapter.told() == []
    adapter.high.update(state="pending", alerts=[active(1001.2)])
    adapter.look()
    assert adapter.told() == [(1001.2, "High", "pending")]


def test_queries_are_compressed_and_answered_as_they_are(adapter: Adapter) -> None:
    assert adapter.detector.query("x") == []
    adapter.connect()
    adapter.fake.vector = [({"pod": "p"}, "1.5"), ({}, "+Inf")]
    found = adapter.detector.query("rate(x[5m])")
    assert found == [(Labels({"pod": "p"}), 1.5), (Labels(), float("inf"))]
    assert adapter.fake.asked[-1] == ("/api/v1/query", "rate(x[30s])")
    adapter.fake.refusal = "found duplicate series"
    with pytest.raises(RulesError, match="found duplicate series, in: x / y"):
        adapter.detector.query("x / y")


def test_metrics_are_unseen_until_prometheus_has_them(adapter: Adapter) -> None:
    assert adapter.detector.unseen_metrics("High") == {"x"}
    adapter.connect()
    assert adapter.detector.unseen_metrics("High") == {"x"}
    adapter.fake.raw = 502, b"Bad Gateway"
    assert adapter.detector.unseen_metrics("High") == {"x"}
    adapter.fake.raw = None
    adapter.fake.vector = [({"__name__": "x"}, "1")]
    assert adapter.detector.unseen_metrics("High") == frozenset()
    adapter.fake.vector = []
    assert adapter.detector.unseen_metrics("High") == frozenset()
    with pytest.raises(KeyError):
        adapter.detector.unseen_metrics("Nonsense")


def test_a_rule_that_fails_or_goes_away_is_an_error_and_not_silence(adapter: Adapter) -> None:
    adapter.connect()
    adapter.high.update(state="firing", alerts=[active(1000.5, "firing")])
    adapter.fake.alerts["High", "firing"] = [1000.5]
    adapter.look()
    assert adapter.detector.rule_errors() == {}
    adapter.high.update(health="err", lastError="many-to-many matching not allowed")
    adapter.look()
    assert adapter.detector.rule_errors() == {"High": "many-to-many matching not allowed"}
    evaluated = adapter.detector.last_evaluation
    adapter.fake.rules.remove(adapter.high)
    adapter.look()
    assert "is not in Prometheus any more" in adapter.detector.rule_errors()["High"]
    assert adapter.detector.alerts()["High"].status is AlertStatus.FIRING
    assert adapter.detector.last_evaluation == evaluated


def test_an_expression_changed_under_way_is_an_error(adapter: Adapter) -> None:
    adapter.connect()
    adapter.look()
    adapter.recording["query"] = "sum(z)"
    adapter.look()
    assert set(adapter.detector.rule_errors()) == {"app:x"}


def test_rules_that_are_no_longer_evaluated_grow_old(adapter: Adapter) -> None:
    adapter.connect()
    adapter.look()
    for _ in range(20):  # it answers, and does nothing else
        adapter.look(evaluated=False)
    assert adapter.detector.last_evaluation == pytest.approx(1001.0)
    adapter.look()
    adapter.gone["lastEvaluation"] = 1002.0  # one of two groups
    adapter.look(evaluated=False)
    assert adapter.detector.last_evaluation == pytest.approx(1002.0)


def test_before_the_first_evaluation_there_is_none(adapter: Adapter) -> None:
    adapter.connect()
    adapter.look()
    adapter.high["lastEvaluation"] = "0001-01-01T00:00:00Z"
    fresh = Adapter(adapter.url, adapter.fake)
    for rule in (fresh.recording, fresh.high, fresh.gone):
        adapter.fake.rules.remove(rule)
    fresh.connect()
    fresh.look(evaluated=False)
    assert fresh.detector.last_evaluation is None
    assert fresh.detector.evaluations == 0


def test_rules_evaluated_seldom_are_not_stale_between_two_evaluations(adapter: Adapter) -> None:
    adapter.connect()
    assert adapter.detector.stale_after_s == 3.0
    adapter.fake.interval_s = 15.0
    adapter.look()
    assert adapter.detector.stale_after_s == 31.0


def test_a_clock_that_is_set_under_way_ends_the_detection(adapter: Adapter) -> None:
    adapter.connect()
    adapter.look()
    adapter.high["lastEvaluation"] = 1100.0
    with pytest.raises(DetectionError, match="its clock was set during the drill"):
        adapter.look(evaluated=False)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ((200, b"<html><title>Welcome</title>"), "does not answer as a Prometheus does"),
        ((200, b'{"status":"success"}'), "does not answer as a Prometheus does"),
        ((200, b'{"status":"success","data":{"groups":7}}'), "not a list"),
        ((200, b"[]"), "does not answer as a Prometheus does"),
        ((502, b"<html>Bad Gateway"), "answers 502 Bad Gateway"),
        ((401, b""), "answers 401 Unauthorized"),
    ],
)
def test_nonsense_is_no_answer_at_the_start_or_later(
    adapter: Adapter, raw: tuple[int, bytes], why: str
) -> None:
    adapter.fake.raw = raw
    with pytest.raises(DetectionError) as refused:
        adapter.connect()
    assert refused.value.fix is not None
    adapter.fake.raw = None
    adapter.connect()
    adapter.look()
    adapter.fake.raw = raw
    adapter.look()  # once may happen
    assert adapter.detector.query("x") == []
    assert adapter.detector.last_evaluation is None  # what it told before is not of now
    with pytest.raises(DetectionError, match=f"no usable answer for .* s: .*{why}"):
        adapter.look(GONE_S)


def test_one_that_goes_away_ends_the_detection(fake: FakePrometheus) -> None:
    with serving(fake) as url:
        adapter = Adapter(url, fake)
        adapter.connect()
        adapter.look()
    adapter.look(GONE_S / 2)
    with pytest.raises(DetectionError, match=r"no usable answer for 11 s: .* refused"):
        adapter.look(GONE_S / 2 + 1)
    assert adapter.detector.last_evaluation is None


def test_one_that_hangs_is_given_up(fake: FakePrometheus) -> None:
    with serving(fake) as url:
        fake.hang = threading.Event()
        with pytest.raises(NoAnswerError, match="does not answer: timed out"):
            Api(url, timeout_s=0.2).rules()


def test_a_lasting_failure_ends_the_thread_and_is_kept(fake: FakePrometheus) -> None:
    with serving(fake) as url:
        adapter = Adapter(url, fake)
        adapter.detector.start()
        with pytest.raises(RuntimeError, match="started before"):
            adapter.detector.start()
        fake.raw = 500, b"out of memory"
        fake.clock.at += GONE_S + 5
        thread = adapter.detector._thread
        assert thread is not None
        thread.join(30)
        assert "answers 500" in str(adapter.detector.failure)
        adapter.detector.stop()
        adapter.detector.stop()


def test_a_target_that_is_down_is_told_once_if_it_is_one_of_ours(adapter: Adapter) -> None:
    def target(job: str, health: str, error: str = "") -> dict[str, Any]:
        scraped = "2023-11-14T22:30:00.5Z" if health != "unknown" else "0001-01-01T00:00:00Z"
        return {
            "labels": {"job": job, "instance": "i"}, "health": health, "lastError": error,
            "lastScrape": scraped,
        }  # fmt: skip

    adapter.connect()
    adapter.fake.targets = [
        target("app", "down", "connection refused"),
        target("theirs", "down", "x"),
        target("app", "unknown"),
    ]
    adapter.look()
    adapter.look()
    [failure] = adapter.failures
    assert (failure.job, failure.instance, failure.error) == ("app", "i", "connection refused")
    adapter.fake.targets = []
    adapter.look()
    adapter.fake.targets = [target("app", "down", "again")]
    adapter.look()
    assert [one.error for one in adapter.failures] == ["connection refused", "again"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "Other"}, "it has no rule High"),
        ({"query": "app:x > 11"}, "rule High is another: the expression there is app:x > 11"),
        ({"duration": 30}, "rule High is another: `for` there is 30 s, ours 3 s"),
        ({"keepFiringFor": 60}, "`keep_firing_for` there is 60 s, ours 0 s"),
    ],
)
def test_rules_that_are_not_ours_are_refused(
    adapter: Adapter, change: dict[str, Any], problem: str
) -> None:
    adapter.high.update(change)
    with pytest.raises(DetectionError, match=problem) as refused:
        adapter.connect()
    assert refused.value.path == adapter.url
    assert "every duration divided by 10" in str(refused.value.fix)


def test_two_alerts_of_one_name_are_refused(adapter: Adapter) -> None:
    adapter.fake.rule("High", "something else")
    with pytest.raises(DetectionError, match="it has several alerts High"):
        adapter.connect()


def test_other_rules_of_theirs_do_not_matter(adapter: Adapter) -> None:
    adapter.fake.rule("Theirs", "up == 0", state="firing", alerts=[], health="err")
    adapter.connect()
    adapter.look()
    assert adapter.detector.rule_errors() == {}
    assert set(adapter.detector.alerts()) == {"High", "Gone"}


def test_an_expression_that_it_cannot_read_is_told_with_its_line(adapter: Adapter) -> None:
    adapter.fake.refusal = "unknown function"
    with pytest.raises(RulesError, match="cannot evaluate it: unknown function") as refused:
        require_same_rules(Api(adapter.url), parse_rules(RULES, "alerts.yml"), 10)
    assert (refused.value.path, refused.value.line) == ("alerts.yml", 5)


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://x", "http://", "http://u:p@host"])
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DetectionError, match="is no URL of a Prometheus") as refused:
        Running(url)
    assert ":p@" not in str(refused.value)


def test_an_alert_may_have_any_name() -> None:
    """As a literal of a regular expression of Prometheus, in a string of PromQL."""
    assert _literally("High (p99) a+b") == r"High \(p99\) a\+b"
    assert _literally('say "it"') == 'say "it"'
