"""YAML with places: every value knows its line and column, so that a message can name them."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from rundrill.errors import RundrillError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration_s(text: str) -> float | None:
    """ "1h30m" to seconds; None when it is not a duration."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """A fix that names the closest candidates, or all of them when none is close."""
    known = sorted(candidates)
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "known: " + ", ".join(known) if known else "there is none"


class Node:
    """One value of a YAML document with typed access; every failure is `error` with its place."""

    def __init__(self, node: yaml.Node, path: Path, error: type[RundrillError]) -> None:
        self._node = node
        self.path = path
        self._error = error
        self._read: set[str] = set()

    @property
    def line(self) -> int:
        return int(self._node.start_mark.line) + 1

    @property
    def column(self) -> int:
        return int(self._node.start_mark.column) + 1

    def fail(self, problem: str, fix: str | None = None) -> RundrillError:
        return self._error(problem, path=self.path, line=self.line, column=self.column, fix=fix)

    @property
    def text(self) -> str:
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.fail("expected a plain value, found a list or a mapping")
        return str(self._node.value)

    @property
    def number(self) -> float:
        try:
            number = float(self.text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.fail(f"expected a number, found {self.text!r}")
        return number

    @property
    def duration_s(self) -> float:
        seconds = duration_s(self.text)
        if seconds is None:
            raise self.fail(
                f"expected a duration, found {self.text!r}", 'write it as "90s" or "5m"'
            )
        return seconds

    @property
    def plain(self) -> object:
        """The value without places, as PyYAML's safe loader builds it."""
        return yaml.safe_load(yaml.serialize(self._node))

    def items(self) -> Iterator[tuple[str, "Node"]]:
        """The entries of a mapping."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.fail("expected a mapping")
        seen: set[str] = set()
        for key, value in self._node.value:
            name = str(key.value)
            if name in seen:
                raise Node(key, self.path, self._error).fail(
                    f"`{name}` is there twice", "keep one of them"
                )
            seen.add(name)
            yield name, Node(value, self.path, self._error)

    def keys(self) -> dict[str, "Node"]:
        """The names of a mapping's entries, each as a node with its place."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.fail("expected a mapping")
        return {str(key.value): Node(key, self.path, self._error) for key, _ in self._node.value}

    def elements(self) -> list["Node"]:
        """The elements of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.fail("expected a list")
        return [Node(value, self.path, self._error) for value in self._node.value]

    def find(self, key: str) -> "Node | None":
        self._read.add(key)
        return dict(self.items()).get(key)

    def get(self, key: str) -> "Node":
        found = self.find(key)
        if found is None:
            raise self.fail(f"`{key}` is missing", f"add `{key}:` here")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of plain values; empty when the key is absent."""
        found = self.find(key)
        return () if found is None else tuple(item.text for item in found.elements())

    def scalars(self, without: frozenset[str] = frozenset()) -> "Iterator[Node]":
        """The plain values below, in the order of the document; not those of the keys `without`."""
        if isinstance(self._node, yaml.ScalarNode):
            yield self
        elif isinstance(self._node, yaml.SequenceNode):
            for one in self.elements():
                yield from one.scalars(without)
        else:
            for name, one in self.items():
                if name not in without:
                    yield from one.scalars(without)

    def line_of(self, word: str) -> int:
        """Where `word` stands in a value of several lines; else where the value begins."""
        written = self._node.start_mark.buffer
        if written is None:
            return self.line
        lines = written[: self._node.end_mark.index].rstrip("\0").split("\n")
        below = enumerate(lines[self.line - 1 :], start=self.line)
        return next((number for number, text in below if word in text), self.line)

    def close(self) -> None:
        """Refuses entries that nobody asked for: a misspelt key never goes unnoticed."""
        for name, value in self.items():
            if name not in self._read:
                raise value.fail(f"unknown key `{name}`", nearest(name, self._read))


def read(path: Path, error: type[RundrillError]) -> Node:
    """The document at `path`. Raises `error` when it cannot be read, parsed, or is empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise error(
            f"cannot be read: {problem.strerror}",
            path=path,
            fix="name a file that exists and that you may read",
        ) from problem
    except UnicodeDecodeError as problem:
        raise error("is not UTF-8 text", path=path) from problem
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[RundrillError]) -> Node:
    """The document in `text`; `path` is only named in messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        raise error(
            f"is not YAML: {problem.problem}",
            path=path,
            line=None if mark is None else mark.line + 1,
            column=None if mark is None else mark.column + 1,
        ) from problem
    except yaml.YAMLError as problem:
        raise error(f"is not YAML: {problem}", path=path) from problem
    if node is None:
        raise error("is empty", path=path)
    return Node(node, path, error)
