"""HTTP answers: JSON objects, and errors as `Status`. What a client accepts and sends."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from localcluster.api import protobuf
from localcluster.objects import ApiError, KubeObject
from localcluster.status import bad_request

MAX_BODY_BYTES: Final = 3 * 1024 * 1024
_DEEPEST: Final = 200
_LONGEST_WARNINGS: Final = 4096
_LONGEST_WARNING: Final = 256
_PROTOBUF: Final = "application/vnd.kubernetes.protobuf"


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def json_answer(
    body: Any, code: int = 200, *, warnings: Sequence[str] = (), content_type: str | None = None
) -> web.Response:
    response = web.Response(body=dump(body), status=code)
    response.headers["Content-Type"] = content_type or "application/json"
    response.headers["Cache-Control"] = "no-cache, private"
    for warning in _told(warnings):
        escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{escaped}"')
    return response


def _told(warnings: Sequence[str]) -> Iterator[str]:
    """As many characters as the API server puts into headers, and none that break a header."""
    left = _LONGEST_WARNINGS
    for warning in warnings:
        if warning.isprintable() and left > 0:
            yield warning[: min(left, _LONGEST_WARNING)]
            left -= min(len(warning), _LONGEST_WARNING)


def failure(error: ApiError) -> KubeObject:
    """The error as a `Status` object."""
    body: KubeObject = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": error.list_metadata,
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
    }
    if error.details is not None:
        body["details"] = error.details
    body["code"] = error.code
    return body


def error_answer(error: ApiError) -> web.Response:
    response = json_answer(failure(error), error.code)
    if error.details and "retryAfterSeconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retryAfterSeconds"])
    return response


def success(details: Mapping[str, Any] | None = None, code: int | None = None) -> KubeObject:
    body: KubeObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        body["details"] = dict(details)
    if code is not None:
        body["code"] = code
    return body


def media_types(header: str) -> list[tuple[str, Mapping[str, str]]]:
    """`a/b;x=1, c/d` as [("a/b", {"x": "1"}), ("c/d", {})]."""
    found: list[tuple[str, Mapping[str, str]]] = []
    for part in header.split(","):
        kind, *parameters = [piece.strip() for piece in part.split(";")]
        pairs = [parameter.partition("=") for parameter in parameters]
        found.append((kind.lower(), {key: value for key, _, value in pairs}))
    return found


def wanted_form(request: web.Request) -> str:
    """What the client wants its objects as: `Table`, `PartialObjectMetadata`, or empty for the
    objects themselves. 406 when it takes no JSON."""
    header = request.headers.get("Accept", "")
    if not header:
        return ""
    for kind, parameters in media_types(header):
        if kind not in ("application/json", "application/*", "*/*"):
            continue
        form = parameters.get("as", "")
        if not form:
            return ""
        if parameters.get("g") != "meta.k8s.io" or parameters.get("v") != "v1":
            continue
        if form in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            return form.removesuffix("List")
    raise ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
    )


async def read_json(request: web.Request, *, also: Sequence[str] = ()) -> Any:
    """The body as JSON, or as JSON would have it when it is protobuf; None when it is empty.

    400, 413 or 415 Status otherwise.

    `also` names content types accepted beside application/json.
    """
    declared = request.headers.get("Content-Type", "application/json")
    kind = declared.partition(";")[0].strip().lower()
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"Request entity too large: limit is {MAX_BODY_BYTES}",
        ) from error
    except (BadHttpMessage, web.RequestPayloadError) as error:
        raise bad_request("the body of the request cannot be read") from error
    if not raw.strip():
        return None
    if kind == _PROTOBUF:
        return protobuf.decode(raw)
    if kind not in ("application/json", *also):
        raise ApiError(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(also or ("application/json",)),
        )
    return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        if raw.count(b"[") + raw.count(b"{") > _DEEPEST:
            _check_depth(value)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise bad_request("json parse error: the body is not valid Unicode") from error
    except ValueError as error:
        raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    except RecursionError as error:
        raise bad_request("json parse error: exceeded max depth") from error
    return value


def _check_depth(value: Any) -> None:
    """400 for what would be too deep for those who walk through it by recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for holder in level
            if isinstance(holder, dict | list)
            for item in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not level:
            return
    raise bad_request("json parse error: exceeded max depth")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"invalid character in a number: {name}")


def flag(request: web.Request, name: str) -> bool:
    """A boolean query parameter as the API server reads it: all but `false` and `0` means yes."""
    return request.query.get(name, "false").lower() not in ("0", "false")


def number(request: web.Request, name: str) -> int | None:
    """A query parameter that is a whole number, or None; 400 otherwise."""
    text = request.query.get(name, "")
    if not text:
        return None
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text[:19])


def reason_for(code: int) -> str:
    """The reason word of a plain HTTP error."""
    words = {405: "MethodNotAllowed", 413: "RequestEntityTooLarge"}
    return words.get(code, HTTPStatus(code).phrase.replace(" ", ""))
