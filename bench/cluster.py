"""The embedded cluster's speed and size, beside a real cluster's when there is one.

    python -m bench.cluster [--idle 20] [--starts 5] [--without-real]

The real one is that of $REALKUBE (by default ../shared/realkube): used as it is when it is up,
else started and ended here when it was built and this is root. Both answer the same client in the
same run, in turns. At 200 pods the API rows are taken with pods that no scheduler takes, since a
kubelet runs 110 at most; 200 pods that run are measured on the embedded one alone.

Exit code 1 when one of the bars is missed.
"""

import argparse
import contextlib
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from bench import cluster_place as place
from bench import cluster_rows as rows
from bench.cluster_sides import Embedded, Side, real

FEW: Final = 10
MANY: Final = 200
_KILLED_PODS_GONE_S: Final = 10.0


@dataclass(slots=True)
class Results:
    """Rows in order: label to one figure a side, None where it was not measured."""

    table: dict[str, list[float | None]] = field(default_factory=dict)
    bars: list[tuple[bool, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def row(self, label: str, *values: float | None) -> None:
        self.table[label] = list(values)

    def bar(self, held: bool, text: str) -> None:
        self.bars.append((held, text))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--idle", type=float, default=20.0, help="seconds of watching idle CPU")
    parser.add_argument("--starts", type=int, default=5, help="how often to start and end it")
    parser.add_argument("--without-real", action="store_true", help="the embedded one alone")
    asked = parser.parse_args()
    # So that what was started ends also when this is told to.
    signal.signal(signal.SIGTERM, _told_to_stop)
    results, embedded = Results(), Embedded()
    try:
        with contextlib.ExitStack() as stack:
            found = "left out" if asked.without_real else stack.enter_context(real())
            if isinstance(found, str):
                results.notes.append(f"the real cluster: {found}")
            other = [found] if isinstance(found, Side) else []
            _start_and_down(embedded, other, asked.starts, results)
            side = embedded.up()
            sides = [side, *other]
            try:
                _few(sides, asked.idle, results)
                _many(sides, results)
            finally:
                for each in other:
                    place.close_place(each)
            _many_running(side, asked.idle, results)
        _ends(embedded, results)
    finally:
        embedded.close()
    _faster(results)
    _show(results)
    return 0 if all(held for held, _ in results.bars) else 1


def _told_to_stop(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the clearing up
    sys.exit(143)


def _start_and_down(embedded: Embedded, other: Sequence[Side], times: int, to: Results) -> None:
    starts, downs, memory = [], [], (0.0, 0.0)
    for _ in range(times):
        side = embedded.up()
        starts += side.start_s
        memory = side.memory_mb()
        downs.append(embedded.down())
    theirs = [statistics.median(each.start_s) if each.start_s else None for each in other]
    to.row("start to API ready, s", statistics.median(starts), *theirs)
    to.row("down, no pods, s", statistics.median(downs))
    without = [_memory_alone(each, to) for each in other]
    to.row("memory without pods, RSS, MB", memory[0], *(each[0] for each in without))
    to.row("memory without pods, PSS, MB", memory[1], *(each[1] for each in without))
    worst = max(starts)
    to.bar(worst < 1, f"API ready within 1 s: {worst:.2f} s, the slowest of {times} starts")
    to.bar(memory[0] < 80, f"under 80 MB without pods: {memory[0]:.1f} MB RSS")


def _memory_alone(side: Side, to: Results) -> tuple[float | None, float | None]:
    if place.is_alone(side):
        return side.memory_mb()
    to.notes.append(f"the {side.name} has pods of others: its memory and CPU are theirs as well")
    return None, None


def _few(sides: Sequence[Side], idle_s: float, to: Results) -> None:
    for side in sides:
        place.open_place(side)
    seconds: dict[str, list[float]] = {
        "apply to Ready, 1 replica, s": [],
        "apply to Ready, 3 replicas, s": [],
        "apply to Ready, roll-out of 5, s": [],
        "pod deleted to replaced and Ready, s": [],
    }
    for side in sides:
        found = _changes(side)
        for mine, value in zip(seconds.values(), found, strict=True):
            mine.append(value)
        place.create_and_wait(side, "few", FEW)
    for label, values in seconds.items():
        to.row(label, *values)
    watches = [rows.create_to_watch_event(side) for side in sides]
    to.row("create to watch event, ms", *(each.p50 for each in watches))
    _api_rows(sides, FEW, to)
    cpu = rows.idle_cpu(sides, idle_s)
    to.row(f"{FEW} pods: idle CPU over {idle_s:.0f} s, % of a core", *cpu)
    _memory_rows(sides, f"{FEW} pods", to)
    to.bar(cpu[0] < 2, f"idle CPU under 2 % of a core at {FEW} pods: {cpu[0]:.2f} %")


def _changes(side: Side) -> tuple[float, float, float, float]:
    """Medians of three: one and three replicas, a roll-out of five, a pod replaced."""
    ones = [rows.apply_to_ready(side, f"one-{n}", 1) for n in range(3)]
    threes = [rows.apply_to_ready(side, f"three-{n}", 3) for n in range(3)]
    place.create_and_wait(side, "five", 5, probe_every_s=1)
    rollouts = [rows.apply_to_ready(side, "five", 5, version=f"v{n}") for n in (2, 3, 4)]
    replaced = [rows.delete_to_replaced(side, "one-0") for _ in range(3)]
    place.close_place(side)
    place.open_place(side)
    medians = [statistics.median(each) for each in (ones, threes, rollouts, replaced)]
    return medians[0], medians[1], medians[2], medians[3]


def _many(sides: Sequence[Side], to: Results) -> None:
    for side in sides:
        place.open_place(side)
        place.create_idle_pods(side, MANY)
    worst = _api_rows(sides, MANY, to)
    to.bar(worst < 5, f"p99 of GET below 5 ms at {MANY} pods: {worst:.2f} ms")


def _api_rows(sides: Sequence[Side], pods: int, to: Results) -> float:
    """Returns the embedded cluster's p99 of GET, in milliseconds."""
    commands = rows.kubectl_get_pods(sides)
    to.row(f"{pods} pods: kubectl get pods, ms", *(whole for whole, _ in commands))
    to.row(f"{pods} pods: the same beyond kubectl's start, ms", *(more for _, more in commands))
    if pods == FEW:
        more = commands[0][1]
        to.bar(more < 50, f"kubectl get pods within 50 ms of kubectl's own start: {more:.0f} ms")
    spreads = rows.requests(sides)
    for name, found in spreads.items():
        to.row(f"{pods} pods: {name} p50, ms", *(each.p50 for each in found))
        to.row(f"{pods} pods: {name} p99, ms", *(each.p99 for each in found))
    return spreads["GET pod"][0].p99


def _many_running(side: Side, idle_s: float, to: Results) -> None:
    place.open_place(side)
    began = time.perf_counter()
    place.create_and_wait(side, "many", MANY)
    to.row(f"{MANY} running pods: created to Ready, s", time.perf_counter() - began)
    spreads = rows.requests([side])
    for name, (found,) in spreads.items():
        to.row(f"{MANY} running pods: {name} p50, ms", found.p50)
        to.row(f"{MANY} running pods: {name} p99, ms", found.p99)
    worst = spreads["GET pod"][0].p99
    to.bar(worst < 5, f"p99 of GET below 5 ms at {MANY} running pods: {worst:.2f} ms")
    to.row(f"{MANY} running pods: idle CPU, % of a core", *rows.idle_cpu([side], idle_s))
    _memory_rows([side], f"{MANY} running pods", to)


def _memory_rows(sides: Sequence[Side], when: str, to: Results) -> None:
    found = [side.memory_mb() for side in sides]
    to.row(f"{when}: memory, RSS, MB", *(rss for rss, _ in found))
    to.row(f"{when}: memory, PSS, MB", *(pss for _, pss in found))


def _ends(embedded: Embedded, to: Results) -> None:
    """With 200 pods running: `down`; then with ten: SIGKILL, what is left, and `down` again."""
    to.row(f"down, {MANY} running pods, s", embedded.down())
    left = embedded.left()
    to.bar(not left, f"nothing left after down with {MANY} pods" + _listed(left))
    side = embedded.up()
    place.open_place(side)
    place.create_and_wait(side, "few", FEW)
    embedded.kill()
    began = time.perf_counter()
    gone = place.eventually(lambda: not embedded.processes(), _KILLED_PODS_GONE_S)
    took = time.perf_counter() - began
    to.row(f"SIGKILL of the server to the end of its {FEW} pods, s", took if gone else None)
    to.row("down after SIGKILL, s", embedded.down())
    left = embedded.left()
    to.bar(not left, "nothing left after SIGKILL and down" + _listed(left))


def _listed(left: Sequence[str]) -> str:
    return f": {'; '.join(left)}" if left else ""


def _faster(to: Results) -> None:
    pairs = {label: found for label, found in to.table.items() if len(found) > 1}
    lost, compared = [], 0
    for label, (ours, theirs, *_) in pairs.items():
        if ours is not None and theirs is not None:
            compared += 1
            if ours >= theirs:
                lost.append(label)
    if compared:
        text = f"faster and smaller than the real cluster on every row: {compared - len(lost)}"
        to.bar(not lost, f"{text} of {compared}" + _listed(lost))


def _show(results: Results) -> None:
    out = sys.stdout
    width = max(len(label) for label in results.table)
    out.write(f"{'':{width}}  {'localcluster':>12}  {'real cluster':>12}  {'ratio':>6}\n")
    for label, values in results.table.items():
        ours, theirs = [*values, None, None][:2]
        ratio = f"{theirs / ours:.1f}x" if ours and theirs and ours > 0 else ""
        out.write(f"{label:{width}}  {_cell(ours)}  {_cell(theirs)}  {ratio:>6}\n")
    out.write("\n")
    for note in results.notes:
        out.write(f"note    {note}\n")
    for held, text in results.bars:
        out.write(f"{'held' if held else 'MISSED':6}  {text}\n")


def _cell(value: float | None) -> str:
    if value is None:
        return f"{'-':>12}"
    return f"{value:>12.2f}" if value < 100 else f"{value:>12.0f}"


if __name__ == "__main__":
    sys.exit(main())
