"""Matchers of a route as Alertmanager writes them: `severity="critical"`, `team=~"pay.*"`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rundrill.detection.promql import Dialect, UnsupportedError
from rundrill.detection.promql.regex import compile_regex

_MATCHER: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PIECE: Final = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+', re.DOTALL)
# What Python's engine knows and Go's does not; in PromQL the parser refuses it before.
_NOT_GO: Final = re.compile(r"\(\?(?:P[=>]|[^:imsP-])")
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\"}


class MatcherError(ValueError):
    """A text that is no matcher; the message says why."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is not there is the empty text."""

    name: str
    operator: str
    value: str
    _regex: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.name, "")
        same = self._regex.fullmatch(value) if self._regex is not None else value == self.value
        return bool(same) is (self.operator in ("=", "=~"))

    def __str__(self) -> str:
        escaped = self.value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        return f'{self.name}{self.operator}"{escaped}"'


def matcher(name: str, operator: str, value: str) -> Matcher:
    """Raises `MatcherError` for a regular expression that cannot be read as Go reads it."""
    if operator not in ("=~", "!~"):
        return Matcher(name, operator, value)
    odd = _NOT_GO.search(value)
    if odd is not None:
        raise MatcherError(f"regular expression {value!r}: {odd[0]!r} is not supported")
    try:
        # Alertmanager's dot does not match a line break, as that of Prometheus 2.
        return Matcher(name, operator, value, compile_regex(value, Dialect.PROMETHEUS_2))
    except UnsupportedError as error:
        raise MatcherError(str(error)) from None


def parse_matchers(text: str) -> list[Matcher]:
    """One or several, separated by commas, in braces or not. Raises `MatcherError`."""
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1]
    pieces = _PIECE.findall(body)
    if ",".join(pieces).replace(" ", "") != body.replace(" ", "").rstrip(","):
        raise MatcherError(f"not matchers: {text!r}")
    return [_parse(piece) for piece in pieces if piece.strip()]


def _parse(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise MatcherError(f"not a matcher: {text.strip()!r}")
    name, operator, written = found.groups()
    quoted = _QUOTED.fullmatch(written)
    if quoted is None and '"' in written:
        raise MatcherError(f"unbalanced quotes in {text.strip()!r}")
    value = written if quoted is None else quoted.group(1)
    return matcher(name, operator, re.sub(r"\\(.)", _unescaped, value))


def _unescaped(found: re.Match[str]) -> str:
    # An escape that is none stays as it is: it is part of a regular expression.
    return _ESCAPES.get(found.group(1), found.group(0))


def text_of(matchers: Iterable[Matcher]) -> str:
    """As in the keys of Alertmanager's groups."""
    return "{" + ",".join(map(str, matchers)) + "}"
