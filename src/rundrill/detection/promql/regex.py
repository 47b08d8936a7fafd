"""Regular expressions of Prometheus (RE2) by Python's engine, where the two agree."""

import re
import warnings
from typing import Final

from rundrill.detection.promql.values import Dialect, UnsupportedError

# What both engines accept but read differently, or only one of them knows. Look-around and
# back-references never get here: the parser refuses them, as RE2 does.
_ODD: Final = re.compile(r"\[\[?:\w+:|\(\?[a-zA-Z-]*[UxLua]|[*+?}]\+")
_ODD_ESCAPES: Final = frozenset("pPQECXzZGRKhHVNuUxkA0123456789")


def compile_regex(pattern: str, dialect: Dialect) -> re.Pattern[str]:
    """The pattern for `fullmatch`. Raises `UnsupportedError` where the engines differ."""
    odd = _odd_part(pattern)
    if odd is not None:
        raise UnsupportedError(f"regular expression {pattern!r}: {odd!r} is not supported")
    flags = re.ASCII | (re.DOTALL if dialect is Dialect.PROMETHEUS_3 else re.NOFLAG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a set that a later Python reads differently
            return re.compile(pattern, flags)
    except (re.error, FutureWarning, DeprecationWarning) as error:
        raise UnsupportedError(f"regular expression {pattern!r}: {error}") from None


def _odd_part(pattern: str) -> str | None:
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            escape = pattern[position : position + 2]
            if escape[1:] in _ODD_ESCAPES:
                return escape
            position += 2
            continue
        found = _ODD.match(pattern, position)
        if found is not None:
            return found.group()
        position += 1
    return None
