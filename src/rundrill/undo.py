"""The undo journal: on disk before the first change, gone only when everything was undone."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

_TEXTS: Final = ("run_id", "kubeconfig", "fault", "written", "expires")
_MAPPINGS: Final = ("parameters", "original", "snapshot")


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEntry:
    """All that another process needs to undo a fault, and what the procedure did beside it.

    `snapshot` is what was declared in `namespaces` before, as `kind/namespace/name` to object.
    `written` and `expires` are ISO 8601 with a zone, by the wall clock: when the drill began to
    make the fault, and until when it may last.
    """

    run_id: str
    kubeconfig: str
    fault: str
    parameters: Mapping[str, object]
    original: Mapping[str, Any]
    namespaces: list[str] = field(default_factory=list)
    snapshot: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    written: str = ""
    expires: str = ""

    @classmethod
    def read(cls, data: object) -> "UndoEntry":
        """From what JSON made of it; raises `ValueError` when it is no entry."""
        if not isinstance(data, Mapping):
            raise ValueError("not an object")  # noqa: TRY004 - bad input, whatever its type
        strange = data.keys() - {one.name for one in fields(cls)}
        missing = {"run_id", "kubeconfig", "fault", "parameters", "original"} - data.keys()
        for what, keys in (("has a strange", strange), ("lacks", missing)):
            if keys:
                raise ValueError(f"{what} {', '.join(sorted(keys))}")
        wrong = [key for key in _TEXTS if not isinstance(data.get(key, ""), str)]
        wrong += [key for key in _MAPPINGS if not isinstance(data.get(key, {}), Mapping)]
        namespaces = data.get("namespaces", [])
        if not isinstance(namespaces, list) or not all(isinstance(one, str) for one in namespaces):
            wrong.append("namespaces")
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: not of the right type")
        for name, item in data.get("snapshot", {}).items():
            if name.count("/") != 2 or not isinstance(item, Mapping) or "metadata" not in item:
                raise ValueError(f"snapshot: {name!r} is no object")
        return cls(**data)

    def outlived(self, now: datetime) -> bool:
        """Whether others may have worked here since; an entry that does not say, has."""
        try:
            expires = datetime.fromisoformat(self.expires)
        except ValueError:
            return True
        return now >= (expires if expires.tzinfo else expires.replace(tzinfo=UTC))


class UndoJournal:
    """One file a fault in `folder`. A file that is there is a fault that may be.

    Nothing is left out of it that the undo needs, so a ConfigMap with a password in it is there
    with its password (Secrets never are). So only its owner may read it, and it goes with the undo.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, entry: UndoEntry) -> Path:
        """Returns when the entry is on the disk, not in a buffer."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{entry.run_id}.json"
        partial = path.with_suffix(".partial")
        try:
            partial.unlink(missing_ok=True)  # of a killed runner: its mode is its own
            with open(partial, "x", encoding="utf-8", opener=_for_the_owner) as file:
                json.dump(asdict(entry), file)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            _keep_names(self._folder)
        finally:
            partial.unlink(missing_ok=True)  # of a disk that is full
        return path

    def remove(self, entry: UndoEntry) -> None:
        (self._folder / f"{entry.run_id}.json").unlink(missing_ok=True)
        self._tidy()

    def leftovers(self) -> Sequence[UndoEntry]:
        """What killed runs did not undo, newest first: each was made on top of the one before."""
        found = [entry for _, entry in self._read() if isinstance(entry, UndoEntry)]
        return sorted(found, key=lambda entry: (entry.written, entry.run_id), reverse=True)

    def unreadable(self) -> Sequence[tuple[Path, str]]:
        """The files that are no entries, and why."""
        return [(path, found) for path, found in self._read() if isinstance(found, str)]

    def sweep(self) -> None:
        """Removes what a runner left that was killed while it wrote: nothing was changed yet."""
        for partial in self._folder.glob("*.partial"):
            partial.unlink(missing_ok=True)
        self._tidy()

    def _read(self) -> Iterator[tuple[Path, UndoEntry | str]]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                yield path, UndoEntry.read(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                yield path, str(error)

    def _tidy(self) -> None:
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keep_names(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    for one in (folder, folder.parent):
        number = os.open(one, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
