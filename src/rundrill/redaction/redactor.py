"""Patterns and known values together, on text, on arguments, and on whatever is made of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from rundrill.redaction.arguments import prints_a_secret
from rundrill.redaction.known import Known
from rundrill.redaction.names import is_secret
from rundrill.redaction.text import MARK, redact

_BETWEEN: Final = "\x1f"
T = TypeVar("T")


class Redactor:
    """Hides secrets; what holds none comes back as it was. Safe to use from several threads."""

    def __init__(self, known: Known | None = None) -> None:
        self._known = known or Known()

    def text(self, text: str) -> str:
        return self._known.hide(redact(text), MARK)

    def words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Arguments of a command: what one is may be told by the one before it."""
        joined = self.text(_BETWEEN.join(words)).split(_BETWEEN)
        if len(joined) != len(words):  # a separator in one of them, or a key over several
            return tuple(map(self.text, words))
        return tuple(joined)

    def value(self, value: T) -> T:
        """Texts anywhere in dataclasses, mappings and lists; of the same shape as before.

        Of a command that finished (`argv`, `stdout`) output that may be a bare secret is hidden.
        """
        hidden: T = self._value(value)
        return hidden

    def _value(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            named = f"password={value}"
            if name and is_secret(name) and redact(named) != named:
                return MARK
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._value(item, str(key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            if value and all(isinstance(item, str) for item in value):
                return type(value)(self.words(value))
            return type(value)(self._value(item) for item in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        return value

    def _dataclass(self, value: Any) -> Any:
        changed = {}
        for field in dataclasses.fields(value):
            old = getattr(value, field.name)
            new = self._value(old)
            if new != old:
                changed[field.name] = new
        argv = getattr(value, "argv", None)
        if argv is not None and prints_a_secret(argv):
            told = getattr(value, "stdout", "")
            if told:
                changed["stdout"] = f"{MARK}: {len(told)} characters that may be a secret"
        return dataclasses.replace(value, **changed) if changed else value


BY_PATTERN: Final = Redactor()
"""Where no value is known: before a drill, and for whatever is only printed."""
