"""From a client's body to an object that the registry may take: kind, names, types, fields."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from localcluster import kinds
from localcluster.api.answers import dump
from localcluster.api.context import Target
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.schema.decode import check_missing, decode, unhandled, unknown_fields
from localcluster.status import bad_request


def is_dry_run(request: web.Request, options: KubeObject | None = None) -> bool:
    """True for dryRun=All; 400 for any other value."""
    asked = [*request.query.getall("dryRun", []), *((options or {}).get("dryRun") or [])]
    for value in asked:
        if value not in ("All", ""):
            raise bad_request(f'Unsupported value: "{value}": supported values: "All"')
    return "All" in asked


def check_identity(target: Target, body: Any) -> KubeObject:
    """The body as an object whose kind, name and namespace agree with the path; 400."""
    resource = target.resource
    if not isinstance(body, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            "the body must be a JSON object"
        )
    kind = body.get("kind", resource.kind)
    api_version = body.get("apiVersion", resource.api_version)
    if (kind, api_version) != (resource.kind, resource.api_version):
        raise bad_request(
            f'{kind} in version "{api_version}" cannot be handled as a {resource.kind}: '
            f"this path takes {resource.kind} in {resource.api_version}"
        )
    meta = body.get("metadata") or {}
    if not isinstance(meta, dict):
        raise bad_request(unhandled(resource, "metadata must be a JSON object"))
    meta = dict(meta)
    _check_names(target, meta)
    return {**body, "kind": kind, "apiVersion": api_version, "metadata": meta}


def _check_names(target: Target, meta: KubeObject) -> None:
    if target.name:
        given = meta.setdefault("name", target.name)
        if given != target.name:
            raise bad_request(
                f"the name of the object ({given}) does not match the name on the URL "
                f"({target.name})"
            )
    if target.namespace is not None:
        given = meta.setdefault("namespace", target.namespace)
        if given != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )


def decoded(
    request: web.Request, resource: Resource, body: KubeObject, *, patch: Any = None
) -> tuple[KubeObject, Sequence[str]]:
    """The object with its types checked, and warnings about fields that its kind does not have.

    400 for wrong types and, with fieldValidation=Strict, unknown fields (422 in a patch, which
    the caller passes for the message); 422 for missing ones.
    """
    try:
        result = decode(resource, body)
    except ApiError as error:
        if patch is None:
            raise
        raise _invalid_patch(patch, error.message) from error
    warnings: list[str] = []
    if result.unknown:
        mode = request.query.get("fieldValidation") or "Warn"
        if mode == "Strict":
            raise _unknown(resource, result.unknown, patch)
        if mode == "Warn":
            warnings = [f'unknown field "{path}"' for path in result.unknown]
        elif mode != "Ignore":
            raise bad_request(
                f'fieldValidation: Unsupported value: "{mode}": supported values: '
                '"Ignore", "Strict", "Warn"'
            )
    check_missing(resource, result)
    return result.object, warnings


def _unknown(resource: Resource, paths: Sequence[str], patch: Any) -> ApiError:
    told = unknown_fields(paths)
    if patch is None:
        return bad_request(unhandled(resource, told))
    return _invalid_patch(patch, told)


def _invalid_patch(patch: Any, told: str) -> ApiError:
    message = f"Invalid value: {dump(patch).decode()}: {told}"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "patch"}
    return ApiError(
        422, "Invalid", f' "" is invalid: patch: {message}', details={"causes": [cause]}
    )


def without_status(resource: Resource, body: KubeObject) -> KubeObject:
    """A plain write leaves status alone, so what it says there is not even looked at."""
    if kinds.has_status(resource):
        return {key: value for key, value in body.items() if key != "status"}
    return body
