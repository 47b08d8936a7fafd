"""Objects with one counter and a bounded log of changes. Knows nothing of what a kind means."""

import asyncio
import bisect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from localcluster import status
from localcluster.objects import KubeObject, Resource, WatchEvent

Key = tuple[str, str]

# As many changes as a watcher may lie behind, for one resource. A pod is changed about ten times
# between its creation and its end, and an event of the log costs some 10 kB.
LOG_LENGTH: Final = 1000


class _Log:
    """The last changes of one resource, oldest first, found by resource version."""

    __slots__ = ("_events", "_length", "_waiting", "lost_until")

    def __init__(self, length: int) -> None:
        self._events: list[WatchEvent] = []
        self._length = length
        self._waiting: list[asyncio.Future[None]] = []
        self.lost_until = 0  # the newest version the log no longer holds

    def append(self, event: WatchEvent) -> None:
        self._events.append(event)
        # Trimmed by half and not one by one: removing from the front moves the whole list.
        if len(self._events) >= 2 * self._length:
            self.lost_until = self._events[-self._length - 1].resource_version
            del self._events[: -self._length]
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def after(self, version: int) -> WatchEvent | None:
        """The first change after `version`; 410 when changes in between are lost."""
        if version < self.lost_until:
            raise status.expired(version, self.lost_until)
        index = bisect.bisect_right(self._events, version, key=lambda e: e.resource_version)
        return self._events[index] if index < len(self._events) else None

    def undoing(self, version: int) -> Iterator[WatchEvent]:
        """The changes after `version`, newest first; 410 when some of them are lost."""
        if version < self.lost_until:
            raise status.expired(version, self.lost_until)
        index = bisect.bisect_right(self._events, version, key=lambda e: e.resource_version)
        return reversed(self._events[index:])

    async def changed(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)


class Watch(AsyncIterator[WatchEvent]):
    """Every change after a version, read from the log: a slow reader costs no memory."""

    def __init__(self, log: _Log, namespace: str | None, since: int) -> None:
        self._log = log
        self._namespace = namespace
        self._since = since

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> WatchEvent:
        while True:
            event = self._log.after(self._since)
            if event is None:
                await self._log.changed()
                continue
            self._since = event.resource_version
            if self._namespace in (None, event.object["metadata"].get("namespace", "")):
                return event


class Store:
    """Handed-out objects belong to the store; so do objects put into it."""

    def __init__(self, *, log_length: int = LOG_LENGTH) -> None:
        self._objects: dict[Resource, dict[Key, KubeObject]] = {}
        self._logs: dict[Resource, _Log] = {}
        self._log_length = log_length
        self._listeners: list[Callable[[Resource, WatchEvent], None]] = []
        self.version = 0

    def find(self, resource: Resource, namespace: str, name: str) -> KubeObject | None:
        return self._objects.get(resource, {}).get((namespace, name))

    def list(self, resource: Resource, namespace: str | None = None) -> Iterator[KubeObject]:
        """Ordered by `namespace/name`; all namespaces when `namespace` is None."""
        return _listed(self._objects.get(resource, {}), namespace)

    def list_at(
        self, resource: Resource, namespace: str | None, version: int
    ) -> Iterator[KubeObject]:
        """What `list` gave at a version; 410 when the log no longer reaches back to it."""
        objects = dict(self._objects.get(resource, {}))
        for event in self._log(resource).undoing(version):
            meta = event.object["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            if event.previous is None:
                del objects[key]
            else:
                objects[key] = event.previous
        return _listed(objects, namespace)

    def anything_in(self, namespace: str) -> Iterator[tuple[Resource, KubeObject]]:
        """Every namespaced object there, as it is now."""
        found = [
            (resource, obj)
            for resource, objects in self._objects.items()
            for (where, _), obj in objects.items()
            if where == namespace and resource.namespaced
        ]
        return iter(found)

    def put(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """Creates or replaces, and stamps the next resource version on `obj`."""
        # Copied, since it may be shared with the version before.
        meta = obj["metadata"] = dict(obj["metadata"])
        key = (meta.get("namespace", ""), meta["name"])
        objects = self._objects.setdefault(resource, {})
        previous = objects.get(key)
        self.version += 1
        meta["resourceVersion"] = str(self.version)
        objects[key] = obj
        self._record(
            resource,
            WatchEvent(
                type="ADDED" if previous is None else "MODIFIED",
                object=obj,
                previous=previous,
                resource_version=self.version,
            ),
        )
        return obj

    def remove(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """The object as its DELETED event carries it: with the version of its removal."""
        previous = self._objects[resource].pop((namespace, name))
        self.version += 1
        meta = {**previous["metadata"], "resourceVersion": str(self.version)}
        obj = {**previous, "metadata": meta}
        self._record(
            resource,
            WatchEvent(
                type="DELETED", object=obj, previous=previous, resource_version=self.version
            ),
        )
        return obj

    def watch(self, resource: Resource, namespace: str | None, since: int | None) -> Watch:
        """`since` None means: from now on."""
        return Watch(self._log(resource), namespace, self.version if since is None else since)

    def listen(self, listener: Callable[[Resource, WatchEvent], None]) -> None:
        """Called at once with every change, before the write returns."""
        self._listeners.append(listener)

    def _log(self, resource: Resource) -> _Log:
        return self._logs.setdefault(resource, _Log(self._log_length))

    def _record(self, resource: Resource, event: WatchEvent) -> None:
        self._log(resource).append(event)
        for listener in self._listeners:
            listener(resource, event)


def _listed(objects: dict[Key, KubeObject], namespace: str | None) -> Iterator[KubeObject]:
    # As etcd has them: `a-b/x` comes before `a/x`.
    keys = sorted(
        (key for key in objects if namespace is None or key[0] == namespace),
        key=lambda key: (key[0] + "/", key[1]),
    )
    return iter([objects[key] for key in keys])
