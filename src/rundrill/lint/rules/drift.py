"""What the runbook promises against what the alert rules do, both ways."""

import re
from collections.abc import Iterator
from typing import Final

from rundrill.claims import AlertClaim, Claim, Threshold
from rundrill.detection import AlertRule, Comparison, stated
from rundrill.lint.finding import Found, Rule
from rundrill.lint.match import rules_of
from rundrill.lint.material import Material
from rundrill.lint.measures import close, number_in
from rundrill.lint.rules.thresholds import duration
from rundrill.runbook.durations import DURATION, duration_of

_FLIPPED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">="}


def _pairs(material: Material) -> Iterator[tuple[Claim, AlertClaim, AlertRule | None]]:
    assert material.rules is not None
    matched = rules_of(material.runbook, material.rules, material.bindings)
    for claim, alert in material.runbook.having(AlertClaim):
        yield claim, alert, matched.get(alert.id)


def _without_rule(material: Material) -> Iterator[Found]:
    assert material.rules is not None
    for claim, alert, rule in _pairs(material):
        if rule is None:
            yield Found(
                line=claim.line,
                at=alert.text,
                message=f"{material.rules.path} has no rule for `{alert.text}`",
                fix=f"add one, or bind `{alert.id}` to its rule under `alerts` in the bindings",
                claim=claim.id,
            )


def _without_claim(material: Material) -> Iterator[Found]:
    assert material.rules is not None
    used = {rule.name for _, _, rule in _pairs(material) if rule is not None}
    said = " ".join(line.text for line in material.runbook.lines)
    for rule in material.rules.alerts.values():
        if rule.name not in used and rule.name not in said:
            yield Found(
                line=rule.line,
                at=rule.name,
                message=f"{rule.name} may page somebody, and the runbook does not mention it",
                fix="add it to the runbook's alerts, with what is to be done",
                source=material.rules_line(rule.line),
            )


def _differs(material: Material) -> Iterator[Found]:
    assert material.rules is not None
    for claim, alert, rule in _pairs(material):
        if rule is None or alert.threshold is None:
            continue
        seen = stated(rule, material.rules)
        place = f"{material.rules.path}:{rule.line}"
        if seen.comparisons and not any(_agrees(alert.threshold, one) for one in seen.comparisons):
            numbers = " or ".join(f"{one.comparator} {one.value:g}" for one in seen.comparisons)
            yield Found(
                line=claim.line,
                at=number_in(alert.threshold),
                message=f"the runbook says `{alert.text}`, and {rule.name} fires at {numbers}"
                f" ({place})",
                fix="make the two agree",
                claim=claim.id,
            )
        window_s = alert.threshold.window_s
        # What is recorded elsewhere (`job:errors:rate10m`) has a window that nobody sees here.
        hidden = any(":" in name for name in rule.metrics) and not seen.windows_s
        if (
            window_s is not None
            and not hidden
            and not any(close(window_s, one) for one in (*seen.windows_s, rule.for_s))
        ):
            yield Found(
                line=claim.line,
                at=_written(alert.text, window_s),
                message=f"the runbook says {duration(window_s)}, and {rule.name}"
                f" {_waits(seen.windows_s, rule.for_s)} ({place})",
                fix="make the two agree",
                claim=claim.id,
            )


def _waits(windows_s: frozenset[float], for_s: float) -> str:
    """Over which time it looks, and how long that must be true."""
    looks = ", ".join(duration(one) for one in sorted(windows_s))
    waits = f"fires after {duration(for_s)} (`for:`)" if for_s else "fires at once (no `for:`)"
    return f"looks at {looks} and {waits}" if looks else waits


def _written(text: str, seconds: float) -> str:
    """The words of a duration in the text of an alert."""
    spans = re.finditer(DURATION, text, re.IGNORECASE)
    return next((one[0] for one in spans if duration_of(one[0]) == seconds), text)


def _agrees(claim: Threshold, rule: Comparison) -> bool:
    """In the same unit or a usual other one; a success rate may be written as an error rate."""
    scales = {"ratio": (1.0, 100.0), "s": (1.0, 1000.0), "req/min": (1.0, 1 / 60)}
    for scale in scales.get(claim.unit, (1.0,)):
        if _same(claim.comparator, claim.value * scale, rule):
            return True
        flipped = _FLIPPED.get(claim.comparator)
        if claim.unit == "ratio" and flipped and _same(flipped, (1 - claim.value) * scale, rule):
            return True
    return False


def _same(comparator: str, value: float, rule: Comparison) -> bool:
    return comparator[:1] == rule.comparator[:1] and close(value, rule.value)


RULES: Final = (
    Rule(
        id="alert-without-rule",
        level="error",
        summary="An alert of the runbook has no rule: it never fires.",
        check=_without_rule,
        needs="rules",
    ),
    Rule(
        id="rule-without-claim",
        level="note",
        summary="A rule may page somebody, and the runbook does not mention it.",
        check=_without_claim,
        needs="rules",
    ),
    Rule(
        id="rule-differs",
        level="error",
        summary="A rule fires at another number than the runbook says, or neither looks over nor"
        " waits its time.",
        check=_differs,
        needs="rules",
    ),
)
