"""How many processes make a load, and how each of them is started and ended."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.base.clock import Clock
from rundrill.errors import TargetError
from rundrill.load.tail import last_lines
from rundrill.model import LoadProfile

WORKER_PER_MIN: Final = 30_000.0
"""What one worker is trusted with, in requests a minute.

By `python -m bench.load_rate` on a 2-core Debian machine (Python 3.11, not idle): 500 a
second kept 22 % of a core busy, with a 99th percentile of dispatch lateness of 4.5 ms; at 750 a
second it passed 10 ms, at a third of the core, because others wanted that core too. Such a machine
is the rule in a drill, whose service runs beside the load.
"""
MOST_WORKERS: Final = 64


def workers_for(profile: LoadProfile) -> int:
    """As many as the profile asks for; else one for each `WORKER_PER_MIN` of its rate, begun.

    Raises `TargetError` for more than there may be, or more than requests may be in flight.
    """
    count = profile.workers or math.ceil(profile.rate_per_min / WORKER_PER_MIN)
    most = min(MOST_WORKERS, profile.max_in_flight)
    if count > most:
        why = "as many as requests may be in flight" if most < MOST_WORKERS else "for one machine"
        raise TargetError(
            f"the load of {profile.rate_per_min:g} requests a minute asks for {count} workers,"
            f" and {most} is the most, {why}",
            fix="lower --rate or --workers, or raise max_in_flight in the experiment",
        )
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One process of the load. `name` is empty when it is the only one."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def last_words(self) -> str:
        return " / ".join(last_lines(self.log, 5)) or "its log is empty"

    def prefixed(self, text: str) -> str:
        return f"{self.name}: {text}" if self.name else text


def start(
    command: Sequence[str], *, name: str, log: Path, environment: dict[str, str], folder: Path
) -> Started:
    """Starts it in a session of its own, its errors in `log`. Raises `OSError`."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "locust", *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    return Started(name=name, process=process, log=log)


def end(
    processes: Sequence[Started],
    escalation: Sequence[tuple[signal.Signals, float]],
    clock: Clock,
) -> None:
    """Each signal to all that still live, and its seconds to react. SIGKILL takes the group."""
    for number, budget_s in escalation:
        living = [one.process for one in processes if one.alive]
        for process in living:
            if number is signal.SIGKILL:
                os.killpg(process.pid, number)  # not reaped yet, so the group is still its own
            else:
                process.send_signal(number)
        deadline = clock.now() + budget_s
        for process in living:
            try:
                process.wait(max(0.0, deadline - clock.now()))
            except subprocess.TimeoutExpired:
                continue
