"""How long an alert took, in parts: what the fault, the service and the rule itself spent.

The parts are what came before the rule's condition held, in the order in which it really came,
then `for`, then the notification. The fault is proven to have landed by looking at it, which may
be after the first customer met it; then that part comes second. Nothing is counted twice, and no
part is negative: what came after the alert was pending is told in a note.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from rundrill.base.units import Scale, seconds
from rundrill.events import AlertNotified, DrillStarted
from rundrill.measured import Detection, DetectionPart, Floor, PartName
from rundrill.model import RuleDesign
from rundrill.verdict.history import Spell, alerts, led_to, spells
from rundrill.verdict.record import Record

LOAD_SECOND_S = 1.0
"""The load is counted by the second: what failed in it failed at some moment of it."""


def detections(record: Record) -> tuple[Detection, ...]:
    """Of each expected alert and of each other one that fired after the injection."""
    if record.times.injected is None:
        return ()
    found = (_detection(record, alert) for alert in alerts(record))
    return tuple(d for d in found if d.role == "expected" or d.state == "fired")


def floor(record: Record, alert: str) -> Floor | None:
    """What its rule spends by design; None where the run does not hold it."""
    started = record.last(DrillStarted)
    design = None if started is None else started.designs.get(alert)
    return None if design is None else _floor(design)


def _floor(design: RuleDesign) -> Floor:
    # `for` ends at an evaluation: what it is longer by comes from the interval.
    beyond = -design.for_s % design.evaluation_s if design.evaluation_s > 0 else 0.0
    return Floor(
        for_s=design.for_s,
        group_wait_s=design.group_wait_s,
        sampling_s=design.scrape_s + design.evaluation_s + beyond,
        window_s=design.window_s,
    )


def _detection(record: Record, alert: str) -> Detection:
    history, times = spells(record, alert), record.times
    injected = times.injected
    assert injected is not None
    fired = next((s for s in history if s.state == "firing" and s.start >= injected), None)
    since = None if fired is None else led_to(fired, history)
    before = next((s for s in history if s.start < injected and s.holds(injected)), None)
    held = [s for s in history if s.state == "pending" and s.end > injected]
    state: Literal["fired", "early", "pending", "silent"]
    began = before is not None and before.state == "firing"
    if began or (since is not None and since < injected):
        state, since = "early", None
    elif fired is not None:
        state = "fired"
    else:
        state, since = ("pending", held[-1].start) if held else ("silent", None)
    firing = fired.start if fired is not None and state == "fired" else None
    told = None if firing is None else _told(record, alert, firing)
    own = floor(record, alert)
    if own is not None and told is None:
        own = replace(own, group_wait_s=None)  # it was not spent
    parts = () if firing is None or since is None else tuple(_parts(record, since, firing, told))
    total_s = parts[-1].end - injected if parts else None
    return Detection(
        alert=alert,
        role=_role(record, alert),
        state=state,
        landed=times.landed,
        first_harm=times.first_harm,
        pending=since,
        firing=firing,
        notified=told,
        parts=parts,
        total_s=total_s,
        floor=own,
        sentence=_sentence(record, state, total_s, told, own, before),
        notes=tuple(_notes(record, since, history)),
        line=record.plan.alert_lines.get(alert),
    )


def _role(record: Record, alert: str) -> Literal["expected", "tolerated", "other"]:
    if alert in record.plan.expected_alerts:
        return "expected"
    return "tolerated" if alert in record.plan.tolerated_alerts else "other"


def _told(record: Record, alert: str, firing: float) -> float | None:
    told = [e.at for e in record.all(AlertNotified) if e.alert == alert and e.at >= firing]
    return min(told, default=None)


def _parts(
    record: Record, since: float, firing: float, told: float | None
) -> Iterator[DetectionPart]:
    times = record.times
    assert times.injected is not None
    first: list[tuple[float, PartName]] = []
    if times.landed is not None:
        first.append((times.landed, "land"))
    harmed = _first_harm(record, since)
    if harmed is not None:
        first.append((harmed, "harm"))
    ends = sorted((at, name) for at, name in first if times.injected <= at <= since)
    ends.append((since, "condition"))
    if firing > since:
        ends.append((firing, "for"))
    if told is not None:
        ends.append((told, "notify"))
    start = times.injected
    for end, name in ends:
        yield DetectionPart(name=name, start=start, end=end)
        start = end


def _first_harm(record: Record, since: float) -> float | None:
    """The end of the second in which the first request failed; not later than `since` where both
    were within it, and nobody can tell which came first."""
    harm = record.times.first_harm
    return since if harm is not None and since < harm < since + LOAD_SECOND_S else harm


def _sentence(
    record: Record,
    state: str,
    total_s: float | None,
    told: float | None,
    own: Floor | None,
    before: Spell | None,
) -> str:
    injected = record.times.injected
    assert injected is not None
    if state == "early" and before is not None:
        return (
            f"it was {before.state} {injected - before.start:.1f} s before the fault,"
            " so it says nothing about it"
        )
    if state == "pending":
        return "its condition held, but it never fired"
    if total_s is None:
        return "its condition never held"
    until = "it fired" if told is None else "somebody was told"
    took = f"{total_s:.1f} s from the fault until {until}"
    if own is None:
        return took
    waits = [f"{Scale(record.plan.compression).both(own.for_s)} is `for`"] if own.for_s else []
    if own.group_wait_s and told is not None:
        waits.append(f"{seconds(own.group_wait_s)} is the group wait")
    if not waits:
        return f"{took}; its rule waits for nothing (no `for`)"
    return f"{took}, of which {' and '.join(waits)}: no tuning of the service makes it faster"


def _notes(
    record: Record,
    since: float | None,
    history: Sequence[Spell],
) -> Iterator[str]:
    times = record.times
    if times.landed is not None and times.first_harm is not None:
        early = times.landed - times.first_harm
        if early > 0:
            yield (
                f"the first request of a customer failed {early:.1f} s before the fault had proven"
                " that it landed"
            )
    if times.first_harm is None:
        yield "no request of a customer failed"
    if since is None or times.injected is None:
        return
    for what, at in (
        ("the fault had proven that it landed", times.landed),
        ("the first request of a customer failed", _first_harm(record, since)),
    ):
        if at is not None and at > since:
            yield f"its condition held {at - since:.1f} s before {what}"
    tries = [
        spell.end - spell.start
        for spell in history
        if spell.state == "pending" and times.injected <= spell.start < since
    ]
    if tries:
        often = "once" if len(tries) == 1 else f"{len(tries)} times"
        yield f"its condition held {often} before, for {max(tries):.1f} s at the most"
