"""Kubernetes' protobuf bodies as the objects that JSON would have given.

A body is `k8s\\0` and an Unknown: which kind it is, and the message of that kind. A field that
is not in the tables and says something is refused, rather than lost in silence.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from localcluster.api.protobuf_notation import Fields
from localcluster.api.protobuf_tables import BODIES, MESSAGES, OTHER_VERSIONS
from localcluster.objects import ApiError, KubeObject
from localcluster.status import bad_request

_MAGIC: Final = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST: Final = 32


class _MalformedError(Exception):
    """Not protobuf, or not of the types that the tables tell."""


def decode(body: bytes) -> KubeObject:
    """400 when it is malformed or has a field that is not read here, 415 for other kinds."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body is said to be protobuf, but does not begin with k8s and 0")
    try:
        envelope = dict(_fields(body[len(_MAGIC) :]))
        named = dict(_fields(_bytes(envelope.get(1, b""))))
        api_version, kind = (_text(named.get(number, b"")) for number in (1, 2))
        wanted, name = BODIES.get(kind), OTHER_VERSIONS.get((api_version, kind), kind)
        if wanted is None or (name == kind and wanted not in ("", api_version)):
            raise ApiError(
                415,
                "UnsupportedMediaType",
                f"this server does not read {kind} in version {api_version} as protobuf: write "
                "the object to a file and use kubectl apply -f, or kubectl create -f",
            )
        found = _message(_bytes(envelope.get(2, b"")), name, kind)
    except _MalformedError as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error
    return {"kind": kind, "apiVersion": api_version, **found}


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field's number, and its number or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire, len(data) + 1)
        if at + size > len(data):
            raise _MalformedError(f"field {key >> 3} ends after the message")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise _MalformedError("a number does not end")


def _message(data: bytes, name: str, path: str) -> KubeObject:
    if path.count(".") > _DEEPEST:
        raise _MalformedError(f"{path} is nested too deeply")
    fields: Fields = MESSAGES[name]
    found: KubeObject = {}
    for number, value in _fields(data):
        if number not in fields:
            if not _is_zero(value):
                raise _MalformedError(f"{path} has a field {number}, which is not known here")
            continue
        key, kind = fields[number]
        where = f"{path}.{key}"
        if kind.endswith("map"):
            entry = dict(_fields(_bytes(value)))
            item = _MAP_VALUES[kind](entry.get(2, b""))
            found.setdefault(key, {})[_text(entry.get(1, b""))] = item
        elif kind.startswith("+"):
            found.update(_message(_bytes(value), kind[1:], path))
        elif kind.startswith("[]"):
            found.setdefault(key, []).append(_value(value, kind[2:], where))
        elif kind:
            item = _value(value, kind, where)
            if kind in MESSAGES or kind.endswith("?") or item:
                found[key] = item
    return found


def _value(value: int | bytes, kind: str, path: str) -> Any:
    scalar = _SCALARS.get(kind.removesuffix("?"))
    return _message(_bytes(value), kind, path) if scalar is None else scalar(value)


def _is_zero(value: int | bytes) -> bool:
    """Go writes most fields that say nothing, messages of such fields included."""
    if isinstance(value, int):
        return value == 0
    try:
        return all(_is_zero(part) for _, part in _fields(value))
    except (_MalformedError, RecursionError):
        return False


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _MalformedError("a number where bytes are expected")
    return value


def _text(value: int | bytes) -> str:
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError as error:
        raise _MalformedError("a text is not UTF-8") from error


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise _MalformedError("bytes where a number is expected")
    return value - (1 << 64) if value >> 63 else value


def _base64(value: int | bytes) -> str:
    return base64.b64encode(_bytes(value)).decode()


def _quantity(value: int | bytes) -> str:
    return _text(dict(_fields(_bytes(value))).get(1, b""))


def _int_or_string(value: int | bytes) -> int | str:
    parts = dict(_fields(_bytes(value)))
    return _text(parts.get(3, b"")) if parts.get(1) else _int(parts.get(2, 0))


_SCALARS: Final[Mapping[str, Callable[[int | bytes], Any]]] = {
    "string": _text,
    "bytes": _base64,
    "int": _int,
    "bool": lambda value: bool(_int(value)),
    "quantity": _quantity,
    "intstr": _int_or_string,
}
_MAP_VALUES: Final[Mapping[str, Callable[[int | bytes], Any]]] = {
    "map": _text,
    "bytes-map": _base64,
    "quantity-map": _quantity,
}
