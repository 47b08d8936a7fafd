"""What the blast radius looked like before, and what is different after. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

Snapshot = Mapping[str, Mapping[str, Any]]
"""`kind/namespace/name` to the object as the API gave it."""

# Written by the machinery on every change, whoever made it.
_BOOKKEEPING = frozenset(
    {
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """One sentence a leaf that changed; bookkeeping and status do not count."""
    found: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            found.append(f"{name}: {'was deleted' if new is None else 'was created'}")
            continue
        was, now = dict(_leaves(_intent(old))), dict(_leaves(_intent(new)))
        found.extend(
            f"{name}: {path} was {was.get(path, 'absent')!r}, is {now.get(path, 'absent')!r}"
            for path in sorted(was.keys() | now.keys())
            if was.get(path) != now.get(path)
        )
    return tuple(found)


def _intent(item: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody asked for, without what the cluster writes by itself."""
    meta = item.get("metadata", {})
    annotations = {
        key: value
        for key, value in (meta.get("annotations") or {}).items()
        if key not in _BOOKKEEPING
    }
    body = {
        key: value
        for key, value in item.items()
        if key not in {"metadata", "status", "kind", "apiVersion"}
    }
    return {"labels": meta.get("labels") or {}, "annotations": annotations, **body}


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")
    elif value not in ({}, [], None):
        yield path, value
