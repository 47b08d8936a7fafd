"""The runbook as a page: each claim marked in place, with its numbers and the way to the evidence.

One file, offline, no script. The document's own text is untrusted: only `code` and **bold** of it
become markup.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup, escape

from rundrill.claims import Line
from rundrill.coverage.evidence import Evidence
from rundrill.coverage.measure import ClaimCoverage, ClaimState, Coverage
from rundrill.coverage.text import named, notes
from rundrill.report.templating import environment_of
from rundrill.report.text import printable
from rundrill.report.tone import tone

_ORDER: Final[tuple[ClaimState, ...]] = ("broken", "held", "not-exercised", "not-testable")
"""Of the claims on one line the first of these marks the line."""
_FENCE: Final = re.compile(r"\s*(?:(?:[-*+]|\d+[.)])\s+|>\s?)*(`{3,}|~{3,})")
_ITEM: Final = re.compile(r"(\s*)([-*+]|\d+[.)])\s+(?:\[([ xX])\]\s+)?(.*)")
_INLINE: Final = re.compile(r"`([^`\n]+)`|\*\*([^*\n]+)\*\*")
_TAGS: Final = {"code": Markup("<code>{}</code>"), "strong": Markup("<strong>{}</strong>")}
_LINK: Final = re.compile(r"!?\[([^\]\n]*)\]\((?:[^)\n]*)\)")
_WORDS: Final[Mapping[str, str]] = {
    "held": "held",
    "broken": "broken",
    "accepted": "broken, accepted",
    "not-exercised": "not exercised",
    "not-testable": "not testable",
}

RowKind = Literal["blank", "heading", "item", "code", "fence", "table", "rule", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """What is said beside a line of one claim or several; `evidence` has the worst first."""

    word: str
    tone: str
    kind: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One source line. `mark` is the tone of its worst claim, "" where it holds none."""

    number: int
    kind: RowKind
    level: int
    indent: int
    bullet: str
    text: Markup
    mark: str
    chips: tuple[Chip, ...]
    others: tuple[str, ...]
    """What else the line states, that no drill can test."""


def page(coverage: Coverage, hrefs: Mapping[str, str]) -> str:
    """`hrefs` maps the name of a run to its report, relative to where the page will be."""
    return (
        environment_of("rundrill.coverage")
        .get_template("coverage.html.j2")
        .render(
            coverage=coverage,
            runbook=coverage.runbook,
            total=coverage.total,
            sections=[(title, one) for title, one in coverage.sections.items() if one.testable],
            anchors=_anchors(coverage),
            broken=[one for one in coverage.claims if one.state == "broken"],
            plain=lambda text: text.replace("**", "").replace("`", ""),
            named=named,
            notes=list(notes(coverage)),
            rows=list(_rows(coverage)),
            hrefs=hrefs,
            tone=lambda run: tone(run.verdict),
            untested=sum(one.state == "not-testable" for one in coverage.claims),
            not_understood=len(coverage.runbook.not_understood),
        )
    )


def _anchors(coverage: Coverage) -> Mapping[str, int]:
    """The line of each outermost heading."""
    found: dict[str, int] = {}
    for one in coverage.claims:
        title = one.claim.section[0] if one.claim.section else coverage.runbook.title
        above = [
            line.number
            for line in coverage.runbook.lines
            if line.level and line.number <= one.claim.line and title in line.text
        ]
        found.setdefault(title, above[-1] if above else one.claim.line)
    return found


def _rows(coverage: Coverage) -> Iterator[Row]:
    at: dict[int, list[ClaimCoverage]] = {}
    for one in coverage.claims:
        at.setdefault(one.claim.line, []).append(one)
    fence = ""
    for line in coverage.runbook.lines:
        kind, fence = _kind(line, fence)
        yield _row(line, kind, at.get(line.number, ()))


def _kind(line: Line, fence: str) -> tuple[RowKind, str]:
    """What a line is for the eye, and the fence that is open after it."""
    text = line.text
    if fence:
        closes = text.strip().startswith(fence) and not text.strip().strip(fence[0])
        return ("fence", "") if closes else ("code", fence)
    opened = _FENCE.match(text)
    if opened is not None:
        return "fence", opened[1]
    if not text.strip():
        return "blank", ""
    if line.level:
        return "heading", ""
    if re.fullmatch(r"\s*(?:[-*_=]\s*){3,}", text):
        return "rule", ""
    if text.lstrip().startswith("|"):
        return "table", ""
    return ("item" if _ITEM.match(text) else "text"), ""


def _row(line: Line, kind: RowKind, claims: Sequence[ClaimCoverage]) -> Row:
    text, indent, bullet = line.text.rstrip(), 0, ""
    if kind == "heading":
        text = text.strip().lstrip("#").strip()
    elif kind == "item" and (found := _ITEM.match(text)) is not None:
        indent, text = len(found[1].expandtabs(4)) // 2, found[4]
        bullet = found[2] if found[2][0].isdigit() else "\u2022"
        if found[3] is not None:
            bullet = "\u2610" if found[3] == " " else "\u2611"
    testable = [one for one in claims if one.state != "not-testable"]
    chips = tuple(_chips(testable))
    return Row(
        number=line.number,
        kind=kind,
        level=line.level,
        indent=min(indent, 8),
        bullet=bullet,
        text=Markup("{}").format(printable(text)) if kind in ("code", "table") else _inline(text),
        mark=chips[0].tone if chips else "other" if claims else "",
        chips=chips,
        others=tuple(_other(one) for one in claims if one.state == "not-testable"),
    )


def _chips(claims: Iterable[ClaimCoverage]) -> Iterator[Chip]:
    """One for all claims of the line of which the same is said, such as a step and its command."""
    said: dict[tuple[str, str, str], list[ClaimCoverage]] = {}
    for one in sorted(claims, key=lambda one: _ORDER.index(one.state)):
        tone: str = "accepted" if one.state == "broken" and one.accepted else one.state
        word = "not proven" if one.state == "not-exercised" and one.evidence else _WORDS[tone]
        said.setdefault((word, tone, " ".join(e.sentence for e in one.evidence)), []).append(one)
    for (word, tone, _), same in said.items():
        yield Chip(
            word=word,
            tone=tone,
            kind=", ".join(dict.fromkeys(named(one.claim) for one in same)),
            evidence=tuple(
                sorted(
                    same[0].evidence,
                    key=lambda found: ("broken", "held", "unproven").index(found.state),
                )
            ),
        )


def _other(one: ClaimCoverage) -> str:
    kind = one.claim.kind.replace("-", " ")
    by = {"lint": "for lint", "human": "for people"}.get(one.claim.test)
    return f"{kind}, {by}" if by else kind


def _inline(text: str) -> Markup:
    """A line with its `code` and **bold**; a link keeps its words; everything else is literal."""
    text = _LINK.sub(lambda found: found[1], printable(text))
    parts: list[Markup] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        tag = "code" if found[1] is not None else "strong"
        parts.append(_TAGS[tag].format(found[1] or found[2]))
        end = found.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
