"""A drill's samples on the grid and the time scale that the rules were written for.

The team's own rules file is to be tested as it is, so a compressed second becomes `compression`
seconds. What depends on how long something lasts then is as in the drill: windows, `for`, counts
in a window, shares. What depends on a speed is not: a counter grows as before, in more time. So a
counter of which the rules only ever ask for a rate counts `compression` times as much.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import promql_parser as ast

from rundrill.backtest.past import PastDrill
from rundrill.backtest.replay import wanted
from rundrill.detection import Labels, RuleSet
from rundrill.detection.design import windows_s
from rundrill.detection.labels import METRIC_NAME
from rundrill.detection.promql.scope import children, metric_names, parse, unwrapped
from rundrill.detection.recording import Recording, Round, present

_SPEEDS: Final = ("rate", "irate", "deriv")
_BLIND: Final = ("absent", "absent_over_time", "count_over_time", "present_over_time", "resets")
"""Functions to which it is all one how large a value is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretched:
    """`step_ms` is one round; `injected` and `end` count rounds from the first.

    `columns` has each series' value at every round, None where it has none.
    """

    step_ms: int
    begin: int
    injected: int | None
    end: int
    columns: Mapping[Labels, Sequence[float | None]] = field(repr=False)
    faster: tuple[str, ...]
    """Metrics whose values were multiplied."""
    first: float
    """The first round on the clock of the run."""

    def recording(self, drill: PastDrill) -> Recording:
        """The same as a recording of a run that was not compressed."""
        rounds: list[Round] = []
        before: set[int] = set()
        for index in range(self.end + 1):
            values = {
                number: value
                for number, column in enumerate(self.columns.values())
                if (value := column[index]) is not None
            }
            ended = sorted(before.difference(values))
            at_ms = index * self.step_ms
            rounds.append(Round(at_ms, at_ms / 1000, values, ended))
            before = set(values)
        return replace(
            drill.recording,
            interval_s=self.step_ms / 1000,
            compression=1.0,
            wall_offset_s=0.0,
            series=list(self.columns),
            rounds=rounds,
        )


def stretched(drill: PastDrill, rules: RuleSet) -> Stretched:
    """From as early as the rules look back to the end of what was watched."""
    recording = drill.recording
    reach_s = max(windows_s(rules, recording.compression).values(), default=0.0)
    earliest = drill.started - reach_s - recording.interval_s
    rounds = [one for one in recording.rounds if one.evaluated <= drill.until]
    first = next(one.scraped_ms for one in rounds if one.evaluated >= earliest)
    needed = wanted(rules, recording.series)
    snapshots: dict[int, Mapping[int, float]] = {}
    for one, values in present(rounds):
        if one.scraped_ms >= first:
            index = round((one.scraped_ms - first) / 1000 / recording.interval_s)
            snapshots[index] = {n: values[n] for n in needed if n in values}
    end = max(snapshots)
    last: Mapping[int, float] = {}
    grid: list[Mapping[int, float]] = []
    for index in range(end + 1):
        # A round that came late or not at all: what was there before is there still.
        last = snapshots.get(index, last)
        grid.append(last)
    speeds = only_speeds(rules)
    there = [number for number in needed if any(number in values for values in grid)]
    begin = (drill.started - first / 1000) / recording.interval_s
    injected = None if drill.injected is None else begin + drill.injected / recording.interval_s
    return Stretched(
        step_ms=round(recording.interval_s * recording.compression * 1000),
        begin=max(0, math.ceil(begin)),
        injected=None if injected is None else int(injected),
        end=end,
        columns={
            needed[number]: _column(
                [values.get(number) for values in grid],
                recording.compression if needed[number][METRIC_NAME] in speeds else 1.0,
            )
            for number in there
        },
        faster=tuple(sorted(speeds & {needed[number][METRIC_NAME] for number in there})),
        first=first / 1000,
    )


def _column(values: Sequence[float | None], factor: float) -> Sequence[float | None]:
    return values if factor == 1 else [None if v is None else v * factor for v in values]


def only_speeds(rules: RuleSet) -> frozenset[str]:
    """Metrics of which the rules ask for rates, and for nothing that depends on their size."""
    speeds: set[str] = set()
    sizes: set[str] = set()
    for group in rules.groups:
        for rule in group.rules:
            for name, kind in _uses(parse(rule.expr), "size"):
                (speeds if kind == "speed" else sizes if kind == "size" else set()).add(name)
    return frozenset() if "" in sizes | speeds else frozenset(speeds - sizes)


def _uses(node: ast.Expr, kind: str) -> Iterator[tuple[str, str]]:
    """Each selector's metric, "" for one without a name, and what is asked of it."""
    if isinstance(node, ast.VectorSelector | ast.MatrixSelector):
        for name in metric_names(node) or {""}:
            yield name, kind
        return
    if isinstance(node, ast.Call):
        kind = "speed" if node.func.name in _SPEEDS else "size"
        if node.func.name in _BLIND:
            kind = "blind"
        for argument in node.args:
            inner = unwrapped(argument)
            while isinstance(inner, ast.SubqueryExpr):
                inner = unwrapped(inner.expr)
            plain = isinstance(inner, ast.VectorSelector | ast.MatrixSelector)
            yield from _uses(inner, kind if plain else "size")
        return
    for child in children(node):
        yield from _uses(child, "size")
