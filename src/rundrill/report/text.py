"""Hostile text to printable text. Outputs of commands come from outside and prove nothing.

Escaping for HTML and XML is the writer's work; here is what escaping does not cover: terminal
sequences, control characters, characters that reorder a line, halves of surrogate pairs.
"""

import re
from typing import Final

_TERMINAL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS and the like, with their text
    r"|\x1b[ -/]*[0-~]"  # two-character sequences
)
_REORDERING: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_PICTURES: Final[dict[int, str]] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    **{ord(mark): f"<U+{ord(mark):04X}>" for mark in _REORDERING},
    **dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd"),
}
_UNPRINTABLE: Final = re.compile(
    f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_REORDERING}\ud800-\udfff\ufffe\uffff]"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def printable(text: str) -> str:
    """Text that shows what it holds and does nothing else; keeps newlines and tabs.

    Terminal sequences go, other control characters become their picture ("\u2400" for NUL),
    marks that reorder a line become their number. The result is legal in XML 1.0 too.
    """
    if _UNPRINTABLE.search(text) is None:
        return text
    text = _LINE_ENDS.sub("\n", _TERMINAL.sub("", text))
    return _UNPRINTABLE.sub(_picture, text)


def one_line(text: str, limit: int = 300) -> str:
    """`printable`, its white space folded, cut to `limit` characters with an ellipsis."""
    folded = " ".join(printable(text[: limit * 4]).split())
    return folded if len(folded) <= limit else folded[: max(0, limit - 1)] + "\u2026"


def bounded(text: str, limit: int = 20_000) -> str:
    """Head and tail of a long text; what was left out is said in between."""
    if len(text) <= limit:
        return text
    half = limit // 2
    left_out = len(text) - 2 * half
    return (
        f"{text[:half]}\n[{left_out:,} characters left out here; events.jsonl has them]\n"
        f"{text[-half:]}"
    )


def _picture(match: re.Match[str]) -> str:
    return _PICTURES.get(ord(match[0]), "\ufffd")
