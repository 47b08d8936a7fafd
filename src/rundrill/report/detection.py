"""How each alert came about: its parts in words, and as a bar with what the rule itself needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from rundrill.base import units
from rundrill.measured import Detection, Floor, Hang, Measure, PartName
from rundrill.report.svg import Drawing, Scale, linear, text_width, ticks

UNTIL: Final[dict[PartName, str]] = {
    "land": "the fault had landed",
    "harm": "the first request of a customer failed",
    "condition": "the rule's condition held",
    "for": "it fired: `for`",
    "notify": "a receiver was told",
}
SHORT: Final[dict[PartName, str]] = {
    "land": "landed",
    "harm": "first harm",
    "condition": "condition",
    "for": "for",
    "notify": "told",
}
_STEPS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_UNFIRED: Final = {
    "early": "it began before the fault",
    "pending": "it never fired",
    "silent": "its condition never held",
}
_BAR: Final = 20.0
_SIZE: Final = 10.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One part: until what, how long it took, and when that was, since the injection."""

    until: str
    seconds: float
    since_injection: float


def rows(detection: Detection) -> tuple[Row, ...]:
    if not detection.parts:
        return ()
    first = detection.parts[0].start
    return tuple(
        Row(until=UNTIL[part.name], seconds=part.seconds, since_injection=part.end - first)
        for part in detection.parts
    )


def floor_told(floor: Floor, scale: units.Scale) -> str:
    """What the rule spends by its own design, in one sentence; stated times in both forms."""
    waits = [f"`for` {scale.both(floor.for_s)}"] if floor.for_s else []
    if floor.group_wait_s:
        waits.append(f"group wait {units.seconds(floor.group_wait_s)}")
    least = " and ".join(waits)
    more = [f"up to {units.seconds(floor.sampling_s)} until the next scrape and evaluation"]
    if floor.window_s:
        more.append(f"up to {scale.both(floor.window_s)} until all that it looks back over is new")
    on_top = " and ".join(more)
    if least:
        return f"By its design at least {least}; on top of it {on_top}."
    return f"By its design it waits for nothing; {on_top}."


def one_line(detection: Detection, scale: units.Scale) -> str:
    """For a console: "26.8 s = landed 4.7 s + first harm 3.7 s + ..., at least 1 s by design"."""
    if detection.total_s is None:
        return f"{detection.alert}: {detection.sentence}"
    parts = " + ".join(f"{SHORT[p.name]} {units.seconds(p.seconds)}" for p in detection.parts)
    told = f"{detection.alert}: {scale.both(detection.total_s)} = {parts}"
    if detection.floor is None:
        return told
    return f"{told}; at least {units.seconds(detection.floor.least_s)} by the rule's design"


def measure_told(measure: Measure | None, scale: units.Scale) -> str:
    """ "95th percentile over 20 s (x15: 5 min)"; empty in a run that does not hold it."""
    if measure is None:
        return ""
    if measure.quantile is None:
        told = "" if measure.window_s else "as it is at each evaluation"
    else:
        told = f"{_ordinal(measure.quantile)} percentile"
    if measure.window_s is None:
        return told
    return f"{told} over {scale.both(measure.window_s)}".strip()


def hang_told(hang: Hang, injected: float | None) -> str:
    """One sentence."""
    who = {"load": "As the load saw it", "service": "By the service's own account"}[hang.seen_by]
    if hang.slow_from is None:
        return f"{who}, no request in flight was older than {units.seconds(hang.longest_s)}"
    told = f"{who}, {units.seconds(hang.longest_s)} at {_when(hang.at, injected)}"
    slow = f"the first one beyond what the runbook calls slow at {_when(hang.slow_from, None)}"
    return f"{told}; {slow}"


def _when(at: float, injected: float | None) -> str:
    if injected is None:
        return units.seconds(at)
    return f"{units.seconds(at)} ({units.seconds(at - injected)} after the injection)"


def _ordinal(quantile: float) -> str:
    percent = f"{quantile * 100:g}"
    if percent.endswith(("11", "12", "13")) or "." in percent:
        return f"{percent}th"
    return percent + {"1": "st", "2": "nd", "3": "rd"}.get(percent[-1], "th")


# ---------------------------------------------------------------- the picture


