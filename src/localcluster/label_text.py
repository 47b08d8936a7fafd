"""The text of a label selector, `app=web,tier in (a,b),!old`, to its requirements. Pure.

Errors are worded as the API server words them.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from localcluster.schema.metadata_rules import check_label_value, check_qualified_name
from localcluster.status import bad_request


class Requirement(NamedTuple):
    """`operator` is one of in, notin, =, ==, !=, gt, lt, exists and !."""

    key: str
    operator: str
    values: tuple[str, ...]


_TOKEN: Final = re.compile(r"\s*(?:(==|!=|[=!<>(),])|([^\s=!<>(),]+))")
_SYMBOLS: Final = ("==", "!=", "=", "!", "<", ">", "(", ")", ",")
_OPERATORS: Final = {
    "in": "in",
    "notin": "notin",
    "=": "=",
    "==": "==",
    "!=": "!=",
    ">": "gt",
    "<": "lt",
}
_LONGEST: Final = 64 * 1024


def requirements(text: str) -> list[Requirement]:
    """400 for a text that is none."""
    if len(text) > _LONGEST:
        raise bad_request(f"the label selector is longer than {_LONGEST} characters")
    return _Parser([a or b for a, b in _TOKEN.findall(text.strip())]).all()


class _Parser:
    """An empty token stands for the end of the text."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next
        self._at += 1
        return token

    def all(self) -> list[Requirement]:
        found: list[Requirement] = []
        if self._next and not self._begins():
            raise bad_request(f"found '{self._next}', expected: !, identifier, or 'end of string'")
        while self._next:
            found.append(self._requirement())
            separator = self._take()
            if not separator:
                break
            if separator != ",":
                raise bad_request(f"found '{separator}', expected: ',' or 'end of string'")
            if not self._begins():
                raise bad_request(f"found '{self._next}', expected: identifier after ','")
        return found

    def _begins(self) -> bool:
        return self._next == "!" or self._is_name(self._next)

    @staticmethod
    def _is_name(token: str) -> bool:
        return token not in ("", *_SYMBOLS)

    def _requirement(self) -> Requirement:
        negated = self._next == "!"
        if negated:
            self._take()
        key = self._take()
        if not self._is_name(key):
            raise _unable(f"found '{key}', expected: identifier")
        if problem := check_qualified_name(key):
            raise _unable(f'key: Invalid value: "{key}": {problem}')
        if negated:
            return Requirement(key, "!", ())
        if self._next in ("", ","):
            return Requirement(key, "exists", ())
        token = self._take()
        operator = _OPERATORS.get(token)
        if operator is None:
            raise _unable(f"found '{token}', expected: {', '.join(_OPERATORS.values())}")
        values = self._values() if operator in ("in", "notin") else (self._value(),)
        _check_values(key, operator, values)
        return Requirement(key, operator, values)

    def _value(self) -> str:
        # An empty value: `app=` and `app=,b`. Words that are operators elsewhere are values here.
        return self._take() if self._is_name(self._next) else ""

    def _values(self) -> tuple[str, ...]:
        opening = self._take()
        if opening != "(":
            raise _unable(f"found '{opening}' expected: '('")
        if self._next not in (")", ",") and not self._is_name(self._next):
            raise _unable(f"found '{self._next}', expected: ',', ')' or identifier")
        values: set[str] = set()
        while True:
            values.add(self._value())
            separator = self._take()
            if separator == ")":
                return tuple(sorted(values))
            if separator != ",":
                raise _unable(f"found '{separator}', expected: ',' or ')'")


def _check_values(key: str, operator: str, values: Sequence[str]) -> None:
    for index, value in enumerate(values):
        if operator in ("gt", "lt") and not re.fullmatch(r"[+-]?[0-9]{1,19}", value):
            raise _unable(
                f"values[{index}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value "
                "must be an integer"
            )
        if problem := check_label_value(value):
            raise _unable(f'values[{index}][{key}]: Invalid value: "{value}": {problem}')


def _unable(problem: str) -> Exception:
    return bad_request(f"unable to parse requirement: {problem}")
