"""`label_replace` and `label_join`."""

import re
from typing import Final

from rundrill.detection.labels import LABEL_NAME
from rundrill.detection.promql.regex import compile_regex
from rundrill.detection.promql.values import (
    Dialect,
    Moment,
    UnsupportedError,
    Vector,
    VectorNode,
    distinct,
)

_REFERENCE: Final = re.compile(r"\$(?:(\$)|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})")


def label_replace(inner: VectorNode, texts: list[str], dialect: Dialect) -> VectorNode:
    """`texts`: destination, replacement, source, regular expression."""
    target, replacement, source, regex = texts
    pattern = compile_regex(regex, dialect)
    _check_label(target, "label_replace")

    def evaluate(moment: Moment) -> Vector:
        results: Vector = []
        for labels, value in inner(moment):
            found = pattern.fullmatch(labels.value(source))
            if found is None:
                results.append((labels, value))
            else:
                text = _expand(replacement, found)
                results.append((labels.updated({target: text}), value))
        return distinct(results)

    return evaluate


def label_join(inner: VectorNode, texts: list[str]) -> VectorNode:
    """`texts`: destination, separator, sources."""
    target, separator, *sources = texts
    for name in (target, *sources):
        _check_label(name, "label_join")

    def evaluate(moment: Moment) -> Vector:
        return distinct(
            [
                (labels.updated({target: separator.join(map(labels.value, sources))}), value)
                for labels, value in inner(moment)
            ]
        )

    return evaluate


def _check_label(name: str, function: str) -> None:
    if not LABEL_NAME.fullmatch(name):
        raise UnsupportedError(f"invalid label name {name!r} in {function}")


def _expand(replacement: str, found: re.Match[str]) -> str:
    """`$1`, `${name}` and `$$`; a group that is not there is empty."""

    def text(reference: re.Match[str]) -> str:
        if reference.group(1):
            return "$"
        name = reference.group(2) or reference.group(3)
        try:
            return found.group(int(name) if name.isdecimal() else name) or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(text, replacement)
