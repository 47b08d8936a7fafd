"""The application: who may ask, what answers which path, and errors as `Status`."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from localcluster.api import discovery, openapi
from localcluster.api.answers import (
    MAX_BODY_BYTES,
    error_answer,
    flag,
    json_answer,
    media_types,
    read_json,
    reason_for,
)
from localcluster.api.context import API, Api, Target, no_such_path, parse_target
from localcluster.api.deleting import delete, delete_collection, evict
from localcluster.api.exec import execute
from localcluster.api.logs import logs
from localcluster.api.metrics import metrics
from localcluster.api.portforward import portforward
from localcluster.api.proxy import proxy, session_of
from localcluster.api.reading import read_list, read_one
from localcluster.api.scale import scale
from localcluster.api.watching import watch
from localcluster.api.writing import create, patch, update
from localcluster.interfaces import Runtime
from localcluster.objects import ApiError
from localcluster.registry import MemoryRegistry
from localcluster.status import bad_request

_LOG: Final = logging.getLogger(__name__)
GIT_VERSION: Final = "v1.37.0+localcluster"

Handler = Callable[[web.Request, Api, Target], Awaitable[web.StreamResponse]]

_HEALTH: Final = ("/healthz", "/livez", "/readyz")
# Told to anybody, as on a real cluster: whether it lives and which version it is.
_PUBLIC: Final = (*_HEALTH, "/version")


def _utc_now() -> datetime:
    return datetime.now(UTC)


def build_app(
    registry: MemoryRegistry,
    runtime: Runtime,
    *,
    token: str,
    git_version: str = GIT_VERSION,
    now: Callable[[], datetime] = _utc_now,
) -> web.Application:
    """The API as an application, to be served over TLS: kubectl sends no token over plain HTTP.

    Serve it with `AppRunner(app, access_log=None, handler_cancellation=True)`. `now` is the wall
    time that ages are counted from.
    """
    app = web.Application(
        middlewares=[_errors_as_status, _authenticated(token)],
        client_max_size=MAX_BODY_BYTES,
    )
    app[API] = Api(registry=registry, runtime=runtime, now=now)
    app[_VERSION] = git_version
    app.router.add_route("*", "/{path:.*}", _answer)
    app.cleanup_ctx.append(session_of)
    app.on_shutdown.append(_end_streams)
    return app


_VERSION: Final = web.AppKey("git_version", str)


async def _end_streams(app: web.Application) -> None:
    app[API].streams.close()


@web.middleware
async def _errors_as_status(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return error_answer(error)
    except web.HTTPException as error:
        reason = reason_for(error.status)
        return error_answer(ApiError(error.status, reason, error.text or error.reason))
    except RecursionError:
        return error_answer(bad_request("the object is nested too deep"))
    except ConnectionError:
        raise  # the client is gone: there is nobody to tell
    except Exception:  # noqa: BLE001  a bug is told to the log; the client gets a Status
        _LOG.exception("%s %s failed", request.method, request.path)
        return error_answer(
            ApiError(500, "InternalError", "Internal error occurred: see the log of the server")
        )


def _authenticated(token: str) -> Callable[..., Awaitable[web.StreamResponse]]:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        # The path as it came, as the answer is chosen by: an escaped one names nothing public.
        open_to_all = request.rel_url.raw_path in _PUBLIC
        if not hmac.compare_digest(given, expected) and not open_to_all:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        return await handler(request)

    return check


async def _answer(request: web.Request) -> web.StreamResponse:
    path = request.rel_url.raw_path
    api = request.app[API]
    metrics_path = path.removeprefix("/apis/metrics.k8s.io/v1beta1/")
    if metrics_path != path:
        _allow(request, "GET")
        return await metrics(request, api, metrics_path.strip("/").split("/"))
    if path.rstrip("/") == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
        return await _access_review(request)
    target = parse_target(path)
    if target is None:
        return _static(request, path)
    return await _handler(request, target)(request, api, target)


def _handler(request: web.Request, target: Target) -> Handler:
    if target.subresource:
        methods = _SUBRESOURCES[target.subresource]
    elif target.name:
        methods = _OBJECT
    elif request.method == "GET" and flag(request, "watch"):
        return watch
    else:
        methods = _COLLECTION
    handler = methods.get(request.method)
    if handler is None:
        raise _not_allowed()
    if request.method == "POST" and target.resource.namespaced and target.namespace is None:
        raise _not_allowed()  # created within a namespace, which the path must name
    return handler


def _not_allowed() -> ApiError:
    return ApiError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        details={},
    )


_OBJECT: Final[Mapping[str, Handler]] = {
    "DELETE": delete,
    "GET": read_one,
    "PATCH": patch,
    "PUT": update,
}
_COLLECTION: Final[Mapping[str, Handler]] = {
    "DELETE": delete_collection,
    "GET": read_list,
    "POST": create,
}
_SUBRESOURCES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "eviction": {"POST": evict},
    "exec": {"GET": execute, "POST": execute},
    "log": {"GET": logs},
    "portforward": {"GET": portforward, "POST": portforward},
    "proxy": dict.fromkeys(("DELETE", "GET", "PATCH", "POST", "PUT"), proxy),
    "scale": {"GET": scale, "PATCH": scale, "PUT": scale},
    "status": {"GET": read_one, "PATCH": patch, "PUT": update},
}


def _allow(request: web.Request, *methods: str) -> None:
    if request.method not in methods:
        raise _not_allowed()


async def _access_review(request: web.Request) -> web.Response:
    """Whoever holds the token may do everything."""
    _allow(request, "POST")
    body = await read_json(request)
    if not isinstance(body, dict) or not isinstance(body.get("spec"), dict):
        raise bad_request("a SelfSubjectAccessReview needs a spec")
    allowed = {"allowed": True, "reason": "this cluster has no RBAC"}
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    return json_answer({**kind, "metadata": {}, "spec": body["spec"], "status": allowed}, 201)


def _static(request: web.Request, path: str) -> web.Response:
    """Health, version, discovery and OpenAPI."""
    _allow(request, "GET", "HEAD")
    parts = path.strip("/").split("/")
    match parts:
        case ["healthz" | "livez" | "readyz", *_]:
            return web.Response(text="ok")
        case ["version"]:
            return json_answer(discovery.version_info(request.app[_VERSION]))
        case ["api"] | ["apis"]:
            return _discovery_root(request, core=parts == ["api"])
        case ["api", version]:
            return _found(discovery.resource_list("", version))
        case ["apis", group]:
            return _found(discovery.api_group(group))
        case ["apis", group, version]:
            return _found(discovery.resource_list(group, version))
        case ["openapi", "v3"]:
            return _json_bytes(openapi.index())
        case ["openapi", "v3", *rest]:
            return _json_bytes(openapi.document("/".join(rest)))
        case [""]:
            roots = ["/api", "/api/v1", "/apis", *_HEALTH, "/openapi/v3", "/version"]
            return json_answer({"paths": roots})
    raise no_such_path()


def _found(body: Mapping[str, object] | None) -> web.Response:
    if body is None:
        raise no_such_path()
    return json_answer(body)


def _json_bytes(body: bytes | None) -> web.Response:
    if body is None:
        raise no_such_path()
    return web.Response(body=body, headers={"Content-Type": "application/json"})


def _discovery_root(request: web.Request, *, core: bool) -> web.Response:
    for kind, parameters in media_types(request.headers.get("Accept", "")):
        wanted = (kind, parameters.get("as"), parameters.get("g"), parameters.get("v"))
        if wanted == ("application/json", "APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2"):
            return json_answer(discovery.aggregated(core=core), content_type=discovery.AGGREGATED)
    if core:
        return json_answer(discovery.api_versions(request.host))
    return json_answer(discovery.group_list())
