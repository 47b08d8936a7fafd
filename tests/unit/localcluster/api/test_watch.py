"""Watches over HTTP: what begins, what follows, what selectors make of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from localcluster import kinds
from localcluster.objects import KubeObject

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]
PODS = "/api/v1/namespaces/default/pods"


class Stream:
    """A watch that is open for the length of a block."""

    def __init__(self, cluster: Any, query: str, **headers: str) -> None:
        authorized = {"Authorization": "Bearer a-token", **headers}
        self._request = cluster.client.get(f"{PODS}?watch=true&{query}", headers=authorized)

    async def __aenter__(self) -> "Stream":
        self._answer = await self._request.__aenter__()
        assert self._answer.status == 200
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._answer.close()

    async def next(self) -> Any:
        line = await asyncio.wait_for(self._answer.content.readline(), 10)
        return json.loads(line) if line else None

    async def told(self) -> tuple[str, str]:
        event = await self.next()
        return event["type"], event["object"]["metadata"]["name"]


def relabel(cluster: Any, name: str, **labels: str) -> None:
    cluster.registry.modify(
        kinds.PODS, "default", name, lambda obj: obj["metadata"].update(labels=labels)
    )


def test_without_a_version_a_watch_begins_with_what_there_is(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]("a"))
        async with Stream(cluster, "") as stream:
            assert await stream.told() == ("ADDED", "a")
            cluster.registry.create(kinds.PODS, manifests["pod"]("b"))
            assert await stream.told() == ("ADDED", "b")
            cluster.registry.delete(kinds.PODS, "default", "a", grace_period_s=0)
            assert await stream.told() == ("DELETED", "a")

    in_cluster(scenario)


def test_from_a_version_a_watch_tells_what_came_after(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]("a"))
        version = cluster.registry.resource_version
        relabel(cluster, "a", x="y")
        async with Stream(cluster, f"resourceVersion={version}") as stream:
            assert await stream.told() == ("MODIFIED", "a")

    in_cluster(scenario)


def test_a_list_as_a_watch_ends_with_a_bookmark(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    query = (
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        "&resourceVersion="
    )

    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]("a"))
        async with Stream(cluster, query) as stream:
            assert await stream.told() == ("ADDED", "a")
            bookmark = await stream.next()
            assert bookmark["type"] == "BOOKMARK"
            meta = bookmark["object"]["metadata"]
            assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert meta["resourceVersion"] == str(cluster.registry.resource_version)
            relabel(cluster, "a", x="y")
            assert await stream.told() == ("MODIFIED", "a")

    in_cluster(scenario)


def test_who_leaves_a_selector_is_deleted_and_who_enters_added(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        for name in ("a", "b"):
            cluster.registry.create(kinds.PODS, manifests["pod"](name, app="web"))
        version = cluster.registry.resource_version
        query = f"labelSelector=app%3Dweb&resourceVersion={version}"
        async with Stream(cluster, query) as stream:
            relabel(cluster, "a", app="other")
            left = await stream.next()
            assert (left["type"], left["object"]["metadata"]["labels"]) == (
                "DELETED",
                {"app": "web"},
            )
            assert left["object"]["metadata"]["resourceVersion"] == str(version + 1)
            relabel(cluster, "a", app="other", more="of-it")  # out of sight
            relabel(cluster, "a", app="web")
            assert await stream.told() == ("ADDED", "a")
            relabel(cluster, "a", app="web", x="y")
            assert await stream.told() == ("MODIFIED", "a")
            cluster.registry.delete(kinds.PODS, "default", "b", grace_period_s=0)
            assert await stream.told() == ("DELETED", "b")

    in_cluster(scenario)


def test_a_watch_from_before_the_log_is_told_410(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]("a"))
        for number in range(2100):
            relabel(cluster, "a", n=str(number))
        async with Stream(cluster, "resourceVersion=1") as stream:
            event = await stream.next()
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
            assert await stream.next() is None

    in_cluster(scenario)


def test_tables_are_watched_with_their_columns_once(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"

    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]("a"))
        async with Stream(cluster, "", Accept=accept) as stream:
            first = (await stream.next())["object"]
            assert first["columnDefinitions"][0]["name"] == "Name"
            relabel(cluster, "a", x="y")
            second = (await stream.next())["object"]
            assert second["columnDefinitions"] is None
            assert second["rows"][0]["cells"][0] == "a"

    in_cluster(scenario)


def test_a_watch_ends_when_its_time_is_over(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        async with Stream(cluster, "timeoutSeconds=1") as stream:
            assert await stream.next() is None

    in_cluster(scenario)


def test_a_shutdown_ends_the_watches(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        stream = Stream(cluster, "")
        await stream.__aenter__()
        await asyncio.wait_for(cluster.client.server.close(), 5)

    in_cluster(scenario)
