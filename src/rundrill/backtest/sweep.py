"""One alert with many thresholds and many `for`: how fast, at the price of how many false alarms.

All variants are rules of one replay, so that what they read is evaluated once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from rundrill.backtest.compare import by_recording
from rundrill.backtest.measure import AlertTrial, tried
from rundrill.backtest.past import PastDrill
from rundrill.backtest.replay import replay, require_evaluated, require_metrics
from rundrill.backtest.sweep_words import Asked
from rundrill.backtest.thresholds import thresholds, with_thresholds
from rundrill.detection import AlertRule, Comparison, RecordingRule, RuleSet
from rundrill.errors import RulesError

_MOST: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """`thresholds` has the swept numbers by the place of their comparison, from 1.

    `for_s` is as stated, not compressed.
    """

    thresholds: Mapping[int, float]
    for_s: float
    expr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one variant did in all drills together.

    `expected` counts the drills that expect the alert, or, where none does, those that tolerate
    it. `firing_s` is the slowest detection in seconds of the run, `stated_s` the same
    uncompressed; None where there was none. `false_alarms` are firings in a baseline, or in a
    drill that does not know the alert. `best`: no other variant is better in one way and as good
    in the others.
    """

    variant: Variant
    as_it_is: bool
    expected: int
    missed: int
    late: int
    firing_s: float | None
    stated_s: float | None
    false_alarms: int
    flaps: int
    best: bool = False

    @property
    def cost(self) -> tuple[float, float, float, float]:
        late = self.firing_s if self.firing_s is not None else float("inf")
        return self.missed, self.false_alarms, self.flaps, late


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """`comparisons` are those of the rule as it is; `swept` the places of those that vary."""

    alert: str
    rules: str
    comparisons: tuple[Comparison, ...]
    swept: tuple[int, ...]
    drills: tuple[str, ...]
    limit_s: float | None
    """The least time that an alert may take, in seconds of the run; None when none expects it."""
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()


def sweep(drills: Sequence[PastDrill], rules: RuleSet, alert: str, asked: Asked) -> Sweep:
    """Raises `RulesError` when the alert is not there, or compares with no such number."""
    rule = rules.alerts.get(alert)
    if rule is None:
        raise RulesError(
            f"there is no alert {alert}", path=rules.path, fix="name one of it with --alert"
        )
    comparisons = tuple(thresholds(rule, rules))
    variants = _variants(rule, rules, comparisons, asked)
    many = _many(rules, rule, variants)
    trials: list[list[tuple[PastDrill, AlertTrial]]] = [[] for _ in variants]
    for recording, own in by_recording(drills):
        until = max(drill.until for drill in own)
        require_metrics(many, many, recording, until=until, expected=[*many.alerts])
        replayed = replay(recording, many, until=until)
        require_evaluated(replayed, started=own[0].started)
        for number in range(len(variants)):
            changes = [
                replace(change, alert=alert)
                for change in replayed.changes
                if change.alert == _name(alert, number)
            ]
            for drill in own:
                known = next(t for t in tried(drill, changes, [alert]) if t.alert == alert)
                trials[number].append((drill, known))
    points = [
        _point(variant, own, as_it_is=variant.expr == rule.expr and variant.for_s == rule.for_s)
        for variant, own in zip(variants, trials, strict=True)
    ]
    return Sweep(
        alert=alert,
        rules=rules.path,
        comparisons=comparisons,
        swept=tuple(sorted(variants[0].thresholds)),
        drills=tuple(drill.name for drill in drills),
        limit_s=min((t.limit_s for _, t in trials[0] if t.limit_s is not None), default=None),
        points=tuple(replace(one, best=not _beaten(one, points)) for one in points),
        notes=tuple(_short(drills, trials)),
    )


def _variants(
    rule: AlertRule, rules: RuleSet, comparisons: Sequence[Comparison], asked: Asked
) -> list[Variant]:
    fors = asked.fors_s or (rule.for_s,)
    axes = _axes(rule, rules, comparisons, asked)
    if len(fors) * _size(axes) > _MOST:
        raise RulesError(
            f"the sweep has {len(fors) * _size(axes)} variants; {_MOST} are the most",
            fix="take larger steps",
        )
    found: list[Variant] = []
    for chosen in product(*axes):
        values = {place: value for part in chosen for place, value in part.items()}
        # What is there already keeps its text: "3", not "3.0".
        other = {p - 1: v for p, v in values.items() if comparisons[p - 1].value != v}
        expr = with_thresholds(rule, other) if other else rule.expr
        found += [Variant(thresholds=values, for_s=for_s, expr=expr) for for_s in fors]
    as_it_is = {place: comparisons[place - 1].value for place in found[0].thresholds}
    own = Variant(thresholds=as_it_is, for_s=rule.for_s, expr=rule.expr)
    return found if own in found else [*found, own]


