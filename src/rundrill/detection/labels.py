"""The name of a series: an immutable, hashable set of labels."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

METRIC_NAME: Final = "__name__"
LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Labels(Mapping[str, str]):
    """Label names to values, sorted by name; an empty value is the same as no label.

    The hash and the variant without the metric's name are kept, since evaluation asks for both
    again and again.
    """

    __slots__ = ("_hash", "_nameless", "_pairs", "_values")

    def __init__(self, values: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = dict(values)
        self._pairs = tuple(sorted((name, value) for name, value in items.items() if value))
        self._values = dict(self._pairs)
        self._hash = hash(self._pairs)
        self._nameless: Labels | None = None

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._pairs)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._pairs == other._pairs
        return Mapping.__eq__(self, other)

    def __str__(self) -> str:
        body = ", ".join(f'{name}="{value}"' for name, value in self._pairs if name != METRIC_NAME)
        name = self._values.get(METRIC_NAME, "")
        return f"{name}{{{body}}}" if body or not name else name

    def __repr__(self) -> str:
        return f"Labels({self})"

    def value(self, name: str) -> str:
        """The label's value; the empty string when there is none."""
        return self._values.get(name, "")

    def nameless(self) -> "Labels":
        """The same labels without the metric's name."""
        if self._nameless is None:
            found = METRIC_NAME in self._values
            self._nameless = self.without((METRIC_NAME,)) if found else self
        return self._nameless

    def only(self, names: Iterable[str]) -> "Labels":
        return Labels((name, self._values[name]) for name in names if name in self._values)

    def without(self, names: Iterable[str]) -> "Labels":
        dropped = frozenset(names)
        return Labels(pair for pair in self._pairs if pair[0] not in dropped)

    def updated(self, values: Mapping[str, str]) -> "Labels":
        """With these labels set; an empty value removes one."""
        return Labels({**self._values, **values})
