"""How well a folder of runbooks is read whose truth somebody wrote who never saw the reader.

    python -m tests.unit.runbook.measure [--differences] FOLDER

`FOLDER` holds `NAME.md` and `NAME.truth.json`, with lists of `[line, ...]`:

    commands, forbidden   line, text (of several lines, the first counts)
    thresholds            line, subject, comparator, value, unit
    severities            line, name
    response_times        line, severity, seconds
    deadlines             line, kind, seconds; null for what is told by the calendar or the clock
    ambiguous             list, line, words: may be found there, and need not be

A time may be told on the line below the one where it begins, and is matched by its seconds alone:
which of them are deadlines and which escalations, two careful readers may see differently.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any, Final

from rundrill.claims import (
    Command,
    Deadline,
    Escalation,
    ResponseTime,
    Runbook,
    Severity,
    Threshold,
)
from rundrill.runbook import parse
from tests.unit.runbook.truth import Score, fold

Row = Sequence[Any]
Scores = Mapping[str, Score]

KINDS: Final = ("commands", "forbidden", "thresholds", "severities", "deadlines")
"""Deadlines are all times by which something is due: to respond and to escalate, too."""

_SCALES: Final = {
    "%": 0.01, "ms": 1e-3, "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
    "day": 86400, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2**10, "MiB": 2**20,
    "GiB": 2**30, "TiB": 2**40, "percent": 0.01, "d": 86400, "k": 1e3, "M": 1e6, "Ki": 2**10,
    "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_RATES: Final = {
    "/s": 60.0, "per second": 60.0, "/min": 1.0, "per minute": 1.0, "/h": 1 / 60,
    "per hour": 1 / 60, "qps": 60.0, "rps": 60.0,
}  # fmt: skip


_MONTH_S: Final = 30 * 86400
"""Months and longer are null in the truth, and may be told in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    name: str
    text: str
    truth: Mapping[str, Sequence[Row]]


def blind(folder: Path) -> list[Blind]:
    """The documents of a folder, in the order of their names."""
    return [
        Blind(
            name=path.name.removesuffix(".truth.json"),
            text=path.with_name(path.name.replace(".truth.json", ".md")).read_text("utf-8"),
            truth=json.loads(path.read_text("utf-8")),
        )
        for path in sorted(folder.glob("*.truth.json"))
    ]


# ---------------------------------------------------------------- what the truth wants


def _wanted(truth: Mapping[str, Sequence[Row]], kind: str) -> list[Row]:
    if kind == "deadlines":
        return [*truth["response_times"], *truth["deadlines"]]
    return list(truth[kind])


def _values(value: float, unit: str) -> list[float]:
    """A value as the reader may give it, in base units; a rate a minute, or within its time."""
    name = unit.removesuffix("s") if len(unit) > 2 else unit
    if name in _SCALES:
        return [value * _SCALES[name]]
    if unit.partition("/")[0] in _SCALES:  # bytes a second, within a second
        return [value * _SCALES[unit.partition("/")[0]]]
    per = next((scale for end, scale in _RATES.items() if unit.endswith(end)), None)
    return [value] if per is None else [value, value * per]


# ---------------------------------------------------------------- what was read


def _read(runbook: Runbook, kind: str) -> list[Row]:
    """The same rows, of what was read."""
    if kind == "commands":
        return [(claim.line, value.text) for claim, value in runbook.having(Command)]
    if kind == "forbidden":
        return [(line.number, line.text) for line in runbook.lines if line.reading == "warning"]
    if kind == "thresholds":
        return [
            (claim.line, one.subject, one.comparator, one.value, one.unit)
            for claim, one in runbook.having(Threshold)
        ]
    if kind == "severities":
        return [(claim.line, one.id, one.name) for claim, one in runbook.having(Severity)]
    return list(_times(runbook))


