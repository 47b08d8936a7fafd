"""What `rundrill init` leaves to decide is no value yet: no drill starts with it."""

import re
from pathlib import Path
from typing import Final

from rundrill.base import document
from rundrill.errors import RundrillError

_UNDECIDED: Final = re.compile(r"\bTODO(?:_\w+)?\b")
"""`TODO` itself, and the names of metrics that begin with it."""
_PROSE: Final = frozenset({"title", "description", "tags", "annotations", "reason"})
"""Free words, which may be about anything; nothing is measured or run by them."""


def require_decided(path: Path, error: type[RundrillError]) -> None:
    """Raises `error` for the first value of a YAML file, or of one it extends, that is open."""
    root = document.read(path, error)
    for value in root.scalars(without=_PROSE):
        found = _UNDECIDED.search(value.text)
        if found is not None:
            line = value.line_of(found[0])
            written = path.read_text(encoding="utf-8").split("\n")[line - 1].strip()
            raise error(
                f"`{written[:80]}` is still to decide",
                path=path,
                line=line,
                fix="write the value in its place; `rundrill init` could not know it",
            )
    below = dict(root.items()).get("extends")
    if below is not None:
        require_decided(path.parent / below.text, error)
