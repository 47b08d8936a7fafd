"""The drill on one time axis, as inline SVG: phases, moments, steps, alerts, load.

Drawn once for a wide page and once for a phone: a scaled picture cannot be read on one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from rundrill.base import units
from rundrill.events import DrillAborted, DrillFailed, FaultMissed, RecoveryMissed
from rundrill.model import Verdict
from rundrill.report import charts
from rundrill.report.run import AlertLane, Run
from rundrill.report.svg import Drawing, Scale, linear, text_width, ticks

_TIME_STEPS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_MOST_LABEL_ROWS: Final = 12
_BAD_ENDS: Final[Mapping[type, str]] = {
    FaultMissed: "fault did not land",
    RecoveryMissed: "not recovered",
    DrillAborted: "aborted",
    DrillFailed: "drill failed",
}


@dataclass(frozen=True, slots=True)
class _Marker:
    at: float
    label: str
    kind: str
    main: bool


def draw(run: Run, verdict: Verdict, *, width: int, ident: str) -> Markup:
    """The whole timeline, `width` units wide; `ident` keeps ids apart on one page."""
    return _Timeline(run, verdict, width, ident).draw()


def origin(run: Run) -> float:
    """Where the axis begins: a long set-up in which nothing happened is not drawn."""
    starts = [span.start for span in run.phases if span.phase == "baseline"]
    firsts = [sample.at - 1 for sample in run.samples[:1]]
    first = min(starts + firsts, default=0.0)
    return first if first > 0.1 * run.end else 0.0


class _Timeline:
    def __init__(self, run: Run, verdict: Verdict, width: int, ident: str) -> None:
        self._run = run
        self._verdict = verdict
        self._narrow = width < 700
        self._left = 44.0 if self._narrow else 62.0
        self._right = width - 8.0
        self._start = origin(run)
        self._end = max(run.end, self._start + 1)
        self._x: Scale = linear(self._start, self._end, self._left, self._right)
        self._scale = units.Scale(run.plan.compression)
        self._svg = Drawing(
            width=width,
            ident=ident,
            title=f"Timeline of the drill: {run.plan.title}",
            description=self._description(),
        )

    def draw(self) -> Markup:
        markers = sorted(self._markers(), key=lambda marker: marker.at)
        label_rows = _rows(
            [self._extent(marker.at, marker.label) for marker in markers], _MOST_LABEL_ROWS
        )
        marker_top = 24.0
        body_top = marker_top + 15 * (max(label_rows, default=-1) + 1) + 6
        # What is drawn later lies on top: bands, lines, then lanes and labels. The height is
        # only known at the end, so the body is drawn first into its own list.
        y = self._steps(body_top)
        for lane in self._run.lanes:
            y = self._alert(lane, y)
        y = self._charts(y)
        body = self._svg.take()
        self._bands(y)
        for marker, row in zip(markers, label_rows, strict=True):
            self._marker(marker, marker_top + 15 * row, y)
        self._svg.put(body)
        return self._svg.markup(self._axis(y))

    # -- parts, from top to bottom; each returns where the next one begins

    def _bands(self, bottom: float) -> None:
        for index, span in enumerate(self._run.phases):
            left = max(self._left, self._x(span.start))
            right = self._x(span.end)
            if right <= self._left:
                continue
            state = {True: "passed", False: "did not pass", None: "not finished"}[span.passed]
            about = (
                f"{span.phase}: {units.seconds(span.start)} to {units.seconds(span.end)}, {state}"
                f"{'. ' + span.why if span.why else ''}"
            )
            shade = "phase-bad" if span.passed is False else f"band{index % 2}"
            for top, height, class_ in ((20, bottom - 20, shade), (2, 18, f"phase {shade}")):
                self._svg.add(
                    "rect",
                    title=about,
                    x=left,
                    y=top,
                    width=max(0.5, right - left),
                    height=height,
                    class_=class_,
                )
            label = span.phase + (" \u2715" if span.passed is False else "")
            if text_width(label, bold=True) < right - left:
                self._svg.text((left + right) / 2, 15, label, class_="phase-name", anchor="middle")

    def _marker(self, marker: _Marker, y: float, bottom: float) -> None:
        x = self._x(marker.at)
        strength = "main" if marker.main else "minor"
        self._svg.line(x, y, x, bottom, f"mark {marker.kind} {strength}")
        left, _ = self._extent(marker.at, marker.label)
        leftwards = left < x - 1
        self._svg.text(
            x - 4 if leftwards else x + 4,
            y + 10,
            marker.label,
            class_=f"mark-name {marker.kind}",
            anchor="end" if leftwards else "start",
        )

    def _steps(self, y: float) -> float:
        met = [step for step in self._run.steps if step.start is not None]
        if not met:
            return y
        self._heading(y + 11, "Runbook steps")
        y += 17
        labels = [self._step_label(step.short, step.state) for step in met]
        starts = [step.start or 0.0 for step in met]
        ends = [step.end or 0.0 for step in met]
        extents = [self._step_extent(*parts) for parts in zip(starts, ends, labels, strict=True)]
        rows = _rows([(left, right) for left, right, _ in extents], _MOST_LABEL_ROWS)
        for step, label, row, (_, _, leftwards) in zip(met, labels, rows, extents, strict=True):
            left, right = self._x(step.start or 0.0), self._x(step.end or 0.0)
            top = y + 18 * row
            about = f"Step {step.mark}, line {step.line}, {step.state}: {step.text}"
            kind = step.state.replace(" ", "-")
            width = max(2.0, right - left)
            self._svg.add(
                "rect",
                title=about,
                x=left,
                y=top + 1,
                width=width,
                height=14,
                class_=f"step-span {kind}",
            )
            at = left - 10 if leftwards else left + width + 10
            self._svg.add("circle", title=about, cx=at, cy=top + 8, r=8, class_=f"step {kind}")
            self._svg.text(at, top + 12, step.mark, class_=f"step-mark {kind}", anchor="middle")
            self._svg.text(
                at - 12 if leftwards else at + 12,
                top + 12,
                label,
                class_="halo",
                anchor="end" if leftwards else "start",
            )
        return y + 18 * (max(rows) + 1) + 8

    def _alert(self, lane: AlertLane, y: float) -> float:
        name = f"{lane.alert} ({lane.role})"
        self._heading(y + 11, name)
        name_width = text_width(name, 11.5, bold=True) + 10
        room = (self._right - self._left - name_width) / text_width("m", 10.2)
        if room > 12:
            rule = lane.rule if len(lane.rule) <= room else lane.rule[: int(room) - 1] + "\u2026"
            self._svg.text(self._left + name_width, y + 11, rule, class_="rule halo")
        y += 16
        self._svg.add(
            "rect",
            title=f"{lane.alert}: {lane.rule}",
            x=self._left,
            y=y,
            width=self._right - self._left,
            height=14,
            class_="lane",
        )
        for span in lane.spans:
            left, right = self._x(max(span.start, self._start)), self._x(span.end)
            length = self._scale.both(span.end - span.start)
            self._svg.add(
                "rect",
                title=f"{lane.alert} {span.state} at {units.seconds(span.start)} for {length}",
                x=left,
                y=y,
                width=max(1.5, right - left),
                height=14,
                class_=span.state,
            )
            for label in (f"{span.state} {units.seconds(span.end - span.start)}", span.state):
                if text_width(label, 10.5, bold=True) < right - left - 2:
                    self._svg.text(
                        (left + right) / 2,
                        y + 11,
                        label,
                        class_=f"on-{span.state}",
                        anchor="middle",
                    )
                    break
        return y + 22

    def _charts(self, y: float) -> float:
        frame = charts.Frame(
            svg=self._svg,
            x=self._x,
            left=self._left,
            right=self._right,
            narrow=self._narrow,
        )
        return charts.draw(self._run, frame, y)

    def _axis(self, y: float) -> float:
        """Seconds of the run, and below them the runbook's time when it was compressed."""
        steps = [float(step) for step in _TIME_STEPS]
        most = int((self._right - self._left) / (76 if self._scale.compressed else 60))
        self._svg.line(self._left, y, self._right, y, "axis")
        for at in ticks(self._start, self._end, most, steps):
            x = self._x(at)
            self._svg.line(x, y, x, y + 4, "axis")
            anchor = "end" if x > self._right - 16 else "middle"
            self._svg.text(x, y + 15, units.seconds(at) if at else "0", anchor=anchor)
            if self._scale.compressed:
                label = self._scale.runbook(at) if at else "0"
                self._svg.text(x, y + 28, label, anchor=anchor, class_="muted")
        return y + (34 if self._scale.compressed else 20)

    # -- what is drawn

    def _markers(self) -> Iterable[_Marker]:
        times = self._verdict.times
        for name, label, kind, main in (
            ("injected", "injected", "harm", True),
            ("landed", "landed", "harm", False),
            ("first_harm", "first harm", "harm", False),
            ("pending", "pending", "alert", False),
            ("firing", "firing", "alert", True),
            ("notified", "told", "alert", False),
            ("recovered", "recovered", "good", True),
            ("undone", "undone", "good", False),
        ):
            at: float | None = getattr(times, name)
            if at is not None:
                yield _Marker(at, label + self._since_injection(at), kind, main)
        for event in self._run.events:
            end = _BAD_ENDS.get(type(event))
            if end is not None:
                yield _Marker(event.at, end + self._since_injection(event.at), "harm", True)

    def _since_injection(self, at: float) -> str:
        injected = self._verdict.times.injected
        if injected is None or at == injected:
            return f" at {units.seconds(at)}"
        return f" +{units.seconds(at - injected)}"

    def _step_label(self, short: str, state: str) -> str:
        most = 16 if self._narrow else 40
        text = short if len(short) <= most else short[: most - 1] + "\u2026"
        return text if state in ("done", "begun", "stopped") else f"{text} ({state})"

    def _heading(self, y: float, content: str) -> None:
        self._svg.text(self._left, y, content, class_="heading halo")

    def _step_extent(self, start: float, end: float, label: str) -> tuple[float, float, bool]:
        """Bar, number and label; the last item says that they go to the left of the bar."""
        left, right = self._x(start), max(self._x(end), self._x(start) + 2)
        length = text_width(label) + 24
        if right + length <= self._right + 4 or left - length < self._left:
            return left, right + length, False
        return left - length, right, True

    def _extent(self, at: float, label: str) -> tuple[float, float]:
        """From where to where a label goes: to the right, or to the left near the edge."""
        x = self._x(at)
        length = text_width(label, bold=True) + 6
        return (x, x + length) if x + length <= self._right + 4 else (x - length, x)

    def _description(self) -> str:
        parts = [f"{span.phase} from {units.seconds(span.start)}" for span in self._run.phases]
        parts += [marker.label for marker in self._markers()]
        return "; ".join(parts) + ". The tables below hold the same figures."


def _rows(extents: Sequence[tuple[float, float]], most: int) -> list[int]:
    """The first row in which each label touches no earlier one; the last row takes the rest."""
    ends: list[list[tuple[float, float]]] = []
    rows: list[int] = []
    for left, right in extents:
        row = 0
        while row < len(ends) and any(right >= a and left <= b for a, b in ends[row]):
            row += 1
        row = min(row, most - 1)
        if row == len(ends):
            ends.append([])
        ends[row].append((left - 3, right + 3))
        rows.append(row)
    return rows
