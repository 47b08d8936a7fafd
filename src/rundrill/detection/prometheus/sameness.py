"""Whether a Prometheus has our rules: what it evaluates must be what the drill is about."""

from collections import Counter
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
    """One of our rules as Prometheus must have it. `query` is in Prometheus's own writing."""

    name: str
    alerting: bool
    query: str
    for_s: float
    keep_firing_for_s: float

    def found(self, seen: Sequence[SeenRule]) -> SeenRule | None:
        return next((rule for rule in seen if not self.difference(rule)), None)

    def difference(self, seen: SeenRule) -> str:
        """What the rule there has other than ours; empty when nothing."""
        if (seen.name, seen.alerting) != (self.name, self.alerting):
            return "another name"
        if seen.query != self.query:
            return f"the expression there is {seen.query}, ours {self.query}"
        for key, there, ours in (
            ("for", seen.for_s, self.for_s),
            ("keep_firing_for", seen.keep_firing_for_s, self.keep_firing_for_s),
        ):
            if abs(there - ours) > _RESOLUTION_S:
                return f"`{key}` there is {there:g} s, ours {ours:g} s"
        return ""


def require_same_rules(api: Api, rules: RuleSet, compression: float) -> list[Expected]:
    """Our rules in Prometheus's writing, each of which it has; what else it has is its own.

    Raises `DetectionError` for the first that is missing, another, or there twice, and
    `NoAnswerError`.
    """
    ours = [
        _expected(api, rule, rules, compression) for group in rules.groups for rule in group.rules
    ]
    seen = api.rules()
    fix = f"let it evaluate {rules.path}" + (
        f" with every duration divided by {compression:g}, or drill with --compress 1"
        if compression != 1
        else " and reload it"
    )
    times = Counter(rule.name for rule in seen if rule.alerting)
    for expected in ours:
        named = [r for r in seen if (r.name, r.alerting) == (expected.name, expected.alerting)]
        if not named:
            raise _error(api, f"it has no rule {expected.name}", fix)
        if expected.alerting and times[expected.name] > 1:
            # Their series cannot be told apart.
            raise _error(api, f"it has several alerts {expected.name}", "rename all but one")
        if expected.found(named) is None:
            what = f"its rule {expected.name} is another: {expected.difference(named[0])}"
            raise _error(api, what, fix)
    return ours


def _expected(
    api: Api, rule: AlertRule | RecordingRule, rules: RuleSet, compression: float
) -> Expected:
    try:
        query = api.formatted(compressed(rule.expr, compression))
    except RefusedError as refusal:
        raise rules.error(
            f"{api.url} cannot evaluate it: {refusal}", rule, "write it for its version"
        ) from None
    if isinstance(rule, RecordingRule):
        return Expected(rule.record, False, query, 0.0, 0.0)
    return Expected(
        rule.name, True, query, rule.for_s / compression, rule.keep_firing_for_s / compression
    )


def _error(api: Api, problem: str, fix: str) -> DetectionError:
    return DetectionError(problem, path=api.url, fix=fix)
