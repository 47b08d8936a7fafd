"""From a client's body to an object that the registry may take: kind, names, types, fields."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from localcluster import kinds, status
from localcluster.api.context import Target
from localcluster.api.patches import invalid_patch
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.schema.decode import check_missing, decode, unhandled, unknown_fields
from localcluster.status import Cause, bad_request

_OPTIONS: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
_LONGEST_MANAGER: Final = 128
_FIELD_VALIDATION: Final = ("Ignore", "Strict", "Warn")


def is_dry_run(request: web.Request, options: KubeObject | None = None) -> bool:
    """True for dryRun=All; 400 or 422 for other options that make no sense."""
    asked = (options or {}).get("dryRun") or []
    if not isinstance(asked, list) or not all(isinstance(value, str) for value in asked):
        raise bad_request("dryRun must be a list of strings")
    asked = [*request.query.getall("dryRun", []), *asked]
    if causes := [*_check_dry_run(asked), *_check_manager(request)]:
        raise status.invalid_options(_OPTIONS.get(request.method, "DeleteOptions"), causes)
    return "All" in asked


def _check_dry_run(asked: Sequence[str]) -> Iterator[Cause]:
    if any(value not in ("All", "") for value in asked):
        shown = ", ".join(f'"{value}"' for value in asked)
        yield Cause(
            reason="FieldValueNotSupported",
            message=f'Unsupported value: []string{{{shown}}}: supported values: "All"',
            field="dryRun",
        )


def _check_manager(request: web.Request) -> Iterator[Cause]:
    manager = request.query.get("fieldManager", "")
    if len(manager.encode()) > _LONGEST_MANAGER:
        yield Cause(
            reason="FieldValueTooLong",
            message=f"Too long: may not be more than {_LONGEST_MANAGER} bytes",
            field="fieldManager",
        )
    for place, character in enumerate(manager):
        if not character.isprintable():
            yield status.invalid_value(
                "fieldManager",
                json.dumps(manager),
                f"invalid character U+{ord(character):04X} (at position {place})",
            )
            return


def check_identity(target: Target, body: Any) -> KubeObject:
    """The body as an object whose kind, name and namespace agree with the path; 400."""
    resource = target.resource
    if not isinstance(body, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            "the body must be a JSON object"
        )
    kind = body.get("kind") or resource.kind
    api_version = body.get("apiVersion") or resource.api_version
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
        given = meta.get("name")
        if not given:
            raise bad_request(
                f"the name of the object ({target.name} based on URL) was undeterminable: name "
                "must be provided"
            )
        if given != target.name:
            raise bad_request(
                f"the name of the object ({given}) does not match the name on the URL "
                f"({target.name})"
            )
    if target.namespace is not None:
        given = meta.get("namespace") or target.namespace
        meta["namespace"] = given
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
    mode = request.query.get("fieldValidation") or "Warn"
    if mode not in _FIELD_VALIDATION:
        cause = status.unsupported("fieldValidation", mode, _FIELD_VALIDATION)
        raise status.invalid_options(_OPTIONS.get(request.method, "UpdateOptions"), [cause])
    try:
        result = decode(resource, body)
    except ApiError as error:
        if patch is None:
            raise
        raise invalid_patch(patch, error.message) from error
    warnings: list[str] = []
    if result.unknown:
        if mode == "Strict":
            raise _unknown(resource, result.unknown, patch)
        if mode == "Warn":
            warnings = [f'unknown field "{path}"' for path in result.unknown]
    check_missing(resource, result)
    return result.object, warnings


def _unknown(resource: Resource, paths: Sequence[str], patch: Any) -> ApiError:
    told = unknown_fields(paths)
    if patch is None:
        return bad_request(unhandled(resource, told))
    return invalid_patch(patch, told)


def without_status(resource: Resource, body: KubeObject) -> KubeObject:
    """A plain write leaves status alone, so what it says there is not even looked at."""
    if kinds.has_status(resource):
        return {key: value for key, value in body.items() if key != "status"}
    return body
