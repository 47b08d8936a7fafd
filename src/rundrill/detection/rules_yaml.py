"""YAML with its line numbers: each value knows where it was written."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from rundrill.detection.durations import seconds
from rundrill.detection.labels import LABEL_NAME, METRIC_NAME
from rundrill.errors import RulesError

_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Item:
    """One YAML node. Its methods read it as what is expected, or raise `RulesError`."""

    node: yaml.Node
    path: str

    @property
    def line(self) -> int:
        """1-based; of a block text (`|`, `>`) its first line."""
        block = isinstance(self.node, yaml.ScalarNode) and self.node.style in ("|", ">")
        return int(self.node.start_mark.line) + (2 if block else 1)

    def error(self, problem: str, fix: str) -> RulesError:
        return RulesError(problem, path=self.path, line=self.line, fix=fix)

    def keys(self) -> list[str]:
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error("not a mapping", "write `key: value` lines")
        return [str(key.value) for key, _ in self.node.value]

    def mapping(self, allowed: Iterable[str] | None = None) -> dict[str, "Item"]:
        """Keys to values; a key that is not allowed, or is there twice, is an error."""
        found: dict[str, Item] = {}
        known = None if allowed is None else tuple(allowed)
        for name, (key, value) in zip(self.keys(), self.node.value, strict=True):
            here = Item(key, self.path)
            if known is not None and name not in known:
                raise here.error(f"unknown key {name!r}", f"known here: {', '.join(known)}")
            if name in found:
                raise here.error(f"key {name!r} is there twice", "keep one of them")
            found[name] = Item(value, self.path)
        return found

    def required(self, body: Mapping[str, "Item"], key: str, what: str) -> "Item":
        if key not in body:
            raise self.error(f"{what} without `{key}`", f"add `{key}:`")
        return body[key]

    def sequence(self) -> list["Item"]:
        if isinstance(self.node, yaml.ScalarNode) and self.node.value in ("", "null", "~"):
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.error("not a list", "begin each entry with `- `")
        return [Item(child, self.path) for child in self.node.value]

    def text(self) -> str:
        """A scalar, numbers too: `expr: 1` is an expression."""
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value.strip():
            raise self.error("not a text", "write it on this line, or below a `|`")
        return str(self.node.value)

    def duration(self) -> float:
        """Seconds of `1h30m`, `5m`, `0s`."""
        found = seconds(self.text())
        if found is None:
            raise self.error(f"not a duration: {self.text()!r}", "write it like 30s, 5m or 1h30m")
        return found

    def labels(self) -> dict[str, str]:
        """Label or annotation names to texts."""
        found: dict[str, str] = {}
        for name, item in self.mapping().items():
            if not LABEL_NAME.fullmatch(name) or name == METRIC_NAME:
                raise item.error(f"not a label name: {name!r}", "use letters, digits and _")
            if not isinstance(item.node, yaml.ScalarNode):
                raise item.error(f"label {name!r} is not a text", "write a text")
            found[name] = str(item.node.value)
        return found

    def metric_name(self) -> str:
        text = self.text()
        if not _METRIC.fullmatch(text):
            raise self.error(f"not a metric name: {text!r}", "use letters, digits, _ and :")
        return text


def read_yaml(text: str, path: str) -> Item:
    """The one document of a text. Raises `RulesError`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or str(error)
        raise RulesError(
            f"not YAML: {problem}", path=path, line=line, fix="correct the file's indentation"
        ) from None
    if node is None:
        raise RulesError("the file is empty", path=path, fix="begin it with `groups:`")
    return Item(node, path)
