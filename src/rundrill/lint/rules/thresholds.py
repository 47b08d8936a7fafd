"""Numbers of the runbook that contradict each other."""

from collections.abc import Iterable, Iterator
from typing import Final

from rundrill.claims import (
    Claim,
    Command,
    Deadline,
    Escalation,
    Severity,
    Stakeholder,
    Term,
    Threshold,
)
from rundrill.lint.calls import OPEN, calls_of
from rundrill.lint.finding import Found, Rule
from rundrill.lint.material import Material
from rundrill.lint.measures import Bound, bound_of, bounds_of, close, later, number_in, same_measure

_IMMEDIATE: Final = "at once"


def _by_role(material: Material, role: str) -> list[tuple[Claim, Bound]]:
    return [
        (claim, bound)
        for claim, value in material.runbook.having(Threshold)
        if value.role == role and (bound := bound_of(value, material.runbook.title)) is not None
    ]


def _alerts(material: Material) -> list[Bound]:
    runbook = material.runbook
    return bounds_of((one.threshold for one in runbook.alerts if one.threshold), runbook.title)


def _looser(material: Material) -> Iterator[Found]:
    """For each bound of a severity the alert that fires first; it must not fire after it."""
    alerts = _alerts(material)
    for level in material.runbook.severities:
        for bound in bounds_of(_thresholds_of(level, material), material.runbook.title):
            same = [
                one
                for one in alerts
                if same_measure(one, bound) and one.direction == bound.direction
            ]
            if not same or any(not later(one.value, bound.value, one.direction) for one in same):
                continue
            alert = same[0].threshold
            yield Found(
                line=alert.line,
                at=number_in(alert),
                message=f"{level.id} begins at `{bound.threshold.text}` (line"
                f" {bound.threshold.line}), and this alert fires only later, at"
                f" `{number_in(alert)}`",
                fix="tighten the alert, or correct the severity",
            )


def _thresholds_of(level: Severity, material: Material) -> Iterable[Threshold]:
    """Its own, and what else is said to belong to it and is no alert."""
    alerts = {alert.line for alert in material.runbook.alerts}
    also = (
        value
        for _, value in material.runbook.having(Threshold)
        if value.severity == level.id and value.line not in alerts
    )
    return dict.fromkeys([*level.thresholds, *also])


def _steady_above_alert(material: Material) -> Iterator[Found]:
    """What is called normal must not be what an alert fires at."""
    alerts = _alerts(material)
    for normal in bounds_of(material.runbook.steady_state, material.runbook.title):
        for alert in alerts:
            # "normal below 3 %" and "alert above 2 %": both true at 2.5 %.
            if (
                same_measure(normal, alert)
                and normal.direction != alert.direction
                and later(normal.value, alert.value, alert.direction)
            ):
                yield Found(
                    line=normal.threshold.line,
                    at=number_in(normal.threshold),
                    message=f"`{normal.threshold.text}` is called normal, and an alert fires at"
                    f" `{alert.threshold.text}` (line {alert.threshold.line})",
                    fix="what is normal must end before the alert begins",
                )


def _symptom(material: Material) -> Iterator[Found]:
    """Between an alert and the symptom of its failure mode nobody finds the procedure."""
    alerts = _alerts(material)
    lines = {alert.line for alert in material.runbook.alerts}
    for claim, symptom in _by_role(material, "other"):
        same = [
            one
            for one in alerts
            if same_measure(symptom, one) and symptom.direction == one.direction
        ]
        if not same or claim.line in lines or any(close(symptom.value, one.value) for one in same):
            continue
        alert = same[0].threshold
        yield Found(
            line=claim.line,
            at=number_in(symptom.threshold),
            message=f"the alert fires at `{alert.text}` (line {alert.line}), and here the number is"
            f" `{number_in(symptom.threshold)}`",
            fix="use the alert's number, or say what is to be done between the two",
            claim=claim.id,
        )


def _two_numbers(material: Material) -> Iterator[Found]:
    yield from _two_bounds(material)
    yield from _two_scales(material)
    yield from _two_terms(material)


