"""Both ends of the request log together: `rundrill.load.Load` and the real load generator."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rundrill.base import wait
from rundrill.base.clock import MonotonicClock
from rundrill.errors import MachineError, TargetError
from rundrill.load import Load, process
from rundrill.model import LoadProfile

LOCUSTFILE = Path(__file__).parents[3] / "load" / "locustfile.py"
MIX = {"card": 0.5, "wallet": 0.2, "read": 0.3}


@pytest.fixture
def make(tmp_path):
    made = []

    def make(host, *, rate=3000, mix=MIX, retries=0, workers=None, **options):
        made.append(
            Load(
                locustfile=options.pop("locustfile", LOCUSTFILE),
                host=host,
                profile=LoadProfile(
                    rate_per_min=rate,
                    max_in_flight=200,
                    ramp_s=0,
                    mix=mix,
                    retries=retries,
                    workers=workers,
                ),
                folder=tmp_path,
                clock=MonotonicClock(),
                **options,
            )
        )
        return made[-1]

    yield make
    for load in made:
        load.stop()


def collect(load, condition, seconds=15):
    """Samples until one of them meets the condition."""
    samples = []

    def look():
        samples.extend(load.sample(time.monotonic()))
        return any(condition(sample) for sample in samples)

    wait.until(look, what="a sample", budget_s=seconds, every_s=0.05, clock=MonotonicClock())
    return samples


def test_a_hang_of_the_service_is_seen_while_it_hangs(service, make):
    load = make(service.url)
    load.start()
    collect(load, lambda sample: sample.ok > 30)
    service.go.clear()
    hanging = collect(load, lambda sample: sample.oldest_in_flight_s > 1)[-1]
    assert (hanging.completed, hanging.p95_ms) == (0, None)
    assert hanging.issued == pytest.approx(50, abs=2)
    with urllib.request.urlopen(load.metrics_url) as answer:
        text = answer.read().decode()
    gauges = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert gauges["load_oldest_in_flight_seconds"] > 1
    service.go.set()
    landed = collect(load, lambda sample: sample.completed > 60)[-1]
    assert landed.p99_ms > 1000
    stopped = load.stop()
    assert stopped.expected
    assert (stopped.exit_code, stopped.detail) == (0, "")
    assert stopped.completed == stopped.issued == len(service.requests)
    assert stopped.worst_lateness_ms > 0
    assert load.stop() is stopped
    assert not load.alive
    posts = [
        headers["Idempotency-Key"] for method, _, headers in service.requests if method == "POST"
    ]
    assert sorted(load.acknowledged()) == sorted(posts)
    assert all(load.acknowledged().values())
    assert load.sample(time.monotonic()) == []


def test_the_delivered_rate_is_the_asked_one_and_times_count_from_the_given_zero(service, make):
    zero = time.monotonic() - 100
    load = make(service.url, rate=6000, zero=zero)
    load.start()
    start = time.monotonic()
    samples = collect(load, lambda sample: sample.issued > 90)
    # A busy machine needs some seconds to start it.
    assert [sample.at for sample in samples] == [101.0 + i for i in range(len(samples))]
    delivered = load.delivered(start, time.monotonic())
    assert delivered.per_min == pytest.approx(6000, rel=0.02)
    assert delivered.dropped == 0
    assert load.stop().at > 100


def test_a_load_that_dies_is_known_to_have_died(service, make):
    load = make(service.url)
    load.start()
    os.kill(load.pid, signal.SIGKILL)
    wait.until(
        lambda: not load.alive, what="its death", budget_s=10, every_s=0.02, clock=MonotonicClock()
    )
    stopped = load.stop()
    assert not stopped.expected
    assert stopped.exit_code == -signal.SIGKILL
    assert stopped.issued > 0
    assert "before it was told to stop; exit code -9" in stopped.detail


def test_a_load_that_does_not_react_is_killed_with_its_group(service, make, monkeypatch):
    soon = tuple((number, 0.2) for number, _ in process.ESCALATION[:-1])
    monkeypatch.setattr(process, "ESCALATION", (*soon, process.ESCALATION[-1]))
    load = make(service.url)
    load.start()
    os.kill(load.pid, signal.SIGSTOP)
    stopped = load.stop()
    assert stopped.expected
    assert "did not stop cleanly; exit code -9" in stopped.detail
    assert not load.alive


def test_settings_of_the_user_do_not_change_the_load(service, make, monkeypatch, tmp_path):
    monkeypatch.setenv("LOCUST_RUN_TIME", "1s")
    monkeypatch.setenv("RUNDRILL_LOAD_RETRIES", "x")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".locust.conf").write_text("run-time = 1s\n")
    monkeypatch.setenv("HOME", str(home))
    load = make(service.url)
    load.start()
    collect(load, lambda sample: sample.issued > 40 and sample.at >= 2)
    assert load.stop().expected


def test_a_customer_asks_again_as_often_as_planned_and_with_the_same_key(service, make):
    service.status = 503
    load = make(service.url, mix={"card": 1.0}, retries=2)
    load.start()
    collect(load, lambda sample: sample.failed > 5)
    load.stop()
    keys = Counter(headers["Idempotency-Key"] for _, _, headers in service.requests)
    assert set(keys.values()) <= {1, 2, 3}
    assert Counter(keys.values())[3] > 5


def test_a_load_that_refuses_its_settings_is_a_message_with_its_words(service, make):
    load = make(service.url, mix={"cheque": 1.0})
    with pytest.raises(MachineError) as caught:
        load.start()
    assert "load.log: the load did not start: it ended with exit code 2" in str(caught.value)
    assert "'cheque' is none of card, wallet, read" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert service.requests == []


def test_a_load_that_issues_nothing_in_time_is_stopped(service, make, monkeypatch):
    monkeypatch.setattr(process, "START_BUDGET_S", 0.0)
    load = make(service.url)
    with pytest.raises(MachineError, match=r"waited 0\.0 s for the first request"):
        load.start()
    assert not load.alive


@pytest.mark.parametrize("host", ["nowhere", "", "ftp://127.0.0.1"])
def test_a_host_that_is_no_web_address_is_refused_before_anything_starts(make, host):
    load = make(host)
    with pytest.raises(TargetError, match="fix: give it as http://name:port"):
        load.start()
    assert load.pid is None


def test_a_missing_locustfile_is_named(make, tmp_path):
    with pytest.raises(MachineError, match=r"gone\.py: there is no locustfile"):
        make("http://127.0.0.1:1", locustfile=tmp_path / "gone.py").start()


def test_without_locust_the_fix_names_the_extra(make, monkeypatch):
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"pip install 'rundrill\[local\]'"):
        make("http://127.0.0.1:1").start()


def test_a_run_folder_is_used_once(make, tmp_path):
    (tmp_path / "requests.jsonl").write_text("")
    with pytest.raises(MachineError, match=r"requests\.jsonl: .*already holds"):
        make("http://127.0.0.1:1").start()


def test_a_folder_that_cannot_be_written_is_named(make, tmp_path):
    (tmp_path / "load.log").mkdir()
    with pytest.raises(MachineError, match=r"load\.log: the load cannot be started: Is a dir"):
        make("http://127.0.0.1:1").start()


def test_a_foreign_line_in_the_log_is_named_and_does_not_keep_the_load_from_stopping(
    service, make, tmp_path
):
    load = make(service.url)
    load.start()
    with (tmp_path / "requests.jsonl").open("a") as file:
        file.write("not ours\n")
    with pytest.raises(MachineError, match=r"requests\.jsonl:\d+: not a line of a request log"):
        load.acknowledged()
    stopped = load.stop()
    assert not load.alive
    assert stopped.expected
    assert "not a line of a request log" in stopped.detail


def test_several_threads_may_use_it_and_no_sample_is_given_twice(service, make):
    load = make(service.url, rate=6000)
    load.start()
    samples = []
    done = threading.Event()

    def sample():
        while not done.wait(0.001):
            samples.extend(load.sample(time.monotonic()))

    threads = [threading.Thread(target=sample) for _ in range(4)]
    for thread in threads:
        thread.start()
    done.wait(1.5)
    stopped = load.stop()
    done.set()
    for thread in threads:
        thread.join()
    assert len({sample.at for sample in samples}) == len(samples)
    assert stopped.issued == stopped.completed == len(service.requests)


def test_a_load_that_was_never_started_says_so(make):
    load = make("http://127.0.0.1:1")
    assert not load.stop().expected
    assert "never started" in load.stop().detail
    with pytest.raises(RuntimeError):
        load.sample(0.0)


def test_importing_it_imports_neither_locust_nor_gevent():
    script = (
        "import sys, rundrill.load; sys.exit('locust' in sys.modules or 'gevent' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
