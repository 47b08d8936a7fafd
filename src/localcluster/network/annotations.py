"""Edge faults as annotations of a Service or a NetworkPolicy. Pure.

localcluster.rundrill.dev/latency: 200ms           added to each round trip, up to 5m
localcluster.rundrill.dev/reset: "0.1"             share of new connections that are reset
localcluster.rundrill.dev/black-hole: "true"       nothing arrives
localcluster.rundrill.dev/callers: app=checkout    Service only: pods it is limited to
localcluster.rundrill.dev/open-connections: drop   policy only: keep (default), drop or reset
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from localcluster.network.ruling import Faults, OpenConnections
from localcluster.objects import ApiError
from localcluster.selectors import LabelTest, parse_labels

_T = TypeVar("_T")

PREFIX: Final = "localcluster.rundrill.dev/"
_LONGEST_S: Final = 300.0
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m)")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m))+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """`callers` is None when every caller is meant; `problems` tell what could not be read."""

    faults: Faults
    callers: LabelTest | None
    open_connections: OpenConnections
    problems: tuple[str, ...]


def read(annotations: Mapping[str, str] | None) -> Marks:
    """A value that cannot be read has no effect and is told: what, why, and what would be right.

    An unreadable `callers` switches every fault off: nobody is meant rather than everybody.
    """
    reader = _Reader(annotations or {})
    latency = reader.take("latency", _duration, 0.0)
    ratio = reader.take("reset", _ratio, 0.0)
    black_hole = reader.take("black-hole", _flag, False)
    callers = reader.take("callers", _selector, None)
    keep: OpenConnections = "keep"
    open_connections = reader.take("open-connections", _open_connections, keep)
    if "callers" in reader.unread:
        callers = _nobody
    return Marks(
        faults=Faults(latency_s=latency, reset_ratio=ratio, black_hole=black_hole),
        callers=callers,
        open_connections=open_connections,
        problems=tuple(reader.unread.values()),
    )


class _Reader:
    def __init__(self, annotations: Mapping[str, str]) -> None:
        self._annotations = annotations
        self.unread: dict[str, str] = {}

    def take(self, name: str, parse: Callable[[str], _T], default: _T) -> _T:
        text = self._annotations.get(PREFIX + name)
        if text is None:
            return default
        try:
            return parse(text.strip())
        except ValueError as error:
            self.unread[name] = f'annotation {PREFIX}{name}: "{text}" has no effect: {error}'
            return default


def _duration(text: str) -> float:
    if not _DURATION.fullmatch(text):
        raise ValueError("write a duration such as 200ms or 1.5s")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST_S:
        raise ValueError("write at most 5m")
    return seconds


def _ratio(text: str) -> float:
    if not re.fullmatch(r"[01](?:\.\d*)?|\.\d+", text) or not 0 <= float(text) <= 1:
        raise ValueError('write a share from "0" to "1"')
    return float(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError('write "true" or "false"')
    return text == "true"


def _selector(text: str) -> LabelTest:
    try:
        return parse_labels(text)
    except ApiError as error:
        raise ValueError(f"{error.message}; write labels such as app=checkout") from None


def _open_connections(text: str) -> OpenConnections:
    match text:
        case "keep" | "drop" | "reset":
            return text
    raise ValueError("write keep, drop or reset")


def _nobody(_labels: Mapping[str, str]) -> bool:
    return False
