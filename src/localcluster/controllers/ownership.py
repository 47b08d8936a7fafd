"""Owner references: whose object this is, and taking or giving it up by its labels."""

from collections.abc import Callable, Mapping
from typing import Any

from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, Resource
from localcluster.selectors import from_selector


def controller_of(obj: KubeObject) -> Mapping[str, Any] | None:
    """The owner reference that says `controller`; at most one does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return None


def reference_to(owner: KubeObject) -> KubeObject:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def claim(registry: Registry, owner: KubeObject, resource: Resource) -> list[KubeObject]:
    """The owner's objects: those that match its selector.

    One that no longer matches is released, one that matches and has no controller is adopted.
    """
    namespace, uid = owner["metadata"]["namespace"], owner["metadata"]["uid"]
    matches = from_selector(owner["spec"].get("selector"))
    claimed: list[KubeObject] = []
    for obj in registry.list(resource, namespace):
        controller = controller_of(obj)
        fits = matches(obj["metadata"].get("labels") or {})
        if controller is not None and controller["uid"] == uid:
            if fits:
                claimed.append(obj)
            else:
                _change(registry, resource, obj, _released(uid))
        elif controller is None and fits and _may_adopt(owner, obj):
            adopted = _change(registry, resource, obj, _adopted(owner))
            if adopted is not None:
                claimed.append(adopted)
    return claimed


def _may_adopt(owner: KubeObject, obj: KubeObject) -> bool:
    return (
        "deletionTimestamp" not in owner["metadata"] and "deletionTimestamp" not in obj["metadata"]
    )


def _change(
    registry: Registry, resource: Resource, obj: KubeObject, change: Callable[[KubeObject], None]
) -> KubeObject | None:
    meta = obj["metadata"]
    return registry.modify(resource, meta["namespace"], meta["name"], change)


def _adopted(owner: KubeObject) -> Callable[[KubeObject], None]:
    def change(obj: KubeObject) -> None:
        obj["metadata"].setdefault("ownerReferences", []).append(reference_to(owner))

    return change


def _released(uid: str) -> Callable[[KubeObject], None]:
    def change(obj: KubeObject) -> None:
        references = obj["metadata"].get("ownerReferences") or []
        obj["metadata"]["ownerReferences"] = [each for each in references if each["uid"] != uid]

    return change
