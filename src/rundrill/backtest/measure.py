"""What rules did in one past drill: an answer for each alert. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rundrill.backtest.past import PastDrill
from rundrill.detection import AlertChange, AlertStatus

Role = Literal["expected", "tolerated", "other"]
Answer = Literal["detected", "late", "missed", "early", "false", "tolerated", "silent", "no rule"]
"""Of an expected alert: `detected` in time, `late`, `missed`, `early` when it began before the
fault. Of any other: `false` when it fired, `tolerated` when the experiment allows that, `silent`
when it did not. `no rule`: expected, and not in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTrial:
    """One alert under one set of rules in one drill.

    `pending_s` and `firing_s` are seconds of the run from the fault to the first time it came
    into that state (`pending_s` also where it went to firing at once); None where it did not.
    `firings` counts how often it began to fire, `baseline_s` says how long before the fault it
    began what it finished after it, or fired.
    """

    alert: str
    role: Role
    answer: Answer
    pending_s: float | None = None
    firing_s: float | None = None
    firings: int = 0
    baseline_s: float | None = None
    limit_s: float | None = None

    @property
    def false_alarm(self) -> bool:
        return self.answer in ("false", "early")

    @property
    def flaps(self) -> int:
        """How often it fired again after it had resolved."""
        return max(0, self.firings - 1)

    @property
    def met(self) -> bool:
        """False for an expected alert that did not do what was expected of it."""
        return self.role != "expected" or self.answer in ("detected", "silent")


def tried(
    drill: PastDrill, changes: Sequence[AlertChange], alerts: Iterable[str]
) -> tuple[AlertTrial, ...]:
    """The answer of each alert of the rules, and of each expected one that they do not have."""
    names = list(dict.fromkeys(alerts))
    missing = [name for name in drill.plan.expected_alerts if name not in names]
    found = [_trial(drill, name, changes) for name in names]
    return (
        *(
            AlertTrial(
                alert=name,
                role="expected",
                answer="silent" if drill.injected is None else "no rule",
                limit_s=_limit_s(drill),
            )
            for name in missing
        ),
        *found,
    )


def _trial(drill: PastDrill, name: str, changes: Sequence[AlertChange]) -> AlertTrial:
    role = role_of(drill, name)
    own = [(c.at - drill.started, c.state) for c in changes if c.alert == name]
    within = [(max(at, 0.0), state) for at, state in _from_start(own) if at <= drill.watched]
    firings = sum(state is AlertStatus.FIRING for _, state in within)
    if drill.injected is None:
        fired = next((at for at, state in within if state is AlertStatus.FIRING), None)
        return AlertTrial(
            alert=name,
            role=role,
            answer="silent" if fired is None else "tolerated" if role == "tolerated" else "false",
            firings=firings,
        )
    since = {state: _first(within, drill.injected, state) for state in AlertStatus}
    firing = since[AlertStatus.FIRING]
    pending = min(
        (at for at in (since[AlertStatus.PENDING], firing) if at is not None), default=None
    )
    early = _early(within, drill.injected, expected=role == "expected")
    return AlertTrial(
        alert=name,
        role=role,
        answer=_answer(role, firing, firings, early, _limit_s(drill)),
        pending_s=pending,
        firing_s=firing,
        firings=firings,
        baseline_s=early,
        limit_s=_limit_s(drill) if role == "expected" else None,
    )


def role_of(drill: PastDrill, alert: str) -> Role:
    if alert in drill.plan.expected_alerts:
        return "expected"
    return "tolerated" if alert in drill.plan.tolerated_alerts else "other"


def _answer(
    role: Role, firing: float | None, firings: int, early: float | None, limit_s: float | None
) -> Answer:
    if role == "tolerated":
        return "tolerated" if firings else "silent"
    if role == "other":
        return "false" if firings else "silent"
    if early is not None:
        return "early"
    if firing is None:
        return "missed"
    return "detected" if limit_s is None or firing <= limit_s else "late"


def _from_start(own: Sequence[tuple[float, AlertStatus]]) -> list[tuple[float, AlertStatus]]:
    """The changes of the drill, the state that it began with first; times from its start."""
    before = [one for one in own if one[0] < 0]
    carried = [before[-1]] if before and before[-1][1] is not AlertStatus.INACTIVE else []
    return [*carried, *(one for one in own if one[0] >= 0)]


def _first(
    within: Sequence[tuple[float, AlertStatus]], injected: float, state: AlertStatus
) -> float | None:
    return next((at - injected for at, s in within if s is state and at >= injected), None)


def _early(
    within: Sequence[tuple[float, AlertStatus]], injected: float, *, expected: bool
) -> float | None:
    """How long before the fault it fired, or an expected one began what ended in firing."""
    since: float | None = None
    for at, state in within:
        if state is AlertStatus.INACTIVE:
            since = None
            continue
        since = at if since is None else since
        if state is AlertStatus.FIRING:
            if at < injected or (expected and since < injected):
                return injected - since
            if expected:
                return None  # the detection; what comes after it is another matter
    return None


def _limit_s(drill: PastDrill) -> float | None:
    return None if drill.injected is None else drill.plan.windows.detect_budget_s
