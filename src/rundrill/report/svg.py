"""A drawing as text: escaped attributes, step paths, scales. Knows nothing of drills."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from rundrill.report.text import one_line

Attribute = str | float | int
Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Value:
    """A value that holds from `start` to `end`; None is a gap."""

    start: float
    end: float
    value: float | None


class Drawing:
    """Collects elements; `markup` gives one `<svg>` that scales to its container."""

    def __init__(self, *, width: int, ident: str, title: str, description: str) -> None:
        self.width = width
        self._ident = ident
        self._title = title
        self._description = description
        self._parts: list[str] = []

    def add(
        self, tag: str, content: str | None = None, *, title: str | None = None, **attrs: Attribute
    ) -> None:
        """One element. `class_` gives class; other underscores become hyphens."""
        inner = "" if title is None else f"<title>{escape(one_line(title, 600))}</title>"
        inner += "" if content is None else str(escape(one_line(content)))
        self._parts.append(f"<{tag}{_attributes(attrs)}>{inner}</{tag}>")

    def text(
        self, x: float, y: float, content: str, *, class_: str = "", anchor: str = "start"
    ) -> None:
        """A label; `anchor` is start, middle or end, as SVG has it."""
        self.add("text", content, x=x, y=y, class_=class_, text_anchor=anchor)

    def line(self, x1: float, y1: float, x2: float, y2: float, class_: str) -> None:
        self.add("path", d=f"M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}", class_=class_)

    def take(self) -> list[str]:
        """What was drawn so far, taken out: `put` lays it on top of what is drawn meanwhile."""
        parts, self._parts = self._parts, []
        return parts

    def put(self, parts: list[str]) -> None:
        self._parts += parts

    def markup(self, height: float) -> Markup:
        """The finished drawing. Titles make it readable without sight."""
        head = (
            f'<svg viewBox="0 0 {self.width} {_n(height)}" class="{escape(self._ident)}" '
            f'role="img" aria-labelledby="{self._ident}-t {self._ident}-d">'
            f'<title id="{self._ident}-t">{escape(one_line(self._title))}</title>'
            f'<desc id="{self._ident}-d">{escape(one_line(self._description, 1000))}</desc>'
        )
        # Every piece above and in `add` is escaped or made here.
        return Markup(head + "".join(self._parts) + "</svg>")  # noqa: S704


def step_path(values: Iterable[Value], x: Scale, y: Scale, floor: float | None = None) -> str:
    """A staircase, broken at gaps; with `floor` each piece is closed down to it as an area."""
    pieces: list[str] = []
    end: float | None = None
    for item in values:
        if item.value is None:
            if end is not None and floor is not None:
                pieces.append(f"V{_n(floor)}Z")
            end = None
            continue
        if end is None or item.start - end > 0.5:
            if end is not None and floor is not None:
                pieces.append(f"V{_n(floor)}Z")
            pieces.append(f"M{_n(x(item.start))} {_n(y(item.value) if floor is None else floor)}")
        pieces.append(f"V{_n(y(item.value))}H{_n(x(item.end))}")
        end = item.end
    if end is not None and floor is not None:
        pieces.append(f"V{_n(floor)}Z")
    return "".join(pieces)


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Maps [low, high] to [start, end]."""
    factor = (end - start) / ((high - low) or 1.0)
    return lambda value: start + (value - low) * factor


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Maps [low, high] to [start, end] by decades; what lies below `low` is drawn at it."""
    inner = linear(math.log10(low), math.log10(high), start, end)
    return lambda value: inner(math.log10(max(value, low)))


def ticks(low: float, high: float, most: int, steps: Sequence[float]) -> list[float]:
    """Round numbers in [low, high], at most `most` of them when one of `steps` allows it."""
    step = next((s for s in steps if (high - low) / s <= most), steps[-1])
    first = math.ceil(low / step - 1e-9)
    return [step * i for i in range(first, math.floor(high / step + 1e-9) + 1)]


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= value * 0.9999)


def text_width(content: str, size: float = 11, *, bold: bool = False) -> float:
    """About how wide a label is at most: there is no font to ask, so a wide one is assumed."""
    return len(content) * size * (0.66 if bold else 0.6)


def _attributes(attrs: dict[str, Attribute]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_n(v) if isinstance(v, float) else escape(v)}"'
        for name, v in attrs.items()
    )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
