"""What the watchdog does without the runner: undo, and tell it in the run's own folder.

It is called only when the runner is surely gone: nobody else changes the target or writes there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rundrill import report, verdict
from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError
from rundrill.errors import RundrillError
from rundrill.events import (
    DrillAborted,
    DrillEnded,
    Event,
    FaultUndone,
    Restored,
    read,
    to_line,
)
from rundrill.redaction import Redactor
from rundrill.restore import Restoration
from rundrill.target import marker
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.undo import UndoEntry, UndoJournal
from rundrill.watchdog.wire import Begin
from rundrill.workplace import undo_leftover

EVENTS = "events.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """`restoration` is None where there was no fault; `failure` says why it is not undone."""

    restoration: Restoration | None = None
    failure: str | None = None


def undo(begin: Begin, journal: UndoJournal, cluster: Cluster, clock: Clock) -> Undone:
    """The same as `rundrill recover` would do: the fault, what the procedure changed, the markers.

    Whatever keeps it from that is told, never raised: the journal and the markers then stay for
    `rundrill recover`.
    """
    try:
        unreadable = [str(path) for path, _ in journal.unreadable() if path.stem == begin.run_id]
        if unreadable:
            return Undone(failure=f"{unreadable[0]} is no undo entry")
        entry = next((e for e in journal.leftovers() if e.run_id == begin.run_id), None)
        done = None if entry is None else _undo(entry, journal, cluster, clock)
        # Markers that hold no entry: it was ended between the claim and the first change.
        marker.release(cluster, namespaces=begin.namespaces, run_id=begin.run_id)
        journal.sweep()
    except (ClusterError, WaitTimeoutError, RundrillError, OSError) as error:
        return Undone(failure=str(error))
    except Exception as error:  # noqa: BLE001 - an entry of another version, or a bug: told as well
        return Undone(failure=repr(error))
    return Undone(restoration=done)


def _undo(entry: UndoEntry, journal: UndoJournal, cluster: Cluster, clock: Clock) -> Restoration:
    done = undo_leftover(entry, cluster, clock, bring_back=True)
    journal.remove(entry)
    return done


def conclude(
    begin: Begin, why: str, undone: Undone | None, clock: Clock, redactor: Redactor
) -> None:
    """Ends the dead runner's event log and writes the reports from it.

    `undone` None: the target has gone with the runner. Raises `RundrillError` and `OSError`.
    """
    folder = Path(begin.folder)
    at = clock.now() - begin.started
    told: list[Event] = [DrillAborted(at=at, why=f"the watchdog ended it: {why}")]
    if undone is not None and undone.failure is not None:
        told.append(FaultUndone(at=at, undone=False, evidence=undone.failure, differences=()))
    elif undone is not None and undone.restoration is not None:
        done = undone.restoration
        if done.restored:
            told.append(Restored(at=at, changes=done.restored))
        told.append(FaultUndone(at=at, undone=True, evidence=done.evidence, differences=done.left))
    _append(folder / EVENTS, [redactor.value(event) for event in (*told, DrillEnded(at=at))])
    events = read(folder / EVENTS)
    report.write(folder, events, verdict.judge(events))


def _append(path: Path, events: list[Event]) -> None:
    """A last line that was torn by the kill is nobody's event: ours begin where it did."""
    with path.open("r+b") as file:
        whole = file.read().rpartition(b"\n")
        file.seek(len(whole[0]) + len(whole[1]))
        file.truncate()
        file.write("".join(to_line(event) + "\n" for event in events).encode())


def tell(begin: Begin, why: str, undone: Undone | None, say: Callable[[str], None]) -> None:
    """What a person at the runner's terminal should know."""
    lines = [f"rundrill: the watchdog ended run {begin.run_id}: {why}"]
    if undone is None:
        lines.append("  the embedded cluster ended with the runner, and the fault with it")
    elif undone.failure is not None:
        lines.append(f"  its fault is NOT undone: {undone.failure}")
        lines.append("  fix: bring the cluster back and run `rundrill recover`")
    elif undone.restoration is None:
        lines.append("  nothing had been changed")
    else:
        lines.append(f"  its fault is undone: {undone.restoration.evidence}")
        lines += [f"  not as it was before: {one}" for one in undone.restoration.left]
    say("\n".join(lines))
