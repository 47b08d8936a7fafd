"""Trials as text: a table for each drill, what to know of it, and the sum."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rundrill.backtest.compare import DrillTrial
from rundrill.backtest.measure import AlertTrial
from rundrill.backtest.past import PastDrill
from rundrill.base import units
from rundrill.report.text import one_line

_NONE: Final = "-"
_WORDS: Final[Mapping[str, str]] = {
    "early": "EARLY: began before the fault",
    "false": "FALSE ALARM",
    "missed": "MISSED",
    "late": "LATE",
    "no rule": "MISSED: the file has no such alert",
}


def to_text(trials: Sequence[DrillTrial], new: str | None) -> str:
    """`new` is the name of the new rules; None when only those of the run were replayed."""
    return "\n".join(line for trial in trials for line in (*_drill(trial, new), "")) + (
        summary(trials, new) + "\n"
    )


def head(drill: PastDrill) -> str:
    """ "20260101-120000-crash-loop, \u00d715, 131 rounds of 1 s"."""
    recording = drill.recording
    rounds = sum(drill.started <= one.evaluated <= drill.until for one in recording.rounds)
    return (
        f"{drill.name}, {units.factor(recording.compression)},"
        f" {rounds} rounds of {recording.interval_s:g} s"
    )


def summary(trials: Sequence[DrillTrial], new: str | None) -> str:
    """One sentence about the rules that were tried."""
    failed = [
        f"{one.alert} {one.answer}" for trial in trials for one in trial.judged if not one.met
    ]
    alarms = [f"{name}" for trial in trials for name in trial.new_false_alarms]
    expected = sum(one.role == "expected" for trial in trials for one in trial.judged)
    told = (
        f"{len(failed)} of {expected} expected alerts not detected in time ({', '.join(failed)})"
        if failed
        else f"{expected} of {expected} expected alerts detected in time"
    )
    word = "new false alarm" if new is not None else "false alarm"
    false = f"{word}s: {', '.join(alarms)}" if alarms else f"no {word}"
    odd = [trial.drill.name for trial in trials if not trial.reproduced]
    doubt = f"; NOT REPRODUCED: {', '.join(odd)}" if odd else ""
    return f"{new or 'the rules of the run'}: {told}; {false}{doubt}"


def _drill(trial: DrillTrial, new: str | None) -> Iterator[str]:
    drill = trial.drill
    yield head(drill)
    if drill.injected is None:
        yield f"  {drill.why_nothing_landed}: every alert is to be silent"
    rows = list(_rows(trial, new))
    yield from table(("alert", "rules", "pending", "firing", "fired", ""), rows)
    shown = {one.alert for one in _shown(trial)}
    silent = len({one.alert for one in (*trial.old, *(trial.new or ()))} - shown)
    if silent:
        yield f"  {silent} other alert{'' if silent == 1 else 's'} silent"
    yield f"  {_reproduced(trial)}"
    for note in trial.notes:
        yield f"  note: {note}"


def _reproduced(trial: DrillTrial) -> str:
    if trial.off_s is None:
        return (
            "NOT REPRODUCED: the rules of the run, replayed, do not do what they did in the run:"
            " the rest is not to be trusted"
        )
    said = "replayed, the rules of the run do what they did in it, at most"
    return f"{said} {trial.off_s * 1000:.0f} ms apart"


def _shown(trial: DrillTrial) -> list[AlertTrial]:
    """Of alerts that were expected, or did something under some rules."""
    every = (*trial.old, *(trial.new or ()))
    return [one for one in every if one.role == "expected" or one.firings or one.pending_s]


def _rows(trial: DrillTrial, new: str | None) -> Iterator[tuple[str, ...]]:
    scale = units.Scale(trial.drill.plan.compression)
    old = {one.alert: one for one in trial.old}
    changed = {one.alert: one for one in trial.new or ()}
    for alert in dict.fromkeys(one.alert for one in _shown(trial)):
        name = one_line(alert, 60)
        for label, found in (("run", old.get(alert)), ("new", changed.get(alert))):
            if found is None:
                if label == "new" and new is None:
                    continue
                yield name, label, _NONE, _NONE, _NONE, "no such alert"
            else:
                yield name, label, *_row(found, scale)
            name = ""


def _row(found: AlertTrial, scale: units.Scale) -> tuple[str, str, str, str]:
    word = _WORDS.get(found.answer, found.answer)
    if found.limit_s is not None and found.answer in ("detected", "late", "missed"):
        word += f" (limit {scale.both(found.limit_s)})"
    if found.baseline_s is not None:
        word += f", {found.baseline_s:.1f} s before the fault"
    if found.flaps:
        word += f", FLAPPED {found.flaps} time{'' if found.flaps == 1 else 's'}"
    return (
        _NONE if found.pending_s is None else scale.both(found.pending_s),
        _NONE if found.firing_s is None else scale.both(found.firing_s),
        f"{found.firings}x",
        word,
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Left-aligned columns as wide as what is in them."""
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    for row in every:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()
