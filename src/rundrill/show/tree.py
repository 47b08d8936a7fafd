"""The runbook line by line, indented as its headings are, each claim under its line."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, get_args

from rundrill.claims import Claim, ClaimKind, Line, Reading, Runbook
from rundrill.show.words import words_of

MARKS: Final[dict[Reading, str]] = {
    "heading": "#",
    "claim": ">",
    "prose": " ",
    "data": "|",
    "markup": "`",
    "warning": "!",
    "unknown": "?",
}
LEGEND: Final = (
    "> claim   # heading   | output or data   ` markup   ! warned against   ? not understood"
)
WIDTH: Final = 110


def as_text(runbook: Runbook) -> str:
    """Every line that is not blank, with the claims on it and what can test them."""
    claims = {claim.id: claim for claim in runbook.claims}
    lines = [*_lines(runbook, claims), "", LEGEND, *_summary(runbook)]
    return "\n".join(lines) + "\n"


def _lines(runbook: Runbook, claims: dict[str, Claim]) -> Iterator[str]:
    digits = len(str(len(runbook.lines)))
    depth = 0
    for line in runbook.lines:
        if line.reading == "blank":
            continue
        if line.level:
            depth = line.level - 1
        yield f"{line.number:>{digits}} {MARKS[line.reading]} {'  ' * depth}{_cut(line)}"
        for name in line.claims:
            claim = claims[name]
            yield f"{'':>{digits}}   {'  ' * depth}  = {words_of(claim)}  ({claim.test})"


def _cut(line: Line) -> str:
    text = line.text.rstrip().expandtabs(4)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}\u2026"


def _summary(runbook: Runbook) -> Iterator[str]:
    """How many claims of each kind, and the lines that nobody may have read as they are meant."""
    counted = Counter(claim.kind for claim in runbook.claims)
    kinds: tuple[ClaimKind, ...] = get_args(ClaimKind)
    told = ", ".join(f"{counted[kind]} {kind}" for kind in kinds if counted[kind])
    yield f"{len(runbook.claims)} claims" + (f": {told}" if told else "")
    if not runbook.not_understood:
        yield "every line was understood"
        return
    yield f"{len(runbook.not_understood)} lines not understood:"
    for line in runbook.not_understood:
        yield f"  {runbook.path}:{line.number}: {_cut(line).strip()}"
