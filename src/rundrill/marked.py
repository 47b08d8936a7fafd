"""The undo entry that the markers of a run hold, believed no further than they reach.

Whoever may write a ConfigMap may write this one, and it is followed with the rights of whoever
recovers. So it changes something only where a marker of the same run is.
"""

from collections.abc import Sequence
from pathlib import Path

from rundrill.errors import TargetError
from rundrill.faults import FAULTS
from rundrill.target.marker import NAME, Marker
from rundrill.undo import UndoEntry

_READING = frozenset({"get", "list", "watch"})


def marked_entry(run_id: str, marks: Sequence[Marker], kubeconfig: Path) -> UndoEntry | None:
    """What all markers of one run say; None when it has changed nothing. Raises `TargetError`."""
    told = [mark for mark in marks if mark.entry is not None]
    if not told:
        return None
    try:
        entry = UndoEntry.read(told[0].entry)
        why = _distrust(entry, run_id, {mark.namespace for mark in marks})
    except ValueError as error:
        why = str(error)
    if len(told) > 1:
        why = f"there is another in {told[1].namespace}"
    if why is not None:
        raise TargetError(
            f"configmap/{NAME} in {told[0].namespace} holds no usable undo entry: {why}",
            path=kubeconfig,
            fix="see who made it; undo what it names by hand, then delete it",
        )
    return entry


def _distrust(entry: UndoEntry, run_id: str, held: set[str]) -> str | None:
    if entry.run_id != run_id:
        return f"it is of run {entry.run_id}, its marker of run {run_id}"
    beyond = sorted(_reach(entry) - held)
    return f"it reaches {', '.join(beyond)}, where run {run_id} has no marker" if beyond else None


def _reach(entry: UndoEntry) -> set[str]:
    """The namespaces where undoing it may change something."""
    reach = {*entry.namespaces, *(name.split("/")[1] for name in entry.snapshot)}
    if entry.fault in FAULTS:
        for permission in FAULTS[entry.fault].PERMISSIONS:
            if not _READING.issuperset(permission.verbs):
                reach.add(str(entry.parameters.get(permission.namespace)))
    return reach