def _two_bounds(material: Material) -> Iterator[Found]:
    """Of what is normal, and of one severity; several alerts on one measure are usual."""
    for role in ("steady-state", "severity"):
        seen: list[tuple[Claim, Bound]] = []
        for claim, bound in _by_role(material, role):
            other = next(
                (
                    one
                    for _, one in seen
                    if same_measure(one, bound)
                    and one.direction == bound.direction
                    and one.threshold.severity == bound.threshold.severity
                    and one.threshold.line != claim.line
                    and not close(one.value, bound.value)
                ),
                None,
            )
            if other is not None:
                yield Found(
                    line=claim.line,
                    at=number_in(bound.threshold),
                    message=f"`{number_in(bound.threshold)}` here, and line {other.threshold.line}"
                    f" has another number for the same: `{other.threshold.text}`",
                    fix="keep one of them",
                    claim=claim.id,
                )
            seen.append((claim, bound))


def _two_scales(material: Material) -> Iterator[Found]:
    """`kubectl scale` of one object to two sizes, but for what is stopped and started again."""
    sizes: dict[tuple[str, str], tuple[str, int]] = {}
    stopped: set[tuple[str, str]] = set()
    for claim, command in material.runbook.having(Command):
        for call in calls_of(command):
            words = call.invocation
            if words is None or words.verb != "scale" or "replicas" not in words.flags:
                continue
            size = words.flags["replicas"][-1]
            key = ("/".join(words.arguments), words.flags.get("namespace", ("",))[-1])
            if size == "0":
                stopped.add(key)
            if OPEN in size or key in stopped:
                continue
            first, line = sizes.setdefault(key, (size, claim.line))
            if first != size:
                yield Found(
                    line=claim.line,
                    at=f"--replicas={size}",
                    message=f"line {line} scales {key[0]} to {first}, this one to {size}",
                    fix="say when which of the two is right, or use one number",
                    claim=claim.id,
                )


def _two_terms(material: Material) -> Iterator[Found]:
    """Two times by which one person is told of one severity."""
    seen: dict[tuple[str, str], tuple[Term, int]] = {}
    for claim, severity, name, term in _told(material):
        key = (severity, name.lower())
        first, line = seen.setdefault(key, (term, claim.line))
        if _differ(first, term):
            yield Found(
                line=claim.line,
                at=name,
                message=f"{name} is told of {severity} {_shown(term)} here, and {_shown(first)} on"
                f" line {line}",
                fix="keep one of them",
                claim=claim.id,
            )


def _told(material: Material) -> Iterator[tuple[Claim, str, str, Term]]:
    deadlines = _deadlines_by_line(material)
    for claim in material.runbook.claims:
        value = claim.value
        if isinstance(value, Escalation) and value.severity and value.to and value.term:
            yield claim, value.severity, value.to, value.term
        elif isinstance(value, Stakeholder) and value.severity:
            for term in deadlines.get(claim.line, ()):
                yield claim, value.severity, value.name, term


def _deadlines_by_line(material: Material) -> dict[int, list[Term]]:
    found: dict[int, list[Term]] = {}
    for claim, value in material.runbook.having(Deadline):
        if not value.every:
            found.setdefault(claim.line, []).append(value.term)
    return found


def _differ(one: Term, other: Term) -> bool:
    if one.seconds is not None and other.seconds is not None:
        return not close(one.seconds, other.seconds)
    if one.seconds is None and other.seconds is None:
        return (one.when or "").lower() != (other.when or "").lower()
    return True


def _shown(term: Term) -> str:
    if term.seconds is None:
        return term.when or "at some time"
    if term.seconds == 0:
        return _IMMEDIATE
    return f"within {duration(term.seconds)}"


def duration(seconds: float) -> str:
    """ "90 seconds", "15 minutes", "2 hours": the largest unit that is whole."""
    for size, name in ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


RULES: Final = (
    Rule(
        id="alert-looser-than-severity",
        level="error",
        summary="A severity begins before its alert fires.",
        check=_looser,
    ),
    Rule(
        id="steady-state-above-alert",
        level="error",
        summary="A value is called normal at which an alert fires.",
        check=_steady_above_alert,
    ),
    Rule(
        id="symptom-differs-from-alert",
        level="warning",
        summary="A failure mode and the alert about it state different numbers.",
        check=_symptom,
    ),
    Rule(
        id="two-numbers",
        level="warning",
        summary="The runbook states two numbers for one thing.",
        check=_two_numbers,
    ),
)
