"""Every line of the document with what it was taken for; none is left out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from rundrill.claims import Claim, Line, Reading


def source_lines(text: str) -> list[str]:
    """The lines as Markdown counts them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def account(
    text: str, claims: Iterable[Claim], readings: Mapping[int, Reading], levels: Mapping[int, int]
) -> tuple[Line, ...]:
    """`readings` says what the lines without a claim are; those it leaves out are unknown."""
    at: dict[int, list[str]] = defaultdict(list)
    for claim in claims:
        at[claim.line].append(claim.id)
    lines = []
    for number, line in enumerate(source_lines(text), start=1):
        reading: Reading = readings.get(number, "unknown" if line.strip() else "blank")
        if number in levels:
            reading = "heading"
        elif number in at:
            reading = "claim"
        lines.append(
            Line(
                number=number,
                text=line,
                reading=reading,
                claims=tuple(at[number]),
                level=levels.get(number, 0),
            )
        )
    return tuple(lines)
