"""`?watch=true`: a stream of changes, one JSON document a line."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from aiohttp import web

from localcluster.api.answers import dump, failure, flag, number, wanted_form
from localcluster.api.context import Api, Target
from localcluster.api.conversion import shown
from localcluster.api.paging import Match, check_match
from localcluster.api.reading import check_version, found_objects, matcher
from localcluster.api.tables import partial_metadata, table
from localcluster.objects import ApiError, KubeObject, WatchEvent
from localcluster.status import bad_request

_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"
_SHORTEST_S: Final = 1800  # without timeoutSeconds, between this and twice this, as on the server
_BOOKMARK_EVERY_S: Final = 60.0
_LOOK_FOR_CLIENT_EVERY_S: Final = 5.0

Write = Callable[[str, KubeObject], None]


async def watch(request: web.Request, api: Api, target: Target) -> web.StreamResponse:
    """Ends after timeoutSeconds, when the client goes, or with ERROR 410 when it was too slow."""
    stream = _Stream(request, api, target)
    response = web.StreamResponse()
    response.headers["Content-Type"] = "application/json"
    response.headers["Cache-Control"] = "no-cache, private"
    async with api.streams.open():
        # Client and stream may end in either order; a gone client is no error.
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            async for line in stream.lines():
                await response.write(line)
            await response.write_eof()
    return response


class _Stream:
    def __init__(self, request: web.Request, api: Api, target: Target) -> None:
        self._request = request
        self._api = api
        self._resource = target.resource
        self._form = wanted_form(request)
        self._matches: Match = matcher(request, target.resource)
        self._columns_sent = False
        namespace = target.namespace if target.resource.namespaced else None
        check_match(request, watch=True)
        seen = check_version(request, api)
        wants_initial = _wants_initial_events(request)
        self._initial: list[KubeObject] = []
        # Without a version the stream begins with what there is.
        if wants_initial or (not seen and wants_initial is None):
            self._initial = list(found_objects(request, api, target))
            seen = api.registry.resource_version
        elif not seen:
            seen = api.registry.resource_version
        self._end_of_initial = bool(wants_initial) and flag(request, "allowWatchBookmarks")
        self._bookmarks = flag(request, "allowWatchBookmarks")
        self._version = seen or 0
        self._events = api.registry.watch(target.resource, namespace, self._version)
        asked = number(request, "timeoutSeconds")
        if asked is not None and asked < 0:
            raise bad_request("timeoutSeconds must not be negative")
        self._timeout_s = float(asked or _SHORTEST_S * (1 + random.random()))  # noqa: S311  spread

    async def lines(self) -> AsyncIterator[bytes]:
        for obj in self._initial:
            yield self._line("ADDED", obj)
        self._initial = []
        if self._end_of_initial:
            yield self._bookmark({_INITIAL_EVENTS_END: "true"})
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._timeout_s
        next_bookmark = loop.time() + _BOOKMARK_EVERY_S
        while (left := ends - loop.time()) > 0 and self._client_is_there():
            try:
                wait_s = min(left, _LOOK_FOR_CLIENT_EVERY_S)
                event = await asyncio.wait_for(anext(self._events), wait_s)
            except TimeoutError:
                if self._bookmarks and loop.time() >= next_bookmark:
                    next_bookmark = loop.time() + _BOOKMARK_EVERY_S
                    yield self._bookmark(None)
                continue
            except ApiError as error:
                yield _document("ERROR", failure(error))
                return
            self._version = event.resource_version
            if (told := self._as_selected(event)) is not None:
                yield self._line(*told)

    def _client_is_there(self) -> bool:
        transport = self._request.transport
        return transport is not None and not transport.is_closing()

    def _as_selected(self, event: WatchEvent) -> tuple[str, KubeObject] | None:
        """The event as somebody sees it who sees only what the selectors match."""
        before = event.previous is not None and self._matches(event.previous)
        after = event.type != "DELETED" and self._matches(event.object)
        if after:
            return ("MODIFIED" if before else "ADDED"), event.object
        if not before or event.previous is None:
            return None
        # The last state that was seen, with the version at which it went out of sight.
        meta = {**event.previous["metadata"], "resourceVersion": str(event.resource_version)}
        return "DELETED", {**event.previous, "metadata": meta}

    def _line(self, kind: str, obj: KubeObject) -> bytes:
        if self._form == "Table":
            return _document(kind, self._table([obj], obj["metadata"]["resourceVersion"]))
        if self._form == "PartialObjectMetadata":
            return _document(kind, partial_metadata(obj))
        return _document(kind, shown(self._resource, obj))

    def _table(self, objects: list[KubeObject], version: str) -> KubeObject:
        columns, self._columns_sent = not self._columns_sent, True
        include = self._request.query.get("includeObject", "Metadata")
        return table(
            self._resource,
            objects,
            self._api.now(),
            version=version,
            include=include,
            columns=columns,
        )

    def _bookmark(self, annotations: dict[str, str] | None) -> bytes:
        meta: dict[str, Any] = {"resourceVersion": str(self._version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        if self._form == "Table":
            body = self._table([], str(self._version))
            body["metadata"] = meta
        else:
            body = {
                "kind": self._resource.kind,
                "apiVersion": self._resource.api_version,
                "metadata": meta,
            }
        return _document("BOOKMARK", body)


def _wants_initial_events(request: web.Request) -> bool | None:
    """None when the client does not say."""
    if "sendInitialEvents" not in request.query:
        return None
    if request.query.get("resourceVersionMatch") != "NotOlderThan":
        raise ApiError(
            422,
            "Invalid",
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    return flag(request, "sendInitialEvents")


def _document(kind: str, obj: KubeObject) -> bytes:
    return dump({"type": kind, "object": obj}) + b"\n"
