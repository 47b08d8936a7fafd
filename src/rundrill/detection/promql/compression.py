"""The same expression on a shorter time scale, with the author's text kept wherever it can be.

Works on the text, since the parser's tree forgets comments and does not quote every label value
so that it can be read again.
"""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.detection.durations import seconds

_TOKEN: Final = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
      | (?P<comment>\#[^\n]*)
      | (?P<word>:*[a-zA-Z_][a-zA-Z0-9_:]*)
      | (?P<time>(?:[0-9]+(?:ms|[smhdwy]))+|[0-9.][0-9a-zA-Z.]*)
      | (?P<other>\s+|.)""",
    re.VERBOSE | re.DOTALL,
)

_Token = tuple[str, str]  # kind, text


def compressed(text: str, factor: float) -> str:
    """The expression with every duration divided by `factor`, as it is then evaluated.

    Ranges, offsets, subquery steps, and the horizon of `predict_linear`. Numbers that only a
    reader knows to be durations (`time() - x > 600`) stay. The text must have been parsed.
    """
    if factor == 1:
        return text
    return "".join(part for _, part in _horizons(list(_durations(text, factor)), factor))


def _durations(text: str, factor: float) -> Iterator[_Token]:
    in_range = after_offset = False
    for found in _TOKEN.finditer(text):
        kind, part = found.lastgroup or "", found.group()
        if kind == "time" and (in_range or after_offset):
            part = _divided(part, factor)
        yield kind, part
        if part in "[]":
            in_range = part == "["
        if kind == "word" and part.lower() == "offset":
            after_offset = True
        elif part.strip() not in ("", "-", "+") and kind != "comment":
            after_offset = False


def _divided(duration: str, factor: float) -> str:
    """Rounded to milliseconds, the resolution of PromQL, and never to nothing."""
    known = seconds(duration)
    whole = float(duration) if known is None else known
    if whole == 0:
        return duration
    milliseconds = max(1, round(whole * 1000 / factor))
    minutes, rest = divmod(milliseconds, 60_000)
    units = ((minutes, "m"), (rest // 1000, "s"), (rest % 1000, "ms"))
    return "".join(f"{number}{unit}" for number, unit in units if number)


def _horizons(parts: list[_Token], factor: float) -> Iterator[_Token]:
    """Divides the second argument of each `predict_linear`."""
    closing: set[int] = set()
    opening: set[int] = set()
    for index, (kind, part) in enumerate(parts):
        if kind == "word" and part == "predict_linear":
            comma, end = _second_argument(parts, index)
            opening.add(comma)
            closing.add(end)
    for index, unchanged in enumerate(parts):
        if index in closing:
            yield "other", f") / {factor!r}"
        yield unchanged
        if index in opening:
            yield "other", " ("


def _second_argument(parts: list[_Token], start: int) -> tuple[int, int]:
    """Where the comma before it and the parenthesis after it are."""
    depth, comma = 0, start
    for index in range(start, len(parts)):
        kind, part = parts[index]
        if kind == "other":
            depth += (part in "({[") - (part in ")}]")
            if part == "," and depth == 1:
                comma = index
            if part == ")" and depth == 0:
                return comma, index
    raise AssertionError("the parser has seen the closing parenthesis")
