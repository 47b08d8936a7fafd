"""A client's JSON to an object of its kind: types checked, unknown and null fields dropped.

A null in a list or among the values of a map is the zero value of its type, as Go decodes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from localcluster import kinds, status
from localcluster.objects import KubeObject, Resource
from localcluster.schema.definitions import Definitions, Schema, definitions, reference
from localcluster.schema.omitted import is_omitted
from localcluster.schema.quantity import parse_quantity

_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_LABEL_SELECTOR: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"
_TIME: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
_MICRO_TIME: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_NO_TIME: Final = "0001-01-01T00:00:00Z"
_UNREAD: Final = {kinds.STATEFUL_SETS: "spec.template.spec."}
_DEEPEST: Final = 64
_BASE64: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?[A-Za-z0-9+/]{0,3}"
)
_ZEROS: Final[Mapping[Any, Callable[[], Any]]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "object": dict,
    "string": str,
}


@dataclass(slots=True, kw_only=True)
class Decoded:
    """`missing` are paths of required fields; `unknown` of fields that the kind does not have."""

    object: KubeObject
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


class TypeMismatchError(Exception):
    """A value of the wrong JSON type, told as the API server's decoder tells it."""


def decode(resource: Resource, obj: KubeObject) -> Decoded:
    """A cleaned copy of `obj`. 400 BadRequest when a value has the wrong type."""
    found = definitions()
    walk = _Walk(found, _UNREAD.get(resource, "status."))
    try:
        cleaned = walk.value(obj, found.of(resource), "", found.name_of(resource))
    except TypeMismatchError as error:
        raise status.bad_request(unhandled(resource, str(error))) from error
    return Decoded(object=cleaned, unknown=walk.unknown, missing=walk.missing)


def unhandled(resource: Resource, why: str) -> str:
    """The sentence with which the API server refuses a body it cannot decode."""
    return (
        f'{resource.kind} in version "{resource.version}" cannot be handled as a '
        f"{resource.kind}: {why}"
    )


def unknown_fields(paths: Sequence[str]) -> str:
    return "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in paths)


def check_missing(resource: Resource, decoded: Decoded) -> None:
    """422 when required fields are missing."""
    if decoded.missing:
        name = str(decoded.object.get("metadata", {}).get("name", ""))
        raise status.invalid(resource, name, [status.required(path) for path in decoded.missing])


