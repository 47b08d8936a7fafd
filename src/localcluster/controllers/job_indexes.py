"""The completion indexes of an Indexed Job, as text and as numbers. Pure."""

from collections.abc import Collection, Iterator

from localcluster.objects import KubeObject

COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"


def parse_indexes(text: str) -> set[int]:
    """`0,3-5` as 0, 3, 4, 5; what cannot be read counts as nothing."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            found.update(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Collection[int]) -> str:
    """0, 3, 4, 5 as `0,3-5`."""
    parts: list[str] = []
    ordered = sorted(indexes)
    start = 0
    for at, index in enumerate(ordered):
        if at + 1 < len(ordered) and ordered[at + 1] == index + 1:
            continue
        first = ordered[start]
        # Two in a row are written one by one, as the real controller does.
        joint = "-" if index > first + 1 else ","
        parts.append(str(first) if index == first else f"{first}{joint}{index}")
        start = at + 1
    return ",".join(parts)


def index_of(pod: KubeObject) -> int | None:
    text = (pod["metadata"].get("annotations") or {}).get(COMPLETION_INDEX, "")
    return int(text) if text.isdecimal() else None


def missing_indexes(completions: int, taken: Collection[int]) -> Iterator[int]:
    """Lowest first."""
    return (index for index in range(completions) if index not in taken)
