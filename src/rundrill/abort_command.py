"""`rundrill abort`: the drill that runs in this workplace undoes what it made, and ends."""

import argparse
from pathlib import Path

from rundrill import events, verdict
from rundrill.base import out
from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import MachineError, RundrillError
from rundrill.events import DrillEnded, FaultUndone
from rundrill.watchdog import request
from rundrill.watchdog.judgement import END_S, REACT_S
from rundrill.watchdog.wire import Begin
from rundrill.workplace import UNDO_BUDGET_S, Workplace

LIMIT_S = REACT_S + 2 * END_S + UNDO_BUDGET_S
"""The runner's time to undo and to end, and then the watchdog's."""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    commands.add_parser("abort", help="end the drill that runs in this workplace, and undo it")


def run(clock: Clock) -> int:
    """0 also when nothing runs. Raises `MachineError` when it does not end, or is not undone."""
    place = Workplace()
    if not request.is_open(place.home):
        return _nothing_watched(place)
    begin = request.run_at(place.home)
    try:
        request.ask(place.home)
    except OSError:  # it has just ended
        out.write("no drill is running here any more\n")
        return 0
    name = "what is being started" if begin is None else f"run {begin.run_id}"
    out.write(f"{name} is told to undo and to end\n")
    try:
        until(
            lambda: not (request.is_open(place.home) and place.in_use()),
            what=f"{name} to end",
            budget_s=LIMIT_S,
            every_s=0.2,
            clock=clock,
        )
    except WaitTimeoutError as timeout:
        raise MachineError(
            str(timeout), path=place.home, fix="kill it; then run `rundrill recover`"
        ) from timeout
    if request.is_open(place.home):
        raise MachineError(
            f"{name} is dead, and so is its watchdog", path=place.home, fix="run `rundrill recover`"
        )
    _tell_end(begin)
    return 0


def _nothing_watched(place: Workplace) -> int:
    if place.in_use():
        raise MachineError(
            "something of ours is at work here, and no drill has begun",
            path=place.home,
            fix="try again in some seconds, or press Ctrl-C where it was started",
        )
    out.write("no drill is running here\n")
    return 0


def _tell_end(begin: Begin | None) -> None:
    """How the drill ended, by its own events. Raises `MachineError` when it is not undone."""
    if begin is None:
        out.write("it has ended; nothing had been changed\n")
        return
    folder = Path(begin.folder)
    try:
        told = events.read(folder / "events.jsonl")
    except RundrillError:
        told = []
    undone = next((e for e in reversed(told) if isinstance(e, FaultUndone)), None)
    if not any(isinstance(e, DrillEnded) for e in told):
        out.write(f"run {begin.run_id} has ended; its events do not tell how\n")
    elif undone is not None and not undone.undone:
        raise MachineError(
            f"run {begin.run_id} has ended, and its fault is NOT undone: {undone.evidence}",
            path=folder,
            fix="run `rundrill recover`",
        )
    else:
        out.write(f"run {begin.run_id} has ended: {verdict.judge(told).reason}\n")
