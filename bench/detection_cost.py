"""What detection costs: 1,000 series and 50 rules every second, as a share of one core.

    python -m bench.detection_cost [--rounds 120] [--compress 15]

The goal is less than 5 %, the recording of every sample included. Rounds are stepped as fast as
they go; what counts is the processor time of a round, since there is one a second.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rundrill.base.clock import Clock
from rundrill.detection import Detector, ScrapeTarget
from rundrill.detection.recorder import FILE_NAME, Recorder
from rundrill.detection.rules import parse_rules

TARGETS, METRICS, SERIES_OF_ONE = 10, 10, 10
GOAL = 0.05

_RULES = (
    "sum by (route) (rate(m{a}_total[5m])) > 1e9",
    "sum(rate(m{a}_total{{outcome='o1'}}[5m])) / sum(rate(m{b}_total[5m])) > 2",
    "max by (instance) (m{a}_total) > 1e12",
    "(m{a}_total - (m{a}_total offset 10m or 0 * m{a}_total)) > 1e9",
    "absent(m{a}_total{{route='r1'}})",
)


class _Stepped:
    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def rules() -> str:
    """50 alerting rules; each metric is asked for by several."""
    lines = ["groups:", "- name: bench", "  rules:"]
    for number in range(50):
        template = _RULES[number % len(_RULES)]
        expr = template.format(a=number % METRICS, b=(number + 1) % METRICS)
        lines += [f"  - alert: A{number}", f'    expr: "{expr}"', "    for: 1m"]
    return "\n".join(lines) + "\n"


def exposition(round_number: int) -> str:
    """One target's answer: 100 counters that grow."""
    return "".join(
        f'm{metric}_total{{route="r{n % 5}",outcome="o{n // 5}",method="POST"}}'
        f" {round_number * (n + 1)}\n"
        for metric in range(METRICS)
        for n in range(SERIES_OF_ONE)
    )


def measure(rounds: int, compression: float, folder: Path) -> list[float]:
    """Processor seconds of each round, the windows filled before the first."""
    clock: Clock = (stepped := _Stepped())
    text = [""]
    targets = [ScrapeTarget("bench", str(n), lambda: text[0]) for n in range(TARGETS)]
    read = parse_rules(rules(), "bench")
    recorder = Recorder(
        folder / FILE_NAME, rules=read, interval_s=1.0, compression=compression, wall_offset_s=0.0
    )
    detector = Detector(
        read,
        lambda: targets,
        clock=clock,
        compression=compression,
        on_change=lambda _: None,
        on_scrape_failure=lambda failure: sys.exit(f"scrape failed: {failure}"),
        recorder=recorder,
    )
    costs: list[float] = []
    warm_up = round(900 / compression) + 5
    for number in range(warm_up + rounds):
        text[0] = exposition(number)
        before = time.process_time()
        detector.step(stepped.at)
        costs.append(time.process_time() - before)
        stepped.at += 1
    assert detector.query("count(m0_total)")[0][1] == TARGETS * SERIES_OF_ONE
    recorder.close()
    assert recorder.failure is None
    return costs[warm_up:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=120)
    parser.add_argument("--compress", type=float, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measure(asked.rounds, asked.compress, Path(folder))
    share = statistics.fmean(costs)
    print(  # noqa: T201 - what a bench is for
        f"1,000 series, 50 rules, 1 s, compression {asked.compress:g}: "
        f"{share:.1%} of a core (worst round {max(costs) * 1000:.0f} ms); goal {GOAL:.0%}"
    )
    return 0 if share < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
