"""Prometheus's durations: `1h30m`, `5m`, `0s`; units from large to small, each at most once."""

import re
from typing import Final

_UNITS: Final = (
    ("y", 365 * 86_400.0),
    ("w", 7 * 86_400.0),
    ("d", 86_400.0),
    ("h", 3600.0),
    ("m", 60.0),
    ("s", 1.0),
    ("ms", 0.001),
)
_DURATION: Final = re.compile("".join(rf"(?:([0-9]+){unit})?" for unit, _ in _UNITS))


def seconds(text: str) -> float | None:
    """The duration in seconds; None when it is none. `0` needs no unit."""
    if text == "0":
        return 0.0
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    return sum(int(n or 0) * size for n, (_, size) in zip(found.groups(), _UNITS, strict=True))
