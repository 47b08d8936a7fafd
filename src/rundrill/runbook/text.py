"""Prose without its markup, each part with the line it stands on."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rundrill.runbook.lazy import lazy

Mark = Literal["", "code", "strong", "em", "break"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text on one line, or a whole inline code span with the line it begins on.

    A "break" is one that the writer asked for; any other end of a line is a blank.
    """

    line: int
    text: str
    mark: Mark = ""
    href: str = ""


@dataclass(frozen=True)
class Text:
    line: int
    spans: tuple[Span, ...]

    @lazy
    def plain(self) -> str:
        """One line of text, code spans included."""
        return "".join(self._parts).rstrip()

    def line_at(self, offset: int) -> int:
        """The source line of what stands at `offset` in `plain`."""
        starts, lines = self._lines_at
        return lines[max(bisect_right(starts, offset) - 1, 0)] if lines else self.line

    @lazy
    def lines(self) -> tuple["Text", ...]:
        """The same text, one value a source line."""
        if self.spans and self.spans[0].line == self.spans[-1].line:
            return (self,)
        by_line: dict[int, list[Span]] = {}
        for span in self.spans:
            by_line.setdefault(span.line, []).append(span)
        return tuple(Text(line, tuple(spans)) for line, spans in by_line.items())

    def cut(self, start: int, end: int | None) -> "Text":
        """The part of `plain` at [start, end), with the lines of its words."""
        spans: list[Span] = []
        at = 0
        for span, text in zip(self.spans, self._parts, strict=True):
            part = text[max(start - at, 0) : None if end is None else max(end - at, 0)]
            if part:
                spans.append(Span(span.line, part, span.mark, span.href))
            at += len(text)
        return Text(spans[0].line if spans else self.line, tuple(spans))

    @lazy
    def _parts(self) -> Sequence[str]:
        """What each span gives to `plain`: one blank on either side at most, none after one."""
        parts: list[str] = []
        blank = True
        for span in self.spans:
            text = span.text
            if not text.isalnum():  # a word alone is as it is
                text = " ".join(f"|{text}|".split())[1:-1]
                text = text.lstrip() if blank else text
            parts.append(text)
            blank = text.endswith(" ") if text else blank
        return parts

    @lazy
    def _lines_at(self) -> tuple[Sequence[int], Sequence[int]]:
        """Where in `plain` which source line begins."""
        starts: list[int] = []
        lines: list[int] = []
        length = 0
        for span, text in zip(self.spans, self._parts, strict=True):
            if not lines or lines[-1] != span.line:
                starts.append(length)
                lines.append(span.line)
            length += len(text)
        return starts, lines
