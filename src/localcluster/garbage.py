"""What goes with an object that is deleted: its dependents, and a namespace's content."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from localcluster import kinds
from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject, Resource, WatchEvent
from localcluster.store import Store

Delete = Callable[[Resource, KubeObject, int | None, str], KubeObject]

_FOREGROUND: Final = "foregroundDeletion"


class GarbageCollector:
    """Follows owner references. Told of every change, in order, by `handle`."""

    def __init__(self, store: Store, delete: Delete) -> None:
        self._store = store
        self._delete = delete
        self._live: dict[str, tuple[Resource, str, str]] = {}
        self._dependents: dict[str, set[str]] = {}
        store.listen(self._index)

    def _index(self, resource: Resource, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        uid = meta["uid"]
        for reference in _owners(event.previous):
            dependents = self._dependents.get(reference["uid"], set())
            dependents.discard(uid)
            if not dependents:
                self._dependents.pop(reference["uid"], None)
        if event.type == "DELETED":
            self._live.pop(uid, None)
            return
        self._live[uid] = (resource, meta.get("namespace", ""), meta["name"])
        for reference in _owners(event.object):
            self._dependents.setdefault(reference["uid"], set()).add(uid)

    def _find(self, uid: str) -> tuple[Resource, KubeObject] | None:
        place = self._live.get(uid)
        found = place and self._store.find(*place)
        return (place[0], found) if place and found else None

    def dependents(self, owner: KubeObject) -> Iterator[tuple[Resource, KubeObject]]:
        uids = sorted(self._dependents.get(owner["metadata"]["uid"], ()))
        for uid in uids:
            if found := self._find(uid):
                yield found

    def blocks(self, owner: KubeObject) -> bool:
        """True while a dependent that says blockOwnerDeletion exists."""
        uid = owner["metadata"]["uid"]
        return any(
            reference["uid"] == uid and reference.get("blockOwnerDeletion")
            for _, dependent in self.dependents(owner)
            for reference in _owners(dependent)
        )

    def orphan(self, owner: KubeObject) -> None:
        uid = owner["metadata"]["uid"]
        for resource, dependent in self.dependents(owner):
            self._drop_references(resource, dependent, lambda reference: reference["uid"] == uid)

    def handle(self, resource: Resource, event: WatchEvent) -> None:
        if event.type == "DELETED":
            self._owner_gone(event.object)
            self._dependent_gone(event.object)
            self._finish_namespace(event.object["metadata"].get("namespace", ""))
            return
        uid = event.object["metadata"]["uid"]
        # The object as it is now: what is in the event may be history already.
        if (found := self._find(uid)) is None:
            return
        current = found[1]
        if event.type == "ADDED" and _owners(current) and not self._has_owner(current):
            self._delete(resource, current, None, "Background")
        elif _is_new_deletion(event):
            if resource is kinds.NAMESPACES:
                self._empty_namespace(current["metadata"]["name"])
            elif _FOREGROUND in (current["metadata"].get("finalizers") or ()):
                for kind, dependent in list(self.dependents(current)):
                    self._delete(kind, dependent, None, "Foreground")

    def _has_owner(self, obj: KubeObject) -> bool:
        """An owner of a kind that is not served here counts as alive: nobody can tell."""
        return any(
            reference["uid"] in self._live
            or kinds.by_kind(reference.get("apiVersion", ""), reference.get("kind", "")) is None
            for reference in _owners(obj)
        )

    def _owner_gone(self, owner: KubeObject) -> None:
        uid = owner["metadata"]["uid"]
        for resource, dependent in list(self.dependents(owner)):
            if self._has_owner(dependent):
                self._drop_references(resource, dependent, lambda ref: ref["uid"] == uid)
            else:
                self._delete(resource, dependent, None, "Background")

    def _dependent_gone(self, dependent: KubeObject) -> None:
        for reference in _owners(dependent):
            found = self._find(reference["uid"])
            if found is None:
                continue
            resource, owner = found
            finalizers = owner["metadata"].get("finalizers") or []
            if _FOREGROUND in finalizers and not self.blocks(owner):
                self._release(resource, owner)

    def _release(self, resource: Resource, owner: KubeObject) -> None:
        new = copy_json(owner)
        meta = new["metadata"]
        meta["finalizers"] = [f for f in meta["finalizers"] if f != _FOREGROUND]
        self._store.put(resource, new)
        if not meta["finalizers"] and not meta.get("deletionGracePeriodSeconds"):
            self._store.remove(resource, meta.get("namespace", ""), meta["name"])

    def _drop_references(
        self, resource: Resource, obj: KubeObject, unwanted: Callable[[KubeObject], bool]
    ) -> None:
        new = copy_json(obj)
        kept = [reference for reference in _owners(new) if not unwanted(reference)]
        if kept:
            new["metadata"]["ownerReferences"] = kept
        else:
            new["metadata"].pop("ownerReferences", None)
        self._store.put(resource, new)

    def _empty_namespace(self, name: str) -> None:
        for resource, obj in self._store.anything_in(name):
            meta = obj["metadata"]
            current = self._store.find(resource, name, meta["name"])
            if current is not None:
                self._delete(resource, current, None, "Background")
        self._finish_namespace(name)

    def _finish_namespace(self, name: str) -> None:
        namespace = self._store.find(kinds.NAMESPACES, "", name) if name else None
        if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
            return
        if not namespace["metadata"].get("finalizers") and not any(self._store.anything_in(name)):
            self._store.remove(kinds.NAMESPACES, "", name)


def _owners(obj: KubeObject | None) -> list[dict[str, Any]]:
    if obj is None:
        return []
    references: list[dict[str, Any]] = obj["metadata"].get("ownerReferences") or []
    return references


def _is_new_deletion(event: WatchEvent) -> bool:
    before = event.previous["metadata"] if event.previous else {}
    return "deletionTimestamp" in event.object["metadata"] and "deletionTimestamp" not in before
