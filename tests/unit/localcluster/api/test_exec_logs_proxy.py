"""What reaches into a pod: exec over a WebSocket, logs, the HTTP proxy, and its metrics."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from localcluster import kinds
from localcluster.objects import ApiError, KubeObject

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]
POD = "/api/v1/namespaces/default/pods/p"
AUTHORIZED = {"Authorization": "Bearer a-token"}


def execute(cluster: Any, query: str, protocols: tuple[str, ...] = ("v5.channel.k8s.io",)) -> Any:
    return cluster.client.ws_connect(
        f"{POD}/exec?stdout=true&{query}", protocols=protocols, headers=AUTHORIZED
    )


async def everything(socket: Any) -> dict[int, bytes]:
    """All that is sent until the end, by channel."""
    found: dict[int, bytes] = {}
    async with asyncio.timeout(10):
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            found[message.data[0]] = found.get(message.data[0], b"") + message.data[1:]
    return found


def test_a_command_runs_and_its_exit_code_is_told(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        async with execute(cluster, "command=echo&command=a+b") as socket:
            assert socket.protocol == "v5.channel.k8s.io"
            channels = await everything(socket)
        assert (channels[1], channels[2]) == (b"echo a b\n", b"to stderr\n")
        assert json.loads(channels[3])["status"] == "Success"
        protocols = ("v4.channel.k8s.io",)
        async with execute(cluster, "command=exit&command=7", protocols) as socket:
            outcome = json.loads((await everything(socket))[3])
        assert outcome["reason"] == "NonZeroExitCode"
        assert outcome["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]

    in_cluster(scenario)


def test_input_reaches_the_command_until_it_is_closed(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        async with execute(cluster, "command=cat&stdin=true") as socket:
            await socket.send_bytes(b"\x00one ")
            await socket.send_str("\x00two")
            await socket.send_bytes(b"\xff\x00")
            await socket.send_bytes(b"\x00too late")
            channels = await everything(socket)
        assert channels[1] == b"one two"

    in_cluster(scenario)


def test_a_terminal_starts_with_its_size(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        async with execute(cluster, "command=size&tty=true") as socket:
            await socket.send_bytes(b"\x04nonsense")
            await socket.send_bytes(b'\x04{"Width": 132, "Height": 43}')
            channels = await everything(socket)
        assert channels[1] == b"(132, 43)\n"

    in_cluster(scenario)


def test_a_command_ends_with_its_client(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        async with execute(cluster, "command=hang") as socket:
            await socket.receive_bytes()
        async with asyncio.timeout(10):
            await cluster.runtime.sessions[0].killed.wait()

    in_cluster(scenario)


def test_a_command_that_cannot_start_is_told_in_the_status(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        async with execute(cluster, "command=missing") as socket:
            outcome = json.loads((await everything(socket))[3])
        assert outcome["message"] == "no such command: missing"
        async with execute(cluster, "command=ls", ("nosuch",)) as socket:
            assert not await everything(socket)

    in_cluster(scenario)


def test_logs_are_read_with_the_options_asked_for(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        query = "tailLines=5&previous=true&timestamps=1&limitBytes=9&sinceTime=2025-12-31T23:59:30Z"
        async with cluster.client.get(f"{POD}/log?{query}", headers=AUTHORIZED) as answer:
            assert (answer.content_type, await answer.read()) == ("text/plain", b"first\nsecond\n")
        assert cluster.runtime.asked == [
            {
                "namespace": "default",
                "pod": "p",
                "container": "main",
                "previous": True,
                "follow": False,
                "tail_lines": 5,
                "since_s": 30.0,
                "timestamps": True,
                "limit_bytes": 9,
            }
        ]

    in_cluster(scenario)


def test_following_sends_what_there_is_and_stays(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        for lines in ([b"first\n"], []):
            cluster.runtime.lines = lines
            async with cluster.client.get(f"{POD}/log?follow=true", headers=AUTHORIZED) as answer:
                assert answer.status == 200
                if lines:
                    assert await answer.content.readline() == b"first\n"
                answer.close()

    in_cluster(scenario)


def test_logs_that_cannot_be_read_are_told(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        cluster.runtime.log_error = ApiError(400, "BadRequest", "waiting to start")
        code, answer = await cluster.ask("GET", f"{POD}/log")
        assert (code, answer["message"]) == (400, "waiting to start")
        two = manifests["pod"]("two")
        two["spec"]["containers"].append({"name": "side", "image": "side:v1"})
        cluster.registry.create(kinds.PODS, two)
        code, answer = await cluster.ask("GET", "/api/v1/namespaces/default/pods/two/log")
        assert (code, answer["message"]) == (
            400,
            "a container name must be specified for pod two, choose one of: [main side]",
        )

    in_cluster(scenario)


@asynccontextmanager
async def backend() -> AsyncIterator[TestServer]:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/large":
            return web.Response(body=b"x" * 900_000)
        headers = {"X-Seen": request.headers.get("Authorization", "none")}
        if request.method != "GET":
            sent = f"{request.content_type} {await request.text()}"
            return web.Response(status=202, text=f"{request.method} {sent}", headers=headers)
        return web.Response(text=f"{request.path}?{request.query_string}", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield server


def test_the_proxy_forwards_to_pods_and_services(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        async with backend() as server:
            pod = manifests["pod"]()
            pod["spec"]["containers"][0]["ports"] = [{"containerPort": server.port, "name": "http"}]
            made = cluster.registry.create(kinds.PODS, pod)
            state = {**made["status"], "podIP": "127.0.0.1"}
            cluster.registry.update_status(kinds.PODS, {**made, "status": state})
            spec = {"ports": [{"name": "web", "port": 80}]}
            meta = {"name": "web", "namespace": "default"}
            cluster.registry.create(kinds.SERVICES, {"metadata": meta, "spec": spec})
            services = "/api/v1/namespaces/default/services"
            code, answer = await cluster.ask("GET", f"{services}/web/proxy/x")
            assert (code, answer["message"]) == (503, 'no endpoints available for service "web"')
            subset = {
                "addresses": [{"ip": "127.0.0.1"}],
                "ports": [{"name": "web", "port": server.port}],
            }
            cluster.registry.create(kinds.ENDPOINTS, {"metadata": meta, "subsets": [subset]})
            for path in (
                f"{POD}/proxy/a/b",
                f"{POD}:{server.port}/proxy/a/b",
                "/api/v1/namespaces/default/pods/http:p:http/proxy/a/b",
                f"{services}/web/proxy/a/b",
                f"{services}/web:web/proxy/a/b",
                f"{services}/web:80/proxy/a/b",
            ):
                async with cluster.client.get(f"{path}?q=1", headers=AUTHORIZED) as answer:
                    assert await answer.text() == "/a/b?q=1"
                    assert answer.headers["X-Seen"] == "none"  # the token stays here
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                async with cluster.client.request(
                    method, f"{POD}/proxy/a", headers=AUTHORIZED, json={"b": 1}
                ) as answer:
                    told = (answer.status, await answer.text())
                    assert told == (202, f'{method} application/json {{"b": 1}}')
            async with cluster.client.get(f"{POD}/proxy/large", headers=AUTHORIZED) as answer:
                assert len(await answer.read()) == 900_000
            code, _ = await cluster.ask("GET", f"{services}/web:nosuch/proxy/")
            assert code == 503
            code, _ = await cluster.ask("GET", "/api/v1/namespaces/default/pods/https:p:1/proxy/")
            assert code == 400
        code, answer = await cluster.ask("GET", f"{POD}/proxy/a")
        assert (code, answer["reason"]) == (502, "BadGateway")

    in_cluster(scenario)


def test_the_clusters_own_metrics_are_behind_the_proxy(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.NODES, {"metadata": {"name": "local"}})
        base = "/api/v1/namespaces/kube-system/services"
        for name in (
            "kube-state-metrics",
            "kube-state-metrics:8080",
            "http:kube-state-metrics:http",
        ):
            path = f"{base}/{name}/proxy/metrics"
            async with cluster.client.get(path, headers=AUTHORIZED) as answer:
                assert await answer.text() == "kube_pod_info 1\n"
        path = "/api/v1/nodes/local/proxy/metrics/cadvisor"
        async with cluster.client.get(path, headers=AUTHORIZED) as answer:
            assert await answer.text() == "container_memory_working_set_bytes 1\n"
        for own in (path, f"{base}/kube-state-metrics/proxy/metrics"):
            code, answer = await cluster.ask("PUT", own)
            assert (code, answer["reason"]) == (405, "MethodNotAllowed")
        code, _ = await cluster.ask("GET", "/api/v1/nodes/local/proxy/other")
        assert code == 404

    in_cluster(scenario)


def test_usage_is_told_per_pod_and_node(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.NODES, {"metadata": {"name": "local"}})
        for name in ("p", "q", "idle"):
            cluster.registry.create(kinds.PODS, manifests["pod"](name))
        cluster.runtime.figures = {
            ("default", "p"): {"main": (0.25, 50 << 20)},
            ("default", "q"): {"main": (0.5, 1 << 20)},
        }
        base = "/apis/metrics.k8s.io/v1beta1"
        _, pods = await cluster.ask("GET", f"{base}/namespaces/default/pods")
        assert [item["metadata"]["name"] for item in pods["items"]] == ["p", "q"]
        _, pod = await cluster.ask("GET", f"{base}/namespaces/default/pods/p")
        assert pod["containers"][0]["usage"] == {"cpu": "250000000n", "memory": "51200Ki"}
        _, nodes = await cluster.ask("GET", f"{base}/nodes")
        assert nodes["items"][0]["usage"] == {"cpu": "750000000n", "memory": "52224Ki"}
        _, node = await cluster.ask("GET", f"{base}/nodes/local")
        assert node == nodes["items"][0]
        _, everywhere = await cluster.ask("GET", f"{base}/pods")
        assert everywhere["items"] == pods["items"]

    in_cluster(scenario)


@pytest.mark.parametrize("query", ["follow=true", "watch"])
def test_open_streams_do_not_hold_up_a_shutdown(
    query: str, in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        path = f"{POD}/log?{query}" if query != "watch" else "/api/v1/pods?watch=1"
        await cluster.client.get(path, headers=AUTHORIZED)
        async with asyncio.timeout(5):
            await cluster.client.server.close()

    in_cluster(scenario)
