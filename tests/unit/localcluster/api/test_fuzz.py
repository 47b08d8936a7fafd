"""Whatever is sent over the wire: never a 500, never a way in without the token, and never a
server that others have to wait for."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.api import protobuf
from localcluster.api.json_patch import merge_patch
from localcluster.api.strategic import StrategicMerge
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.schema.decode import decode
from localcluster.schema.definitions import definitions

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]

QUICK = 60
# The long profile runs in CI, beside the suites that start clusters.
LONG = [pytest.mark.e2e, pytest.mark.timeout(900)]
PROFILES = pytest.mark.parametrize("examples", [QUICK, pytest.param(4000, marks=LONG)])


def fuzz(examples: int = QUICK) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


ANSWER_WITHIN_S = 5.0  # while the server works on something big; alone it takes a millisecond

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")


def prepare(cluster: Any, manifests: Manifests) -> None:
    cluster.registry.create(kinds.PODS, manifests["pod"]())
    cluster.registry.create(kinds.DEPLOYMENTS, manifests["deployment"]())
    cluster.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}})
    cluster.registry.create(
        kinds.SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    )


async def raw(cluster: Any, data: bytes, *, wait_s: float = 20.0) -> bytes:
    """What the server says to bytes, before it closes or falls silent for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.client.server.port)
    try:
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        async with asyncio.timeout(wait_s):
            return await reader.read(65536)
    except (ConnectionError, TimeoutError):
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def still_answers(cluster: Any) -> None:
    # This one cannot be deleted.
    asking = cluster.ask("GET", "/api/v1/namespaces/default")
    code, answer = await asyncio.wait_for(asking, ANSWER_WITHIN_S)
    assert (code, answer["status"]) == (200, {"phase": "Active"})


def code_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


# What is drawn

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=2**62, max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 1e308, 10**400, -(2**63) - 1]),
)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_OBJECTS: tuple[KubeObject, ...] = (
    {
        "metadata": {
            "name": "x",
            "namespace": "default",
            "labels": {"a": "b"},
            "annotations": {"a": "b"},
            "finalizers": ["a.b/c"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}],
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": {"a": "1"},
        "stringData": {"a": "b"},
    },
    {
        "metadata": {"name": "x", "generateName": "x-"},
        "spec": {
            "replicas": 1,
            "selector": {
                "matchLabels": {"a": "b"},
                "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
            },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "10%"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "nodeSelector": {"a": "b"},
                    "containers": [
                        {
                            "name": "m",
                            "image": "i:1",
                            "env": [{"name": "A", "value": "b"}],
                            "ports": [{"containerPort": 80, "name": "http"}],
                            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                            "readinessProbe": {"httpGet": {"port": 80, "path": "/"}},
                            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                            "lifecycle": {"preStop": {"exec": {"command": ["x"]}}},
                        }
                    ],
                    "volumes": [{"name": "v", "configMap": {"name": "c", "items": []}}],
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                },
            },
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    },
    {
        "metadata": {"name": "x"},
        "spec": {
            "type": "NodePort",
            "ports": [{"port": 80, "targetPort": "http", "nodePort": 30000, "protocol": "TCP"}],
            "selector": {"a": "b"},
            "clusterIP": "None",
            "podSelector": {"matchLabels": {"a": "b"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"ipBlock": {"cidr": "1.2.3.0/24"}}], "ports": [{"port": 1}]}],
            "minAvailable": "50%",
            "maxReplicas": 3,
            "scaleTargetRef": {"kind": "Deployment", "name": "x"},
            "completions": 1,
            "schedule": "* * * * *",
        },
        "involvedObject": {"kind": "Pod", "name": "p"},
        "subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}],
        "endpoints": [{"addresses": ["1.2.3.4"]}],
    },
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    for key, item in items:
        found += _places(item, (*path, key))
    return found


