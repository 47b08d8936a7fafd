"""`metrics.k8s.io/v1beta1`, as `kubectl top` reads it."""

from collections.abc import Mapping

from aiohttp import web

from localcluster import kinds
from localcluster.api.answers import json_answer
from localcluster.api.context import Api, no_such_path
from localcluster.api.reading import matcher
from localcluster.objects import ApiError, KubeObject
from localcluster.registry import rfc3339

_API_VERSION = "metrics.k8s.io/v1beta1"
# Over which the runtime averages CPU use; a name for the field, since nothing computes with it.
_WINDOW = "15s"


async def metrics(request: web.Request, api: Api, path: list[str]) -> web.Response:
    """`path` is what follows /apis/metrics.k8s.io/v1beta1: pods, nodes, one or all."""
    match path:
        case ["pods"]:
            return _pod_list(request, api, None)
        case ["namespaces", namespace, "pods"]:
            return _pod_list(request, api, namespace)
        case ["namespaces", namespace, "pods", name]:
            pod = api.registry.find(kinds.PODS, namespace, name)
            found = pod and _pod_metrics(api, pod)
            if not found:
                raise _no_metrics("pods", f"{namespace}/{name}")
            return json_answer(found)
        case ["nodes"]:
            matches = matcher(request, kinds.NODES)
            nodes = [node for node in api.registry.list(kinds.NODES) if matches(node)]
            items = [_node_metrics(api, node) for node in nodes]
            return json_answer(_list("NodeMetricsList", items))
        case ["nodes", name]:
            found_node = api.registry.find(kinds.NODES, "", name)
            if found_node is None:
                raise _no_metrics("nodes", name)
            return json_answer(_node_metrics(api, found_node))
    raise no_such_path()


def _no_metrics(plural: str, name: str) -> ApiError:
    return ApiError(
        404,
        "NotFound",
        f'{plural}.metrics.k8s.io "{name}" not found',
        details={"name": name, "group": "metrics.k8s.io", "kind": plural},
    )


def _list(kind: str, items: list[KubeObject]) -> KubeObject:
    return {"kind": kind, "apiVersion": _API_VERSION, "metadata": {}, "items": items}


def _pod_list(request: web.Request, api: Api, namespace: str | None) -> web.Response:
    matches = matcher(request, kinds.PODS)
    pods = [pod for pod in api.registry.list(kinds.PODS, namespace) if matches(pod)]
    found = [_pod_metrics(api, pod) for pod in pods]
    return json_answer(_list("PodMetricsList", [item for item in found if item is not None]))


def _usage(cpu_cores: float, memory_bytes: int) -> Mapping[str, str]:
    return {"cpu": f"{round(cpu_cores * 1e9)}n", "memory": f"{memory_bytes // 1024}Ki"}


def _pod_metrics(api: Api, pod: KubeObject) -> KubeObject | None:
    meta = pod["metadata"]
    figures = api.runtime.pod_metrics(meta["namespace"], meta["name"])
    if not figures:
        return None
    now = rfc3339(api.now())
    return {
        "kind": "PodMetrics",
        "apiVersion": _API_VERSION,
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "creationTimestamp": now,
            "labels": meta.get("labels") or {},
        },
        "timestamp": now,
        "window": _WINDOW,
        "containers": [
            {"name": name, "usage": _usage(cpu, memory)} for name, (cpu, memory) in figures.items()
        ],
    }


def _node_metrics(api: Api, node: KubeObject) -> KubeObject:
    """The sum over the pods of the node: nothing else runs there that is ours."""
    name = node["metadata"]["name"]
    cpu_cores, memory_bytes = 0.0, 0
    for pod in api.registry.list(kinds.PODS):
        if pod.get("spec", {}).get("nodeName") != name:
            continue
        meta = pod["metadata"]
        for cpu, memory in (
            api.runtime.pod_metrics(meta["namespace"], meta["name"]) or {}
        ).values():
            cpu_cores += cpu
            memory_bytes += memory
    now = rfc3339(api.now())
    return {
        "kind": "NodeMetrics",
        "apiVersion": _API_VERSION,
        "metadata": {"name": name, "creationTimestamp": now},
        "timestamp": now,
        "window": _WINDOW,
        "usage": _usage(cpu_cores, memory_bytes),
    }
