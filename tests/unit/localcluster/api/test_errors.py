"""Answers to bad requests against those of a real API server, and the answers to worse ones."""

import json
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.objects import KubeObject

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "golden/kube-errors.json").read_text(encoding="utf-8")
)["answers"]
InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]


def prepare(cluster: Any, manifests: Manifests) -> None:
    registry = cluster.registry
    registry.create(kinds.NAMESPACES, {"metadata": {"name": "rec-errors"}})
    for resource, obj in (
        (kinds.DEPLOYMENTS, manifests["deployment"]("web")),
        (kinds.PODS, manifests["pod"]("web-pod")),
        (kinds.CONFIG_MAPS, {"metadata": {"name": "cm"}}),
    ):
        obj["metadata"]["namespace"] = "rec-errors"
        registry.create(resource, obj)


@pytest.mark.parametrize("name", GOLDEN)
def test_bad_requests_are_answered_as_a_real_server_answers_them(
    name: str, in_cluster: InCluster, manifests: Manifests
) -> None:
    request, expected = GOLDEN[name]["request"], GOLDEN[name]["body"]

    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        headers = {"Content-Type": request.get("ctype", "application/json")}
        if expected["code"] == 401:
            headers["Authorization"] = "Bearer wrong"
        body = json.dumps(request["body"]) if "body" in request else None
        code, answer = await cluster.ask(
            request["method"], request["path"], headers=headers, data=body
        )
        assert code == expected["code"]
        assert answer["reason"] == expected["reason"]
        assert answer["message"] == expected["message"]
        assert answer.get("details") == expected.get("details")

    in_cluster(scenario)


PODS = "/api/v1/namespaces/default/pods"
POD = f"{PODS}/p"
SCALE = "/apis/apps/v1/namespaces/default/deployments/web/scale"
JSON, MERGE = "application/json", "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
BAD_BODIES: list[tuple[str, str, str, bytes, int]] = [
    ("POST", PODS, "application/vnd.kubernetes.protobuf", b"k8s\x00", 415),
    ("POST", PODS, "application/yaml", b"a: b", 415),
    ("POST", PODS, JSON, b"", 400),
    ("POST", PODS, JSON, b"{", 400),
    ("POST", PODS, JSON, b"[]", 400),
    ("POST", PODS, JSON, b"\xff\xfe", 400),
    ("POST", PODS, JSON, b'{"metadata": 5}', 400),
    ("POST", PODS, JSON, b'{"metadata": {"name": 5}}', 400),
    ("POST", PODS, JSON, b'{"a": NaN}', 400),
    ("POST", PODS, JSON, b'{"a": "\\ud800"}', 400),
    ("POST", PODS, JSON, b'{"a":' * 100_000, 400),
    ("POST", PODS, JSON, b"x" * (3 << 20) + b"x", 413),
    ("POST", "/api/v1/pods", JSON, b"{}", 405),
    ("POST", f"{PODS}?dryRun=Some", JSON, b"{}", 422),
    ("PATCH", POD, JSON, b"{}", 415),
    ("PATCH", POD, MERGE, b"no", 400),
    ("PATCH", POD, MERGE, b"[]", 400),
    ("PATCH", POD, "application/json-patch+json", b"5", 400),
    ("PATCH", POD, "application/apply-patch+yaml", b"{}", 422),
    ("PATCH", POD, MERGE, b'{"metadata": 5}', 422),
    ("PATCH", POD, STRATEGIC, b'{"spec": 5}', 422),
    ("PATCH", POD, STRATEGIC, b'{"spec": {"containers": 5}}', 422),
    ("PUT", POD, JSON, b'{"spec": {"containers": [null, 5]}}', 400),
    ("PUT", f"{POD}/status", JSON, b'{"status": 5}', 400),
    ("PUT", SCALE, JSON, b'{"spec": {"replicas": "x"}}', 400),
    ("PUT", SCALE, JSON, b"[]", 400),
    ("DELETE", POD, JSON, b"[1]", 400),
    ("DELETE", POD, JSON, b'{"propagationPolicy": "No"}', 422),
    ("DELETE", POD, JSON, b'{"gracePeriodSeconds": "x"}', 400),
    ("DELETE", POD, JSON, b'{"preconditions": 1}', 400),
    ("DELETE", "/api/v1/namespaces", JSON, b"", 405),
]
BAD_READS = [
    (f"{PODS}?labelSelector=a%20in%20(", 400),
    (f"{PODS}?fieldSelector=spec.no%3Dx", 400),
    (f"{PODS}?resourceVersion=99999", 504),
    (f"{PODS}?watch=1&resourceVersion=x", 400),
    (f"{PODS}?watch=1&timeoutSeconds=-1", 400),
    (f"{PODS}?watch=1&sendInitialEvents=true", 422),
    (f"{POD}/log?tailLines=-1", 400),
    (f"{POD}/log?sinceTime=noon", 400),
    (f"{POD}/exec", 400),
    (f"{POD}/exec?command=ls", 501),
    (f"{POD}/portforward", 400),
    (f"{POD}/proxy/x", 400),
    (f"{POD}/nosuch", 404),
    ("/api/v1/namespaces/default/nodes", 404),
    ("/apis/nosuch/v1/things", 404),
    ("/openapi/v2", 404),
    ("/openapi/v3/apis/nosuch/v1", 404),
    ("/nosuch", 404),
    ("/apis/metrics.k8s.io/v1beta1/nodes/nosuch", 404),
    ("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/p", 404),
]
CASES = [*BAD_BODIES, *(("GET", path, "", None, code) for path, code in BAD_READS)]


@pytest.mark.parametrize(("method", "path", "content_type", "body", "code"), CASES)
def test_no_request_makes_more_than_a_status(
    method: str,
    path: str,
    content_type: str,
    body: bytes | None,
    code: int,
    in_cluster: InCluster,
    manifests: Manifests,
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        cluster.registry.create(kinds.DEPLOYMENTS, manifests["deployment"]())
        headers = {"Content-Type": content_type} if content_type else {}
        found, answer = await cluster.ask(
            method, path, headers=headers, data=body and BytesIO(body)
        )
        assert found == code, answer
        assert (answer["kind"], answer["status"], answer["code"]) == ("Status", "Failure", code)
        assert answer["message"]
        assert answer["reason"]

    in_cluster(scenario)


def test_only_the_token_opens(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        for value in ("", "Bearer ", "Bearer wrong", "Basic a-token", "Bearer ü"):
            code, answer = await cluster.ask(
                "GET", "/api/v1/pods", headers={"Authorization": value}
            )
            assert (code, answer["reason"]) == (401, "Unauthorized")
        for path in ("/healthz", "/livez", "/readyz", "/version"):
            async with cluster.client.get(path) as answer:
                assert answer.status == 200

    in_cluster(scenario)


def test_a_bug_is_told_to_the_log_and_not_to_the_client(
    in_cluster: InCluster, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.runtime.kube_state_metrics = None  # calling it raises TypeError
        path = "/api/v1/namespaces/kube-system/services/kube-state-metrics/proxy/metrics"
        code, answer = await cluster.ask("GET", path)
        assert (code, answer["reason"]) == (500, "InternalError")
        assert "TypeError" not in answer["message"]

    in_cluster(scenario)
    assert "TypeError" in caplog.text
