"""Two workers and their master, as a drill starts them, against a server on loopback."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rundrill.base import wait
from rundrill.base.clock import MonotonicClock
from rundrill.errors import MachineError
from tests.unit.load.test_process import LOCUSTFILE, collect, make

__all__ = ["make"]


def lines(load):
    return [json.loads(line) for line in load.record_path.read_text().splitlines()]


def wait_for(condition, seconds=20):
    wait.until(condition, what="it", budget_s=seconds, every_s=0.02, clock=MonotonicClock())


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_workers_are_one_load(service, make, tmp_path):
    load = make(service.url, workers=2)
    load.start()
    assert len(load.worker_pids) == 2
    samples = collect(load, lambda sample: sample.issued >= 49 and sample.completed > 0)
    with urllib.request.urlopen(load.metrics_url) as answer:
        page = answer.read().decode()
    shown = {s.name: s.value for f in text_string_to_metric_families(page) for s in f.samples}
    assert shown["load_requests_issued_total"] >= sum(sample.issued for sample in samples)
    stopped = load.stop()
    assert (stopped.expected, stopped.exit_code, stopped.detail) == (True, 0, "")
    assert all(gone(pid) for pid in (load.pid, *load.worker_pids))
    log = lines(load)
    issued = sorted((line for line in log if line["t"] == "issued"), key=lambda line: line["i"])
    # Nothing is missing and nothing is there twice.
    assert stopped.issued == stopped.completed == len(issued) == len(service.requests)
    assert {line["t"] for line in log} == {"start", "issued", "done", "end"}
    assert (log[0]["t"], log[-1]["t"]) == ("start", "end")
    assert log[-1]["issued"] == log[-1]["ok"] == len(issued)
    # The schedule of one process: each worker stopped at its own moment, so only the last may lack.
    whole = issued[:-3]
    assert [line["i"] for line in whole] == list(range(len(whole)))
    start = whole[0]["due"]
    assert [line["due"] for line in whole] == [start + i / (3000 / 60) for i in range(len(whole))]
    times = [line.get("sent" if line["t"] == "issued" else "done") for line in log[1:-1]]
    assert times == sorted(times)
    rows = json.loads((tmp_path / "locust.json").read_text())
    assert sum(row["num_requests"] for row in rows) == len(issued)


def test_a_worker_that_dies_is_the_death_of_the_load(service, make):
    load = make(service.url, workers=2)
    load.start()
    os.kill(load.worker_pids[0], signal.SIGKILL)
    wait_for(lambda: not load.alive)
    stopped = load.stop()
    assert not stopped.expected
    assert stopped.exit_code == -signal.SIGKILL
    assert "worker 1 of 2: it ended before it was told to stop" in stopped.detail
    assert "worker 1 of 2: exit code -9" in stopped.detail
    assert all(gone(pid) for pid in (load.pid, *load.worker_pids))
    assert stopped.issued > 0
    assert all(line["t"] != "end" for line in lines(load))


def test_a_metrics_page_without_a_worker_that_hangs_is_not_served(service, make):
    load = make(service.url, workers=2)
    load.start()
    os.kill(load.worker_pids[1], signal.SIGSTOP)
    try:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(load.metrics_url)
        assert caught.value.code == 503
        assert caught.value.read() == b"worker 2 does not answer\n"
        caught.value.close()
    finally:
        os.kill(load.worker_pids[1], signal.SIGCONT)


def test_workers_that_refuse_are_a_message_with_their_words(service, make):
    load = make(service.url, workers=2, mix={"cheque": 1.0})
    with pytest.raises(MachineError, match="'cheque' is none of card, wallet, read"):
        load.start()
    assert service.requests == []


SCRIPT = """
import sys, time
from pathlib import Path
from rundrill.base.clock import MonotonicClock
from rundrill.load import Load
from rundrill.model import LoadProfile
profile = LoadProfile(rate_per_min=600, max_in_flight=9, ramp_s=0, mix={"card": 1.0}, workers=2)
load = Load(
    locustfile=Path(sys.argv[1]), host=sys.argv[2], profile=profile, folder=Path(sys.argv[3]),
    clock=MonotonicClock(),
)
load.start()
print(load.pid, *load.worker_pids, flush=True)
time.sleep(60)
"""


def test_all_of_them_end_with_their_runner(service, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(LOCUSTFILE), service.url, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as runner:
        pids = [int(pid) for pid in runner.stdout.readline().split()]
        assert len(pids) == 3
        runner.kill()
    wait_for(lambda: all(gone(pid) or _zombie(pid) for pid in pids))


def _zombie(pid):
    """Nobody may reap orphans on this machine; one that only waits for that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("options", "share", "said"),
    [
        (["--processes", "2"], None, "--processes is not supported"),
        ([], "1/2", "RUNDRILL_LOAD_SHARE is set, but this is no worker"),
        ([], "3/2", "RUNDRILL_LOAD_SHARE=3/2: not a share"),
    ],
)
def test_what_would_issue_a_wrong_schedule_is_refused(service, tmp_path, options, share, said):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LOCUST_", "RUNDRILL_"))}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", service.url),
            *("--headless", "-t", "1s", *options),
        ],
        cwd=tmp_path,
        env=clean | ({"RUNDRILL_LOAD_SHARE": share} if share else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert service.requests == []


MISUSE = """
from types import SimpleNamespace
from locust.runners import WorkerRunner
from load.arrivals import Share
from load.distributed import misuse
runner = object.__new__(WorkerRunner)
environment = SimpleNamespace(parsed_options=None)
for host in ("127.0.0.1", "192.0.2.1"):
    for share in (None, Share(worker=1, of=2)):
        runner.master_host = host
        print((misuse(runner, share, environment) or "fine").splitlines()[0])
"""


def test_a_worker_needs_its_share_and_the_clock_of_its_master():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MISUSE],
        cwd=LOCUSTFILE.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    no_share = "a worker without its share would issue all requests of the schedule"
    elsewhere = "--master-host 192.0.2.1: workers share the clock of one machine"
    assert done.stdout.splitlines() == [no_share, "fine", no_share, elsewhere], done.stderr