def _times(runbook: Runbook) -> Iterator[Row]:
    """One row for each time of the text, though several claims may have been made of it."""
    counted: dict[Row, Counter[type]] = {}
    for claim in runbook.claims:
        value = claim.value
        if isinstance(value, (Deadline, ResponseTime, Escalation)) and value.term is not None:
            every = isinstance(value, Deadline) and value.every
            key = (claim.line, value.term.seconds, value.term.when, every)
            counted.setdefault(key, Counter())[type(value)] += 1
    for (line, seconds, when, _), kinds in counted.items():
        kinds[ResponseTime] = min(kinds[ResponseTime], 1)  # "P3/P4" have one together
        yield from [(line, when or "", seconds)] * max(kinds.values())


# ---------------------------------------------------------------- when they are the same


def _same(kind: str, wanted: Row, found: Row) -> bool:
    later = found[0] - wanted[0]
    if later not in ((0, 1) if kind in ("severities", "deadlines") else (0,)):
        return False
    match kind:
        case "commands":
            return _first(found[1]).startswith(_first(wanted[1])) and (
                "\\\n" in wanted[1] or wanted[1].endswith("\\") or _same_command(wanted, found)
            )
        case "forbidden":
            return True
        case "thresholds":
            values = _values(wanted[3], wanted[4])
            near = any(isclose(found[3], value, rel_tol=1e-6, abs_tol=1e-9) for value in values)
            return bool(wanted[2] == found[2]) and near
        case "severities":
            return _bare(wanted[1]) in (_bare(found[1]), _bare(found[2]))
        case _:
            long = wanted[2] is None and (found[2] or 0) >= _MONTH_S
            return long or bool(wanted[2] == found[2])


def _first(text: str) -> str:
    """The first line of a command, without prompt and continuation."""
    return fold(text.split("\n", maxsplit=1)[0].removeprefix("$ ").removeprefix("# ").rstrip("\\ "))


def _same_command(wanted: Row, found: Row) -> bool:
    one, other = _first(wanted[1]), _first(found[1])
    return one == other or other.startswith(f"{one} # ") or one.startswith(f"{other} # ")


def _bare(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum()).replace("severity", "sev")


# ---------------------------------------------------------------- the score


def measure(documents: Sequence[Blind]) -> dict[str, Score]:
    """A score for each kind over all documents."""
    scores = {kind: Score() for kind in KINDS}
    for one in documents:
        runbook = parse(one.text, f"{one.name}.md")
        for kind in KINDS:
            _count(one, kind, _read(runbook, kind), scores[kind])
    return scores


def _count(one: Blind, kind: str, left: list[Row], score: Score) -> None:
    of_kind = [(line, words) for of, line, words in one.truth["ambiguous"] if of == kind]
    free = {line + more for line, _ in of_kind for more in (0, 1)}
    for row in _wanted(one.truth, kind):
        partner = next((found for found in left if _same(kind, row, found)), None)
        if partner is None and row[0] in {line for line, _ in of_kind}:
            continue
        if partner is None:
            score.missing.append(_written(one, row))
        else:
            left.remove(partner)
            score.found += 1
    score.invented += [_written(one, row) for row in left if row[0] not in free]


def _written(one: Blind, row: Row) -> str:
    return f"{one.name}:{row[0]}: {list(row[1:])}  | {one.text.splitlines()[row[0] - 1].strip()}"


def table(name: str, scores: Scores) -> str:
    return "\n".join(
        f"{name:<20} {kind:<11} {one.found:>4} found {len(one.missing):>3} missing"
        f" {len(one.invented):>3} invented  precision {one.precision:.3f}  recall {one.recall:.3f}"
        for kind, one in scores.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Precision and recall over a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--differences", action="store_true", help="list what is wrong, too")
    options = parser.parse_args()
    documents = blind(options.folder)
    if not documents:
        sys.exit(f"{options.folder}: there is no NAME.truth.json")
    for one in documents:
        print(table(one.name, measure([one])))
    scores = measure(documents)
    print(table("all", scores))
    if options.differences:
        for kind, score in scores.items():
            for word, rows in (("missing", score.missing), ("invented", score.invented)):
                for row in rows:
                    print(f"{kind} {word}: {row}")


if __name__ == "__main__":
    main()
