"""What the blast radius looked like before, what is different after, and the way back. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Snapshot = Mapping[str, Mapping[str, Any]]
"""`kind/namespace/name` to the object as the API gave it."""

# Written by the machinery on every change, whoever made it.
_BOOKKEEPING = frozenset(
    {
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)


_NOT_INTENT: Final = frozenset({"metadata", "status", "kind", "apiVersion"})
_OF_THE_SERVER: Final = frozenset(
    {
        "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation",
        "managedFields", "resourceVersion", "selfLink", "uid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of the way back. `body` is a JSON merge patch, or the whole object to create."""

    name: str
    create: bool
    body: Mapping[str, Any]


def way_back(before: Snapshot, after: Snapshot) -> Sequence[Change]:
    """What makes `after` mean the same as `before` again.

    What is new is not deleted: it may be somebody else's. `differences` tells it.
    """
    changes: list[Change] = []
    for name, old in sorted(before.items()):
        new = after.get(name)
        if new is None:
            meta = {k: v for k, v in old["metadata"].items() if k not in _OF_THE_SERVER}
            body = {key: value for key, value in old.items() if key not in ("metadata", "status")}
            changes.append(Change(name=name, create=True, body={**body, "metadata": meta}))
        else:
            patch = merge_patch(_declared(new), _declared(old))
            if patch:
                changes.append(Change(name=name, create=False, body=patch))
    return changes


def merge_patch(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes `wanted` of `now`."""
    patch: dict[str, Any] = dict.fromkeys(now.keys() - wanted.keys())
    for key, value in wanted.items():
        if isinstance(value, Mapping) and isinstance(now.get(key), Mapping):
            inner = merge_patch(now[key], value)
            if inner:
                patch[key] = inner
        elif key not in now or now[key] != value:
            patch[key] = value
    return patch


def _declared(item: Mapping[str, Any]) -> dict[str, Any]:
    """What a patch may bring back; its annotations without the machinery's own."""
    intent = _intent(item)
    meta = {"labels": intent.pop("labels"), "annotations": intent.pop("annotations")}
    return {"metadata": meta, **intent}


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
        if key not in _NOT_INTENT
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
