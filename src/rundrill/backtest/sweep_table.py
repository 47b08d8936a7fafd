"""A sweep as a table: a row for each variant, with what it costs."""

from collections.abc import Iterator, Sequence
from typing import Final

from rundrill.backtest.sweep import Point, Sweep, Variant
from rundrill.backtest.text import table
from rundrill.base import units

BEST: Final = "*"


def sweep_text(sweep: Sweep) -> str:
    notes = [f"  note: {note}" for note in sweep.notes]
    lines = [heading(sweep), *table(columns(sweep), rows(sweep)), f"  {legend(sweep)}", *notes]
    return "\n".join(lines) + "\n"


def heading(sweep: Sweep) -> str:
    """ "PaymentMemoryHigh of alerts.yml (> 0.85) in 1 drill"."""
    compares = ", ".join(f"{one.comparator} {one.value:g}" for one in sweep.comparisons)
    count = len(sweep.drills)
    drills = f"{count} drill{'' if count == 1 else 's'}"
    return f"{sweep.alert} ({compares or 'no number'}) in {drills}"


def columns(sweep: Sweep) -> Sequence[str]:
    names = [threshold_name(sweep, place) for place in sweep.swept]
    return ("", *names, "for", "time to detect", "missed", "late", "false alarms", "flaps", "")


def rows(sweep: Sweep) -> list[Sequence[str]]:
    return [tuple(_cells(sweep, point)) for point in sweep.points]


def legend(sweep: Sweep) -> str:
    time = "the slowest of all drills" if len(sweep.drills) > 1 else "from the fault"
    return (
        f"{BEST} no other is better in one way and as good in the others; time to detect is {time}"
    )


def threshold_name(sweep: Sweep, place: int) -> str:
    """ "threshold", or "threshold#2" where the rule has several."""
    several = len(sweep.comparisons) > 1 and len(sweep.swept) < len(sweep.comparisons)
    same = len(set(sweep.comparisons)) == 1
    return f"threshold#{place}" if several or not same else "threshold"


def setting(sweep: Sweep, variant: Variant) -> str:
    """ "threshold 0.8, for 30 s"."""
    return ", ".join(
        [
            *dict.fromkeys(
                f"{threshold_name(sweep, place)} {variant.thresholds[place]:g}"
                for place in sweep.swept
            ),
            f"for {duration(variant.for_s)}",
        ]
    )


def duration(value_s: float) -> str:
    return "0 s" if value_s == 0 else units.seconds(value_s, fine=False)


def time_to_detect(point: Point) -> str:
    """ "8.1 s (2 min 2 s)": of the run, and as stated."""
    if point.firing_s is None:
        return "-"
    stated = units.seconds(point.stated_s, fine=False)
    run = units.seconds(point.firing_s)
    return run if point.stated_s == point.firing_s else f"{run} ({stated})"


def _cells(sweep: Sweep, point: Point) -> Iterator[str]:
    yield BEST if point.best else ""
    for place in sweep.swept:
        yield f"{point.variant.thresholds[place]:g}"
    yield duration(point.variant.for_s)
    yield time_to_detect(point)
    yield f"{point.missed} of {point.expected}" if point.expected else "-"
    yield str(point.late)
    yield str(point.false_alarms)
    yield str(point.flaps)
    yield "as it is" if point.as_it_is else ""
