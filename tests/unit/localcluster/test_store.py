"""Any interleaving of writes and watches gives each watcher a gap-free history, or a 410."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcluster import kinds
from localcluster.json_copy import copy_json, share_unchanged
from localcluster.objects import ApiError, KubeObject, WatchEvent
from localcluster.store import Store, Watch

NAMES = ("a", "b", "c")
Steps = list[tuple[str, int, str]]


def config_map(name: str, namespace: str = "n") -> KubeObject:
    return {"metadata": {"name": name, "namespace": namespace}}


async def drain(watch: Watch) -> tuple[list[WatchEvent], ApiError | None]:
    """What the watch has to tell by now."""
    found: list[WatchEvent] = []
    while True:
        reading = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        if not reading.done():
            reading.cancel()
            await asyncio.wait([reading])
            return found, None
        try:
            found.append(reading.result())
        except ApiError as error:
            return found, error


steps: st.SearchStrategy[Steps] = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "remove", "watch", "read"]),
        st.integers(0, 30),
        st.sampled_from(NAMES),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_each_watcher_sees_all_changes_in_order_or_is_told_410(plan: Steps) -> None:
    asyncio.run(_interleave(plan))


async def _interleave(plan: Steps) -> None:
    store = Store(log_length=8)
    history: list[WatchEvent] = []
    store.listen(lambda _resource, event: history.append(event))
    watchers: list[tuple[Watch, int, list[WatchEvent]]] = []
    lost: set[int] = set()

    async def read(index: int) -> None:
        watch, _, seen = watchers[index]
        events, error = await drain(watch)
        seen.extend(events)
        if error is not None:
            assert error.code == 410
            lost.add(index)

    for action, number, name in plan:
        if action == "put":
            store.put(kinds.CONFIG_MAPS, config_map(name))
        elif action == "remove" and store.find(kinds.CONFIG_MAPS, "n", name):
            store.remove(kinds.CONFIG_MAPS, "n", name)
        elif action == "watch":
            since = min(number, store.version)
            watchers.append((store.watch(kinds.CONFIG_MAPS, None, since), since, []))
        elif action == "read" and watchers:
            await read(number % len(watchers))
    for index, (_, since, seen) in enumerate(watchers):
        if index not in lost:
            await read(index)
        expected = [event for event in history if event.resource_version > since]
        if index in lost:
            assert seen == expected[: len(seen)]
        else:
            assert seen == expected


def test_versions_only_grow_and_a_deletion_has_its_own() -> None:
    store = Store()
    first = store.put(kinds.CONFIG_MAPS, config_map("a"))
    gone = store.remove(kinds.CONFIG_MAPS, "n", "a")
    assert (first["metadata"]["resourceVersion"], gone["metadata"]["resourceVersion"]) == ("1", "2")


def test_a_watch_of_one_namespace_hears_nothing_of_others() -> None:
    store = Store()
    watch = store.watch(kinds.CONFIG_MAPS, "n", None)
    store.put(kinds.CONFIG_MAPS, config_map("a", "other"))
    store.put(kinds.CONFIG_MAPS, config_map("b"))
    events, _ = asyncio.run(drain(watch))
    assert [event.object["metadata"]["name"] for event in events] == ["b"]


def test_a_waiting_watch_wakes_at_the_next_change() -> None:
    store = Store()

    async def scenario() -> WatchEvent:
        watch = store.watch(kinds.CONFIG_MAPS, None, None)
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        store.put(kinds.CONFIG_MAPS, config_map("a"))
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(scenario()).type == "ADDED"


def test_a_version_from_before_the_log_is_refused_at_once() -> None:
    store = Store(log_length=2)
    for _ in range(10):
        store.put(kinds.CONFIG_MAPS, config_map("a"))
    with pytest.raises(ApiError, match="too old resource version"):
        asyncio.run(anext(store.watch(kinds.CONFIG_MAPS, None, 1)))  # type: ignore[arg-type]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.just(1.0) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=8,
)


@given(new=json_values, old=json_values)
def test_sharing_changes_no_value(new: object, old: object) -> None:
    before, wanted = json.dumps(old), json.dumps(new)
    shared = share_unchanged(copy_json(new), old)
    assert json.dumps(shared, sort_keys=True) == json.dumps(json.loads(wanted), sort_keys=True)
    assert json.dumps(old) == before
    assert share_unchanged(copy_json(old), old) is old or not isinstance(old, dict | list)


def test_versions_share_what_did_not_change() -> None:
    old = {"metadata": {"name": "a"}, "spec": {"x": [1, 2]}, "status": {"ready": 1}}
    new = copy_json(old)
    new["status"]["ready"] = 2
    shared = share_unchanged(new, old)
    assert shared["spec"] is old["spec"]
    assert shared["status"] == {"ready": 2}
    assert old["status"] == {"ready": 1}
