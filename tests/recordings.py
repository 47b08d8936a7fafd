"""The events of a drill that kept every promise, and of its arms; tests take away from them."""

from dataclasses import replace
from typing import Any

from fakes import PLAN

from rundrill.events import (
    AlertChanged,
    BaselineJudged,
    CommandFinished,
    DrillEnded,
    DrillStarted,
    Event,
    FaultInjected,
    FaultLanded,
    FaultUndone,
    LoadSampled,
    LoadStopped,
    MoneyChecked,
    PhaseEnded,
    PhaseStarted,
    Recovered,
    RecoveryMissed,
    SilenceJudged,
    SoakJudged,
    SteadyStateSampled,
    StepSkipped,
)
from rundrill.model import Acceptance


def command(number: int, *, exit_code: int | None = 0, at: float = 45.0) -> CommandFinished:
    step = PLAN.steps[number - 1]
    return CommandFinished(
        at=at,
        procedure=step.procedure,
        number=number,
        line=step.line,
        text=step.text,
        argv=("kubectl",),
        bound={},
        exit_code=exit_code,
        duration_s=0.3,
        stdout="",
        stderr="no",
    )


def load(at: float, *, completed: int = 17, failed: int = 0) -> LoadSampled:
    return LoadSampled(
        at=at,
        issued=17,
        completed=completed,
        ok=completed - failed,
        failed=failed,
        dropped=0,
        in_flight=0,
        oldest_in_flight_s=0.0,
        p50_ms=5.0,
        p95_ms=9.0,
        p99_ms=12.0,
    )


def alert(at: float, state: Any, name: str = "PaymentPodRestarting") -> AlertChanged:
    return AlertChanged(at=at, alert=name, state=state, labels={}, value=4.0)


def looks(start: float, end: float) -> list[Event]:
    seconds = range(int(start), int(end) + 1)
    return [
        SteadyStateSampled(at=float(at), values={"error rate": 0.0}, holds=True, broken=())
        for at in seconds
    ]


HELD: list[Event] = [
    DrillStarted(at=0.0, run_id="r", wall_time="2026-01-01", plan=PLAN, versions={}, rules={}),
    BaselineJudged(
        at=25.0,
        window_s=20.0,
        evaluations=20,
        broken=(),
        alerts=(),
        delivered_per_min=1000.0,
        asked_per_min=1000.0,
        dropped=0,
    ),
    *looks(5.0, 25.0),
    FaultInjected(at=26.0, fault="bad-release", change="image set"),
    FaultLanded(at=29.0, evidence="pod x is in CrashLoopBackOff"),
    PhaseStarted(at=29.0, phase="detect"),
    load(30.0),
    *looks(26.0, 46.0),
    alert(36.0, "pending"),
    alert(38.0, "firing"),
    PhaseEnded(at=38.5, phase="detect", passed=True, why="fired"),
    PhaseStarted(at=38.5, phase="respond"),
    command(1),
    command(2),
    load(46.0),
    command(3),
    PhaseEnded(at=47.0, phase="respond", passed=True, why=""),
    PhaseStarted(at=47.0, phase="recover"),
    alert(46.5, "inactive"),
    Recovered(at=47.0, evidence="steady"),
    PhaseEnded(at=47.2, phase="recover", passed=True, why=""),
    *looks(47.0, 107.0),
    SoakJudged(at=107.2, window_s=60.0, evaluations=60, broken=(), alerts=()),
    FaultUndone(at=108.0, undone=True, evidence="all as before", differences=()),
    LoadStopped(
        at=109.0,
        expected=True,
        exit_code=0,
        issued=1800,
        completed=1800,
        dropped=0,
        worst_lateness_ms=3.2,
        detail="",
    ),
    MoneyChecked(at=110.0, acknowledged=1200, stored=1200, lost=(), doubled=(), error=None),
    DrillEnded(at=111.0),
]


def without(*kinds: type[Any]) -> list[Event]:
    return [event for event in HELD if not isinstance(event, kinds)]


def changed(kind: type[Any], **fields: Any) -> list[Event]:
    return [replace(e, **fields) if isinstance(e, kind) else e for e in HELD]


def planned(events: list[Event], **fields: Any) -> list[Event]:
    """The same events under a plan with other fields."""
    return [
        replace(e, plan=replace(e.plan, **fields)) if isinstance(e, DrillStarted) else e
        for e in events
    ]


def accepting(events: list[Event], *promises: str, review: str = "2027-03-01") -> list[Event]:
    """The same events under an experiment that accepts these findings."""
    return planned(
        events,
        accepted=tuple(
            Acceptance(promise=name, reason="no remedy is written", review=review)
            for name in promises
        ),
    )


def missed(waited_s: float = 120.0) -> list[Event]:
    """A drill whose procedure did not bring the service back."""
    told = RecoveryMissed(at=38.0 + waited_s, waited_s=waited_s, evidence="pod x is not ready")
    kept = [e for e in HELD if not isinstance(e, SoakJudged) and not 47.2 < e.at < 107.3]
    end = next(i for i, e in enumerate(kept) if isinstance(e, FaultUndone))
    loads = [load(float(at)) for at in range(48, 159)]
    kept = [*kept[:end], *loads, *looks(48.0, 38.0 + waited_s), *kept[end:]]
    return _late([told if isinstance(e, Recovered) else e for e in kept])


def control(healed_s: float | None, *, waited_s: float = 120.0) -> list[Event]:
    """The control arm; `healed_s` from the alert, None where it did not heal."""
    skipped = [
        StepSkipped(
            at=39.0,
            procedure=step.procedure,
            number=step.number,
            line=step.line,
            text=step.text,
            why="the control arm",
            needless=True,
        )
        for step in PLAN.steps[:3]
    ]
    events = HELD if healed_s is not None else missed(waited_s)
    events = [e for e in events if not isinstance(e, CommandFinished)]
    if healed_s is not None:
        events = [replace(e, at=38.0 + healed_s) if isinstance(e, Recovered) else e for e in events]
    at = next(i for i, e in enumerate(events) if getattr(e, "phase", "") == "respond") + 1
    return planned([*events[:at], *skipped, *events[at:]], arm="control")


def dry() -> list[Event]:
    """The dry arm, in which nothing stirred."""
    gone = (
        FaultInjected, FaultLanded, FaultUndone, AlertChanged, CommandFinished, Recovered,
        SoakJudged, PhaseStarted, PhaseEnded,
    )  # fmt: skip
    kept = [e for e in HELD if not isinstance(e, gone) and not 25.5 < e.at < 108.5]
    judged = SilenceJudged(at=66.5, window_s=40.4, evaluations=40, broken=(), alerts=())
    watched = [*looks(26.0, 66.0), judged]
    at = next(i for i, e in enumerate(kept) if isinstance(e, LoadStopped))
    return planned([*kept[:at], *watched, *kept[at:]], arm="dry")


def _late(events: list[Event]) -> list[Event]:
    """What ends a drill, after its recovery was given up."""
    shift = (FaultUndone, LoadStopped, MoneyChecked, DrillEnded)
    return [replace(e, at=e.at + 60.0) if isinstance(e, shift) else e for e in events]
