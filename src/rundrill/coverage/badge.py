"""A badge for a README: how much of the runbook was exercised, and whether any of it is broken."""

from html import escape
from typing import Final

from rundrill.coverage.measure import Tally

_GOOD: Final = "#17693f"
_PART: Final = "#7a5200"
_BAD: Final = "#b3261e"
_ENOUGH: Final = 75.0
_CHARACTER: Final = 6.7
"""About the width of one in 11 px Verdana; `textLength` makes up the difference."""


def badge(tally: Tally) -> str:
    """An SVG of one line, readable in light and dark, with its words for those who cannot see."""
    label = "runbook"
    value = f"{tally.percent:.0f} % exercised"
    if tally.broken:
        value += f", {tally.broken} broken"
    colour = _BAD if tally.broken else _GOOD if tally.percent >= _ENOUGH else _PART
    left, right = _width(label), _width(value)
    said = escape(f"{label}: {value}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20"'
        f' role="img" aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left + right}" height="20" rx="3" fill="#3f444b"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
        ' text-anchor="middle">'
        f"{_text(label, left / 2, left - 12)}{_text(value, left + right / 2, right - 12)}"
        "</g></svg>\n"
    )


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + 12


def _text(text: str, middle: float, length: int) -> str:
    return (
        f'<text x="{middle:.1f}" y="14" textLength="{length}"'
        f' lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )
