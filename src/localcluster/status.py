"""The API server's errors in its own words: one function a kind of failure."""

from collections.abc import Iterable
from dataclasses import dataclass

from localcluster import kinds
from localcluster.objects import ApiError, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One wrong field: `field` is its path, `spec.containers[0].image`."""

    reason: str
    message: str
    field: str


def required(field: str, detail: str = "") -> Cause:
    message = f"Required value: {detail}" if detail else "Required value"
    return Cause(reason="FieldValueRequired", message=message, field=field)


def invalid_value(field: str, shown: str, detail: str) -> Cause:
    """`shown` is the value as the real server prints it: a number plain, a string quoted."""
    return Cause(
        reason="FieldValueInvalid", message=f"Invalid value: {shown}: {detail}", field=field
    )


def unsupported(field: str, value: str, allowed: Iterable[str]) -> Cause:
    choices = ", ".join(f'"{choice}"' for choice in allowed)
    return Cause(
        reason="FieldValueNotSupported",
        message=f'Unsupported value: "{value}": supported values: {choices}',
        field=field,
    )


def duplicate(field: str, value: str) -> Cause:
    return Cause(reason="FieldValueDuplicate", message=f'Duplicate value: "{value}"', field=field)


def _details(resource: Resource, name: str, *, kind: str | None = None) -> dict[str, object]:
    details: dict[str, object] = {"name": name}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = kind or resource.plural
    return details


def not_found(resource: Resource, name: str, *, subresource: str = "") -> ApiError:
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    shown = f"{plural}.{resource.group}" if resource.group else plural
    return ApiError(
        404,
        "NotFound",
        f'{shown} "{name}" not found',
        details=_details(resource, name, kind=plural),
    )


def already_exists(resource: Resource, name: str) -> ApiError:
    return ApiError(
        409,
        "AlreadyExists",
        f'{kinds.qualified(resource)} "{name}" already exists',
        details=_details(resource, name),
    )


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {kinds.qualified(resource)} "{name}": {why}',
        details=_details(resource, name),
    )


def stale(resource: Resource, name: str) -> ApiError:
    """The optimistic lock failed."""
    return conflict(
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version "
        "and try again",
    )


def invalid(resource: Resource, name: str, causes: Iterable[Cause]) -> ApiError:
    """422 with every wrong field, as `kubectl` prints them."""
    listed = list(causes)
    shown = [f"{cause.field}: {cause.message}" for cause in listed]
    text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details = _details(resource, name, kind=resource.kind)
    details["causes"] = [
        {"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in listed
    ]
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {text}', details=details)


def invalid_options(kind: str, causes: Iterable[Cause]) -> ApiError:
    """422 for the options of a request: `ListOptions`, `DeleteOptions` and their like."""
    listed = list(causes)
    shown = [f"{cause.field}: {cause.message}" for cause in listed]
    text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
    details = {
        "group": "meta.k8s.io",
        "kind": kind,
        "causes": [
            {"reason": cause.reason, "message": cause.message, "field": cause.field}
            for cause in listed
        ],
    }
    return ApiError(422, "Invalid", f'{kind}.meta.k8s.io "" is invalid: {text}', details=details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def namespace_terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    details = _details(resource, name)
    details["causes"] = [
        {
            "reason": "NamespaceTerminating",
            "message": f"namespace {namespace} is being terminated",
            "field": "metadata.namespace",
        }
    ]
    return ApiError(
        403,
        "Forbidden",
        f'{kinds.qualified(resource)} "{name}" is forbidden: unable to create new content in '
        f"namespace {namespace} because it is being terminated",
        details=details,
    )


def expired(since: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {since} ({oldest})")


def conflict_of_kind(resource: Resource, name: str, why: str) -> ApiError:
    """As `conflict`, where the API server says the kind and not the plural: in preconditions."""
    shown = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {shown} "{name}": {why}',
        details=_details(resource, name, kind=resource.kind),
    )


def wrong_uid(resource: Resource, name: str, asked: str, found: str) -> ApiError:
    return conflict_of_kind(
        resource,
        name,
        f"the UID in the precondition ({asked}) does not match the UID in record ({found}). The "
        "object might have been deleted and then recreated",
    )
