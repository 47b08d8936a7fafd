"""The corpus: documents with what a reader finds in them, and how a reading is compared with it.

`corpus/README.md` says what counts as what. Nothing here knows the parser beyond `Runbook`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from rundrill.claims import ClaimKind, Runbook, Term

Row = Mapping[str, Any]
"""One claim as a truth file writes it."""

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[2]
CORPUS: Final = HERE / "corpus"
HELD_OUT: Final = HERE / "corpus-held-out"
KINDS: Final[tuple[ClaimKind, ...]] = get_args(ClaimKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    name: str
    text: str
    truth: tuple[Row, ...]


def path_of(folder: Path) -> Path:
    """`runbook.md` of the folder, or what its `path.txt` names from the project's top.

    The user's own runbook lies beside the project, and not on every machine.
    """
    elsewhere = folder / "path.txt"
    if elsewhere.exists():
        return ROOT / elsewhere.read_text(encoding="utf-8").strip()
    return folder / "runbook.md"


def document(folder: Path) -> Document:
    path = path_of(folder)
    truth = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    return Document(name=folder.name, text=path.read_bytes().decode(), truth=tuple(truth))


def documents(corpus: Path) -> list[Document]:
    """Those that are on this machine."""
    folders = [path.parent for path in sorted(corpus.glob("*/truth.yaml"))]
    return [document(folder) for folder in folders if path_of(folder).exists()]


# ---------------------------------------------------------------- from a claim to a row


def _due(term: Term | None) -> dict[str, Any]:
    return {"seconds": term and term.seconds, "when": term and term.when}


def _fields(*names: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: getattr(value, name) for name in names}


VALUES: Final[dict[ClaimKind, Callable[[Any], dict[str, Any]]]] = {
    "command": _fields("text"),
    "placeholder": lambda value: {"text": value.name},
    "threshold": _fields("subject", "comparator", "value", "unit", "window_s", "statistic"),
    "severity": _fields("id", "name"),
    "response-time": lambda value: {"severity": value.severity, **_due(value.term)},
    "escalation": lambda value: {**_fields("severity", "to")(value), **_due(value.term)},
    "deadline": lambda value: {"every": value.every, **_due(value.term)},
    "alert": _fields("subject"),
    "stakeholder": _fields("severity", "name"),
    "dependency": _fields("name"),
    "dashboard": _fields("name"),
    "contact": _fields("name"),
    "review-date": _fields("date", "next"),
    "template": _fields(),
    "checklist": _fields("text"),
    "step": lambda value: {"procedure": value.title, "number": value.step.number},
    "post-incident": _fields("text"),
}
"""What a row says of the value of a claim."""


def rows_of(runbook: Runbook) -> list[Row]:
    return [
        {"kind": one.kind, "line": one.line, **VALUES[one.kind](one.value)}
        for one in runbook.claims
    ]


# ---------------------------------------------------------------- when two rows are the same


def fold(text: object) -> str:
    """Whitespace and case do not matter."""
    return " ".join(str(text or "").split()).casefold()


def _same_command(truth: object, found: object) -> bool:
    """A comment at the end of the line may be kept or dropped."""
    bare, read = fold(truth), fold(found)
    return read == bare or read.startswith(bare + " # ")


LITTLE: Final = frozenset(
    {"a", "an", "and", "are", "be", "been", "by", "for", "has", "have", "in", "is", "of", "on"}
    | {"the", "to", "was", "were"}
)
SYNONYMS: Final = {
    "latency": "response time",
    "ratio": "rate",
    "utilisation": "usage",
    "utilization": "usage",
}
"""A reading may call a measure by its usual name."""


def _words(text: object) -> set[str]:
    """What a name is made of: no markup, no case, no plural, no little words."""
    read = re.findall(r"[^\W_]+", fold(text))
    words = set(" ".join(SYNONYMS.get(word, word) for word in read).split())
    return {word.removesuffix("s") for word in words - LITTLE or words}


def _same_name(truth: object, found: object) -> bool:
    """ "Redis" and "Redis cache" are one name; "Redis" and "Stripe" are two."""
    one, other = _words(truth), _words(found)
    return one == other or (bool(one and other) and (one <= other or other <= one))


def _same_item(truth: object, found: object) -> bool:
    """An item may be read with its further lines, or without its last sentence."""
    one, other = ("".join(re.findall(r"[^\W_]+", fold(text))) for text in (truth, found))
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _same_level(truth: object, found: object) -> bool:
    def level(text: object) -> str:
        return "".join(re.findall(r"[^\W_]+", fold(text))).replace("severity", "sev")

    return truth is None or level(truth) == level(found)


def _same_number(truth: Any, found: Any) -> bool:
    if not truth or not found:
        return (truth is None) == (found is None) and not truth and not found
    return isclose(truth, found, rel_tol=1e-9)


def _same_window(truth: Any, found: Any) -> bool:
    """ "For 0 minutes" is no window."""
    return _same_number(truth or None, found or None)


def _same_statistic(truth: Any, found: Any) -> bool:
    names = {"median": "p50", "average": "mean", "avg": "mean", "maximum": "max"}
    one, other = fold(truth), fold(found)
    return names.get(one, one) == names.get(other, other)


def _same_text(truth: Any, found: Any) -> bool:
    return fold(truth) == fold(found)


Same = Callable[[Any, Any], bool]
_DUE: Final[dict[str, Same]] = {"seconds": _same_number, "when": _same_name}
FIELDS: Final[dict[ClaimKind, dict[str, Same]]] = {
    "command": {"text": _same_command},
    "placeholder": {"text": _same_text},
    "threshold": {
        "subject": _same_name,
        "comparator": _same_text,
        "value": _same_number,
        "unit": _same_text,
        "window_s": _same_window,
        "statistic": _same_statistic,
    },
    "severity": {
        "id": _same_level,
        "name": lambda truth, found: truth is None or _same_name(truth, found),
    },
    "response-time": {"severity": _same_level, **_DUE},
    "escalation": {"severity": _same_level, "to": _same_name, **_DUE},
    "deadline": {"every": lambda truth, found: truth == found, **_DUE},
    "alert": {"subject": _same_name},
    "stakeholder": {"severity": _same_level, "name": _same_name},
    "dependency": {"name": _same_name},
    "dashboard": {"name": _same_name},
    "contact": {"name": _same_name},
    "review-date": {"date": _same_text, "next": lambda truth, found: truth == found},
    "template": {},
    "checklist": {"text": _same_item},
    "step": {"procedure": _same_name, "number": _same_number},
    "post-incident": {"text": _same_item},
}
"""How each value of each kind is compared, truth first."""

OWN_WORDS: Final = frozenset({"optional", "upto", "kind", "line", "when"})
"""What a row may say beside the values of its kind."""


def same(truth: Row, found: Row) -> bool:
    if truth["kind"] != found["kind"]:
        return False
    if not truth["line"] <= found["line"] <= truth.get("upto", truth["line"]):
        return False
    return all(
        any(matches(one, found.get(name)) for one in _alternatives(truth.get(name)))
        for name, matches in FIELDS[truth["kind"]].items()
    )


def _alternatives(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------- the score


@dataclass(slots=True, kw_only=True)
class Score:
    """Of one kind. What the truth calls optional counts neither way."""

    found: int = 0
    missing: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.found / (self.found + len(self.invented)) if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + len(self.missing)) if self.found else 0.0

    @property
    def exact(self) -> bool:
        return not self.missing and not self.invented


def _written(name: str, row: Row) -> str:
    values = {key: value for key, value in row.items() if key not in {"kind", "line", "upto"}}
    return f"{name}:{row['line']}: {values}"


def _pair(wanted: list[Row], found: list[Row]) -> list[Row]:
    """Takes each wanted row's partner out of `found`; returns the rows that have none."""
    alone = []
    for row in wanted:
        partners = [one for one in found if same(row, one)]
        if partners:
            exact = [one for one in partners if all(one.get(k) == v for k, v in row.items())]
            found.remove((exact or partners)[0])
        else:
            alone.append(row)
    return alone


