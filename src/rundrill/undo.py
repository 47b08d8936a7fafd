"""The undo journal: on disk before the first change, gone only when everything was undone."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEntry:
    """All that another process needs to undo a fault, and what the procedure did beside it.

    `snapshot` is what was declared in `namespaces` before, as `kind/namespace/name` to object.
    """

    run_id: str
    kubeconfig: str
    fault: str
    parameters: Mapping[str, object]
    original: Mapping[str, Any]
    namespaces: list[str] = field(default_factory=list)
    snapshot: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class UndoJournal:
    """One file a fault in `folder`. A file that is there is a fault that may be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, entry: UndoEntry) -> Path:
        """Returns when the entry is on the disk, not in a buffer."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{entry.run_id}.json"
        partial = path.with_suffix(".partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(asdict(entry), file)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)  # of a disk that is full
        return path

    def remove(self, entry: UndoEntry) -> None:
        (self._folder / f"{entry.run_id}.json").unlink(missing_ok=True)
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def leftovers(self) -> Sequence[UndoEntry]:
        """What killed runs did not undo, oldest first; an unreadable file is a bug: it raises."""
        files = sorted(self._folder.glob("*.json")) if self._folder.exists() else []
        return [UndoEntry(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
