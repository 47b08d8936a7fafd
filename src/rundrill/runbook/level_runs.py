"""Several levels in one paragraph: "P0 (all is dark, ack in 5 min), P1 (one site, ack in 30 min)".

Each is cut out as a statement of its own, so that its words and times are those of that level.
"""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.runbook.markdown import MAX_TEXT
from rundrill.runbook.text import Text

_CODE = re.compile(
    r"(?<![\w/#-])(?P<kind>sev(?:erity)?|priority|prio|p|s)(?:[\s-])?(?P<number>\d)(?![\w.%/])"
    r"(?P<told>\s?[=:\u2013\u2014(\u2192]|\s->?\s"
    r"|\s(?:is|means|covers|stands\sfor)\s(?:an?|the|any|every|all|when|if|for|everything|anything"
    r"|something|whatever|what)\b|\s(?:if|when|otherwise)\b)?",
    re.IGNORECASE,
)
_LEAST: Final = 2
"""One alone is found as any other level is."""


def starts_of_levels(text: Text) -> list[int]:
    """Where in `text.plain` the levels begin that it describes one after the other.

    Each is told what it means ("P1 = ...", "P1 (...)", "A P1 is a ..."), or begins a line of a
    paragraph that itself begins with one. Empty for fewer than two levels of one scheme.
    """
    plain = text.plain
    if len(plain) > MAX_TEXT:
        return []
    found: dict[str, int] = {}
    kinds: set[str] = set()
    for one in _marks(text, plain):
        kinds.add(one["kind"].lower())
        found.setdefault(one["number"], one.start())
    if len(found) < _LEAST or len(kinds) > 1:
        return []
    return sorted(found.values())


def _marks(text: Text, plain: str) -> Iterator[re.Match[str]]:
    card = _CODE.match(plain) is not None
    for one in _CODE.finditer(plain):
        at = one.start()
        if one["told"] or (card and (at == 0 or text.line_at(at) != text.line_at(max(at - 2, 0)))):
            yield one
