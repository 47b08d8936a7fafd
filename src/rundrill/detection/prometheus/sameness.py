"""Whether a Prometheus has our rules: what it evaluates must be what the drill is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rundrill.detection.prometheus.answers import SeenRule
from rundrill.detection.prometheus.api import Api, RefusedError
from rundrill.detection.promql.compression import compressed
from rundrill.detection.rules import AlertRule, RecordingRule, RuleSet
from rundrill.errors import DetectionError

_RESOLUTION_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Expected:
    """One of our rules as the Prometheus has it."""

    name: str
    alerting: bool
    query: str
    for_s: float
    keep_firing_for_s: float

    def found(self, seen: Sequence[SeenRule]) -> SeenRule | None:
        """The rule that it is, if it is still there and the same."""
        return next((rule for rule in seen if _expected(rule) == self), None)


def require_same_rules(api: Api, rules: RuleSet, compression: float) -> list[Expected]:
    """Our rules as Prometheus has each of them; what else it has is its own.

    Raises `DetectionError` for the first that is missing, another, or there twice, `RulesError`
    for one that it cannot read, and `NoAnswerError`.
    """
    seen = api.rules()
    return [
        _same(api, rule, seen, rules, compression) for group in rules.groups for rule in group.rules
    ]


def _same(
    api: Api,
    rule: AlertRule | RecordingRule,
    seen: Sequence[SeenRule],
    rules: RuleSet,
    compression: float,
) -> Expected:
    try:
        ours = api.formatted(compressed(rule.expr, compression))
    except RefusedError as refusal:
        raise rules.error(
            f"{api.url} cannot evaluate it: {refusal}", rule, "write it for its version"
        ) from None
    alerting = isinstance(rule, AlertRule)
    name = rule.name if isinstance(rule, AlertRule) else rule.record
    named = [one for one in seen if (one.name, one.alerting) == (name, alerting)]
    if alerting and len(named) > 1:
        # Their series cannot be told apart.
        raise _error(api, f"it has several alerts {name}", "rename all but one")
    differences = [_difference(api, rule, ours, one, compression) for one in named]
    for one, difference in zip(named, differences, strict=True):
        if not difference:
            return _expected(one)
    fix = f"let it evaluate {rules.path}" + (
        " and reload it"
        if compression == 1
        else f" with every duration divided by {compression:g}, or drill with --compress 1"
    )
    if named:
        raise _error(api, f"its rule {name} is another: {differences[0]}", fix)
    raise _error(api, f"it has no rule {name}", fix)


def _difference(
    api: Api, rule: AlertRule | RecordingRule, ours: str, seen: SeenRule, compression: float
) -> str:
    """What it has other than we; empty when nothing. Both are compared in its own writing."""
    theirs = api.formatted(seen.query)
    if theirs != ours:
        return f"the expression there is {_line(theirs)}, ours {_line(ours)}"
    if isinstance(rule, AlertRule):
        for key, there_s, real_s in (
            ("for", seen.for_s, rule.for_s),
            ("keep_firing_for", seen.keep_firing_for_s, rule.keep_firing_for_s),
        ):
            ours_s = real_s / compression
            if abs(there_s - ours_s) > _RESOLUTION_S:
                return f"`{key}` there is {there_s:g} s, ours {ours_s:g} s"
    return ""


def _expected(seen: SeenRule) -> Expected:
    return Expected(seen.name, seen.alerting, seen.query, seen.for_s, seen.keep_firing_for_s)


def _line(text: str) -> str:
    return " ".join(text.split())


def _error(api: Api, problem: str, fix: str) -> DetectionError:
    return DetectionError(problem, path=api.url, fix=fix)
