"""`limit`, `continue` and `resourceVersionMatch` of a list: which objects of which version.

The token names a version and the key to go on from, so that all pages show one moment.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from localcluster import status
from localcluster.api.answers import number
from localcluster.api.context import Api, Target
from localcluster.objects import ApiError, KubeObject
from localcluster.status import Cause, bad_request

Match = Callable[[KubeObject], bool]

_FORM: Final = "meta.k8s.io/v1"
_NOW: Final = -1  # as a version in a token: whatever there is then
_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`metadata` is the list's: resourceVersion and, when there is more, continue."""

    objects: Sequence[KubeObject]
    metadata: KubeObject


def read_page(
    request: web.Request, api: Api, target: Target, matches: Match, *, selective: bool
) -> Page:
    """What a GET of a collection asks for; 400, 410, 422 and 504 as the API server answers.

    `selective` says that `matches` is a selector: how many objects remain is not told then.
    """
    limit = max(number(request, "limit") or 0, 0)
    number(request, "timeoutSeconds")  # a list is answered at once; only the syntax is checked
    asked = resource_version(request)
    match = check_match(request, watch=False)
    token = request.query.get("continue", "")
    namespace = target.namespace if target.resource.namespaced else None
    registry = api.registry
    version, start = registry.resource_version, ""
    check_known(asked, version)
    if token:
        if asked:
            raise bad_request("specifying resource version is not allowed when using continue")
        at, start = _read_token(token)
        version = version if at == _NOW else at
        if version > registry.resource_version:
            raise bad_request("invalid continue token: it is of another server")
    elif asked and (match == "Exact" or (limit and not match)):
        version = asked
    elif asked == 0:
        limit = 0  # answered from what is at hand, all of it
    if not limit and not start and version == registry.resource_version:
        everything: Sequence[KubeObject] = registry.list(target.resource, namespace)
    else:
        everything = _at(api, target, namespace, version, start if token else None)
        everything = [obj for obj in everything if _key(obj, namespace) >= start]
    found, rest = _cut(everything, matches, limit)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if rest:
        last = _key(everything[len(everything) - rest - 1], namespace)
        metadata["continue"] = _token(version, last + "\0")
        if not selective:
            metadata["remainingItemCount"] = rest
    return Page(objects=found, metadata=metadata)


def _cut(
    everything: Sequence[KubeObject], matches: Match, limit: int
) -> tuple[list[KubeObject], int]:
    """At most `limit` that match, and how many were not looked at."""
    if not limit:
        return [obj for obj in everything if matches(obj)], 0
    found: list[KubeObject] = []
    for index, obj in enumerate(everything):
        if matches(obj):
            found.append(obj)
            if len(found) == limit:
                return found, len(everything) - index - 1
    return found, 0


def _at(
    api: Api, target: Target, namespace: str | None, version: int, start: str | None
) -> Sequence[KubeObject]:
    try:
        return api.registry.list_at(target.resource, namespace, version)
    except ApiError as error:
        if start is None:
            too_old = "The resourceVersion for the provided list is too old."
            raise ApiError(410, "Expired", too_old) from error
        raise ApiError(
            410, "Expired", _TOO_OLD, list_metadata={"continue": _token(_NOW, start)}
        ) from error


def _key(obj: KubeObject, namespace: str | None) -> str:
    meta = obj["metadata"]
    own = meta.get("namespace", "")
    return f"{own}/{meta['name']}" if namespace is None and own else str(meta["name"])


def _token(version: int, start: str) -> str:
    text = json.dumps({"v": _FORM, "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        value = json.loads(data)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise bad_request(
            "invalid continue token: continue key is not valid: it is no JSON in base64"
        ) from error
    if not isinstance(value, dict) or value.get("v") != _FORM:
        raise bad_request("invalid continue token: continue key is not valid: it has another form")
    version, start = value.get("rv"), value.get("start")
    if not isinstance(version, int) or isinstance(version, bool) or version < _NOW or not version:
        raise bad_request(
            "invalid continue token: continue key is not valid: incorrect encoded start "
            f"resourceVersion (version {_FORM})"
        )
    if not isinstance(start, str) or not start:
        raise bad_request(
            "invalid continue token: continue key is not valid: encoded start key empty "
            f"(version {_FORM})"
        )
    return version, start


def resource_version(request: web.Request) -> int | None:
    """None when none is given; 400 for what is no version."""
    text = request.query.get("resourceVersion", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise bad_request(
            f'resourceVersion: Invalid value: "{text[:64]}": strconv.ParseUint: parsing '
            f'"{text[:64]}": invalid syntax'
        )
    return int(text)


def check_known(version: int | None, current: int) -> None:
    """504 for a version that this server never gave out."""
    if version is not None and version > current:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        raise ApiError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {version}, current: {current}",
            details={"causes": [cause], "retryAfterSeconds": 1},
        )


def check_match(request: web.Request, *, watch: bool) -> str:
    """`Exact`, `NotOlderThan` or empty; 422 for another value, and where none belongs."""
    query = request.query
    match = query.get("resourceVersionMatch", "")
    initial = "sendInitialEvents" in query
    causes = list[Cause]()

    def forbid(field: str, why: str) -> None:
        message = f"Forbidden: {why}"
        causes.append(Cause(reason="FieldValueForbidden", message=message, field=field))

    if initial and not watch:
        forbid("sendInitialEvents", "sendInitialEvents is forbidden for list")
    if match and watch and not initial:
        forbid(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        )
    elif match and not watch:
        if not query.get("resourceVersion"):
            forbid(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            )
        if query.get("continue"):
            forbid("resourceVersionMatch", "resourceVersionMatch is forbidden for continue")
        if match not in ("Exact", "NotOlderThan"):
            choices = ("Exact", "NotOlderThan", "")
            causes.append(status.unsupported("resourceVersionMatch", match, choices))
        if match == "Exact" and query.get("resourceVersion") == "0":
            forbid(
                "resourceVersionMatch",
                'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
            )
    if causes:
        raise status.invalid_options("ListOptions", causes)
    return match
