"""A sweep as a picture: time to detect above, false alarms below, over the same axis."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from rundrill.backtest.sweep import Point, Sweep
from rundrill.backtest.sweep_table import duration, heading, setting, threshold_name
from rundrill.base import units
from rundrill.report.svg import Drawing, Scale, linear, nice_ceiling

_WIDTH: Final = 860
_LEFT: Final = 74.0
_RIGHT: Final = 640.0
_TOP: Final = 84.0
_MISSED: Final = 52.0
_BOTTOM: Final = 300.0
_BELOW: Final = 366.0
_FLOOR: Final = 456.0
_LABEL: Final = 15.0
_COLOURS: Final = 6

_Key = tuple[tuple[tuple[int, float], ...], float]


def picture(sweep: Sweep, ident: str) -> Markup:
    """`ident` is unique in the page."""
    svg = Drawing(
        width=_WIDTH,
        ident=ident,
        title=f"Time to detect against false alarms: {heading(sweep)}",
        description="; ".join(
            f"{setting(sweep, p.variant)}: {units.seconds(p.firing_s)},"
            f" {p.false_alarms} false alarms"
            for p in sweep.points[:12]
        ),
    )
    slowest = [p.firing_s for p in sweep.points if p.firing_s is not None]
    top_s = nice_ceiling(max([*slowest, sweep.limit_s or 0.0, 0.1]))
    most = 2 * math.ceil(max([4, *(p.false_alarms + p.flaps for p in sweep.points)]) / 2)
    x = _axis(svg, sweep)
    y = linear(0, top_s, _BOTTOM, _TOP)
    below = linear(0, most, _FLOOR, _BELOW)
    _grid(svg, y, [top_s * n / 4 for n in range(5)], units.seconds)
    _grid(svg, below, [0, most / 2, most], lambda value: f"{value:g}")
    svg.text(_LEFT, 20, "Time to detect, seconds of the run", class_="head")
    svg.text(_LEFT, _BELOW - 18, "False alarms and flaps", class_="head")
    svg.line(_LEFT, _MISSED, _RIGHT, _MISSED, "grid")
    svg.text(_LEFT - 8, _MISSED + 4, "missed", anchor="end", class_="tick")
    if sweep.limit_s is not None:
        svg.line(_LEFT, y(sweep.limit_s), _RIGHT, y(sweep.limit_s), "limit")
        svg.text(
            _RIGHT, y(sweep.limit_s) - 4, f"limit {units.seconds(sweep.limit_s)}", anchor="end",
            class_="tick",
        )  # fmt: skip
    lines = _lines(sweep)
    ends: list[tuple[float, int, str]] = []
    for number, (key, points) in enumerate(lines.items()):
        colour = f"c{number % _COLOURS}"
        heights = [_MISSED if p.firing_s is None else y(p.firing_s) for p in points]
        spots = list(zip([x(p) for p in points], heights, strict=True))
        costs = [(x(p), below(p.false_alarms + p.flaps)) for p in points]
        for path in (spots, costs):
            svg.add("path", d=_path(path), class_=f"line {colour}")
        for point, spot, cost in zip(points, spots, costs, strict=True):
            _dot(svg, sweep, point, spot, colour)
            _dot(svg, sweep, point, cost, colour)
        ends.append((heights[-1], number, _named(sweep, key)))
    _labels(svg, ends)
    return svg.markup(_FLOOR + 44)


def _lines(sweep: Sweep) -> Mapping[_Key, Sequence[Point]]:
    """Points that differ only in what the axis shows, in its order."""
    found: dict[_Key, list[Point]] = {}
    for point in sweep.points:
        values = point.variant.thresholds
        rest = tuple((place, values[place]) for place in sweep.swept if place != _place(sweep))
        same = _same_number(sweep)
        key = ((), point.variant.for_s) if same else (rest, point.variant.for_s)
        if not sweep.swept:
            key = ((), 0.0)
        found.setdefault(key, []).append(point)
    for points in found.values():
        points.sort(key=lambda p: _value(sweep, p))
    return found


def _place(sweep: Sweep) -> int | None:
    """The comparison on the axis; None when only `for` is swept."""
    return sweep.swept[0] if sweep.swept else None


def _same_number(sweep: Sweep) -> bool:
    """All comparisons are one threshold and vary together."""
    return all(len(set(p.variant.thresholds.values())) <= 1 for p in sweep.points)


def _value(sweep: Sweep, point: Point) -> float:
    place = _place(sweep)
    return point.variant.for_s if place is None else point.variant.thresholds[place]


def _axis(svg: Drawing, sweep: Sweep) -> Callable[[Point], float]:
    values = sorted({_value(sweep, p) for p in sweep.points})
    place = _place(sweep)
    margin = 18
    scale = linear(values[0], values[-1], _LEFT + margin, _RIGHT - margin)
    last = -1e9
    for value in values:
        at = scale(value)
        if at - last < 44:
            continue
        last = at
        text = duration(value) if place is None else f"{value:g}"
        svg.line(at, _FLOOR, at, _FLOOR + 5, "axis")
        svg.text(at, _FLOOR + 18, text, anchor="middle", class_="tick")
    name = "for" if place is None else threshold_name(sweep, place)
    svg.text((_LEFT + _RIGHT) / 2, _FLOOR + 38, name, anchor="middle", class_="head")
    return lambda point: scale(_value(sweep, point))


def _grid(
    svg: Drawing, scale: Scale, values: Sequence[float], write: Callable[[float], str]
) -> None:
    for value in values:
        svg.line(_LEFT, scale(value), _RIGHT, scale(value), "grid" if value else "axis")
        text = "0" if value == 0 else write(value)
        svg.text(_LEFT - 8, scale(value) + 4, text, anchor="end", class_="tick")


def _dot(svg: Drawing, sweep: Sweep, point: Point, spot: tuple[float, float], colour: str) -> None:
    x, y = spot
    title = (
        f"{setting(sweep, point.variant)}: {units.seconds(point.firing_s)} to detect,"
        f" {point.false_alarms} false alarms, {point.flaps} flaps"
    )
    if point.as_it_is:
        svg.add("circle", cx=x, cy=y, r=8.5, class_="now")
    if point.false_alarms or point.flaps:
        svg.add("circle", cx=x, cy=y, r=4.5, class_="bad", title=title)
    else:
        svg.add("circle", cx=x, cy=y, r=4.5, class_=f"dot {colour}", title=title)


def _labels(svg: Drawing, ends: Sequence[tuple[float, int, str]]) -> None:
    """Beside the end of each line, moved apart where they would meet."""
    last = _TOP - 60
    for wanted, number, text in sorted(ends):
        y = max(wanted + 4, last + _LABEL)
        last = y
        svg.text(_RIGHT + 12, y, text, class_=f"name c{number % _COLOURS}")
    for n, (mark, text) in enumerate((("bad", "false alarms or flaps"), ("now", "as it is"))):
        y = _BELOW + 10 + 20 * n
        svg.add("circle", cx=_RIGHT + 20, cy=y, r=4.5 if mark == "bad" else 8.0, class_=mark)
        svg.text(_RIGHT + 34, y + 4, text, class_="tick")


def _named(sweep: Sweep, key: _Key) -> str:
    rest, for_s = key
    words = [f"{threshold_name(sweep, place)} {value:g}" for place, value in rest]
    return ", ".join([*words, f"for {duration(for_s)}"] if sweep.swept else ["for as swept"])


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
