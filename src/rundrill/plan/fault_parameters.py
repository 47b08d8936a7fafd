"""What a fault may be told: its kind, its unit, its range. Texts of the experiment become values.

Values are plain (text, int, float), so that the undo journal can hold them. Durations are seconds,
sizes bytes, shares a number up to 1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rundrill.base.document import Node, duration_s, nearest

Kind = Literal["text", "whole number", "number", "duration", "share", "size", "choice"]

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(B|Ki|Mi|Gi|KiB|MiB|GiB)?")
_BYTES: Final[Mapping[str, int]] = {"B": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
_WRITE: Final[Mapping[Kind, str]] = {
    "whole number": "a whole number such as 3",
    "number": "a number such as 0.5",
    "duration": 'a duration such as "90s" or "5m"',
    "share": "a share above 0 and up to 1, such as 0.25",
    "size": "a size such as 48Mi",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultParameter:
    """A parameter of a fault as the experiment states it.

    `low` and `high` are in the unit of the value (seconds for a duration, bytes for a size), and
    both are allowed. With `compressed` a duration is divided, and any other number multiplied, by
    the compression: what takes its time in real life keeps its place among the runbook's windows.
    """

    name: str
    help: str
    default: str | None = None
    kind: Kind = "text"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    compressed: bool = False

    def value(self, node: Node, compression: float) -> str | int | float:
        """What the experiment gives. Raises its error with place, problem and fix."""
        found = self.parse(node.text)
        if found is None:
            raise node.fail(
                f"the fault's parameter `{self.name}` is {node.text!r}", self._fix(node)
            )
        return self.scaled(found, compression)

    def default_value(self, compression: float) -> str | int | float:
        """The value of the default, which there must be."""
        assert self.default is not None
        found = self.default if self.kind == "text" else self.parse(self.default)
        assert found is not None, f"the default of `{self.name}` is not {self._range()}"
        return self.scaled(found, compression)

    def parse(self, text: str) -> str | int | float | None:
        """The value of a text, not yet compressed; None when it is not allowed."""
        text = text.strip()
        if self.kind == "text":
            return text or None
        if self.kind == "choice":
            return text if text in self.choices else None
        number = _number(self.kind, text)
        if number is None or not self._inside(number):
            return None
        return number

    def scaled(self, value: str | int | float, compression: float) -> str | int | float:
        if not self.compressed or isinstance(value, str):
            return value
        return value / compression if self.kind == "duration" else value * compression

    def _inside(self, number: float) -> bool:
        low = 0.0 if self.low is None and self.kind in ("duration", "size") else self.low
        return (low is None or number >= low) and (self.high is None or number <= self.high)

    def _fix(self, node: Node) -> str:
        if self.kind == "choice":
            return nearest(node.text, self.choices)
        return f"write {self._range()}: {self.help}"

    def _range(self) -> str:
        words = _WRITE.get(self.kind, "a text")
        unit = self.unit or {"duration": "s", "size": "bytes"}.get(self.kind, "")
        if self.low is not None:
            words += f", from {self.low:g}"
        if self.high is not None:
            words += f"{',' if self.low is None else ''} up to {self.high:g}"
        return f"{words} {unit}".strip() if self.low is not None or self.high is not None else words


def _number(kind: Kind, text: str) -> int | float | None:
    if kind == "duration":
        return duration_s(text)
    if kind == "size":
        found = _SIZE.fullmatch(text)
        if found is None:
            return None
        return int(float(found[1]) * _BYTES[(found[2] or "B").removesuffix("B") or "B"])
    if kind == "whole number":
        return int(text) if re.fullmatch(r"-?\d+", text, re.ASCII) else None
    if not re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII):
        return None
    number = float(text)
    if kind == "share" and not 0 < number <= 1:
        return None
    return number
