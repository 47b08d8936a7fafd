"""The documented differences: which lines of which case may differ, read from the docs."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "localcluster-differences.md"
_SPAN = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Difference:
    """A row: `case` is a pattern of `scenario: command`; the others are patterns of lines."""

    case: str
    real: tuple[str, ...]
    here: tuple[str, ...]
    why: str

    def covers(self, case: str, line: str) -> bool:
        """`line` is one of a diff: `-` only the real cluster says it, `+` only ours does."""
        patterns = self.real if line[0] == "-" else self.here
        return _fits(self.case, case) and any(_fits(each, line[1:].strip()) for each in patterns)


def _fits(pattern: str, text: str) -> bool:
    """`*` stands for anything, and nothing else is special."""
    return bool(re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text))


def load_differences() -> list[Difference]:
    rows = []
    # The page has tables of other things too.
    commands = DOCUMENT.read_text().split("\n## Commands\n")[1].split("\n## ")[0]
    for line in commands.splitlines():
        if not line.startswith("| `"):
            continue
        case, real, here, why = (cell.strip() for cell in line.strip()[1:-1].split("|"))
        rows.append(
            Difference(
                _SPAN.findall(case)[0],
                tuple(span.strip() for span in _SPAN.findall(real)),
                tuple(span.strip() for span in _SPAN.findall(here)),
                why,
            )
        )
    return rows


def compare(real: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """The lines in which two records differ, each with `-` (real) or `+` (here) before it."""
    if real["exit"] != here["exit"]:
        first = [f"-exit code {real['exit']}", f"+exit code {here['exit']}"]
    else:
        first = []
    found = []
    for stream in ("stdout", "stderr"):
        lines = difflib.ndiff(real[stream].splitlines(), here[stream].splitlines())
        # Blank lines say nothing.
        found += [line[0] + line[2:] for line in lines if line[0] in "-+" and line[2:].strip()]
    return first + found
