"""Events folded once into what a reader asks for: phases, samples, alert lanes, steps."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from rundrill.errors import RundrillError
from rundrill.events import (
    AlertChanged,
    CommandFinished,
    CommandRefused,
    DrillStarted,
    Event,
    LoadSampled,
    PhaseEnded,
    PhaseStarted,
    SoakJudged,
    StepSkipped,
    StepStarted,
)
from rundrill.model import Plan

EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSpan:
    """`passed` is None when the phase never ended (the drill was stopped in it)."""

    phase: str
    start: float
    end: float
    passed: bool | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSpan:
    state: str
    start: float
    end: float
    value: float | None
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLane:
    """One alert over the run. `role` is expected, tolerated or other."""

    alert: str
    rule: str
    role: str
    spans: tuple[AlertSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """A step as it was met; `start` is None when the drill never came to it."""

    mark: str
    """Its number, with a letter for its procedure when the run has several."""
    procedure: str
    number: int
    line: int
    text: str
    kind: str
    start: float | None
    end: float | None
    entries: tuple[CommandFinished | CommandRefused | StepSkipped, ...]
    watched: bool | None = None
    """Whether nothing came back in the window of a monitoring step; None for all others."""

    @property
    def state(self) -> str:
        """done, failed, refused, skipped, stopped, begun or not reached.

        A command that never ends (`logs -f`) is *stopped* at its limit, which is no failure
        unless it should have fixed or verified something. In a *begun* step nothing was run.
        """
        if self.start is None:
            return "not reached"
        if self.watched is not None:
            return "done" if self.watched else "failed"
        if any(isinstance(entry, CommandRefused) for entry in self.entries):
            return "refused"
        codes = [e.exit_code for e in self.entries if isinstance(e, CommandFinished)]
        if any(code not in (0, None) for code in codes):
            return "failed"
        if None in codes:
            return "failed" if self.kind in ("remedy", "verification") else "stopped"
        if codes:
            return "done"
        return "skipped" if self.entries else "begun"

    @property
    def short(self) -> str:
        """A few words for a label: the command without its target, or the step's text."""
        for entry in self.entries:
            if isinstance(entry, CommandFinished):
                words = [word for word in entry.argv[:3] if not word.startswith("-")]
                return " ".join([words[0].rsplit("/", 1)[-1], *words[1:]]) if words else self.text
        return self.text.split(":", 1)[0].split("`", 1)[0].strip() or self.text


class Run:
    """A read-only view of one run. Raises `RundrillError` when the run never began."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        self._by_type: dict[type, list[Event]] = defaultdict(list)
        for event in self.events:
            self._by_type[type(event)].append(event)
        started = self.first(DrillStarted)
        if started is None:
            raise RundrillError(
                "the run has no DrillStarted event, so there is nothing to report",
                fix="the drill ended before it began; run it again",
            )
        self.started: DrillStarted = started
        self.end = max(event.at for event in self.events)
        self.samples = tuple(self.every(LoadSampled))
        self.phases = tuple(self._phases())
        self.lanes = tuple(self._lanes())
        self.steps = tuple(self._steps())

    @property
    def plan(self) -> Plan:
        return self.started.plan

    def every(self, kind: type[EventT]) -> list[EventT]:
        return cast("list[EventT]", self._by_type[kind])

    def first(self, kind: type[EventT]) -> EventT | None:
        return next(iter(self.every(kind)), None)

    def last(self, kind: type[EventT]) -> EventT | None:
        return next(reversed(self.every(kind)), None)

    def _phases(self) -> Iterable[PhaseSpan]:
        ended = list(self.every(PhaseEnded))
        starts = self.every(PhaseStarted)
        for index, started in enumerate(starts):
            following = starts[index + 1].at if index + 1 < len(starts) else self.end
            match = next(
                (e for e in ended if e.phase == started.phase and e.at >= started.at), None
            )
            if match is not None:
                ended.remove(match)
            yield PhaseSpan(
                phase=started.phase,
                start=started.at,
                end=following if match is None else match.at,
                passed=None if match is None else match.passed,
                why="" if match is None else match.why,
            )

    def _lanes(self) -> Iterable[AlertLane]:
        changes: dict[str, list[AlertChanged]] = {name: [] for name in self.plan.expected_alerts}
        for name in self.started.rules:
            changes.setdefault(name, [])
        for change in self.every(AlertChanged):
            changes.setdefault(change.alert, []).append(change)
        for name, own in changes.items():
            yield AlertLane(
                alert=name,
                rule=self.started.rules.get(name, ""),
                role=self._role(name),
                spans=tuple(self._spans(own)),
            )

    def _spans(self, changes: Sequence[AlertChanged]) -> Iterable[AlertSpan]:
        for index, change in enumerate(changes):
            if change.state != "inactive":
                yield AlertSpan(
                    state=change.state,
                    start=change.at,
                    end=changes[index + 1].at if index + 1 < len(changes) else self.end,
                    value=change.value,
                    labels=change.labels,
                )

    def _role(self, alert: str) -> str:
        if alert in self.plan.expected_alerts:
            return "expected"
        return "tolerated" if alert in self.plan.tolerated_alerts else "other"

    def _steps(self) -> Iterable[StepView]:
        """In the order in which they were met, then the planned ones that never were."""
        met: list[tuple[StepStarted | CommandRefused | StepSkipped | CommandFinished, list[Event]]]
        met = []
        for event in self.events:
            if isinstance(event, StepStarted):
                met.append((event, []))
            elif isinstance(event, CommandFinished | CommandRefused | StepSkipped):
                if not met or _key(met[-1][0]) != _key(event):
                    met.append((event, []))
                met[-1][1].append(event)
        planned = {(s.procedure, s.number): s for s in self.plan.steps}
        seen = {_key(head) for head, _ in met}
        order = list(
            dict.fromkeys([h.procedure for h, _ in met] + [s.procedure for s in self.plan.steps])
        )
        for head, entries in met:
            plan_step = planned.get(_key(head))
            kind = head.kind if isinstance(head, StepStarted) else ""
            soak = self.last(SoakJudged) if kind == "monitoring" else None
            yield StepView(
                mark=_mark(order, head.procedure, head.number),
                procedure=head.procedure,
                number=head.number,
                line=head.line,
                text=plan_step.text if plan_step else head.text,
                kind=kind or (plan_step.kind if plan_step else ""),
                start=_began(head),
                end=max([head.at, *(e.at for e in entries), *([soak.at] if soak else [])]),
                entries=cast("tuple[CommandFinished, ...]", tuple(entries)),
                watched=None if soak is None else not (soak.broken or soak.alerts),
            )
        for step in self.plan.steps:
            if (step.procedure, step.number) not in seen:
                yield StepView(
                    mark=_mark(order, step.procedure, step.number),
                    procedure=step.procedure,
                    number=step.number,
                    line=step.line,
                    text=step.text,
                    kind=step.kind,
                    start=None,
                    end=None,
                    entries=(),
                )


def _key(
    event: StepStarted | CommandRefused | StepSkipped | CommandFinished,
) -> tuple[str, int]:
    return event.procedure, event.number


def _began(event: StepStarted | CommandRefused | StepSkipped | CommandFinished) -> float:
    return event.at - event.duration_s if isinstance(event, CommandFinished) else event.at


def _mark(procedures: Sequence[str], procedure: str, number: int) -> str:
    letter = "" if len(procedures) < 2 else _letter(procedures.index(procedure))
    return f"{letter}{number}"


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"{index}."