class _Walk:
    def __init__(self, found: Definitions, unread: str) -> None:
        self._definitions = found
        self._unread = ("status.", unread)
        self.unknown: list[str] = []
        self.missing: list[str] = []

    def value(self, value: Any, schema: Schema, path: str, owner: str) -> Any:
        if path.count(".") + path.count("[") > _DEEPEST:
            raise TypeMismatchError("exceeded max depth")
        target = reference(schema)
        if target is not None:
            if target == _QUANTITY:
                return _quantity(value, path, owner)
            if target == _INT_OR_STRING:
                return _int_or_string(value, path, owner)
            if target in (_TIME, _MICRO_TIME):
                return _time(value, path, owner, micro=target == _MICRO_TIME)
            schema, owner = self._definitions.named(target), target
        kind = schema.get("type")
        if "properties" in schema:
            return self._struct(_expect(value, dict, path, owner, owner), schema, path, owner)
        if kind == "object":
            return self._map(_expect(value, dict, path, owner, "map"), schema, path, owner)
        if kind == "array":
            return self._list(_expect(value, list, path, owner, "slice"), schema, path, owner)
        if schema.get("format") == "byte":
            _check_base64(_scalar(value, kind, path, owner))
        return _scalar(value, kind, path, owner)

    def _struct(self, value: KubeObject, schema: Schema, path: str, owner: str) -> KubeObject:
        properties, required = schema["properties"], schema.get("required", ())
        result = {}
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if key not in properties:
                self.unknown.append(where)
            elif item is not None:
                cleaned = self.value(item, properties[key], where, owner)
                if key in required or not is_omitted(
                    cleaned, self._definitions.resolve(properties[key]), owner, key
                ):
                    result[key] = cleaned
        for key in required:
            if key not in result:
                self._fill(result, key, properties[key], f"{path}.{key}" if path else key)
        return result

    def _fill(self, result: KubeObject, key: str, schema: Schema, path: str) -> None:
        """A structure that may be empty is written as such, as Go does; others are missing.

        In a status nothing is missing: nobody validates what controllers report. Nor in the
        template of a StatefulSet, which the API server does not look into.
        """
        if reference(schema) == _LABEL_SELECTOR:
            return  # a pointer in Go: whether it may be absent is for the rules to say
        resolved = self._definitions.resolve(schema)
        if "properties" in resolved and not resolved.get("required"):
            result[key] = {}
        elif (
            path.startswith(self._unread) and (zero := _ZEROS.get(resolved.get("type"))) is not None
        ):
            result[key] = zero()
        else:
            self.missing.append(path)

    def _map(self, value: KubeObject, schema: Schema, path: str, owner: str) -> KubeObject:
        items = schema.get("additionalProperties")
        if not isinstance(items, dict):
            return value
        return {
            key: self.value(self._present(item, items), items, f"{path}.{key}", owner)
            for key, item in value.items()
        }

    def _list(self, value: list[Any], schema: Schema, path: str, owner: str) -> list[Any]:
        items = schema.get("items", {})
        return [
            self.value(self._present(item, items), items, f"{path}[{index}]", owner)
            for index, item in enumerate(value)
        ]

    def _present(self, item: Any, schema: Schema) -> Any:
        if item is not None:
            return item
        target = reference(schema)
        if target in (_QUANTITY, _INT_OR_STRING):
            return 0
        if target in (_TIME, _MICRO_TIME):
            return _NO_TIME
        zero = _ZEROS.get(self._definitions.resolve(schema).get("type"), dict)
        return zero()


_JSON_NAMES: Final = {dict: "object", list: "array", str: "string", bool: "bool"}


def _mismatch(value: Any, path: str, owner: str, wanted: str) -> TypeMismatchError:
    shown = _JSON_NAMES.get(type(value), "number")
    short = owner.rsplit(".", 1)[-1]
    return TypeMismatchError(
        f"json: cannot unmarshal {shown} into Go struct field {short}.{path} of type {wanted}"
    )


def _expect(value: Any, kind: type, path: str, owner: str, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise _mismatch(value, path, owner, ".".join(wanted.split(".")[-2:]))
    return value


def _time(value: Any, path: str, owner: str, *, micro: bool) -> str:
    """In UTC, to the second or the microsecond, however the client wrote it."""
    if not isinstance(value, str):
        raise _mismatch(value, path, owner, "v1.Time")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise TypeMismatchError(
            f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" '
            f"at {path}"
        )
    layout = "%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ"
    return moment.astimezone(UTC).strftime(layout)


def _check_base64(text: str) -> None:
    """As Go's decoder, which also takes line breaks."""
    plain = text.replace("\r", "").replace("\n", "")
    match = _BASE64.match(plain)
    good = match.end() if match else 0
    if good != len(plain) or len(plain) % 4:
        raise TypeMismatchError(f"illegal base64 data at input byte {good}")


def _quantity(value: Any, path: str, owner: str) -> str:
    if isinstance(value, str):
        try:
            parse_quantity(value)
        except ValueError as error:
            raise TypeMismatchError(str(error)) from error
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _mismatch(value, path, owner, "resource.Quantity")


def _int_or_string(value: Any, path: str, owner: str) -> int | str:
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise _mismatch(value, path, owner, "intstr.IntOrString")


def _scalar(value: Any, kind: Any, path: str, owner: str) -> Any:
    match kind:
        case "string":
            fits = isinstance(value, str)
        case "boolean":
            fits = isinstance(value, bool)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            fits = True
    if not fits:
        wanted = {"boolean": "bool", "integer": "int32", "number": "float64"}.get(kind, kind)
        raise _mismatch(value, path, owner, str(wanted))
    return value
