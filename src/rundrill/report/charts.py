"""The charts of the timeline: throughput, errors, latency from due time, oldest in flight."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.base import units
from rundrill.events import LoadSampled, SteadyStateSampled
from rundrill.model import SteadyStateBound
from rundrill.report.run import Run
from rundrill.report.svg import (
    Drawing,
    Scale,
    Value,
    linear,
    logarithmic,
    nice_ceiling,
    step_path,
    text_width,
)

_MOST_POINTS: Final = 900


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the charts are drawn: all share the time axis `x`."""

    svg: Drawing
    x: Scale
    left: float
    right: float
    narrow: bool


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    style: str
    values: list[Value]
    filled: bool = False


@dataclass(frozen=True, slots=True)
class _Limit:
    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """`write` gives the labels of the axis; `log` draws it by decades of milliseconds."""

    title: str
    height: float
    series: Sequence[_Series]
    limits: Sequence[_Limit]
    write: Callable[[float], str]
    log: bool = False


def draw(run: Run, frame: Frame, y: float) -> float:
    """All charts, one below the other; returns where they end."""
    for chart in _charts(run, 300 if frame.narrow else _MOST_POINTS):
        top = _title(frame, y, chart)
        scale = _scale(frame, chart, top)
        _plot(frame, chart, top, scale)
        y = top + chart.height + 14
    return y


def _charts(run: Run, most_points: int) -> Iterable[_Chart]:
    buckets = _buckets(run.samples, most_points)
    width = max((len(bucket) for bucket in buckets), default=1)
    bounds = run.plan.steady_state
    asked = run.plan.load.rate_per_min
    yield _Chart(
        title="Throughput, requests/s" + ("" if width == 1 else f", means of {width} s"),
        height=116,
        series=[
            _Series("succeeded", "ok", _each(buckets, lambda b: _mean(b, "ok")), filled=True),
            _Series("issued", "issued", _each(buckets, lambda b: _mean(b, "issued"))),
            _Series("failed", "failed", _where_any(buckets, "failed"), filled=True),
            _Series("dropped", "dropped", _where_any(buckets, "dropped")),
        ],
        limits=[_Limit(asked / 60, f"asked {units.count(asked)} req/min")],
        write=units.count,
    )
    yield _Chart(
        title="Error ratio, failed of completed",
        height=84,
        series=[_Series("errors", "failed", _each(buckets, _error_ratio), filled=True)],
        limits=_limits(bounds, "ratio", "error", 1),
        write=units.ratio,
    )
    yield _Chart(
        title="Latency from due time" + ("" if width == 1 else f", worst of {width} s"),
        height=116,
        series=[
            _Series("p99", "p99", _each(buckets, lambda b: _worst(b, "p99_ms"))),
            _Series("p95", "p95", _each(buckets, lambda b: _worst(b, "p95_ms"))),
            _Series("p50", "p50", _each(buckets, lambda b: _worst(b, "p50_ms"))),
        ],
        limits=_limits(bounds, "s", "", 1000),
        write=units.milliseconds,
        log=True,
    )
    by_service = _by_service(run, most_points)
    yield _Chart(
        title="Oldest request in flight",
        height=72,
        series=[
            _Series("seen by the load", "age", _each(buckets, _oldest), filled=True),
            *([_Series("by the service", "p95", by_service)] if by_service else []),
        ],
        limits=[],
        write=units.seconds,
    )


def _scale(frame: Frame, chart: _Chart, top: float) -> Scale:
    """The y axis with its grid, wide enough for every value and limit."""
    bottom = top + chart.height
    values = [v.value for s in chart.series for v in s.values if v.value is not None]
    limits = [limit.value for limit in chart.limits]
    if not chart.log:
        high = nice_ceiling(max([*values, *(limit * 1.3 for limit in limits)], default=0.0))
        scale = linear(0, high, bottom, top)
        marks = [0, high / 2, high]
    else:
        positive = [value for value in (*values, *limits) if value > 0]
        first = math.floor(math.log10(max(0.1, min(positive, default=1.0))))
        last = max(first + 1, math.ceil(math.log10(max(positive, default=1.0)) - 1e-9))
        scale = logarithmic(10.0**first, 10.0**last, bottom, top)
        marks = [10.0**decade for decade in range(first, last + 1)]
    for mark in marks:
        at = scale(mark)
        label = chart.write(mark).replace(".0 ", " ") if mark else "0"
        frame.svg.line(frame.left, at, frame.right, at, "grid")
        frame.svg.text(frame.left - 5, at + 4, label, anchor="end", class_="muted")
    return scale


