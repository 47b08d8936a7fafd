"""A clock that only moves when told, and a detector that records what it reports."""

from collections.abc import Callable, Sequence

from rundrill.detection import AlertChange, Detector, ScrapeFailure, ScrapeTarget
from rundrill.detection.rules import parse_rules


class FakeClock:
    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


class Watched:
    """A detector stepped by hand, once a second unless told otherwise."""

    def __init__(
        self,
        rules: str,
        targets: Callable[[], Sequence[ScrapeTarget]],
        *,
        compression: float = 1.0,
        scrape_timeout_s: float | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.changes: list[AlertChange] = []
        self.failures: list[ScrapeFailure] = []
        self.detector = Detector(
            parse_rules(rules, "alerts.yml"),
            targets,
            clock=self.clock,
            compression=compression,
            on_change=self.changes.append,
            on_scrape_failure=self.failures.append,
            scrape_timeout_s=scrape_timeout_s,
        )

    def step(self, seconds: float = 1.0) -> None:
        self.detector.step(self.clock.at)
        self.clock.at += seconds

    def told(self) -> list[tuple[float, str, str]]:
        return [(change.at, change.alert, str(change.state)) for change in self.changes]
