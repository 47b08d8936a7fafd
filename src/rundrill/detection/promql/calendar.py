"""Functions of a Unix time: hour(), day_of_week() and the like, in UTC."""

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from rundrill.detection.promql.numbers import NAN

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _of(part: Callable[[datetime], int]) -> Callable[[float], float]:
    def answer(seconds: float) -> float:
        if not math.isfinite(seconds):
            return NAN
        try:
            return float(part(_EPOCH + timedelta(seconds=int(seconds))))
        except OverflowError:  # outside the years 1 to 9999
            return NAN

    return answer


CALENDAR: Final[dict[str, Callable[[float], float]]] = {
    "minute": _of(lambda t: t.minute),
    "hour": _of(lambda t: t.hour),
    "day_of_month": _of(lambda t: t.day),
    "day_of_week": _of(lambda t: t.isoweekday() % 7),
    "day_of_year": _of(lambda t: t.timetuple().tm_yday),
    "days_in_month": _of(lambda t: calendar.monthrange(t.year, t.month)[1]),
    "month": _of(lambda t: t.month),
    "year": _of(lambda t: t.year),
}
