"""bindings.yaml to `Bindings`: what a drill's author adds where the runbook is silent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from rundrill.base import document
from rundrill.base.document import Node, nearest
from rundrill.errors import BindingError
from rundrill.model import Bindings, PodQuery

PREFERENCES = ("any", "not-ready")


def load_bindings(path: Path) -> Bindings:
    """Reads the file at `path`. Raises `BindingError` with line and column."""
    return _bindings(document.read(path, BindingError))


def parse_bindings(text: str, path: Path) -> Bindings:
    """Reads `text`; `path` is only named in messages. Raises `BindingError`."""
    return _bindings(document.parse(text, path, BindingError))


def _bindings(root: Node) -> Bindings:
    bindings = Bindings(
        path=str(root.path),
        metrics=_texts(root, "metrics", "the PromQL that measures it"),
        alerts=_texts(root, "alerts", "the name of a rule in the alert rules"),
        placeholders=_placeholders(root),
    )
    root.close()
    return bindings


def _entries(root: Node, key: str) -> Mapping[str, Node]:
    section = root.find(key)
    return {} if section is None else dict(section.items())


def _texts(root: Node, key: str, meaning: str) -> Mapping[str, str]:
    read = {}
    for name, value in _entries(root, key).items():
        read[name] = value.text.strip()
        if not read[name]:
            raise value.fail(f"`{name}` is bound to nothing", f"write {meaning}")
    return read


def _placeholders(root: Node) -> Mapping[str, str | PodQuery]:
    return {name: _value(value) for name, value in _entries(root, "placeholders").items()}


def _value(node: Node) -> str | PodQuery:
    if not isinstance(node.plain, dict):
        return node.text
    pod = node.get("pod")
    query = PodQuery(
        namespace=pod.get("namespace").text,
        selector=pod.get("selector").text,
        prefer=_preference(pod),
    )
    pod.close()
    node.close()
    return query


def _preference(pod: Node) -> Literal["any", "not-ready"]:
    found = pod.find("prefer")
    if found is None or found.text == "any":
        return "any"
    if found.text == "not-ready":
        return "not-ready"
    raise found.fail(
        f"a pod cannot be preferred by {found.text!r}", nearest(found.text, PREFERENCES)
    )
