"""Run folders to drills of the past with their recorded samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rundrill import events as e
from rundrill.detection.recorder import FILE_NAME
from rundrill.detection.recording import Recording, read_recording
from rundrill.errors import RundrillError
from rundrill.model import Plan

_EVENTS: Final = "events.jsonl"
_UP: Final = 3
"""An arm's folder, the drill's, the game day's."""
_LATE: Final = 5
"""Rounds that a machine may be late with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDrill:
    """One drill, or one arm of it. `started` is its first second on the recording's clock.

    All other times are seconds since then. `injected` is None when no fault landed. Alerts were
    listened to from `heard` on, and until `watched`, or as long as there are samples.
    """

    name: str
    folder: Path
    plan: Plan
    started: float
    injected: float | None
    why_nothing_landed: str
    heard: float
    watched: float
    healed: float
    """When it had recovered, or the end of what was watched: a slower alert could not fire."""
    cut: bool
    """The samples end before the drill did."""
    lived: tuple[e.AlertChanged, ...]
    """What the detection told while the drill ran."""
    recording: Recording = field(repr=False)

    @property
    def until(self) -> float:
        """The end of what was watched, on the recording's clock."""
        return self.started + self.watched


def read_past(given: Sequence[Path]) -> list[PastDrill]:
    """The drills of these folders: a drill with its control arm, a game day, or many of them.

    Raises `RundrillError` for a folder without a drill, and for a drill without samples.
    """
    recordings: dict[Path, Recording] = {}
    found: dict[Path, PastDrill] = {}
    for path in given:
        folders = list(_folders(path))
        if not folders:
            raise RundrillError(
                "there are no events of a run", path=path, fix="name a folder of runs/"
            )
        for folder in folders:
            if folder.resolve() not in found:
                drill = _drill(folder, recordings)
                if drill is not None:
                    found[folder.resolve()] = drill
    if not found:
        raise RundrillError(
            "no drill began here", path=given[0], fix="the run was cut off at once: take another"
        )
    return list(found.values())


def _folders(path: Path) -> Iterator[Path]:
    if (path / _EVENTS).is_file():
        yield path
    if path.is_dir():
        for below in sorted(path.iterdir()):
            if below.is_dir() and not below.is_symlink():
                yield from _folders(below)


def _drill(folder: Path, recordings: dict[Path, Recording]) -> PastDrill | None:
    """None for a run that was cut off before it began."""
    told = e.read(folder / _EVENTS)
    first = next((event for event in told if isinstance(event, e.DrillStarted)), None)
    if first is None:
        return None
    recording = _recording(folder, first.run_id, recordings)
    started = recording.drills[first.run_id]
    rounds = [one.evaluated for one in recording.rounds if one.evaluated >= started]
    if not rounds:
        raise RundrillError(
            "no samples were recorded while this drill ran",
            path=folder,
            fix="its recording was cut off before: take another run",
        )
    injected = _at(told, e.FaultInjected)
    landed = _at(told, e.FaultLanded)
    listened, recorded = _watched(told), rounds[-1] - started
    watched = min(listened, recorded)
    recovered = _at(told, e.Recovered)
    return PastDrill(
        name=_name(folder),
        folder=folder,
        plan=first.plan,
        started=started,
        injected=None if landed is None else injected,
        why_nothing_landed=_why(first.plan, injected, landed),
        heard=recording.heard[first.run_id] - started,
        watched=watched,
        healed=watched if recovered is None else min(recovered, watched),
        cut=recorded < listened - _LATE * recording.interval_s,
        lived=tuple(event for event in told if isinstance(event, e.AlertChanged)),
        recording=recording,
    )


def _recording(folder: Path, run_id: str, recordings: dict[Path, Recording]) -> Recording:
    """The one that knows the drill: its own, or that of the game day around it."""
    home = folder.resolve()
    for place in (home, *home.parents[: _UP - 1]):
        path = place / FILE_NAME
        if path not in recordings and path.is_file():
            recordings[path] = read_recording(path)
        if path in recordings and run_id in recordings[path].drills:
            return recordings[path]
    raise RundrillError(
        f"there are no samples of this drill ({FILE_NAME}, here or in its game day's folder)",
        path=folder,
        fix="older runs, and those that a Prometheus detected, kept none: leave it out; of a game"
        " day, copy the whole folder",
    )


def _watched(told: Sequence[e.Event]) -> float:
    """Until the fault is undone; what the end of the load does to alerts is no part of it.

    Without a fault until the last phase has ended; of a runner that was killed to its last word.
    """
    undone = _at(told, e.FaultUndone)
    if undone is not None:
        return undone
    if _at(told, e.LoadStopped) is None:
        return told[-1].at
    phases = (e.PhaseStarted, e.PhaseEnded, e.DrillAborted, e.DrillFailed)
    return max((event.at for event in told if isinstance(event, phases)), default=0.0)


def _why(plan: Plan, injected: float | None, landed: float | None) -> str:
    if landed is not None:
        return ""
    if plan.arm == "dry":
        return "the dry arm makes no fault"
    return "no fault was made" if injected is None else "the fault did not land"


def _at(told: Sequence[e.Event], kind: type[e.Event]) -> float | None:
    return next((event.at for event in reversed(told) if isinstance(event, kind)), None)


def _name(folder: Path) -> str:
    """With the game day's or the drill's folder before it, where it is inside one."""
    parts = folder.resolve().parts
    whole = next((n for n in range(1, _UP + 1) if parts[-n][:8].isdigit()), 1)
    return "/".join(parts[-whole:])
