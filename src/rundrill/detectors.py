"""Who detects: the embedded detector, a Prometheus of our own, one that runs already, or both.

embedded            rules are evaluated here
prometheus          a `prometheus` of this machine, started for the drill
prometheus:URL      one that runs and scrapes by itself; its rules must be ours
both                embedded decides; a prometheus beside it is only recorded
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rundrill.base.clock import Clock
from rundrill.detection import (
    AlertChange,
    AlertState,
    Detection,
    Detector,
    RuleSet,
    ScrapeFailure,
    ScrapeTarget,
    interval_s,
    lookback_s,
)
from rundrill.detection.prometheus import (
    Program,
    PrometheusDetector,
    Running,
    Started,
    find_program,
)
from rundrill.detection.recorder import Recorder
from rundrill.errors import DetectionError

EMBEDDED: Final = "embedded"
PROMETHEUS: Final = "prometheus"
BOTH: Final = "both"
CHOICES: Final = f"{EMBEDDED}, {PROMETHEUS}, {PROMETHEUS}:URL or {BOTH}"
BESIDE: Final = "prometheus-alerts.jsonl"
"""In the run folder: what the second detector of `both` saw."""
_ASK_EVERY_S: Final = 1.0
_FOLDER: Final = "prometheus"

Targets = Callable[[], Sequence[ScrapeTarget]]
OnChange = Callable[[AlertChange], None]
OnFailure = Callable[[ScrapeFailure], None]
OnEvaluation = Callable[[Mapping[str, AlertState], float], None]


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """`kind` is embedded, prometheus or both; `url` that of a Prometheus that runs already."""

    kind: str = EMBEDDED
    url: str | None = None
    program: Program | None = None
    """The one to start; found once, before anything else is started."""
    alertmanager: str | None = None
    """The URL that the one to start sends to."""

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded detector decides."""
        return self.kind != PROMETHEUS


DEFAULT: Final = DetectorChoice()


def detector_choice(text: str) -> DetectorChoice:
    """Reads `--detector`. Raises `DetectionError`, and `MachineError` without a `prometheus`."""
    kind, colon, url = text.partition(":")
    if kind == PROMETHEUS and colon:
        Running(url)  # whether it is a URL
        return DetectorChoice(PROMETHEUS, url=url)
    if text == EMBEDDED:
        return DEFAULT
    if text in (PROMETHEUS, BOTH):
        return DetectorChoice(text, program=find_program())
    raise DetectionError(f"there is no detector {text!r}", fix=f"one of: {CHOICES}")


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector",
        default=EMBEDDED,
        metavar="WHO",
        help=f"who evaluates the alert rules: {CHOICES} (default: %(default)s)",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detecting:
    """What the detectors of a drill are made of. `scratch` is for what ends with the drill."""

    rules: RuleSet
    targets: Targets
    compression: float
    clock: Clock
    scratch: Path
    on_change: OnChange
    on_scrape_failure: OnFailure
    on_evaluation: OnEvaluation | None = None
    recorder: Recorder | None = None
    """Keeps what the embedded detector scrapes."""
    wall_offset_s: float = 0.0
    """Plus the clock it is Unix time, for `time()` in rules."""


def require_usable(
    choice: DetectorChoice, rules: RuleSet, *, compression: float, clock: Clock
) -> None:
    """Whether a Prometheus that runs already is there with our rules. Raises `DetectionError`."""
    if choice.url is None:
        return
    source = Running(choice.url)
    parts = Detecting(
        rules=rules,
        targets=tuple,
        compression=compression,
        clock=clock,
        scratch=Path(),
        on_change=_ignore,
        on_scrape_failure=_ignore,
    )
    _following(source, parts, _ASK_EVERY_S).connect(source.open())


def make_detector(choice: DetectorChoice, parts: Detecting) -> Detection:
    """The detector that decides; it is not started."""
    if choice.url is not None:
        return _following(Running(choice.url), parts, _ASK_EVERY_S)
    if choice.kind == PROMETHEUS:
        return _started(choice, parts)
    return Detector(
        rules_evaluated(choice, parts.rules),
        parts.targets,
        clock=parts.clock,
        interval_s=interval_s(parts.compression),
        compression=parts.compression,
        on_change=parts.on_change,
        on_scrape_failure=parts.on_scrape_failure,
        on_evaluation=parts.on_evaluation,
        recorder=parts.recorder,
        wall_offset_s=parts.wall_offset_s,
    )


def rules_evaluated(choice: DetectorChoice, rules: RuleSet) -> RuleSet:
    """As the embedded detector evaluates them: beside a Prometheus in its dialect."""
    return rules if choice.program is None else replace(rules, dialect=choice.program.dialect)


class Beside:
    """A Prometheus that decides nothing: what it sees becomes lines of a file, in seconds of
    `zero`, to be compared with what was decided on."""

    def __init__(self, choice: DetectorChoice, parts: Detecting, path: Path, zero: float) -> None:
        self._path = path
        self._zero = zero
        self._detector = _started(
            choice,
            replace(parts, on_change=self._write, on_scrape_failure=_ignore, on_evaluation=None),
        )

    def start(self) -> None:
        """Raises `RundrillError`."""
        self._detector.start()

    def stop(self) -> None:
        """Harmless when not started, and to repeat."""
        self._detector.stop()

    @property
    def failure(self) -> BaseException | None:
        """A record with a hole would compare what was not seen, as where a rule of it fails."""
        if self._detector.failure is not None:
            return self._detector.failure
        errors = self._detector.rule_errors()
        told = "; ".join(f"{name}: {why}" for name, why in errors.items())
        return RuntimeError(told) if told else None

    def _write(self, change: AlertChange) -> None:
        line = {"at": change.at - self._zero, "alert": change.alert, "state": change.state.value}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"labels": dict(change.labels)}) + "\n")


def make_beside(
    choice: DetectorChoice, parts: Detecting, *, folder: Path, zero: float
) -> Beside | None:
    """None unless both were asked for."""
    return Beside(choice, parts, folder / BESIDE, zero) if choice.kind == BOTH else None


def _started(choice: DetectorChoice, parts: Detecting) -> PrometheusDetector:
    assert choice.program is not None
    every_s = interval_s(parts.compression)
    source = Started(
        choice.program,
        parts.scratch / _FOLDER,
        parts.rules,
        parts.targets,
        interval_s=every_s,
        lookback_s=lookback_s(parts.compression, every_s),
        compression=parts.compression,
        clock=parts.clock,
        alertmanager=choice.alertmanager,
    )
    # Oftener than it evaluates: what it sees is then known within half an interval.
    return _following(source, parts, every_s / 2, interval_s=every_s)


def _following(
    source: Running | Started,
    parts: Detecting,
    every_s: float,
    *,
    interval_s: float | None = None,
) -> PrometheusDetector:
    return PrometheusDetector(
        parts.rules,
        source,
        clock=parts.clock,
        every_s=every_s,
        interval_s=interval_s,
        compression=parts.compression,
        on_change=parts.on_change,
        on_scrape_failure=parts.on_scrape_failure,
        on_evaluation=parts.on_evaluation,
    )


def _ignore(_told: object) -> None:
    """For whoever only asks."""
