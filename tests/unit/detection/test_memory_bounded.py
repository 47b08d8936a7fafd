"""What a detector holds after hours is what its rules look back over, whatever came and went."""

import gc
from bisect import bisect_left

from rundrill.detection import Labels, ScrapeTarget
from rundrill.detection.store import SampleStore
from tests.unit.detection.fakes import Watched

RULES = """
groups:
  - name: g
    rules:
      - record: job:x:rate1m
        expr: sum by (pod) (rate(x_total[1m]))
      - alert: Restarts
        expr: x_total - x_total offset 10m > 3
      - alert: Slow
        expr: max_over_time(job:x:rate1m[5m]) > 1e9
      - alert: Gone
        expr: absent(x_total{pod="none"}) > 1
"""
EVERY_S = 5
LONGEST_S = 600 + 300  # `offset 10m`, and the sample there may be five minutes older
# Kept beside it: 10 s, and old samples go in batches of 32, at every 16th evaluation.
BATCH = 32
MARGIN_S = 10 + (BATCH + 16) * EVERY_S
HOUR = 3600 // EVERY_S


class Churning:
    """Pods that live fifteen minutes each, three at a time, and one that flaps."""

    def __init__(self) -> None:
        self.watched = Watched(RULES, self.targets)
        self.rounds = 0

    @property
    def store(self) -> SampleStore:
        return self.watched.detector._store

    def targets(self) -> list[ScrapeTarget]:
        born = self.rounds // 60
        names = [f"pod-{number}" for number in range(born, born + 3)]
        return [*(self._pod(name) for name in names), self._pod("flapping")]

    def _pod(self, name: str) -> ScrapeTarget:
        return ScrapeTarget("payments", name, lambda: self._answer(name), {"pod": name})

    def _answer(self, name: str) -> str:
        if name == "flapping" and self.rounds % 3:
            raise OSError("connection refused")
        lines = [f'x_total{{n="{n}"}} {self.rounds}\n' for n in range(4)]
        if name != "flapping":  # a label that never repeats, as a careless service has it
            lines.append(f'x_total{{request="{name}-{self.rounds}"}} 1\n')
        return "".join(lines)

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.watched.step(EVERY_S)
            self.rounds += 1


def test_after_hours_nothing_older_than_the_longest_range_is_held() -> None:
    churning = Churning()
    kept_rounds = (LONGEST_S + MARGIN_S) / EVERY_S
    a_round = 4 * 6 + 4  # of each target five samples and `up`; what is recorded
    for _ in range(4):
        churning.run(HOUR // 2)
        now_ms = churning.watched.clock.at * 1000
        series = churning.store._series.values()
        oldest_ms = now_ms - (LONGEST_S + MARGIN_S) * 1000
        # A series that is scraped seldom has as many old samples as any, in more time.
        assert all(bisect_left(one.times, oldest_ms) <= BATCH for one in series)
        assert all(one.times[-1] >= oldest_ms for one in series)
        assert all(bisect_left(one.ends, oldest_ms) <= BATCH for one in series)
        assert min(one.times[0] for one in series) <= now_ms - (LONGEST_S - EVERY_S) * 1000
        assert churning.store.samples <= a_round * kept_rounds
        assert len(churning.store) <= 4 * kept_rounds + 100
        # What is found by name and by selector is the same and not what was there once.
        assert sum(map(len, churning.store._by_name.values())) == len(churning.store)
        chosen = [one for found in churning.store._selections.values() for one in found]
        assert all(churning.store._series.get(one.labels) is one for one in chosen)


def test_what_is_remembered_of_labels_does_not_grow_from_hour_to_hour() -> None:
    """The caches of scraping and evaluation hold labels, also of series that are gone."""
    churning = Churning()
    churning.run(HOUR // 2)
    alive = []
    for _ in range(4):
        churning.run(HOUR // 2)
        gc.collect()
        alive.append(sum(isinstance(one, Labels) for one in gc.get_objects()))
    seen = 4 * churning.rounds
    assert max(alive) < 1.1 * min(alive), alive
    assert max(alive) < 8 * len(churning.store) < 2 * seen, alive


def test_a_question_that_looks_further_back_is_kept_for_from_then_on() -> None:
    churning = Churning()
    churning.watched.detector.query("max_over_time(x_total[20m])")
    assert churning.store.retention_ms == (1200 + 10) * 1000
