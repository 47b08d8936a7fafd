"""The four kinds of patch by content type, and what a patched object must still be."""

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from localcluster.api.answers import dump, read_json
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
        return body, lambda obj: _object(json_patch(obj, body), obj, body)
    if not isinstance(body, dict):
        raise bad_request("the patch must be a JSON object")
    if kind == MERGE_PATCH:
        return body, lambda obj: _object(merge_patch(obj, body), obj, body)
    return body, lambda obj: _same_kind(StrategicMerge(definitions()).apply(obj, body, schema), obj)


def _same_kind(value: KubeObject, obj: KubeObject) -> KubeObject:
    return {**value, "apiVersion": obj["apiVersion"], "kind": obj["kind"]}


def _object(value: Any, obj: KubeObject, patch: Any) -> KubeObject:
    """The patched document, which must still be an object of the same kind; 422."""
    if not isinstance(value, dict):
        raise invalid_patch(patch, "the patched document is not an object")
    for key in ("apiVersion", "kind"):
        if value.get(key) not in (None, "", obj[key]):
            raise invalid_patch(patch, f"{key} must stay {obj[key]}")
    if not isinstance(value.get("metadata"), dict | None):
        raise invalid_patch(patch, "metadata must be an object")
    return _same_kind(value, obj)


def invalid_patch(patch: Any, told: str) -> ApiError:
    """422 for a patch that leaves no object of its kind."""
    message = f"Invalid value: {dump(patch).decode()}: {told}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    return ApiError(
        422, "Invalid", f' "" is invalid: patch: {message}', details={"causes": [cause]}
    )
