"""Run folders as a real drill leaves them: a detector on a fake clock that records."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fakes import PLAN

from rundrill import events as e
from rundrill.detection import AlertChange, Detector, ScrapeTarget
from rundrill.detection.recorder import FILE_NAME, Recorder
from rundrill.detection.rules import parse_rules
from rundrill.model import Plan

RULES = """\
groups:
- name: shop
  rules:
  - record: shop:restarts:10m
    expr: restarts_total - restarts_total offset 10m
  - alert: Restarting
    expr: shop:restarts:10m > 3
  - alert: MemoryHigh
    expr: memory_ratio > 0.85  # of the limit
    for: 30s
  - alert: SuccessLow
    expr: 1 - sum(rate(requests_total{outcome="bad"}[5m])) / sum(rate(requests_total[5m])) < 0.95
    for: 1m
"""


TOP = Path(__file__).parents[3]


class FakeClock:
    def __init__(self, at: float = 5000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def shop(seconds: float, injected: float = 60.0) -> str:
    """What the service tells: from the fault on it restarts, fails and fills its memory."""
    ill = max(0.0, seconds - injected)
    good, bad = 17 * seconds, 5 * min(ill, 40.0)
    memory = min(0.97, 0.5 + 0.012 * ill) if ill < 60 else 0.5
    return (
        f'restarts_total{{pod="a"}} {min(12, int(ill / 3))}\n'
        f'restarts_total{{pod="b"}} 0\n'
        f'requests_total{{outcome="good"}} {int(good)}\n'
        f'requests_total{{outcome="bad"}} {int(bad)}\n'
        f"memory_ratio {memory:.4f}\n"
    )


@dataclass
class Day:
    """One detection for some drills. Each round is a second, a little early or late."""

    folder: Path
    rules: str = RULES
    compression: float = 15.0
    told: Callable[[float], str] = shop
    clock: FakeClock = field(default_factory=FakeClock)
    record: bool = True

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.chance = random.Random(7)
        self.changes: list[AlertChange] = []
        rules = parse_rules(self.rules, "alerts.yml")
        self.recorder = Recorder(
            self.folder / FILE_NAME,
            rules=rules,
            interval_s=1.0,
            compression=self.compression,
            wall_offset_s=1.7e9,
        )
        self.zero = self.clock.at
        self.gone = False
        self.detector = Detector(
            rules,
            self._targets,
            clock=self.clock,
            compression=self.compression,
            on_change=self.changes.append,
            on_scrape_failure=lambda _: None,
            wall_offset_s=1.7e9,
            recorder=self.recorder if self.record else None,
        )

    def _targets(self) -> list[ScrapeTarget]:
        return [] if self.gone else [ScrapeTarget("shop", "shop:1", self._fetch)]

    def _fetch(self) -> str:
        text = self.told(self.clock.at - self.zero)
        self.clock.at += self.chance.uniform(0.01, 0.06)  # the answer takes its time
        return text

    def run(self, seconds: float) -> None:
        end = self.clock.at + seconds
        due = self.clock.at
        while due < end:
            self.clock.at = max(self.clock.at, due + self.chance.uniform(0.0, 0.02))
            self.detector.step(self.clock.at)
            due += 1.0
        self.clock.at = max(self.clock.at, end)

    def drill(
        self,
        name: str = "",
        *,
        baseline_s: float = 60.0,
        ill_s: float = 60.0,
        after_s: float = 30.0,
        plan: Plan = PLAN,
        landed: bool = True,
        deaf_s: float = 0.0,
        expected: tuple[str, ...] = ("Restarting",),
        tolerated: tuple[str, ...] = ("MemoryHigh", "SuccessLow"),
    ) -> Path:
        """One drill in a folder of the day; its events are those that it lived."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        plan = replace(
            plan,
            compression=self.compression,
            expected_alerts=expected,
            tolerated_alerts=tolerated,
        )
        run_id = f"20260101-120000-{name or self.folder.name}"
        started = self.clock.at
        if self.record:
            self.run(deaf_s)  # a cluster is asked this and that, while the detection goes on
            self.recorder.begin(run_id, started, self.clock.at)
        before = len(self.changes)
        self.run(baseline_s)
        events: list[e.Event] = [
            e.DrillStarted(
                at=0.0, run_id=run_id, wall_time="2026-01-01", plan=plan, versions={}, rules={}
            )
        ]
        injected = self.clock.at - started
        self.run(ill_s)
        recovered = self.clock.at - started
        self.run(after_s)
        ended = self.clock.at - started
        if plan.arm != "dry":
            events.append(e.FaultInjected(at=injected, fault="f", change="c"))
            if landed:
                events.append(e.FaultLanded(at=injected + 0.2, evidence="seen"))
                events.append(e.Recovered(at=recovered, evidence="well"))
        events += [
            e.AlertChanged(
                at=change.at - started,
                alert=change.alert,
                state=change.state.value,
                labels=dict(change.labels),
                value=change.value,
            )
            for change in self.changes[before:]
        ]
        events.append(e.FaultUndone(at=ended, undone=True, evidence="gone", differences=()))
        events.append(e.DrillEnded(at=ended))
        events.sort(key=lambda event: event.at)
        (folder / "events.jsonl").write_text(
            "".join(e.to_line(event) + "\n" for event in events), encoding="utf-8"
        )
        return folder


def lived(folder: Path, **kinds: object) -> Path:
    """A single drill, its recording beside it."""
    day = Day(folder)
    run = day.drill(**kinds)  # type: ignore[arg-type]
    day.recorder.close()
    return run