def _changed(obj: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at one place."""
    if not path:
        return value
    copy = dict(obj) if isinstance(obj, dict) else list(obj)
    copy[path[0]] = _changed(obj[path[0]], path[1:], value)
    return copy


@st.composite
def _bodies(draw: st.DrawFn) -> Any:
    obj = draw(st.sampled_from(_OBJECTS))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(_places(obj)))
        obj = _changed(obj, place, draw(_VALUES))
    return obj


_SEGMENTS = st.one_of(
    st.sampled_from(
        ["", ".", "..", "%2e%2e", "%00", "%zz", "a%2Fb", "%ff", "*", "?", "c", "x", "status", "-"]
    ),
    _TEXT.map(lambda text: quote(text, safe="")),
)
_PREFIXES = st.sampled_from(
    [
        "/api/v1/namespaces/default/configmaps",
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/pods/p",
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces",
        "/api/v1/nodes",
        "/apis/apps/v1/namespaces/default/deployments",
        "/apis/apps/v1/namespaces/default/deployments/web",
        "/apis/metrics.k8s.io/v1beta1/namespaces",
        "/openapi/v3",
        "/api",
        "/apis",
        "",
    ]
)
_PATHS = st.builds(
    lambda prefix, rest: "/".join([prefix, *rest]) or "/",
    _PREFIXES,
    st.lists(_SEGMENTS, max_size=4),
)
_OPTIONS = st.sampled_from(
    [
        "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "dryRun",
        "resourceVersionMatch", "timeoutSeconds", "fieldManager", "fieldValidation", "pretty",
        "gracePeriodSeconds", "propagationPolicy", "includeObject", "container", "tailLines",
        "sinceSeconds", "sinceTime", "limitBytes", "command", "ports", "force", "previous",
    ]
)  # fmt: skip
_QUERIES = st.dictionaries(
    _OPTIONS,
    st.one_of(
        _TEXT,
        st.sampled_from(
            ["-1", "0", "9" * 30, "NaN", "true", "Exact", "a in (", "a=b,", "All", "\0"]
        ),
    ),
    max_size=3,
)
_HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Content-Type", "Content-Encoding", "Accept-Encoding", "Range"]),
    st.sampled_from(
        [
            "application/json",
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
            "application/merge-patch+json",
            "application/json-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
            "application/vnd.kubernetes.protobuf",
            "text/html",
            ";;;=,,,",
            "gzip",
            "identity",
            "bytes=0-",
            "x" * 2000,
        ]
    ),
    max_size=3,
)


@PROFILES
def test_random_requests_never_break_the_server(
    examples: int, in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        loop = asyncio.get_running_loop()

        @fuzz(examples)
        @given(
            method=st.sampled_from(METHODS),
            path=_PATHS,
            query=_QUERIES,
            headers=_HEADERS,
            body=_bodies(),
        )
        def send(
            method: str, path: str, query: dict[str, str], headers: dict[str, str], body: Any
        ) -> None:
            given_query = "&".join(f"{key}={quote(value)}" for key, value in query.items())
            text = json.dumps(body).encode()
            lines = [
                f"{method} {path}?{given_query} HTTP/1.1",
                "Host: x",
                "Authorization: Bearer a-token",
                f"Content-Length: {len(text)}",
                "Connection: close",
                *(f"{key}: {value}" for key, value in headers.items()),
            ]
            data = "\r\n".join([*lines, "", ""]).encode() + text
            answer = asyncio.run_coroutine_threadsafe(raw(cluster, data), loop).result(30)
            code = code_of(answer)
            assert code not in (0, 500), (data, answer)

        await asyncio.to_thread(send)
        await still_answers(cluster)

    in_cluster(scenario)


WRITES = (
    ("POST", "application/json"),
    ("PUT", "application/json"),
    ("PATCH", "application/merge-patch+json"),
    ("PATCH", "application/strategic-merge-patch+json"),
    ("PATCH", "application/apply-patch+yaml"),
)


@PROFILES
def test_objects_of_every_kind_with_anything_in_them_are_taken_or_refused(
    examples: int, in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        loop = asyncio.get_running_loop()
        codes: Counter[int] = Counter()

        @fuzz(2 * examples)
        @given(
            resource=st.sampled_from(kinds.RESOURCES), write=st.sampled_from(WRITES), body=_bodies()
        )
        def send(resource: Resource, write: tuple[str, str], body: Any) -> None:
            method, content_type = write
            group = f"/apis/{resource.group}" if resource.group else "/api"
            within = "/namespaces/default" if resource.namespaced else ""
            path = f"{group}/{resource.version}{within}/{resource.plural}"
            if method != "POST":
                path += "/x?fieldManager=me"

            async def ask() -> tuple[int, KubeObject]:
                if method == "POST":
                    await cluster.ask("DELETE", f"{path}/x")
                headers = {"Content-Type": content_type}
                return await cluster.ask(method, path, headers=headers, data=json.dumps(body))

            code, answer = asyncio.run_coroutine_threadsafe(ask(), loop).result(30)
            codes[code] += 1
            assert code < 500, (path, write, body, answer)

        await asyncio.to_thread(send)
        await still_answers(cluster)
        assert codes[201] > 0, codes  # it gets beyond the first check
        assert codes[422] > 0, codes
        for resource in kinds.RESOURCES:
            group = f"/apis/{resource.group}" if resource.group else "/api"
            for form in ("", ";as=Table;v=v1;g=meta.k8s.io"):
                code, _ = await cluster.ask(
                    "GET",
                    f"{group}/{resource.version}/{resource.plural}",
                    headers={"Accept": f"application/json{form}"},
                )
                assert code == 200, resource

    in_cluster(scenario)


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


MAPS = "/api/v1/namespaces/default/configmaps"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"
JSON, STRATEGIC = "application/json", "application/strategic-merge-patch+json"
MERGE, OPERATIONS = "application/merge-patch+json", "application/json-patch+json"
_MANY = 150_000
BIG: dict[str, tuple[str, str, str, Callable[[], bytes], tuple[int, ...]]] = {
    "nesting": ("POST", MAPS, JSON, lambda: deep(100_000), (400,)),
    "some nesting": ("POST", MAPS, JSON, lambda: deep(400), (400,)),
    "nesting in a patch": ("PATCH", f"{MAPS}/c", MERGE, lambda: deep(900), (400,)),
    "nesting of lists": ("POST", MAPS, JSON, lambda: b"[" * 1_000_000, (400,)),
    "a million labels": (
        "POST",
        MAPS,
        JSON,
        lambda: json.dumps(
            {"metadata": {"name": "x", "labels": {f"l{n}": "" for n in range(1_000_000)}}}
        ).encode(),
        (413,),
    ),
    "labels by the thousand": (
        "POST",
        MAPS,
        JSON,
        lambda: json.dumps(
            {"metadata": {"name": "x", "labels": {f"l{n}": "!" for n in range(_MANY)}}}
        ).encode(),
        (422,),
    ),
    "a large value": ("POST", MAPS, JSON, lambda: b'{"data":"' + b"x" * (2 << 20) + b'"}', (400,)),
    "a large number": ("POST", MAPS, JSON, lambda: b'{"data":' + b"9" * (1 << 20) + b"}", (400,)),
    "entries merged by their key": (
        "PATCH",
        WEB,
        STRATEGIC,
        lambda: json.dumps(
            {
                "spec": {
                    "template": {
                        "spec": {"imagePullSecrets": [{"name": f"n{n}"} for n in range(_MANY)]}
                    }
                }
            }
        ).encode(),
        (200, 422),
    ),
    "entries in an order": (
        "PATCH",
        WEB,
        STRATEGIC,
        lambda: json.dumps(
            {
                "metadata": {
                    "finalizers": [f"a.b/n{n}" for n in range(60_000)],
                    "$setElementOrder/finalizers": [f"a.b/n{n}" for n in range(60_000)],
                    "$deleteFromPrimitiveList/finalizers": [f"a.b/m{n}" for n in range(30_000)],
                }
            }
        ).encode(),
        (200,),
    ),
    "copies of copies": (
        "PATCH",
        WEB,
        OPERATIONS,
        lambda: json.dumps(
            [{"op": "copy", "from": "/metadata", "path": "/metadata/annotations"}] * 5000
        ).encode(),
        (422,),
    ),
    "too many operations": (
        "PATCH",
        WEB,
        OPERATIONS,
        lambda: json.dumps([{"op": "test", "path": "/kind", "value": "x"}] * 10_001).encode(),
        (413,),
    ),
    "many tests": (
        "PATCH",
        WEB,
        OPERATIONS,
        lambda: json.dumps(
            [{"op": "test", "path": "/spec", "value": list(range(300))}] * 1500
        ).encode(),
        (422,),
    ),
}


@pytest.mark.parametrize("case", BIG)
def test_others_are_answered_while_the_server_has_something_big(
    case: str, in_cluster: InCluster, manifests: Manifests
) -> None:
    method, path, content_type, body, codes = BIG[case]

    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        data = body()
        big = asyncio.ensure_future(
            cluster.ask(method, path, headers={"Content-Type": content_type}, data=BytesIO(data))
        )
        for _ in range(3):
            await asyncio.sleep(0.02)
            await still_answers(cluster)
        code, answer = await big
        assert code in codes, answer

    in_cluster(scenario)


HEAD = b"Host: x\r\nAuthorization: Bearer a-token\r\n"
NONSENSE = {
    "nothing": b"\r\n\r\n",
    "a method": b"FOO /api/v1/pods HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a version": b"GET /api/v1/pods HTTP/9.9\r\n" + HEAD + b"\r\n",
    "a NUL in the path": b"GET /api/v1/po\0ds HTTP/1.1\r\n" + HEAD + b"\r\n",
    "raw unicode in the path": "GET /api/v1/namespaces/ü HTTP/1.1\r\n".encode() + HEAD + b"\r\n",
    "a long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a long header": b"GET /api HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n" + HEAD + b"\r\n",
    "many headers": b"GET /api HTTP/1.1\r\n" + b"X: a\r\n" * 50_000 + HEAD + b"\r\n",
    "a header without a colon": b"GET /api HTTP/1.1\r\nnonsense\r\n" + HEAD + b"\r\n",
    "a bad length": b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Length: x\r\n" + HEAD + b"\r\n",
    "a negative length": b"POST /api HTTP/1.1\r\nContent-Length: -1\r\n" + HEAD + b"\r\n",
    "two lengths": b"POST /api HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
    + HEAD
    + b"\r\n",
    "a bad chunk": b"POST /api/v1/namespaces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    + HEAD
    + b"\r\nzz\r\nfoo\r\n",
    "gzip that is none": b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Encoding: gzip\r\n"
    b"Content-Length: 3\r\nContent-Type: application/json\r\n" + HEAD + b"\r\nabc",
    "an upgrade to a WebSocket that has no key": b"GET /api/v1/namespaces/default/pods/p/exec?"
    b"command=ls HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + HEAD + b"\r\n",
    "an upgrade of a path that has none": b"GET /api/v1/pods HTTP/1.1\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 99\r\n" + HEAD + b"\r\n",
    "an upgrade to something else": b"POST /api/v1/namespaces/default/pods/p/portforward HTTP/1.1"
    b"\r\nConnection: Upgrade\r\nUpgrade: nonsense\r\n" + HEAD + b"\r\n",
    "TLS": bytes.fromhex("160301020001fc0303") + b"\xff" * 200,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
CUT_OFF = {
    "in the head": b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Le",
    "in the body": b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Length: 99\r\n" + HEAD + b"\r\n{",
    "in a chunk": b"POST /api/v1/namespaces HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    + HEAD
    + b"\r\n5\r\n{}",
}


@pytest.mark.parametrize("case", NONSENSE)
def test_bytes_that_are_no_request_are_refused(
    case: str, in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        code = code_of(await raw(cluster, NONSENSE[case], wait_s=2))
        assert (
            code == 0
            or (code != 500 and code >= 400)
            or case == "an upgrade of a path that has none"
        )
        await still_answers(cluster)

    in_cluster(scenario)


@pytest.mark.parametrize("case", CUT_OFF)
def test_a_request_that_is_cut_off_leaves_no_trace(
    case: str,
    in_cluster: InCluster,
    manifests: Manifests,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        before = cluster.registry.resource_version
        await raw(cluster, CUT_OFF[case], wait_s=0.05)
        await still_answers(cluster)
        assert cluster.registry.resource_version == before

    in_cluster(scenario)
    assert "Traceback" not in caplog.text


@fuzz()
@given(rest=st.binary(max_size=200))
def test_protobuf_garbage_is_refused(rest: bytes) -> None:
    for data in (rest, b"k8s\0" + rest, b"k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12" + rest):
        with contextlib.suppress(ApiError):
            protobuf.decode(data)


@fuzz()
@given(
    obj=st.sampled_from(_OBJECTS),
    patch=_bodies() | _VALUES,
    kind=st.sampled_from(["strategic", "merge"]),
)
def test_any_patch_of_any_object_gives_an_object_or_is_refused(
    obj: Any, patch: Any, kind: str
) -> None:
    schema = definitions().of(kinds.DEPLOYMENTS)
    with contextlib.suppress(ApiError):
        if kind == "merge":
            merge_patch(obj, patch)
        elif isinstance(patch, dict):
            decode(kinds.DEPLOYMENTS, StrategicMerge(definitions()).apply(obj, patch, schema))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/namespaces/default/configmaps/%2e%2e", 400),
        ("/api/v1/namespaces/default/configmaps/..", 400),
        ("//api/v1/namespaces", 404),
        ("/api/v1//namespaces", 404),
        ("/api/v1/namespaces/default/configmaps/a%2Fb", 404),
        ("/api/v1/namespaces/default/configmaps/%00", 404),
        ("/api/v1/namespaces/%2e%2e/configmaps", 400),
    ],
)
def test_odd_paths_name_nothing(path: str, code: int, in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        lines = f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode()
        assert code_of(await raw(cluster, lines + HEAD + b"\r\n")) == code

    in_cluster(scenario)


def test_every_path_and_method_asks_for_the_token(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    paths = {
        "/",
        "/api",
        "/apis",
        "/openapi/v2",
        "/openapi/v3",
        "/metrics",
        "/nonsense",
        "//version",
    }
    for resource in kinds.RESOURCES:
        base = f"/apis/{resource.group}" if resource.group else "/api"
        base = f"{base}/{resource.version}"
        paths |= {base, f"{base}/{resource.plural}"}
        if resource.namespaced:
            base += "/namespaces/default"
        paths |= {f"{base}/{resource.plural}", f"{base}/{resource.plural}/p"}
        paths |= {f"{base}/{resource.plural}/p/{sub}" for sub in resource.subresources}
    paths |= {"/version/x", "/healthz/x", "/healthz/../api/v1/pods", "/%68ealthz", "/version%2f.."}

    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        before = cluster.registry.resource_version
        for path in sorted(paths):
            for method in METHODS:
                data = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                answer = await raw(cluster, data.encode())
                assert code_of(answer) == 401, (method, path, answer[:200])
        for path in ("/healthz", "/livez", "/readyz", "/version"):
            for query in ("", "?watch=1", "?token=a-token"):
                data = f"GET {path}{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                assert code_of(await raw(cluster, data.encode())) == 200
        assert cluster.registry.resource_version == before

    in_cluster(scenario)
