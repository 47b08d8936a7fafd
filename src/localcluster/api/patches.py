"""The four kinds of patch by content type, and what a patched object must still be."""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from localcluster.api.answers import read_json
from localcluster.api.json_patch import json_patch, merge_patch
from localcluster.api.strategic import StrategicMerge
from localcluster.objects import ApiError, KubeObject
from localcluster.schema.definitions import Schema, definitions
from localcluster.status import bad_request

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"

Patch = Callable[[KubeObject], KubeObject]


def content_type(request: web.Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def read_patch(request: web.Request, schema: Schema) -> tuple[Any, Patch]:
    """The body, and the function that applies it to an object. 400, 413, 415.

    An apply patch is merged like a strategic one: this server keeps no field ownership.
    """
    kind = content_type(request)
    if kind not in (JSON_PATCH, MERGE_PATCH, STRATEGIC, APPLY):
        raise ApiError(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
            f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC}, {APPLY}",
        )
    body = await read_json(request, also=(kind,))
    if kind == JSON_PATCH:
        return body, lambda obj: _object(json_patch(obj, body))
    if not isinstance(body, dict):
        raise bad_request("the patch must be a JSON object")
    if kind == MERGE_PATCH:
        return body, lambda obj: _object(merge_patch(obj, body))
    return body, lambda obj: StrategicMerge(definitions()).apply(obj, body, schema)


def _object(value: Any) -> KubeObject:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise bad_request("the patched document is not an object with metadata")
    return value
