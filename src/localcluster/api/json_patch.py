"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Pure: the document is not changed.

As the API server's own library has it, a JSON patch is laxer than the RFC: `replace` also adds a
key, `copy` from a key that is not there and a missing `value` give null, and a negative index
counts from the end.
"""

import re
from typing import Any, Final

from localcluster.json_copy import copy_json
from localcluster.objects import ApiError
from localcluster.status import bad_request

_MOST_OPERATIONS: Final = 10_000  # as the API server limits them
# In values: a `copy` can double the document, and a `test` can read all of it, ten thousand times.
_MOST_WORK: Final = 1_000_000
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}")


def merge_patch(document: Any, patch: Any) -> Any:
    """`patch` over `document`: maps are merged, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return copy_json(patch)
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def json_patch(document: Any, operations: Any) -> Any:
    """400 for what is no patch, 422 for an operation that cannot be done here."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch must be a list of operations")
    for operation in operations:
        _check_form(operation)
    if len(operations) > _MOST_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{_MOST_OPERATIONS}, got {len(operations)}",
        )
    try:
        return _all_applied(copy_json(document), operations)
    except RecursionError as error:
        raise _refused("exceeded max depth") from error  # copies of copies


def _all_applied(document: Any, operations: list[dict[str, Any]]) -> Any:
    work = 0
    for operation in operations:
        work += _work(document, operation)
        if work > _MOST_WORK:
            raise _refused(f"the patch copies and tests more than {_MOST_WORK} values")
        document = _apply(document, operation)
    return document


def _work(document: Any, operation: dict[str, Any]) -> int:
    match operation.get("op"):
        case "copy":
            return _size(_get(*_find(document, _source(operation))))
        case "add" | "replace" | "test":
            return _size(operation.get("value"))
    return 0


def _check_form(operation: Any) -> None:
    if not isinstance(operation, dict):
        raise bad_request("error decoding patch: an operation of a JSON patch must be an object")
    for key in ("op", "path", "from"):
        if not isinstance(operation.get(key), str | None):
            raise bad_request(f"error decoding patch: {key} must be a string")


def _refused(why: str) -> ApiError:
    """The message is the real server's, which does not say what failed: that is in the cause."""
    return ApiError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={"causes": [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]},
    )


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = operation.get("path")
    match operation.get("op"):
        case "replace" if path == "":
            return _whole(operation.get("value"))
        case "test" if path == "":
            found = document
        case "test":
            found = _get(*_find(document, path))
        case "add":
            _add(*_find(document, path), copy_json(operation.get("value")))
        case "replace":
            _replace(*_find(document, path), copy_json(operation.get("value")))
        case "remove":
            _remove(*_find(document, path))
        case "move":
            source = _find(document, _source(operation))
            value = _get(*source)
            _remove(*source)
            _add(*_find(document, path), value)
        case "copy":
            value = copy_json(_get(*_find(document, _source(operation))))
            _add(*_find(document, path), value)
        case other:
            raise _refused(f"Unexpected kind: {other}")
    if operation["op"] == "test" and not _same(found, operation.get("value")):
        raise _refused(f"the test of {path} failed")
    return document


def _source(operation: dict[str, Any]) -> Any:
    return operation.get("from")


def _whole(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise _refused("a document can be replaced by an object or a list only")
    return copy_json(value)


def _find(document: Any, pointer: str | None) -> tuple[Any, str]:
    """What holds the place that `pointer` names, and the place's key there."""
    parts = [] if pointer is None else pointer.split("/")
    if len(parts) < 2:
        raise _refused(f'missing path: "{pointer}"')
    *way, key = [part.replace("~1", "/").replace("~0", "~") for part in parts[1:]]
    for part in way:
        document = _get(document, part) if isinstance(document, dict | list) else None
    if not isinstance(document, dict | list):
        raise _refused(f'doc is missing path: "{pointer}"')
    return document, key


def _index(key: str, length: int) -> int:
    if not _INDEX.fullmatch(key):
        raise _refused(f"{key!r} is not an index of a list")
    index = int(key)
    if not -length <= index < length:
        raise _refused(f"Unable to access invalid index: {index}")
    return index % length


def _get(holder: Any, key: str) -> Any:
    """None for a key that is not there."""
    return holder[_index(key, len(holder))] if isinstance(holder, list) else holder.get(key)


def _add(holder: Any, key: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        at = len(holder) if key == "-" else _index(key, len(holder) + 1)
        holder.insert(at, value)


def _replace(holder: Any, key: str, value: Any) -> None:
    holder[_index(key, len(holder)) if isinstance(holder, list) else key] = value


def _remove(holder: Any, key: str) -> None:
    if isinstance(holder, list):
        del holder[_index(key, len(holder))]
    elif key in holder:
        del holder[key]
    else:
        raise _refused(f"Unable to remove nonexistent key: {key}")


def _same(left: Any, right: Any) -> bool:
    """As JSON has it: 1 is neither true nor 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)


def _size(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_size(item) for item in items)
