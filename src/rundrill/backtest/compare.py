"""Rules against past drills: those of the run, and new ones beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rundrill.backtest.measure import AlertTrial, tried
from rundrill.backtest.past import PastDrill
from rundrill.backtest.replay import Replay, replay, require_evaluated, require_metrics
from rundrill.base import units
from rundrill.detection import AlertChange, RuleSet
from rundrill.detection.design import windows_s
from rundrill.detection.recording import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillTrial:
    """One past drill under the rules of the run (`old`) and under others (`new`, or None).

    `off_s` is the largest difference between an alert's times in the run and those of the old
    rules replayed; None when they did not even do the same.
    """

    drill: PastDrill
    old: tuple[AlertTrial, ...]
    new: tuple[AlertTrial, ...] | None
    off_s: float | None
    notes: tuple[str, ...] = field(default=())

    @property
    def judged(self) -> tuple[AlertTrial, ...]:
        return self.old if self.new is None else self.new

    @property
    def reproduced(self) -> bool:
        """The replay told of the run what the run told of itself."""
        return self.off_s is not None and self.off_s <= self.drill.recording.interval_s

    @property
    def new_false_alarms(self) -> tuple[str, ...]:
        """Of the new rules, that those of the run did not have."""
        before = {one.alert for one in self.old if one.false_alarm} if self.new is not None else ()
        return tuple(
            one.alert for one in self.judged if one.false_alarm and one.alert not in before
        )

    @property
    def passed(self) -> bool:
        """All that the plan expects was detected in time, and there is no new false alarm."""
        met = all(one.met for one in self.judged)
        return met and not self.new_false_alarms and self.reproduced


def compare(drills: Sequence[PastDrill], new: RuleSet | None) -> list[DrillTrial]:
    """Replays each recording once for each set of rules.

    Raises `RulesError` for new rules that cannot be tried on these samples.
    """
    return [
        trial
        for recording, own in by_recording(drills)
        for trial in _of_recording(recording, own, new)
    ]


def by_recording(
    drills: Sequence[PastDrill],
) -> Iterator[tuple[Recording, Sequence[PastDrill]]]:
    groups: dict[str, list[PastDrill]] = {}
    for drill in drills:
        groups.setdefault(str(drill.recording.path), []).append(drill)
    for own in groups.values():
        yield own[0].recording, own


def _of_recording(
    recording: Recording, drills: Sequence[PastDrill], new: RuleSet | None
) -> Iterator[DrillTrial]:
    old = recording.rules()
    until = max(drill.until for drill in drills)
    blind: dict[str, list[str]] = {}
    for drill in drills:
        blind[drill.name] = require_metrics(
            old if new is None else new,
            old,
            recording,
            until=drill.until,
            expected=() if new is None else drill.plan.expected_alerts,
        )
    before = replay(recording, old, until=until)
    after: Replay | None = None
    if new is not None:
        after = replay(recording, new, until=until)
        require_evaluated(after, started=drills[0].started)
    for drill in drills:
        was = tried(drill, before.changes, old.alerts)
        now = None if after is None else tried(drill, after.changes, after.rules.alerts)
        judged = was if now is None else now
        yield DrillTrial(
            drill=drill,
            old=was,
            new=now,
            off_s=_off_s(drill, before.changes),
            notes=(
                *_unfilled(drill, old if new is None else new),
                *(f"blind in the run, and so here: {one}" for one in blind[drill.name]),
                *_cut(drill),
                *_short(drill, judged),
            ),
        )


def _off_s(drill: PastDrill, changes: Sequence[AlertChange]) -> float | None:
    lived: dict[str, list[tuple[str, float]]] = {}
    for event in drill.lived:
        if drill.heard <= event.at <= drill.watched:
            lived.setdefault(event.alert, []).append((event.state, event.at))
    again: dict[str, list[tuple[str, float]]] = {}
    for change in changes:
        at = change.at - drill.started
        if drill.heard <= at <= drill.watched:
            again.setdefault(change.alert, []).append((change.state.value, at))
    worst = 0.0
    for alert in {*lived, *again}:
        ours, theirs = again.get(alert, []), lived.get(alert, [])
        if [state for state, _ in ours] != [state for state, _ in theirs]:
            return None
        worst = max(worst, *(abs(a - b) for (_, a), (_, b) in zip(ours, theirs, strict=True)))
    return worst


def _unfilled(drill: PastDrill, rules: RuleSet) -> Iterator[str]:
    """Windows that reach back to before the first sample."""
    first = drill.recording.rounds[0].evaluated - drill.started
    had_s = (drill.watched if drill.injected is None else drill.injected) - first
    factor = drill.recording.compression
    before = "in all" if drill.injected is None else "before the fault"
    for name, reach_s in windows_s(rules, factor).items():
        if reach_s > had_s:
            yield (
                f"{name}: its window was not filled: it looks back"
                f" {units.seconds(reach_s * factor, fine=False)}"
                f" ({reach_s:.1f} s of this run), and there are {had_s:.1f} s of samples {before}"
            )


def _cut(drill: PastDrill) -> Iterator[str]:
    if drill.cut:
        yield (
            "the samples end before the drill did (its runner was killed, or the disk was full):"
            f" {drill.watched:.1f} s of it are there"
        )


def _short(drill: PastDrill, judged: Sequence[AlertTrial]) -> Iterator[str]:
    """Where a missed alert may only be slower than those who fixed it."""
    for one in judged:
        if one.answer == "missed" and drill.injected is not None and one.limit_s is not None:
            had_s = drill.healed - drill.injected
            if had_s < one.limit_s:
                yield (
                    f"{one.alert}: the fault was there for {had_s:.1f} s only (limit"
                    f" {one.limit_s:.1f} s): the alert may be slower, not missing;"
                    " a control arm (run --with-control) shows more"
                )