def score(read: Iterable[tuple[Document, list[Row]]]) -> dict[ClaimKind, Score]:
    """Documents with what was read from each: a score for each kind that is in either."""
    scores: dict[ClaimKind, Score] = defaultdict(Score)
    for one, rows in read:
        left = list(rows)
        needed = [row for row in one.truth if not row.get("optional")]
        alone = _pair(needed, left)
        for row in needed:
            scores[row["kind"]].found += 1
        for row in alone:
            scores[row["kind"]].found -= 1
            scores[row["kind"]].missing.append(_written(one.name, row))
        _pair([row for row in one.truth if row.get("optional")], left)
        commands = {row["line"] for row in needed if row["kind"] == "command"}
        for row in left:
            if row["kind"] == "step" and row["line"] in commands:
                continue  # a command outside of a list may be a step of its own
            scores[row["kind"]].invented.append(_written(one.name, row))
    return {kind: scores[kind] for kind in KINDS if kind in scores}


def table(scores: Mapping[ClaimKind, Score]) -> str:
    """Precision and recall by kind, as text."""
    head = (
        f"{'kind':<14} {'found':>6} {'missing':>8} {'invented':>9} {'precision':>10} {'recall':>7}"
    )
    body = [
        f"{kind:<14} {one.found:>6} {len(one.missing):>8} {len(one.invented):>9}"
        f" {one.precision:>10.3f} {one.recall:>7.3f}"
        for kind, one in scores.items()
    ]
    return "\n".join([head, *body])


def differences(scores: Mapping[ClaimKind, Score], *kinds: ClaimKind) -> str:
    """What was missed and what was invented, a line each."""
    return "\n".join(
        f"{kind} {word}: {row}"
        for kind in kinds or KINDS
        if kind in scores
        for word, rows in (("missing", scores[kind].missing), ("invented", scores[kind].invented))
        for row in rows
    )
