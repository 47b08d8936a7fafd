"""`threshold=80:95:5 for=0s,30s,1m`: what a sweep varies."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from rundrill.detection.durations import seconds
from rundrill.errors import RundrillError

_NAME: Final = re.compile(r"threshold(?:#([1-9][0-9]?))?")
_MOST: Final = 500
_LIKE: Final = "like: threshold=80%:95%:5% for=0s,30s,1m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`thresholds` by the place of the comparison (from 1; None when it was not said)."""

    thresholds: Mapping[int | None, tuple[float, ...]]
    fors_s: tuple[float, ...]


def read_sweep(text: str) -> Asked:
    """Numbers are those of the expression; `80%` is 0.8. `a:b:c` is from a to b by c.

    Raises `RundrillError` with the word that is wrong.
    """
    found: dict[int | None, tuple[float, ...]] = {}
    fors: tuple[float, ...] = ()
    for word in text.split():
        name, equals, values = word.partition("=")
        place = _NAME.fullmatch(name)
        if not equals or not values or not (place or name == "for"):
            raise _error(f"not understood: {word!r}")
        if place is None:
            if fors:
                raise _error("`for` is there twice")
            fors = tuple(_duration(one, word) for one in values.split(","))
            continue
        key = None if place.group(1) is None else int(place.group(1))
        if key in found:
            raise _error(f"`{name}` is there twice")
        found[key] = _numbers(values, word)
    if not found and not fors:
        raise _error("nothing is swept")
    if None in found and len(found) > 1:
        raise _error("`threshold` is there with and without a number")
    return Asked(thresholds=found, fors_s=tuple(dict.fromkeys(fors)))


def _numbers(text: str, word: str) -> tuple[float, ...]:
    found: list[Decimal] = []
    for part in text.split(","):
        ends = [_number(one, word) for one in part.split(":")]
        if len(ends) == 1:
            found += ends
            continue
        if len(ends) != 3:
            raise _error(f"a range is from:to:step, not {part!r}")
        start, stop, step = ends
        if step <= 0 or stop < start:
            raise _error(f"a range goes upwards by a step above 0, not {part!r}")
        count = int((stop - start) / step) + 1
        if count > _MOST:
            raise _error(f"{part!r} is {count} numbers; {_MOST} are the most")
        found += [start + step * n for n in range(count)]
    return tuple(dict.fromkeys(float(one) for one in found))


def _number(text: str, word: str) -> Decimal:
    percent = text.endswith("%")
    try:
        value = Decimal(text.removesuffix("%"))
    except InvalidOperation:
        raise _error(f"not a number: {text!r} in {word!r}") from None
    if not math.isfinite(value):
        raise _error(f"not a finite number: {text!r} in {word!r}")
    return value / 100 if percent else value


def _duration(text: str, word: str) -> float:
    found = seconds(text)
    if found is None:
        raise _error(f"not a duration: {text!r} in {word!r}")
    return found


def _error(problem: str) -> RundrillError:
    return RundrillError(f"--sweep: {problem}", fix=_LIKE)
