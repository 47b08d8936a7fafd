"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386). Pure: the document is not changed."""

from typing import Any, Final

from localcluster.json_copy import copy_json
from localcluster.objects import ApiError
from localcluster.status import bad_request

_MOST_OPERATIONS: Final = 10_000  # as the API server limits them


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
        raise bad_request("a JSON patch must be a list of operations")
    if len(operations) > _MOST_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, "
            f"got {len(operations)}",
        )
    result = copy_json(document)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise bad_request("an operation of a JSON patch needs an op and a path")
        result = _apply(result, operation)
    return result


def _refused(why: str) -> ApiError:
    """The message is the real server's, which does not say what failed: that is in the cause."""
    return ApiError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        details={"causes": [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]},
    )


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _parse(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(document, path, copy_json(_value(operation)))
        case "replace":
            _look_up(document, path)
            return _replace(document, path, copy_json(_value(operation)))
        case "remove":
            return _remove(document, path)
        case "test":
            if _look_up(document, path) != _value(operation):
                raise _refused(f"the test of {operation['path']} failed")
            return document
        case "move":
            source = _parse(_source(operation))
            value = _look_up(document, source)
            return _add(_remove(document, source), path, value)
        case "copy":
            value = copy_json(_look_up(document, _parse(_source(operation))))
            return _add(document, path, value)
    raise bad_request(f"Unexpected kind: {operation.get('op')}")


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise bad_request("an operation of a JSON patch lacks its value")
    return operation["value"]


def _source(operation: dict[str, Any]) -> str:
    source = operation.get("from")
    if not isinstance(source, str):
        raise bad_request("an operation of a JSON patch lacks its from")
    return source


def _parse(pointer: str) -> list[str]:
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise bad_request(f'"{pointer}" is not a JSON pointer')
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _index(part: str, *, last: int) -> int:
    if not part.isascii() or not part.isdigit() or int(part) > last:
        raise _refused(f"index {part} is out of range")
    return int(part)


def _look_up(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, last=len(document) - 1)]
        else:
            raise _refused(f'"{part}" is missing')
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder = _look_up(document, path[:-1])
    if isinstance(holder, dict):
        holder[path[-1]] = value
    elif isinstance(holder, list):
        at = len(holder) if path[-1] == "-" else _index(path[-1], last=len(holder))
        holder.insert(at, value)
    else:
        raise _refused("the parent is neither a map nor a list")
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    holder = _look_up(document, path[:-1])
    key: Any = path[-1] if isinstance(holder, dict) else int(path[-1])
    holder[key] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise _refused("the whole document cannot be removed")
    _look_up(document, path)
    holder = _look_up(document, path[:-1])
    key: Any = path[-1] if isinstance(holder, dict) else int(path[-1])
    del holder[key]
    return document
