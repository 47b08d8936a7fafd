"""OpenAPI v3: the index and one document a group version, as `kubectl apply` and `explain` need
them. Built when first asked for, and kept as bytes."""

import functools
import hashlib
from typing import Any, Final

from localcluster import kinds
from localcluster.api.answers import dump
from localcluster.api.discovery import group_versions
from localcluster.objects import KubeObject, Resource
from localcluster.schema.definitions import PREFIX, definitions

_BODY_TYPES: Final = ("application/json",)
_PATCH_TYPES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


@functools.cache
def index() -> bytes:
    """`/openapi/v3`."""
    found = {}
    for group, version in group_versions():
        path = _path(group, version)
        # The documents follow from the code alone, so that a name of their content is their path.
        digest = hashlib.sha256(path.encode() + b"1.37").hexdigest()
        found[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest.upper()}"}
    return dump({"paths": found})


@functools.cache
def document(path: str) -> bytes | None:
    """`/openapi/v3/apis/apps/v1`, given as `apis/apps/v1`; None when it is not served."""
    for group, version in group_versions():
        if _path(group, version) == path:
            return dump(_document(group, version))
    return None


def _document(group: str, version: str) -> KubeObject:
    resources = [r for r in kinds.RESOURCES if (r.group, r.version) == (group, version)]
    names = [definitions().name_of(resource) for resource in resources]
    paths: dict[str, Any] = {}
    for resource in resources:
        collection, single = _paths(resource)
        paths[collection] = {"post": _operation(resource, "post", _BODY_TYPES)}
        paths[single] = {
            "put": _operation(resource, "put", _BODY_TYPES),
            "patch": _operation(resource, "patch", _PATCH_TYPES),
        }
    options = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.0"},
        "paths": paths,
        "components": {"schemas": dict(definitions().closure(*names, options))},
    }


def _paths(resource: Resource) -> tuple[str, str]:
    base = f"/{_path(resource.group, resource.version)}"
    if resource.namespaced:
        base += "/namespaces/{namespace}"
    collection = f"{base}/{resource.plural}"
    return collection, collection + "/{name}"


def _operation(resource: Resource, action: str, body_types: tuple[str, ...]) -> dict[str, Any]:
    schema = {"$ref": PREFIX + definitions().name_of(resource)}
    return {
        "tags": [f"{resource.group or 'core'}_{resource.version}"],
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
            for name in ("dryRun", "fieldManager", "fieldValidation")
        ],
        "requestBody": {"content": {kind: {"schema": schema} for kind in body_types}},
        "responses": {
            "200": {
                "description": "OK",
                "content": {"application/json": {"schema": schema}},
            }
        },
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
    }
