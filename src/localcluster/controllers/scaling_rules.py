"""How far and how fast an autoscaler may go: limits, stabilization, policies. Pure.

The rules are those of Kubernetes' own controller. Times are seconds of one monotonic clock.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from localcluster.objects import KubeObject

_DOWN_WINDOW_S: Final = 300.0
# Without `behavior` an autoscaler at most doubles, or goes to four.
_UP_FACTOR: Final = 2
_UP_AT_LEAST: Final = 4

# Reason and message of a condition.
Why = tuple[str, str]
READY: Final[Why] = ("ReadyForNewScale", "recommended size matches current size")
_HELD_UP: Final[Why] = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
_HELD_DOWN: Final[Why] = (
    "ScaleDownStabilized",
    (
        "recent recommendations were higher than current one, applying the highest recent "
        "recommendation"
    ),
)
_WITHIN: Final[Why] = (
    "DesiredWithinRange",
    "the desired count is within the acceptable range",
)
_TOO_MANY: Final[Why] = (
    "TooManyReplicas",
    "the desired replica count is more than the maximum replica count",
)
_TOO_FEW: Final[Why] = (
    "TooFewReplicas",
    "the desired replica count is less than the minimum replica count",
)
_TOO_FAST_UP: Final[Why] = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
)
_TOO_FAST_DOWN: Final[Why] = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
)


@dataclass(slots=True)
class History:
    """What was recommended and done, the latest last: (time, number)."""

    recommendations: list[tuple[float, int]] = field(default_factory=list)
    ups: list[tuple[float, int]] = field(default_factory=list)
    downs: list[tuple[float, int]] = field(default_factory=list)

    def forget(self, before: float) -> None:
        for entries in (self.recommendations, self.ups, self.downs):
            entries[:] = [entry for entry in entries if entry[0] >= before]

    def scaled(self, now: float, current: int, desired: int) -> None:
        if desired > current:
            self.ups.append((now, desired - current))
        else:
            self.downs.append((now, current - desired))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`able` is why it may or may not scale now; `limit` what bounds it, and whether it does."""

    replicas: int
    able: Why
    limit: Why
    limited: bool


def decide(
    spec: KubeObject,
    history: History,
    current: int,
    proposed: int,
    now: float,
    *,
    compress: float = 1.0,
) -> Decision:
    """From what the metrics propose to what is done. Notes the proposal in `history`.

    `compress` divides the windows and the periods of the policies.
    """
    behavior = spec.get("behavior") or {}
    up, down = behavior.get("scaleUp") or {}, behavior.get("scaleDown") or {}
    up_window = up.get("stabilizationWindowSeconds", 0) / compress
    down_window = down.get("stabilizationWindowSeconds", _DOWN_WINDOW_S) / compress
    lowest, highest = _range(history, proposed, now, up_window, down_window)
    history.recommendations.append((now, proposed))
    if "behavior" in spec:
        # Up no further than the lowest recent proposal, down no further than the highest.
        steady = min(max(current, lowest), highest)
        held = _HELD_UP if proposed >= current else _HELD_DOWN
        replicas, limit = _by_policies(spec, history, current, steady, now, compress)
    else:
        steady, held = highest, _HELD_DOWN
        replicas, limit = _by_default(spec, current, steady)
    able = READY if steady == proposed else held
    return Decision(replicas=replicas, able=able, limit=limit, limited=replicas != steady)


def longest_memory(spec: KubeObject) -> float:
    """Seconds, not compressed, after which nothing in a history counts any more."""
    lengths = [_DOWN_WINDOW_S]
    for rules in (spec.get("behavior") or {}).values():
        lengths.append(float(rules.get("stabilizationWindowSeconds") or 0))
        lengths += [float(policy["periodSeconds"]) for policy in rules.get("policies") or ()]
    return max(lengths)


def _range(
    history: History, proposed: int, now: float, up_s: float, down_s: float
) -> tuple[int, int]:
    """The lowest proposal of the last `up_s` seconds and the highest of the last `down_s`."""
    recent = history.recommendations
    lowest = min([proposed, *(count for at, count in recent if at > now - up_s)])
    highest = max([proposed, *(count for at, count in recent if at > now - down_s)])
    return lowest, highest


def _by_default(spec: KubeObject, current: int, wanted: int) -> tuple[int, Why]:
    least, most = spec["minReplicas"], spec["maxReplicas"]
    reason = _TOO_MANY
    up_limit = max(_UP_FACTOR * current, _UP_AT_LEAST)
    if most > up_limit:
        most, reason = up_limit, _TOO_FAST_UP
    if wanted < least:
        return least, _TOO_FEW
    if wanted > most:
        return most, reason
    return wanted, _WITHIN


def _by_policies(
    spec: KubeObject, history: History, current: int, wanted: int, now: float, compress: float
) -> tuple[int, Why]:
    behavior, least, most = spec["behavior"], spec["minReplicas"], spec["maxReplicas"]
    if wanted > current:
        limit = _up_limit(behavior["scaleUp"], history, current, now, compress)
        limit = max(limit, current)
        bound, reason = (limit, _TOO_FAST_UP) if most > limit else (most, _TOO_MANY)
        if wanted > bound:
            return bound, reason
    elif wanted < current:
        limit = _down_limit(behavior["scaleDown"], history, current, now, compress)
        limit = min(limit, current)
        bound, reason = (limit, _TOO_FAST_DOWN) if least < limit else (least, _TOO_FEW)
        if wanted < bound:
            return bound, reason
    return wanted, _WITHIN


def _up_limit(
    rules: KubeObject, history: History, current: int, now: float, compress: float
) -> int:
    if rules.get("selectPolicy") == "Disabled":
        return current
    limits: list[int] = []
    for policy in rules["policies"]:
        start = current - _net(history, policy, now, compress)
        if policy["type"] == "Pods":
            limits.append(start + policy["value"])
        else:
            # Whole numbers: 110 % of 10 is 11 and not a little more.
            limits.append(-(-start * (100 + policy["value"]) // 100))
    return min(limits) if rules.get("selectPolicy") == "Min" else max(limits)


def _down_limit(
    rules: KubeObject, history: History, current: int, now: float, compress: float
) -> int:
    if rules.get("selectPolicy") == "Disabled":
        return current
    limits: list[int] = []
    for policy in rules["policies"]:
        start = current - _net(history, policy, now, compress)
        if policy["type"] == "Pods":
            limits.append(start - policy["value"])
        else:
            limits.append(math.trunc(start * (100 - policy["value"]) / 100))
    # The policy that allows the smallest change keeps the most.
    return max(limits) if rules.get("selectPolicy") == "Min" else min(limits)


def _net(history: History, policy: KubeObject, now: float, compress: float) -> int:
    """Replicas added less those removed within the policy's period."""
    since = now - policy["periodSeconds"] / compress
    added = sum(count for at, count in history.ups if at > since)
    return added - sum(count for at, count in history.downs if at > since)