def draw(detections: Sequence[Detection], scale: units.Scale, *, width: int, ident: str) -> Markup:
    """A bar for each alert from the injection on; below it what its rule needs at the least, and
    at the most. Empty where there is none."""
    shown = [one for one in detections if one.parts or one.role == "expected"]
    if not shown:
        return Markup("")
    left, right = 8.0, width - 8.0
    ends = [max(d.total_s or 0.0, d.floor.least_s if d.floor else 0.0) for d in shown]
    x = linear(0, max([*ends, 1.0]) * 1.04, left, right)
    svg = Drawing(
        width=width,
        ident=ident,
        title="From the injection to each alert, part by part",
        description="; ".join(f"{one.alert}: {one.sentence}" for one in shown),
    )
    y = _legend(svg, shown, left, right)
    for one in shown:
        y = _alert(svg, one, x, y, (left, right))
    return svg.markup(_axis(svg, scale, x, y, (left, right)))


def _legend(svg: Drawing, shown: Sequence[Detection], left: float, right: float) -> float:
    """The parts that are there, in their usual order."""
    met = {part.name for one in shown for part in one.parts}
    at, y = left, 2.0
    for name in SHORT:
        if name not in met:
            continue
        label = f"until {UNTIL[name]}".replace("`", "")
        length = 18 + text_width(label) + 14
        if at > left and at + length > right:
            at, y = left, y + 16
        svg.add("rect", x=at, y=y, width=12, height=12, class_=f"part {name}")
        svg.text(at + 17, y + 10, label)
        at += length
    return y + 26 if met else y


def _alert(svg: Drawing, one: Detection, x: Scale, y: float, edges: tuple[float, float]) -> float:
    left, right = edges
    told = _UNFIRED.get(one.state, "") if one.total_s is None else units.seconds(one.total_s)
    name = one.alert if one.role == "expected" else f"{one.alert} ({one.role})"
    svg.text(left, y + 11, name, class_="heading halo")
    if text_width(name, 11.5, bold=True) + text_width(told) + 20 > right - left:
        y += 15
        svg.text(left, y + 11, told)
    else:
        svg.text(right, y + 11, told, anchor="end")
    y += 17
    first = one.parts[0].start if one.parts else 0.0
    for part in one.parts:
        begin, end = x(part.start - first), x(part.end - first)
        svg.add(
            "rect",
            title=f"{units.seconds(part.seconds)} until {UNTIL[part.name]}",
            x=begin,
            y=y,
            width=max(1.0, end - begin),
            height=_BAR,
            class_=f"part {part.name}",
        )
        for label in (f"{SHORT[part.name]} {units.seconds(part.seconds)}", f"{part.seconds:.1f}"):
            if text_width(label, _SIZE, bold=True) < end - begin - 4:
                middle = (begin + end) / 2
                svg.text(middle, y + 14, label, class_=f"on-{part.name}", anchor="middle")
                break
    if one.parts:
        y += _BAR
    return y + 12 if one.floor is None else _floor(svg, one.floor, x, y + 4, edges)


def _floor(svg: Drawing, floor: Floor, x: Scale, y: float, edges: tuple[float, float]) -> float:
    """A solid line as long as the rule waits by itself, a dashed one as long as it may take."""
    left, right = edges
    least, most = x(floor.least_s), min(right, x(floor.most_s))
    if floor.least_s:
        svg.add("rect", x=left, y=y, width=least - left, height=5, class_="floor")
    svg.line(least, y + 2.5, most, y + 2.5, "floor-more")
    svg.line(least, y - 5, least, y + 10, "floor-tick")
    label = f"by its design at least {units.seconds(floor.least_s)}"
    longer = f"{label}, at most {units.seconds(floor.most_s)} when all it measures is bad"
    chosen = longer if text_width(longer) < right - left else label
    svg.text(left, y + 20, chosen, class_="muted")
    return y + 34


def _axis(
    svg: Drawing, scale: units.Scale, x: Scale, y: float, edges: tuple[float, float]
) -> float:
    left, right = edges
    svg.line(left, y, right, y, "axis")
    span = (right - left) / (x(1.0) - x(0.0))
    for at in ticks(0, span, int((right - left) / 96), _STEPS):
        anchor = "start" if at == 0 else "end" if x(at) > right - 24 else "middle"
        svg.line(x(at), y, x(at), y + 4, "axis")
        label = f"+{units.seconds(at)}" if at else "injection"
        svg.text(x(at), y + 15, label, anchor=anchor)
        if scale.compressed and at:
            svg.text(x(at), y + 28, scale.runbook(at), anchor=anchor, class_="muted")
    return y + (34 if scale.compressed else 20)
