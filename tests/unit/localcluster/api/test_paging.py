"""Pages of a list are one moment of it, or 410 with a way to go on."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.objects import KubeObject
from localcluster.store import LOG_LENGTH

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Steps = list[tuple[str, str, str]]
MAPS = "/api/v1/namespaces/default/configmaps"
ALL = "/api/v1/configmaps"


def config_map(name: str, namespace: str = "default", **labels: str) -> KubeObject:
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}}


def names(answer: KubeObject) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


async def pages(cluster: Any, path: str, limit: int, between: Callable[[], None]) -> list[Any]:
    """Every page of a list, with `between` called after each."""
    found, token = [], ""
    while True:
        code, answer = await cluster.ask(
            "GET", path, params={"limit": str(limit), **({"continue": token} if token else {})}
        )
        assert code == 200, answer
        found.append(answer)
        token = answer["metadata"].get("continue", "")
        if not token:
            return found
        between()


def test_pages_have_what_a_real_server_says_of_them(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        for name in "abcde":
            cluster.registry.create(kinds.CONFIG_MAPS, config_map(name))
        first, second, third = await pages(cluster, MAPS, 2, lambda: None)
        assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
        assert first["metadata"]["remainingItemCount"] == 3
        assert second["metadata"]["remainingItemCount"] == 1
        assert set(third["metadata"]) == {"resourceVersion"}
        # With a selector nobody counts what is left; without a further match there is no token.
        _, answer = await cluster.ask("GET", f"{MAPS}?limit=1&labelSelector=a%3Db")
        assert (names(answer), set(answer["metadata"])) == ([], {"resourceVersion"})
        _, answer = await cluster.ask("GET", f"{MAPS}?limit=2&fieldSelector=metadata.name!%3Da")
        assert names(answer) == ["b", "c"]
        assert set(answer["metadata"]) == {"resourceVersion", "continue"}
        for query in ("limit=2&resourceVersion=0", "limit=-1", "limit=0"):
            _, answer = await cluster.ask("GET", f"{MAPS}?{query}")
            assert len(answer["items"]) == 5

    in_cluster(scenario)


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "remove"]),
        st.sampled_from(["default", "a-b", "a"]),
        st.sampled_from("abcdefgh"),
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=steps, between=st.lists(steps, max_size=8), limit=st.integers(1, 4))
def test_all_pages_show_one_moment_whatever_is_written_meanwhile(
    before: Steps, between: list[Steps], limit: int, in_cluster: InCluster
) -> None:
    async def scenario(cluster: Any) -> None:
        for namespace in ("a", "a-b"):
            cluster.registry.create(kinds.NAMESPACES, {"metadata": {"name": namespace}})
        write(cluster, before)
        _, whole = await cluster.ask("GET", ALL)
        waiting = iter(between)
        found = await pages(cluster, ALL, limit, lambda: write(cluster, next(waiting, [])))
        assert [item for page in found for item in page["items"]] == whole["items"]
        version = whole["metadata"]["resourceVersion"]
        assert {page["metadata"]["resourceVersion"] for page in found} == {version}
        exact = f"{ALL}?resourceVersion={version}&resourceVersionMatch=Exact"
        assert (await cluster.ask("GET", exact))[1] == whole

    in_cluster(scenario)


def write(cluster: Any, plan: Steps) -> None:
    for action, namespace, name in plan:
        there = cluster.registry.find(kinds.CONFIG_MAPS, namespace, name)
        if action == "remove" and there:
            cluster.registry.delete(kinds.CONFIG_MAPS, namespace, name)
        elif action == "put" and there:
            count = str(int(there.get("data", {}).get("n", "0")) + 1)
            cluster.registry.update(kinds.CONFIG_MAPS, {**there, "data": {"n": count}})
        elif action == "put":
            cluster.registry.create(kinds.CONFIG_MAPS, config_map(name, namespace))


def test_an_expired_list_gives_a_token_for_the_rest_as_it_is_now(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        for name in "abcd":
            cluster.registry.create(kinds.CONFIG_MAPS, config_map(name))
        _, first = await cluster.ask("GET", f"{MAPS}?limit=2")
        for number in range(3 * LOG_LENGTH):
            cluster.registry.modify(
                kinds.CONFIG_MAPS,
                "default",
                "d",
                lambda obj, n=number: obj.update(data={"n": str(n)}),
            )
        query = {"limit": "5", "continue": first["metadata"]["continue"]}
        code, answer = await cluster.ask("GET", MAPS, params=query)
        assert (code, answer["reason"]) == (410, "Expired")
        assert "inconsistent list" in answer["message"]
        query["continue"] = answer["metadata"]["continue"]
        code, rest = await cluster.ask("GET", MAPS, params=query)
        assert (code, names(rest)) == (200, ["c", "d"])
        version = first["metadata"]["resourceVersion"]
        code, answer = await cluster.ask(
            "GET", f"{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
        )
        assert (code, answer["message"]) == (
            410,
            "The resourceVersion for the provided list is too old.",
        )

    in_cluster(scenario)


def token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


GOOD = token('{"v":"meta.k8s.io/v1","rv":1,"start":"a\\u0000"}')


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("limit=x", 400, 'strconv.ParseInt: parsing "x"'),
        ("timeoutSeconds=x", 400, 'strconv.ParseInt: parsing "x"'),
        ("resourceVersion=x", 400, 'resourceVersion: Invalid value: "x"'),
        ("resourceVersion=-1", 400, 'resourceVersion: Invalid value: "-1"'),
        ("resourceVersion=99999", 504, "Too large resource version: 99999"),
        ("resourceVersionMatch=Exact", 422, "forbidden unless resourceVersion is provided"),
        ("resourceVersion=1&resourceVersionMatch=Foo", 422, 'Unsupported value: "Foo"'),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422, 'forbidden for resourceVersion "0"'),
        ("sendInitialEvents=true", 422, "sendInitialEvents is forbidden for list"),
        (f"continue={GOOD}&resourceVersion=1", 400, "not allowed when using continue"),
        (f"continue={GOOD}&resourceVersionMatch=Exact", 422, "is forbidden for continue"),
        ("continue=abc", 400, "invalid continue token"),
        ("continue=%00", 400, "invalid continue token"),
        (f"continue={token('[]')}", 400, "invalid continue token"),
        (f"continue={token('{}')}", 400, "invalid continue token"),
        (f"continue={GOOD[:-4]}", 400, "invalid continue token"),
        (f"continue={token('[' * 100_000)}"[:8000], 400, "invalid continue token"),
        (
            "continue=" + token('{"v":"meta.k8s.io/v1","rv":true,"start":"a"}'),
            400,
            "incorrect encoded start resourceVersion",
        ),
        ("continue=" + token('{"v":"meta.k8s.io/v1","rv":1,"start":""}'), 400, "key empty"),
        ("continue=" + token('{"v":"meta.k8s.io/v1","rv":99999,"start":"a"}'), 400, "invalid"),
        ("watch=1&resourceVersion=1&resourceVersionMatch=Exact", 422, "forbidden for watch"),
    ],
)
def test_nonsense_in_the_options_of_a_list_is_told(
    query: str, code: int, told: str, in_cluster: InCluster
) -> None:
    async def scenario(cluster: Any) -> None:
        found, answer = await cluster.ask("GET", f"{MAPS}?{query}")
        assert (found, answer["status"]) == (code, "Failure")
        assert told in answer["message"]

    in_cluster(scenario)
