"""`pods/proxy`, `services/proxy` and `nodes/proxy`: plain HTTP through the API server."""

import random
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from aiohttp import web

from localcluster import kinds, status
from localcluster.api.context import Api, Target, no_such_path
from localcluster.objects import ApiError, KubeObject

_TIMEOUT_S: Final = 30.0
_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Headers that belong to one connection, or that are meant for this server alone.
_NOT_FORWARDED: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

_SESSION: Final = web.AppKey("proxy_session", aiohttp.ClientSession)


async def session_of(app: web.Application) -> AsyncIterator[None]:
    """For `cleanup_ctx`: one client for all forwarded requests."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    # The answer's encoding is between the client and the pod: neither asked for nor undone here.
    async with aiohttp.ClientSession(
        timeout=timeout, auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
    ) as session:
        app[_SESSION] = session
        yield


async def proxy(request: web.Request, api: Api, target: Target) -> web.Response:
    """404 for what is not there, 503 without an endpoint, 502 when it cannot be reached.

    What the cluster itself answers can only be read.
    """
    if target.resource is kinds.NODES:
        _only_read(request)
        return _node(api, target)
    if target.resource is kinds.SERVICES:
        name = target.name.removeprefix("http:").partition(":")[0]
        wanted = (target.namespace, name, target.rest)
        if wanted == ("kube-system", "kube-state-metrics", "metrics"):
            _only_read(request)
            return _metrics(api.runtime.kube_state_metrics())
        host, port = _service_address(api, target)
    else:
        host, port = _pod_address(api, target)
    return await _forward(request, host, port, target.rest)


def _only_read(request: web.Request) -> None:
    if request.method != "GET":
        raise ApiError(405, "MethodNotAllowed", "the cluster's own metrics can only be read")


def _metrics(text: str) -> web.Response:
    return web.Response(body=text.encode(), headers={"Content-Type": _METRICS_TYPE})


def _node(api: Api, target: Target) -> web.Response:
    api.registry.get(kinds.NODES, "", target.name.partition(":")[0])
    if target.rest != "metrics/cadvisor":
        raise no_such_path()
    return _metrics(api.runtime.cadvisor_metrics())


def _name_and_port(target: Target) -> tuple[str, str]:
    """`http:web:8080` as ("web", "8080"); 400 for another scheme."""
    scheme, *rest = target.name.split(":")
    parts = rest if scheme in ("", "http") and rest else [scheme, *rest]
    if scheme == "https" and rest:
        raise status.bad_request("the proxy forwards plain HTTP alone, not https")
    if len(parts) > 2:
        raise status.bad_request(f'invalid {target.resource.kind.lower()} request "{target.name}"')
    return parts[0], parts[1] if len(parts) == 2 else ""


def _pod_address(api: Api, target: Target) -> tuple[str, int]:
    name, port = _name_and_port(target)
    pod = api.registry.get(kinds.PODS, target.key_namespace, name)
    address = pod.get("status", {}).get("podIP")
    if not address:
        raise status.bad_request("address not allowed: the pod has no IP yet")
    return address, _pod_port(pod, port)


def _pod_port(pod: KubeObject, wanted: str) -> int:
    if wanted.isdigit():
        return int(wanted)
    ports = [p for c in pod["spec"].get("containers") or () for p in c.get("ports") or ()]
    for port in ports:
        if not wanted or port.get("name") == wanted:
            return int(port["containerPort"])
    if not wanted:
        return 80
    raise _unavailable(f'no port "{wanted}" found for pod "{pod["metadata"]["name"]}"')


def _unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def _service_address(api: Api, target: Target) -> tuple[str, int]:
    name, wanted = _name_and_port(target)
    service = api.registry.get(kinds.SERVICES, target.key_namespace, name)
    ports = service["spec"].get("ports") or []
    matching = [p for p in ports if wanted in (p.get("name", ""), str(p["port"]))]
    chosen = matching or (ports[:1] if not wanted else [])
    if not chosen:
        raise _unavailable(f'no service port "{wanted}" found for service "{name}"')
    port_name = chosen[0].get("name", "")
    endpoints = api.registry.find(kinds.ENDPOINTS, target.key_namespace, name) or {}
    found = [
        (address["ip"], int(port["port"]))
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or ()
        if port.get("name", "") == port_name
        for address in subset.get("addresses") or ()
    ]
    if not found:
        raise _unavailable(f'no endpoints available for service "{target.name}"')
    return random.choice(found)  # noqa: S311  spreads load, hides nothing


async def _forward(request: web.Request, host: str, port: int, path: str) -> web.Response:
    headers = {k: v for k, v in request.headers.items() if k.lower() not in _NOT_FORWARDED}
    url = f"http://{host}:{port}/{path}"
    sent = await request.read()
    try:
        async with request.app[_SESSION].request(
            request.method,
            url,
            params=request.query,
            headers=headers,
            data=sent or None,
            allow_redirects=False,
        ) as answer:
            body = await answer.content.read(_MAX_ANSWER_BYTES + 1)
            while len(body) <= _MAX_ANSWER_BYTES and (more := await answer.content.readany()):
                body += more
            if len(body) > _MAX_ANSWER_BYTES:
                raise _bad_gateway(f"the answer is larger than {_MAX_ANSWER_BYTES} bytes")
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in _NOT_FORWARDED}
            return web.Response(body=body, status=answer.status, headers=kept)
    except TimeoutError as error:
        message = f"no answer from {host}:{port} within {_TIMEOUT_S:g} s"
        raise ApiError(504, "Timeout", message) from error
    except aiohttp.ClientError as error:
        raise _bad_gateway(f"error trying to reach service: {error}") from error


def _bad_gateway(message: str) -> ApiError:
    return ApiError(502, "BadGateway", message)
