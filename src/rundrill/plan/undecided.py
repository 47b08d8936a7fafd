"""What `rundrill init` leaves to decide is no value yet: no drill starts with it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rundrill.base import document
from rundrill.errors import RundrillError

_UNDECIDED: Final = re.compile(r"\bTODO(?:_\w+)?\b")
"""`TODO` itself, and the names of metrics that begin with it."""
_PROSE: Final = frozenset({"title", "description", "tags", "annotations", "reason"})
"""Free words, which may be about anything; nothing is measured or run by them."""
FIX: Final = "write the value in its place; `rundrill init` could not know it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """A value that is open: `written` is its line, `word` what stands there for it."""

    path: Path
    line: int
    written: str
    word: str

    @property
    def problem(self) -> str:
        return f"`{self.written.strip()[:80]}` is still to decide"


def undecided(path: Path, error: type[RundrillError]) -> Iterator[Undecided]:
    """The values of a YAML file, and of those it extends, that are open. Raises `error`."""
    root = document.read(path, error)
    lines = path.read_text(encoding="utf-8").split("\n")
    for value in root.scalars(without=_PROSE):
        found = _UNDECIDED.search(value.text)
        if found is not None:
            line = value.line_of(found[0])
            yield Undecided(path=path, line=line, written=lines[line - 1], word=found[0])
    below = dict(root.items()).get("extends")
    if below is not None:
        yield from undecided(path.parent / below.text, error)


def require_decided(path: Path, error: type[RundrillError]) -> None:
    """Raises `error` for the first value of a YAML file, or of one it extends, that is open."""
    for one in undecided(path, error):
        raise error(one.problem, path=one.path, line=one.line, fix=FIX)