def _plot(frame: Frame, chart: _Chart, top: float, scale: Scale) -> None:
    bottom = top + chart.height
    drawn = False
    for line in chart.series:
        path = step_path(line.values, frame.x, scale)
        if not path:
            continue
        drawn = True
        if line.filled:
            area = step_path(line.values, frame.x, scale, floor=bottom)
            frame.svg.add("path", d=area, class_=f"area {line.style}")
        frame.svg.add("path", d=path, class_=f"line {line.style}", title=line.name)
    if not drawn:
        middle = (frame.left + frame.right) / 2
        frame.svg.text(middle, bottom - chart.height / 2, "no data", anchor="middle")
    for limit in chart.limits:
        at = scale(limit.value)
        frame.svg.line(frame.left, at, frame.right, at, "limit")
        label_y = at - 4 if at - 14 > top else at + 12
        frame.svg.text(
            frame.right - 2, label_y, limit.label, anchor="end", class_="limit-name halo"
        )


def _title(frame: Frame, y: float, chart: _Chart) -> float:
    """The title and the legend beside it, or below it where there is no room."""
    title = chart.title + (", log scale" if chart.log else "")
    frame.svg.text(frame.left, y + 11, title, class_="heading halo")
    shown = [line for line in chart.series if line.values and len(chart.series) > 1]
    length = sum(text_width(line.name) + 38 for line in shown)
    x = frame.left + text_width(title, 11.5, bold=True) + 16
    if shown and x + length > frame.right:
        y += 15
        x = frame.left
    for line in shown:
        frame.svg.line(x, y + 7, x + 18, y + 7, f"line {line.style} key")
        frame.svg.text(x + 22, y + 11, line.name, class_="halo")
        x += text_width(line.name) + 38
    return y + 20


def _limits(
    bounds: Iterable[SteadyStateBound], unit: str, subject: str, factor: float
) -> list[_Limit]:
    return [
        _Limit(
            bound.value * factor,
            f"{bound.subject} {bound.comparator} {units.quantity(bound.value, unit)}"
            f" (runbook line {bound.line})",
        )
        for bound in bounds
        if bound.unit == unit and subject in bound.subject
    ]


def _buckets(samples: Sequence[LoadSampled], most: int) -> list[Sequence[LoadSampled]]:
    """Neighbouring seconds together, so that no more than `most` points are drawn."""
    size = max(1, math.ceil(len(samples) / most))
    return [samples[i : i + size] for i in range(0, len(samples), size)]


def _each(
    buckets: Iterable[Sequence[LoadSampled]],
    figure: Callable[[Sequence[LoadSampled]], float | None],
) -> list[Value]:
    return [Value(bucket[0].at - 1, bucket[-1].at, figure(bucket)) for bucket in buckets]


def _mean(bucket: Sequence[LoadSampled], name: str) -> float:
    total: float = sum(getattr(sample, name) for sample in bucket)
    return total / len(bucket)


def _worst(bucket: Sequence[LoadSampled], name: str) -> float | None:
    return max(
        (value for sample in bucket if (value := getattr(sample, name)) is not None), default=None
    )


def _oldest(bucket: Sequence[LoadSampled]) -> float:
    return max(sample.oldest_in_flight_s for sample in bucket)


def _by_service(run: Run, most: int) -> list[Value]:
    """Its own account, from one look to the next; empty where it gives none."""
    looks = run.every(SteadyStateSampled)
    if all(look.service_oldest_s is None for look in looks):
        return []
    size = max(1, math.ceil(len(looks) / most))
    parts = [looks[i : i + size] for i in range(0, len(looks), size)]
    ends = [part[0].at for part in parts[1:]] + [looks[-1].at]
    return [
        Value(
            part[0].at,
            end,
            max((s.service_oldest_s for s in part if s.service_oldest_s is not None), default=None),
        )
        for part, end in zip(parts, ends, strict=True)
    ]


def _error_ratio(bucket: Sequence[LoadSampled]) -> float | None:
    completed = sum(sample.completed for sample in bucket)
    return sum(sample.failed for sample in bucket) / completed if completed else None


def _where_any(buckets: Iterable[Sequence[LoadSampled]], name: str) -> list[Value]:
    """Drawn only where it is not zero; empty, and so absent from the legend, when it never is."""
    values = _each(buckets, lambda bucket: _mean(bucket, name) or None)
    return values if any(value.value is not None for value in values) else []
