"""The JSON of stored objects, kept for as long as they do not change: a list is mostly old ones."""

from collections.abc import Iterable
from typing import Final

from localcluster.api.answers import dump
from localcluster.api.conversion import shown
from localcluster.objects import KubeObject, Resource

_TYPE: Final = ("kind", "apiVersion")
# Some 1,500 pods; of more, a part is encoded anew for each list.
_KEPT_BYTES: Final = 8 * 1024 * 1024


class Encoded:
    """Stored objects never change in place, so the same Python object has the same JSON."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._items: dict[tuple[Resource, str], tuple[KubeObject, bytes]] = {}
        self._kept_bytes = kept_bytes
        self._size = 0

    def listed(self, head: KubeObject, resource: Resource, objects: Iterable[KubeObject]) -> bytes:
        """`head` as JSON, with the objects as its `items`, whatever it has there."""
        rest = {name: part for name, part in head.items() if name != "items"}
        items = b",".join([self._item(resource, obj) for obj in objects])
        return dump(rest)[:-1] + b',"items":[' + items + b"]}"

    def _item(self, resource: Resource, obj: KubeObject) -> bytes:
        """Without kind and apiVersion, as in a list of the real server."""
        key = (resource, obj["metadata"]["uid"])
        kept = self._items.get(key)
        if kept is not None and kept[0] is obj:
            return kept[1]
        told = shown(resource, obj)
        raw = dump({name: part for name, part in told.items() if name not in _TYPE})
        self._size += len(raw) - (len(kept[1]) if kept else 0)
        if self._size > self._kept_bytes:
            # Rare, and simpler than to be told of every deletion.
            self._items.clear()
            self._size = len(raw)
        self._items[key] = (obj, raw)
        return raw
