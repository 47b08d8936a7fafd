"""The official Python client against a cluster: one JSON object of what it was told.

A program of its own, because the client leaves connections open that end with its process.
Arguments: a kubeconfig, a namespace that exists, and how many changes make the server forget.
Each part is a function that returns what `test_clients.py` compares.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kubernetes import client, config, dynamic, watch

_NAME = "clients"
_WRITERS, _WRITES = 50, 4


def every_list(api: client.ApiClient) -> dict[str, Any]:
    """Every kind that the server lists, through the typed method of its name where there is one.

    `unread`: those that have one and could not be read. The client's models are strict: one field
    of a wrong type fails a whole list.
    """
    found: dict[str, int] = {}
    unread: dict[str, str] = {}
    for resource in dynamic.DynamicClient(api).resources.search():
        if "list" not in (resource.verbs or ()) or resource.kind.endswith("List"):
            continue
        api_class = "".join(
            part[0].upper() + part[1:]
            for part in (resource.group or "core").removesuffix(".k8s.io").split(".")
        )
        version = resource.api_version[0].upper() + resource.api_version[1:]
        holder = getattr(client, f"{api_class}{version}Api", None)
        name = "list_" + "".join(
            f"_{letter.lower()}" if letter.isupper() and number else letter.lower()
            for number, letter in enumerate(resource.kind)
        )
        call = holder and (
            getattr(holder, f"{name}_for_all_namespaces", None) or getattr(holder, name, None)
        )
        if not call:
            continue
        key = f"{resource.group_version}/{resource.kind}"
        try:
            found[key] = len(call(holder(api)).items)
        except Exception as error:  # noqa: BLE001 - told by the test
            unread[key] = f"{type(error).__name__}: {error}"[:300]
    return {"kinds": found, "unread": unread}


def lost_updates(api: client.ApiClient, namespace: str) -> dict[str, int]:
    """Many threads count in one object: read, add, replace, again on 409. None may be lost."""
    core = client.CoreV1Api(api)
    body = {"metadata": {"name": _NAME}, "data": {"count": "0"}}
    core.create_namespaced_config_map(namespace, body)
    conflicts = 0
    lock = threading.Lock()

    def write() -> None:
        nonlocal conflicts
        for _ in range(_WRITES):
            while True:
                found = core.read_namespaced_config_map(_NAME, namespace)
                found.data["count"] = str(int(found.data["count"]) + 1)
                try:
                    core.replace_namespaced_config_map(_NAME, namespace, found)
                    break
                except client.ApiException as error:
                    if error.status != 409:
                        raise
                    with lock:
                        conflicts += 1

    with ThreadPoolExecutor(_WRITERS) as pool:
        for each in [pool.submit(write) for _ in range(_WRITERS)]:
            each.result()
    count = int(core.read_namespaced_config_map(_NAME, namespace).data["count"])
    return {"count": count, "wanted": _WRITERS * _WRITES, "had_conflicts": int(conflicts > 0)}


def patched_keys(api: client.ApiClient, namespace: str) -> int:
    """Merge patches of different keys at the same time need no retry, and none is lost."""
    core = client.CoreV1Api(api)

    def patch(number: int) -> None:
        core.patch_namespaced_config_map(_NAME, namespace, {"data": {f"key-{number}": "x"}})

    with ThreadPoolExecutor(_WRITERS) as pool:
        for each in [pool.submit(patch, number) for number in range(_WRITERS)]:
            each.result()
    data = core.read_namespaced_config_map(_NAME, namespace).data
    return sum(key.startswith("key-") for key in data)


def refusals(api: client.ApiClient, namespace: str) -> dict[str, Any]:
    """Codes and reasons that programs decide by."""
    core = client.CoreV1Api(api)
    found: dict[str, Any] = {}

    def refused(name: str, call: Any) -> None:
        try:
            call()
        except client.ApiException as error:
            found[name] = [error.status, json.loads(error.body)["reason"]]
        else:
            found[name] = "accepted"

    stale = core.read_namespaced_config_map(_NAME, namespace)
    core.patch_namespaced_config_map(_NAME, namespace, {"data": {"new": "er"}})
    refused("stale", lambda: core.replace_namespaced_config_map(_NAME, namespace, stale))
    refused("missing", lambda: core.read_namespaced_config_map("nosuch", namespace))
    again = {"metadata": {"name": _NAME}}
    refused("twice", lambda: core.create_namespaced_config_map(namespace, again))
    wrong = {"metadata": {"name": "Wrong_Name"}}
    refused("invalid", lambda: core.create_namespaced_config_map(namespace, wrong))
    precondition = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    refused(
        "precondition",
        lambda: core.delete_namespaced_config_map(_NAME, namespace, body=precondition),
    )
    return found


def watches(api: client.ApiClient, namespace: str) -> dict[str, Any]:
    """Resuming after a place, ending in time, bookmarks, and a place that is lost."""
    core = client.CoreV1Api(api)
    begin = core.list_namespaced_config_map(namespace).metadata.resource_version
    for value in ("1", "2", "3"):
        core.patch_namespaced_config_map(_NAME, namespace, {"data": {"watched": value}})

    def seen(**arguments: Any) -> list[list[str]]:
        stream = watch.Watch().stream(
            core.list_namespaced_config_map,
            namespace,
            field_selector=f"metadata.name={_NAME}",
            timeout_seconds=1,
            **arguments,
        )
        return [[each["type"], each["object"].data["watched"]] for each in stream]

    return {
        "from_place": seen(resource_version=begin),
        "from_now": seen(),
    }


def lost_place(api: client.ApiClient, namespace: str, forget: int) -> dict[str, Any]:
    """A watch from a place that the server no longer knows; then what a program does about it.

    `forget`: as many changes as make it forget the present place; 0: the first place, which a
    server that is only minutes old still knows (code 200 then: it goes on from there).
    """
    core = client.CoreV1Api(api)
    begin = core.list_namespaced_config_map(namespace).metadata.resource_version

    def change(number: int) -> None:
        body = {"data": {"forget": str(number)}}
        core.patch_namespaced_config_map(_NAME, namespace, body, _preload_content=False).read()

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(change, range(forget)):
            pass

    def seen(place: str) -> list[list[str | None]]:
        stream = watch.Watch().stream(
            core.list_namespaced_config_map,
            namespace,
            resource_version=place,
            timeout_seconds=1,
        )
        return [[each["type"], (each["object"].data or {}).get("last")] for each in stream]

    code = 200
    try:
        seen(begin if forget else "1")
    except client.ApiException as error:
        code = error.status
    place = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.patch_namespaced_config_map(_NAME, namespace, {"data": {"last": "again"}})
    return {"code": code, "after_listing": seen(place)}


def through_dynamic(api: client.ApiClient, namespace: str) -> dict[str, Any]:
    """The dynamic client: discovery, apply of all kinds of patches, watch, delete."""
    maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "dynamic", "labels": {"a": "b"}},
        "data": {"x": "1"},
    }
    maps.create(body=body, namespace=namespace)
    merge = "application/merge-patch+json"
    maps.patch(name="dynamic", namespace=namespace, body={"data": {"y": "2"}}, content_type=merge)
    listed = maps.get(namespace=namespace, label_selector="a=b")
    watched = [each["type"] for each in maps.watch(namespace=namespace, name="dynamic", timeout=1)]
    data = dict(maps.get(name="dynamic", namespace=namespace).data)
    maps.delete(name="dynamic", namespace=namespace)
    return {"data": data, "listed": len(listed.items), "watched": watched}


def main(kubeconfig: str, namespace: str, forget: int) -> dict[str, Any]:
    configuration = client.Configuration()
    config.load_kube_config(kubeconfig, client_configuration=configuration)
    configuration.connection_pool_maxsize = _WRITERS
    api = client.ApiClient(configuration)
    return {
        "lists": every_list(api),
        "lost_updates": lost_updates(api, namespace),
        "patched_keys": patched_keys(api, namespace),
        "refusals": refusals(api, namespace),
        "watches": watches(api, namespace),
        "lost_place": lost_place(api, namespace, forget),
        "dynamic": through_dynamic(api, namespace),
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
