"""What every handler needs, and the path of a request taken apart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from localcluster import kinds
from localcluster.interfaces import Runtime
from localcluster.objects import ApiError, Resource
from localcluster.registry import MemoryRegistry
from localcluster.status import bad_request


class Streams:
    """The requests that have no end of their own, so that a shutdown can end them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream needs a task")
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


@dataclass(slots=True, kw_only=True)
class Api:
    """The API's surroundings: one per application."""

    registry: MemoryRegistry
    runtime: Runtime
    now: Callable[[], datetime]
    streams: Streams = field(default_factory=Streams)


API: Final = web.AppKey("api", Api)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE/REST`, in its parts.

    `namespace` is None when the path names none; `name` and `subresource` are empty likewise.
    """

    resource: Resource
    namespace: str | None
    name: str
    subresource: str
    rest: str

    @property
    def key_namespace(self) -> str:
        """The namespace under which the store has the object."""
        return (self.namespace or "") if self.resource.namespaced else ""


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def _check_segment(part: str) -> None:
    if part in (".", ".."):
        raise bad_request(f"Name parameter invalid: \"{part}\": may not be '{part}'")
    if "/" in part:  # it came escaped
        raise no_such_path()


def parse_target(raw_path: str) -> Target | None:
    """None when the path is not below a group's version; 404 for what is not served there."""
    parts = [unquote(part) for part in raw_path.removeprefix("/").removesuffix("/").split("/")]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = None
    # /namespaces/NAME is the object; /namespaces/NAME/status its subresource.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = kinds.by_path(group, version, rest[0])
    if resource is None or (namespace is not None and not resource.namespaced):
        raise no_such_path()
    name, subresource = [*rest[1:3], "", ""][:2]
    if resource.namespaced and namespace is None and name:
        raise no_such_path()
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    if len(rest) > 3 and subresource != "proxy":
        raise no_such_path()
    for part in (name, namespace or ""):
        _check_segment(part)
    return Target(
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest="/".join(rest[3:]),
    )
