"""What we start, we end: politely first, then for certain, with everything in its group."""

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from rundrill.base import processes
from rundrill.base.clock import MonotonicClock

CLOCK = MonotonicClock()
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def start() -> Iterator[object]:
    started: list[subprocess.Popen[bytes]] = []

    def run(code: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_polite_process_ends_by_sigterm(start: object) -> None:
    process = start("import time; time.sleep(60)")  # type: ignore[operator]
    assert processes.end(process, grace_s=10.0, clock=CLOCK) == -15


def test_a_stubborn_one_is_killed_with_what_it_started(start: object) -> None:
    process = start(STUBBORN)  # type: ignore[operator]
    child = psutil.Process(int(process.stdout.readline()))
    assert processes.end(process, grace_s=0.2, clock=CLOCK) == -9
    child.wait(timeout=10)  # raises when it lives on


def test_one_that_has_ended_gives_its_exit_code(start: object) -> None:
    process = start("raise SystemExit(3)")  # type: ignore[operator]
    process.wait()
    assert processes.end(process, grace_s=1.0, clock=CLOCK) == 3
