"""The OpenAPI definitions of Kubernetes 1.37, cut down to the kinds that are served.

They come from the package `kubernetes-validate`, which carries the published document. It is
parsed once, at the first use: 1.8 MB of JSON, about 30 ms.
"""

import functools
import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from localcluster import kinds
from localcluster.objects import Resource

Schema = Mapping[str, Any]

_SOURCE: Final = "kubernetes-json-schema/v1.37.0-local/_definitions.json"
_STORED_PREFIX: Final = "#/$defs/"
PREFIX: Final = "#/components/schemas/"

# Served without being stored: bodies and answers of the API itself.
_ALSO: Final = (
    "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.policy.v1.Eviction",
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
)
SCALE: Final = _ALSO[1]


def reference(schema: Schema) -> str | None:
    """The definition a schema points to, by name; None when it stands for itself."""
    target = schema.get("$ref")
    return target.removeprefix(PREFIX) if isinstance(target, str) else None


class Definitions:
    """Schemas by definition name; references are those of an OpenAPI v3 document."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self._names = {
            (entry["group"], entry["version"], entry["kind"]): name
            for name, schema in schemas.items()
            for entry in schema.get("x-kubernetes-group-version-kind", ())
        }

    def name_of(self, resource: Resource) -> str:
        return self._names[(resource.group, resource.version, resource.kind)]

    def of(self, resource: Resource) -> Schema:
        return self._schemas[self.name_of(resource)]

    def named(self, name: str) -> Schema:
        return self._schemas[name]

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself, or the definition that it points to."""
        target = reference(schema)
        return schema if target is None else self._schemas[target]

    def closure(self, *roots: str) -> Mapping[str, Schema]:
        """The definitions that `roots` need, themselves included."""
        found: dict[str, Schema] = {}
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._schemas[name]
                waiting.extend(_references(found[name]))
        return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = reference(value)
        if target is not None:
            yield target
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


@functools.cache
def definitions() -> Definitions:
    """Raises `RuntimeError` when the package that carries them is missing or another version."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package kubernetes-validate is missing: install rundrill[local]")
    path = Path(spec.origin).parent / _SOURCE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RuntimeError(
            "kubernetes-validate does not carry Kubernetes 1.37: "
            "install kubernetes-validate==1.37.*"
        ) from error
    everything = Definitions(
        {name: _published(schema) for name, schema in json.loads(text)["$defs"].items()}
    )
    roots = [everything.name_of(resource) for resource in kinds.RESOURCES]
    return Definitions(everything.closure(*roots, *_ALSO))


def _published(value: Any) -> Any:
    """The document as a server publishes it: nothing is nullable, references are v3's."""
    if isinstance(value, list):
        return [_published(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, item in value.items():
        if key == "type" and isinstance(item, list):
            result[key] = next(kind for kind in item if kind != "null")
        elif key == "$ref" and isinstance(item, str):
            result[key] = item.replace(_STORED_PREFIX, PREFIX)
        elif key == "enum" and isinstance(item, list):
            # The published document has no enumerations; these are the converter's own.
            continue
        else:
            result[key] = _published(item)
    return result
