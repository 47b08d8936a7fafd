"""A drill beside its control arm: the same fault, once with the procedure and once without.

Both are drawn on one scale, from the injection on, so that the eye can compare them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from rundrill.base import units
from rundrill.events import DrillStarted, Event, LoadSampled
from rundrill.model import Attribution, Times, Verdict
from rundrill.report.run import Run
from rundrill.report.svg import Drawing, Value, linear, nice_ceiling, step_path, text_width, ticks
from rundrill.verdict import attribute, control_problem, headline, judge

BEFORE_S: Final = 10.0
"""How much of the baseline is drawn, to see the change."""
_HEIGHT: Final = 72.0
_STEPS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`run` and `verdict` are the control arm's; None when it was asked for and never began."""

    attribution: Attribution
    run: Run | None
    verdict: Verdict | None

    @property
    def problem(self) -> str:
        """What the control arm broke, or that it was aborted: the drill fails by it."""
        return "" if self.verdict is None else control_problem(self.verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of both arms, in words."""

    name: str
    drill: str
    control: str


@dataclass(frozen=True, slots=True)
class _Arm:
    name: str
    run: Run
    times: Times
    injected: float


def compare(events: Sequence[Event], control: Sequence[Event]) -> Comparison:
    """Raises `ValueError` when they are not a drill and its control arm, `RundrillError` when the
    drill never began. A control arm that never began leaves the question open."""
    Run(events)
    attribution = attribute(events, control)
    if not any(isinstance(event, DrillStarted) for event in control):
        return Comparison(attribution=attribution, run=None, verdict=None)
    return Comparison(attribution=attribution, run=Run(control), verdict=judge(control))


def rows(run: Run, verdict: Verdict, comparison: Comparison) -> tuple[Row, ...]:
    """Answer, times and harm of both; nothing when there is no control arm to show."""
    if comparison.run is None or comparison.verdict is None:
        return ()
    pairs = zip(_figures(run, verdict), _figures(comparison.run, comparison.verdict), strict=True)
    return tuple(Row(name=name, drill=own, control=other) for (name, own), (_, other) in pairs)


def draw(run: Run, verdict: Verdict, comparison: Comparison, *, width: int, ident: str) -> Markup:
    """The share of failed requests in both arms; empty where one of them made no fault."""
    arms = [
        _Arm(name, arm, times, times.injected)
        for name, arm, times in (
            ("With the procedure", run, verdict.times),
            ("Control arm: nobody follows it", comparison.run, _times(comparison.verdict)),
        )
        if arm is not None and times is not None and times.injected is not None
    ]
    if len(arms) < 2:
        return Markup("")
    left, right = (44.0 if width < 700 else 62.0), width - 8.0
    end = max(arm.run.end - arm.injected for arm in arms)
    highest = max((v.value or 0.0 for arm in arms for v in _errors(arm)), default=0.0)
    top = nice_ceiling(max(highest, 0.01))
    x = linear(-BEFORE_S, end, left, right)
    svg = Drawing(
        width=width,
        ident=ident,
        title="Failed of completed requests in both arms, from the injection",
        description="; ".join(f"{arm.name}: {_marks_told(arm)}" for arm in arms),
    )
    y = 0.0
    for arm in arms:
        svg.text(left, y + 11, arm.name, class_="heading halo")
        bottom = y + 34 + _HEIGHT
        scale = linear(0, top, bottom, y + 34)
        for mark in (0.0, top):
            svg.line(left, scale(mark), right, scale(mark), "grid")
            label = units.ratio(mark) if mark else "0"
            svg.text(left - 5, scale(mark) + 4, label, anchor="end", class_="muted")
        for floor, class_ in ((bottom, "area failed"), (None, "line failed")):
            path = step_path(_errors(arm), x, scale, floor=floor)
            if path:
                svg.add("path", d=path, class_=class_)
        edge = left
        for label, at, kind in _marks(arm):
            place = x(at - arm.injected)
            svg.line(place, y + 18, place, bottom, f"mark {kind} main")
            length = text_width(label, bold=True)
            at_left = place + 4 + length > right
            begin = place - 4 - length if at_left else place + 4
            if begin >= edge:  # else the table below says it
                anchor = "end" if at_left else "start"
                at_x = place - 4 if at_left else place + 4
                svg.text(at_x, y + 28, label, class_=f"mark-name {kind}", anchor=anchor)
                edge = begin + length
        y = bottom + 12
    svg.line(left, y - 8, right, y - 8, "axis")
    for at in ticks(0, end, int((right - left) / 96), _STEPS):
        anchor = "end" if x(at) > right - 30 else "middle"
        svg.text(x(at), y + 6, f"+{units.seconds(at)}" if at else "0", anchor=anchor)
    return svg.markup(y + 12)


def _figures(run: Run, verdict: Verdict) -> list[tuple[str, str]]:
    times = verdict.times
    scale = units.Scale(run.plan.compression)
    injected = times.injected
    after = [s for s in run.samples if injected is not None and s.at - 0.5 >= injected]
    completed, failed = sum(s.completed for s in after), sum(s.failed for s in after)
    share = units.ratio(failed / completed if completed else None)
    return [
        ("Answer", headline(verdict)),
        ("Why", verdict.reason),
        ("Alert firing, from the injection", _span(scale, injected, times.firing)),
        ("Recovered, from the alert", _span(scale, times.firing, times.recovered)),
        ("Recovered, from the injection", _span(scale, injected, times.recovered)),
        (
            "Failed of completed, from the injection on",
            f"{units.count(failed)} of {units.count(completed)} ({share})",
        ),
        ("Watched, from the injection", _span(scale, injected, run.end)),
    ]


def _span(scale: units.Scale, start: float | None, end: float | None) -> str:
    if start is None or end is None:
        return units.NOT_REACHED
    return scale.both(end - start)


def _times(verdict: Verdict | None) -> Times | None:
    return None if verdict is None else verdict.times


def _errors(arm: _Arm) -> list[Value]:
    return [
        Value(sample.at - 1 - arm.injected, sample.at - arm.injected, _ratio(sample))
        for sample in arm.run.samples
        if sample.at - 1 >= arm.injected - BEFORE_S
    ]


def _ratio(sample: LoadSampled) -> float | None:
    return sample.failed / sample.completed if sample.completed else None


def _marks(arm: _Arm) -> list[tuple[str, float, str]]:
    named = (
        ("injected", arm.injected, "harm"),
        ("firing", arm.times.firing, "alert"),
        ("recovered", arm.times.recovered, "good"),
    )
    return [
        (label if at == arm.injected else f"{label} +{units.seconds(at - arm.injected)}", at, kind)
        for label, at, kind in named
        if at is not None
    ]


def _marks_told(arm: _Arm) -> str:
    return ", ".join(label for label, _, _ in _marks(arm))
