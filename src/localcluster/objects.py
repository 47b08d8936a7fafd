"""The shapes everything in the cluster shares: an object, a resource, a watch event, an error.

A Kubernetes object is JSON here on purpose: the server stores what clients send, and its
definitions come from the OpenAPI document. An object that was handed out by the store is never
changed in place; copy it first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

KubeObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One entry of the API: `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """`previous` is the object before the change (None for ADDED): selectors need it."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: KubeObject
    previous: KubeObject | None
    resource_version: int


class ApiError(Exception):
    """An error as the API server tells it: a `Status` with code and reason.

    `list_metadata` is the metadata of the `Status`: a token to go on with an expired list.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        list_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        # None leaves them out; empty ones are told, since kubectl debug looks into them unasked.
        self.details = None if details is None else dict(details)
        self.list_metadata = dict(list_metadata or {})