def _axes(
    rule: AlertRule, rules: RuleSet, comparisons: Sequence[Comparison], asked: Asked
) -> list[list[Mapping[int, float]]]:
    """For each swept threshold its values, by the place of the comparison that takes them."""
    if not asked.thresholds:
        return []
    listed = ", ".join(
        f"{n}) {one.comparator} {one.value:g}" for n, one in enumerate(comparisons, start=1)
    )
    if not comparisons:
        raise rules.error(
            f"{rule.name} compares with no number", rule, "sweep its `for` only: for=0s,30s,1m"
        )
    axes: list[list[Mapping[int, float]]] = []
    for place, values in asked.thresholds.items():
        if place is None and len(set(comparisons)) > 1:
            raise rules.error(
                f"{rule.name} compares with {len(comparisons)} numbers: {listed}",
                rule,
                "say which one to sweep: threshold#1=..., threshold#2=...",
            )
        if place is not None and place > len(comparisons):
            raise rules.error(
                f"{rule.name} has no comparison #{place}: {listed}", rule, "count from 1"
            )
        # The same number several times is one threshold.
        places = range(1, len(comparisons) + 1) if place is None else (place,)
        _check_unit(rule, rules, comparisons[places[0] - 1], values)
        axes.append([dict.fromkeys(places, value) for value in values])
    return axes


def _check_unit(
    rule: AlertRule, rules: RuleSet, comparison: Comparison, values: Sequence[float]
) -> None:
    """A share is swept as a share: 80 against 0.85 would only ever be silent."""
    if 0 < comparison.value <= 1 and min(values) > 1:
        said = ",".join(f"{value:g}%" for value in values[:3])
        raise rules.error(
            f"{rule.name} compares with {comparison.value:g}, a share of 1, and the sweep begins"
            f" at {min(values):g}",
            rule,
            f"give the number of the expression ({comparison.value:g}), or percents: {said}",
        )


def _many(rules: RuleSet, rule: AlertRule, variants: Sequence[Variant]) -> RuleSet:
    """All variants in the place of the rule; no other alert, and every recording rule."""
    groups = []
    for group in rules.groups:
        members: list[AlertRule | RecordingRule] = []
        for one in group.rules:
            if isinstance(one, RecordingRule):
                members.append(one)
            elif one is rule:
                members += [
                    replace(one, name=_name(one.name, n), expr=v.expr, for_s=v.for_s)
                    for n, v in enumerate(variants)
                ]
        groups.append(replace(group, rules=tuple(members)))
    return replace(rules, groups=tuple(groups))


def _name(alert: str, number: int) -> str:
    return f"{alert} (variant {number + 1})"


def _point(
    variant: Variant, trials: Sequence[tuple[PastDrill, AlertTrial]], *, as_it_is: bool
) -> Point:
    ill = [(drill, one) for drill, one in trials if drill.injected is not None]
    expected = [one for one in ill if one[1].role == "expected"]
    # Where no drill expects it, those that know it tell how fast it is.
    expected = expected or [one for one in ill if one[1].role == "tolerated"]
    fired = [(drill, one.firing_s) for drill, one in expected if one.firing_s is not None]
    return Point(
        variant=variant,
        as_it_is=as_it_is,
        expected=len(expected),
        missed=sum(one.firing_s is None for _, one in expected),
        late=sum(one.answer == "late" for _, one in expected),
        firing_s=max((s for _, s in fired), default=None),
        stated_s=max((s * drill.plan.compression for drill, s in fired), default=None),
        false_alarms=sum(max(1, one.firings) for _, one in trials if one.answer == "false")
        + sum(one.answer == "early" for _, one in trials),
        flaps=sum(one.flaps for _, one in expected),
    )


def _short(
    drills: Sequence[PastDrill], trials: Sequence[Sequence[tuple[PastDrill, AlertTrial]]]
) -> Iterator[str]:
    """Drills in which a missed variant may only be slower than those who fixed the fault."""
    missed = [(drill, one) for own in trials for drill, one in own if one.answer == "missed"]
    for drill in drills:
        limit_s = next((t.limit_s for d, t in missed if d is drill and t.limit_s), None)
        had_s = drill.healed - (drill.injected or 0.0)
        if limit_s is not None and had_s < limit_s:
            yield (
                f"{drill.name}: the fault was there for {had_s:.1f} s only (limit {limit_s:.1f} s):"
                " what is missed may be slower; a control arm (run --with-control) shows more"
            )


def _beaten(one: Point, points: Sequence[Point]) -> bool:
    return any(
        other.cost != one.cost and all(a <= b for a, b in zip(other.cost, one.cost, strict=True))
        for other in points
    )


def _size(axes: Sequence[Sequence[object]]) -> int:
    size = 1
    for axis in axes:
        size *= len(axis)
    return size
