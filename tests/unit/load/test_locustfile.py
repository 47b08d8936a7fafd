"""`locust -f load/locustfile.py`, as a user runs it by hand, in a process of its own."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from rundrill.base import wait
from rundrill.base.clock import MonotonicClock

LOCUSTFILE = Path(__file__).parents[3] / "load" / "locustfile.py"


def command(url, *options):
    return [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", url, *options]


def environment(tmp_path, **variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "RUNDRILL_"))}
    return clean | {f"RUNDRILL_LOAD_{name}": str(value) for name, value in variables.items()}


def run(tmp_path, url, *options, **variables):
    return subprocess.run(
        command(url, "--headless", "--only-summary", *options),
        cwd=tmp_path,
        env=environment(tmp_path, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_for(condition, seconds=20):
    return wait.until(
        lambda: condition() or None,
        what="what the test waits for",
        budget_s=seconds,
        every_s=0.02,
        clock=MonotonicClock(),
    )


def issued(path):
    return path.exists() and '"issued"' in path.read_text()


def until(stream, text):
    """The lines up to the one with the text; nothing after it is read."""
    for line in stream:
        yield line
        if text in line:
            return


THREE_USERS = '{"user_class_name": "Customers", "fixed_count": 3}'


def test_one_user_issues_everything_and_locust_counts_the_same(service, tmp_path):
    record = tmp_path / "r.jsonl"
    done = run(
        tmp_path,
        *(service.url, "-t", "2s", "--users", "5", "--spawn-rate", "5", "--json-file", "stats"),
        *("--config-users", THREE_USERS),
        RECORD=record,
        RATE=3000,
        SEED=7,
        TOKEN="t0ken",
    )
    assert done.returncode == 0, done.stderr
    assert "--users 5 is ignored" in done.stderr
    assert done.stderr.count("a further one adds no load") == 2
    assert "Traceback" not in done.stderr
    log = lines(record)
    assert log[0]["t"] == "start"
    end = log[-1]
    requests = [line for line in log if line["t"] == "issued"]
    finished = [line for line in log if line["t"] == "done"]
    assert end["t"] == "end"
    assert end["issued"] == end["completed"] == end["ok"] == len(requests) == len(finished)
    assert len(requests) > 50
    # Evenly, whatever became of them: a second dispatcher would fall into the gaps.
    gaps = [b["due"] - a["due"] for a, b in itertools.pairwise(requests)]
    assert gaps == pytest.approx([60 / 3000] * len(gaps))
    # What the service saw.
    assert len(service.requests) == len(requests)
    assert {headers["Authorization"] for _, _, headers in service.requests} == {"Bearer t0ken"}
    keys = [h["Idempotency-Key"] for method, _, h in service.requests if method == "POST"]
    assert sorted(keys) == sorted(line["key"] for line in requests if line["key"])
    assert len(set(keys)) == len(keys)
    # What Locust counted, with the latency from the due time. (Its CSV lacks the last second.)
    rows = json.loads((tmp_path / "stats.json").read_text())
    assert sum(row["num_requests"] for row in rows) == len(requests)
    latency_ms = sum(line["done"] - line["due"] for line in finished) * 1000
    assert sum(row["total_response_time"] for row in rows) == pytest.approx(latency_ms)


def test_arrivals_beyond_the_cap_are_dropped_and_counted_and_sigint_ends_it_well(service, tmp_path):
    service.go.clear()
    record = tmp_path / "r.jsonl"
    settings = environment(
        tmp_path, RECORD=record, RATE=6000, MAX_IN_FLIGHT=10, STOP_S=30, METRICS="127.0.0.1:0"
    )
    with subprocess.Popen(
        command(service.url, "--headless", "--exit-code-on-error", "0"),
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        wait_for(lambda: issued(record) and '"dropped"' in record.read_text())
        with urllib.request.urlopen(lines(record)[0]["metrics"]) as answer:  # while it hangs
            metrics = answer.read().decode()
        assert "\nload_in_flight 10.0\n" in metrics
        assert "\nload_requests_issued_total 10.0\n" in metrics
        process.send_signal(signal.SIGINT)
        # It issues nothing more, but waits for what is in flight.
        assert list(until(process.stderr, b"requests in flight: 10"))
        service.go.set()
        assert process.wait(20) == 0
        process.stderr.close()
    end = lines(record)[-1]
    assert (end["issued"], end["ok"], end["abandoned"]) == (10, 10, 0)
    assert end["dropped"] == sum(line["t"] == "dropped" for line in lines(record)) > 0


def test_a_second_sigint_gives_up_what_is_in_flight(service, tmp_path):
    service.go.clear()
    record = tmp_path / "r.jsonl"
    with subprocess.Popen(
        command(service.url, "--headless"),
        env=environment(tmp_path, RECORD=record, RATE=600, MAX_IN_FLIGHT=1, STOP_S=60),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        wait_for(lambda: issued(record))
        process.send_signal(signal.SIGINT)
        assert list(until(process.stderr, b"requests in flight: 1"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        process.stderr.close()
    *_, abandoned, end = lines(record)
    assert abandoned["t"] == "abandoned"
    assert (end["why"], end["issued"], end["abandoned"]) == ("stopped", 1, 1)


def test_an_unacknowledged_payment_is_sent_again_with_the_same_key(service, tmp_path):
    service.status = 503
    record = tmp_path / "r.jsonl"
    done = run(
        tmp_path,
        *(service.url, "-t", "1s"),
        RECORD=record,
        RATE=60,
        RETRIES=2,
        MIX="card=1",
    )
    assert done.returncode == 1  # Locust's own rule by hand: a request failed
    first = next(line for line in lines(record) if line["t"] == "done")
    assert (first["status"], first["ok"], first["attempts"]) == (503, False, 3)
    keys = [headers["Idempotency-Key"] for _, _, headers in service.requests]
    assert keys.count(first["key"]) == 3


def test_it_does_not_outlive_the_process_that_started_it(service, tmp_path):
    service.go.clear()  # not even while its requests hang
    record = tmp_path / "r.jsonl"
    starter = (
        "import os, subprocess, sys, time\n"
        "os.environ['RUNDRILL_LOAD_PARENT'] = str(os.getpid())\n"
        "subprocess.Popen(sys.argv[1:], start_new_session=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, *command(service.url, "--headless")],
        env=environment(tmp_path, RECORD=record, RATE=600),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as parent:
        wait_for(lambda: issued(record))
        parent.kill()
        killed = time.monotonic()
    end = wait_for(lambda: [line for line in lines(record) if line["t"] == "end"])[0]
    assert end["why"] == "parent died"
    assert end["at"] - killed < 2
    wait_for(lambda: not running(lines(record)[0]["pid"]))


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_stops_the_load_with_one_message(service, tmp_path):
    done = run(tmp_path, service.url, RECORD="/dev/full")
    assert done.returncode == 3
    assert "load: /dev/full: the request log cannot be written: No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert service.requests == []


def test_a_disk_that_fills_up_on_the_way_stops_the_load(service, tmp_path):
    limit = (
        "import os, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limit, *command(service.url, "--headless")],
        env=environment(tmp_path, RECORD=tmp_path / "r.jsonl", RATE=6000),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "the request log cannot be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        ([], {"RATE": "fast"}, "load: RUNDRILL_LOAD_RATE=fast: not a number"),
        ([], {"METRICS": "192.0.2.1:9"}, "load: RUNDRILL_LOAD_METRICS=192.0.2.1:9: cannot listen"),
        (["--host", "nowhere"], {}, "load: --host nowhere: not a web address"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(service, tmp_path, options, variables, message):
    done = run(tmp_path, service.url, *options, **variables)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "  fix: " in done.stderr
    assert "Traceback" not in done.stderr
    assert service.requests == []
