"""What happened, as frozen facts; `events.jsonl` is the only source of truth.

`at` is seconds since the drill began on the engine's monotonic clock; wall time is recorded
once, in `DrillStarted`. A line of the file is `{"event": "AlertChanged", "at": 31.2, ...}`.
"""

import dataclasses
import json
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Union, get_args, get_origin, get_type_hints

from rundrill.errors import RundrillError
from rundrill.measured import Measure
from rundrill.model import Plan, PlannedStep, RuleDesign
from rundrill.redaction import BY_PATTERN, Redactor

Phase = Literal[
    "setup", "baseline", "inject", "detect", "respond", "recover", "soak", "undo", "verdict"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillStarted:
    """The first event: the whole plan, so that a run folder explains itself."""

    at: float
    run_id: str
    wall_time: str
    plan: Plan
    versions: Mapping[str, str]
    rules: Mapping[str, str]
    """Alert name to its expression and `for`, as they were evaluated."""
    designs: Mapping[str, RuleDesign] = field(default_factory=dict)
    """Alert name to what its rule spends by design; empty in older runs."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """Subject of a steady-state bound to what its number is; empty in older runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    at: float
    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEnded:
    at: float
    phase: Phase
    passed: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSampled:
    """One second of the load, [at - 1, at): counts of that second, not totals.

    Latencies are milliseconds from the *due* time of the requests that completed in it; None
    when none did. `ok` counts what the customer would call a success, `slow` those of them that
    took longer than the runbook's steady state allows; None when nobody counted.

    `failed_ages` and `slow_ages` tell when the requests that failed or were slow in this second
    had been due: how many seconds before this one, to their number. A request that the fault let
    hang for ten seconds is not the harm of the step during which it gave up.
    """

    at: float
    issued: int
    completed: int
    ok: int
    failed: int
    dropped: int
    in_flight: int
    oldest_in_flight_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    slow: int | None = None
    failed_ages: Mapping[str, int] = field(default_factory=dict)
    slow_ages: Mapping[str, int] = field(default_factory=dict)


UNKNOWN_HARM = "unknown: "
"""How `SteadyStateSampled.harm` begins when nobody could tell: no recovery, but no harm seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyStateSampled:
    """The steady-state bounds at one evaluation; a value of None is *no data* and never holds.

    `harm` is what of the fault was still there, seen from outside the service's own numbers.
    """

    at: float
    values: Mapping[str, float | None]
    holds: bool
    broken: tuple[str, ...]
    harm: str | None = None
    stale: bool = False
    """The detection was behind: then nothing of the service or its alerts was looked at."""
    service_oldest_s: float | None = None
    """By the service's own account: for how long its oldest request in flight has waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanged:
    """An alert's state, of all its series the most advanced one."""

    at: float
    alert: str
    state: Literal["inactive", "pending", "firing"]
    labels: Mapping[str, str]
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNotified:
    """A receiver was told that the alert fires: its message had come in completely at `at`."""

    at: float
    alert: str
    labels: Mapping[str, str]
    """Of one series of the alert; a message about several is one event for each."""
    receiver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed:
    """A message about firing alerts did not arrive at the first try; it is tried again."""

    at: float
    receiver: str
    alerts: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFailed:
    """A scrape target did not answer; told once when it begins."""

    at: float
    job: str
    instance: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineJudged:
    """Did the baseline hold for its whole window, and was the load what was asked for?"""

    at: float
    window_s: float
    evaluations: int
    broken: tuple[str, ...]
    alerts: tuple[str, ...]
    """Alerts that were not silent."""
    delivered_per_min: float
    asked_per_min: float
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultInjected:
    at: float
    fault: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultLanded:
    at: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultMissed:
    """The fault did not prove within its limit that it landed."""

    at: float
    waited_s: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    at: float
    procedure: str
    number: int
    line: int
    text: str
    kind: str

    @classmethod
    def of(cls, step: PlannedStep, *, at: float) -> "StepStarted":
        return cls(
            at=at,
            procedure=step.procedure,
            number=step.number,
            line=step.line,
            text=step.text,
            kind=step.kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFinished:
    """One command of the runbook, run literally; output is bounded and says when it was cut."""

    at: float
    procedure: str
    number: int
    line: int
    text: str
    argv: tuple[str, ...]
    bound: Mapping[str, str]
    """Placeholder to the value that a binding gave it."""
    exit_code: int | None
    """None when it was stopped at its limit."""
    duration_s: float
    stdout: str
    stderr: str
    endless: bool = False
    """It never ends by itself (`logs -f`): that it was stopped is no failure."""
    by_binding: bool = False
    """Not the runbook's words: its author bound the command to a manual step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRefused:
    """The command is outside what the plan allows, or could not be run as written."""

    at: float
    procedure: str
    number: int
    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped:
    """`needless` when the service had recovered; otherwise the step is missing from the proof."""

    at: float
    procedure: str
    number: int
    line: int
    text: str
    why: str
    needless: bool = False
    unbound: bool = False
    """A manual step to which the experiment binds no command: nobody was there to do it."""

    @classmethod
    def of(
        cls,
        step: PlannedStep,
        *,
        at: float,
        why: str,
        needless: bool = False,
        unbound: bool = False,
    ) -> "StepSkipped":
        return cls(
            at=at,
            procedure=step.procedure,
            number=step.number,
            line=step.line,
            text=step.text,
            why=why,
            needless=needless,
            unbound=unbound,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Steady state holds again and the expected alert has resolved."""

    at: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryMissed:
    at: float
    waited_s: float
    evidence: str
    unmeasured: str | None = None
    """Why the last look could not tell; then nobody knows that it did not recover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakJudged:
    """The runbook's monitoring window: did it stay fixed?"""

    at: float
    window_s: float
    evaluations: int
    broken: tuple[str, ...]
    alerts: tuple[str, ...]
    unmeasured: tuple[str, ...] = ()
    """Why some look could not tell; then nothing is proven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What the procedure itself had changed was brought back, a sentence for each value."""

    at: float
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceJudged:
    """The dry arm, without a fault, for as long as an alert may take: did anything stir?"""

    at: float
    window_s: float
    evaluations: int
    broken: tuple[str, ...]
    alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultUndone:
    """`differences` are what the blast radius still shows against its snapshot."""

    at: float
    undone: bool
    evidence: str
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyChecked:
    """Every payment acknowledged to a client is stored exactly once, and charged exactly once.

    All tuples are idempotency keys. `charges` counts the gateways' own books; None where nobody
    keeps any.
    """

    at: float
    acknowledged: int
    stored: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    error: str | None
    """Why it could not be checked; then nothing is proven."""
    charges: int | None = None
    uncharged: tuple[str, ...] = ()
    """Stored as captured, and on no gateway's books."""
    unrecorded: tuple[str, ...] = ()
    """Charged, and not stored, or stored as one that was not charged."""
    mischarged: tuple[str, ...] = ()
    """Charged with another amount or in another currency."""
    unsettled: tuple[str, ...] = ()
    """Promised or charged, and still open when the service had had its time."""
    incomplete: tuple[str, ...] = ()
    """Whose books were lost on the way, and why: nothing can be missed in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStopped:
    """The load's own account. `expected` is False when it died before it was told to stop."""

    at: float
    expected: bool
    exit_code: int | None
    issued: int
    completed: int
    dropped: int
    worst_lateness_ms: float | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAborted:
    at: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFailed:
    """The tool could not go on (a probe could not run, the cluster went away)."""

    at: float
    phase: Phase
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillEnded:
    at: float


Event = Union[  # noqa: UP007 - get_args over it is what tests enumerate
    DrillStarted,
    PhaseStarted,
    PhaseEnded,
    LoadSampled,
    SteadyStateSampled,
    AlertChanged,
    AlertNotified,
    NotificationFailed,
    ScrapeFailed,
    BaselineJudged,
    FaultInjected,
    FaultLanded,
    FaultMissed,
    StepStarted,
    CommandFinished,
    CommandRefused,
    StepSkipped,
    Recovered,
    RecoveryMissed,
    SoakJudged,
    SilenceJudged,
    Restored,
    FaultUndone,
    MoneyChecked,
    LoadStopped,
    DrillAborted,
    DrillFailed,
    DrillEnded,
]

EVENT_TYPES: Mapping[str, type[Any]] = {cls.__name__: cls for cls in get_args(Event)}


def to_line(event: Event) -> str:
    """One line of `events.jsonl`, without the newline."""
    body = {"event": type(event).__name__, **dataclasses.asdict(event)}
    return json.dumps(
        body, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=dict
    )


def from_line(line: str) -> Event:
    """The inverse of `to_line`. Raises `ValueError` on anything else."""
    body = json.loads(line)
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for every bad line
    cls = EVENT_TYPES.get(body.pop("event", ""))
    if cls is None:
        raise ValueError("not an event of this version")
    try:
        event: Event = _decode(cls, body)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{cls.__name__}: {error}") from error
    return event


def read(path: Path) -> list[Event]:
    """All events of a run. A torn last line (the runner was killed) is left out."""
    events: list[Event] = []
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RundrillError(
            f"the events cannot be read: {error.strerror}",
            path=path,
            fix="name the folder of a run",
        ) from error
    except UnicodeDecodeError as error:
        raise RundrillError(
            f"not an event: {error.reason}",
            path=path,
            line=error.object.count(b"\n", 0, error.start) + 1,
            fix="the file was edited or cut",
        ) from error
    # Not `splitlines`: it also splits at characters that may stand in the output of a command.
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        try:
            events.append(from_line(line))
        except ValueError as error:
            if number == len(lines) and _torn(text, line):
                break
            raise RundrillError(
                f"not an event: {error}", path=path, line=number, fix="the file was edited or cut"
            ) from error
    return events


def _torn(text: str, last: str) -> bool:
    """Whether the last line is the beginning of one, as a runner leaves it that is killed."""
    return not last or (last.startswith("{") and not text.endswith("\n"))


class EventLog:
    """Appends events to a file, each flushed before `emit` returns, and hands them on.

    Here, and nowhere else, text comes into a run: so it is here that secrets are taken out of it,
    before the file, the console or the report have seen them.

    Several threads may emit. A disk that is full must not keep a fault from being undone: then
    `failure` is set, and the events go on in memory and to the listeners. After `close` nothing
    is told any more: a thread that still emits was asked to stop before, and is not to die of it.
    """

    def __init__(
        self,
        file: IO[str],
        *listeners: Callable[[Event], None],
        redactor: Redactor = BY_PATTERN,
    ) -> None:
        self._file = file
        self._redactor = redactor
        self._listeners = listeners
        self._events: list[Event] = []
        self._lock = threading.RLock()
        self._closed = False
        self.failure: OSError | None = None

    def emit(self, event: Event) -> None:
        event = self._redactor.value(event)
        line = to_line(event)
        with self._lock:
            if self._closed:
                return
            self._events.append(event)
            if self.failure is None:
                try:
                    self._file.write(line + "\n")
                    self._file.flush()
                except OSError as error:
                    self.failure = error
            for listener in self._listeners:
                listener(event)

    def close(self) -> None:
        """Closes the file, once. What is emitted after it is dropped."""
        with self._lock:
            self._closed = True
            try:
                self._file.close()
            except OSError as error:
                self.failure = self.failure or error

    @property
    def events(self) -> tuple[Event, ...]:
        with self._lock:
            return tuple(self._events)


def _decode(kind: Any, value: Any) -> Any:
    """Rebuilds dataclasses, tuples and mappings from JSON by their annotations."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{name: _decode(hints[name], item) for name, item in value.items()})
    origin = get_origin(kind)
    if origin is tuple:
        return tuple(_decode(get_args(kind)[0], item) for item in value)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        for option in get_args(kind):
            if dataclasses.is_dataclass(option) and isinstance(value, dict):
                return _decode(option, value)
        return value
    if origin is not None and isinstance(value, dict) and len(get_args(kind)) == 2:
        return {key: _decode(get_args(kind)[1], item) for key, item in value.items()}
    return value
