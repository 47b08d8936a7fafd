"""bindings.yaml to `Bindings`: what a drill's author adds where the runbook is silent.

A file may extend another (`extends: bindings.yaml`): what it binds itself comes first. So two
drills can try two answers to one question that the runbook leaves open.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from rundrill.base import document
from rundrill.base.document import Node, nearest
from rundrill.errors import BindingError
from rundrill.model import Bindings, Edit, Place, PodQuery

PREFERENCES = ("any", "not-ready")
PARTS = ("metrics", "alerts", "placeholders", "steps", "edits")
_STEP = re.compile(r"[\w/-]+#[1-9][0-9]*")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])+)+")


def load_bindings(path: Path) -> Bindings:
    """Reads the file at `path`, and those it extends. Raises `BindingError` with the place."""
    return _bindings(document.read(path, BindingError), (path.resolve(),))


def parse_bindings(text: str, path: Path) -> Bindings:
    """Reads `text`; `path` is named in messages, and `extends` is relative to it."""
    return _bindings(document.parse(text, path, BindingError), (path.resolve(),))


def _bindings(root: Node, files: tuple[Path, ...]) -> Bindings:
    below = _extended(root, files)
    bindings = Bindings(
        path=str(root.path),
        metrics={**below.metrics, **_texts(root, "metrics", "the PromQL that measures it")},
        alerts={**below.alerts, **_texts(root, "alerts", "the name of a rule in the alert rules")},
        placeholders={**below.placeholders, **_placeholders(root)},
        steps={**below.steps, **_steps(root)},
        edits={**below.edits, **_edits(root)},
        places={**below.places, **_places(root)},
    )
    root.close()
    return bindings


def _places(root: Node) -> Mapping[tuple[str, str], Place]:
    """Where each binding of this file stands."""
    found = ((part, root.find(part)) for part in PARTS)
    return {
        (part, name): Place(str(root.path), key.line, key.column)
        for part, node in found
        if node is not None
        for name, key in node.keys().items()
    }


def _extended(root: Node, files: tuple[Path, ...]) -> Bindings:
    named = root.find("extends")
    if named is None:
        return Bindings(path=str(root.path))
    path = root.path.parent / named.text
    if path.resolve() in files:
        raise named.fail(f"{named.text} extends this file", "one of the two must not")
    if not path.is_file():
        raise named.fail(f"there is no file {path}", "name one, relative to this file")
    return _bindings(document.read(path, BindingError), (*files, path.resolve()))


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


def _steps(root: Node) -> Mapping[str, tuple[str, ...]]:
    steps: dict[str, tuple[str, ...]] = {}
    for name, value in _entries(root, "steps").items():
        _require_step(name, value)
        steps[name] = tuple(text.strip() for text in value.texts("commands"))
        value.close()
        if not steps[name] or not all(steps[name]):
            raise value.fail(f"`{name}` is bound to nothing", "list its commands")
    return steps


def _edits(root: Node) -> Mapping[str, Edit]:
    edits: dict[str, Edit] = {}
    for name, value in _entries(root, "edits").items():
        _require_step(name, value)
        found = value.find("set")
        changes = {} if found is None else dict(found.items())
        removed = value.find("remove")
        removals = [] if removed is None else removed.elements()
        value.close()
        for pointer, node in [*changes.items(), *((node.text, node) for node in removals)]:
            if not _POINTER.fullmatch(pointer):
                raise node.fail(f"`{pointer}` is not a JSON pointer", "write it as /data/LOG_LEVEL")
        if not changes and not removals:
            raise value.fail(f"`{name}` changes nothing", "use `set` or `remove`")
        edits[name] = Edit(
            set={pointer: node.plain for pointer, node in changes.items()},
            remove=tuple(node.text for node in removals),
        )
    return edits


def _require_step(name: str, value: Node) -> None:
    if not _STEP.fullmatch(name):
        raise value.fail(f"`{name}` is not a step", "write it as `procedure#3`")
