"""The scale subresource: `autoscaling/v1` Scale over a workload's replicas."""

from typing import Any

from aiohttp import web

from localcluster import status
from localcluster.api.answers import json_answer, read_json
from localcluster.api.cells import NONE, format_selector
from localcluster.api.context import Api, Target
from localcluster.api.intake import is_dry_run
from localcluster.api.patches import read_patch
from localcluster.json_copy import copy_json
from localcluster.objects import KubeObject
from localcluster.schema.definitions import SCALE, definitions
from localcluster.status import bad_request


def scale_of(workload: KubeObject) -> KubeObject:
    meta = workload["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = format_selector(workload["spec"].get("selector"))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in kept if key in meta},
        "spec": {"replicas": workload["spec"].get("replicas", 1)},
        "status": {
            "replicas": workload.get("status", {}).get("replicas", 0),
            "selector": "" if selector == NONE else selector,
        },
    }


async def scale(request: web.Request, api: Api, target: Target) -> web.Response:
    """GET, PUT and PATCH; 409 when the resource version given is stale."""
    if request.method == "GET":
        return json_answer(scale_of(_workload(api, target)))
    if request.method == "PUT":
        body = await read_json(request)
        if not isinstance(body, dict):
            raise bad_request("a Scale must be a JSON object")
        wanted = body
        workload = _workload(api, target)
    else:
        _, apply = await read_patch(request, definitions().named(SCALE))
        workload = _workload(api, target)
        wanted = apply(scale_of(workload))
    new = copy_json(workload)
    new["spec"]["replicas"] = _replicas(wanted)
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    if version:
        new["metadata"]["resourceVersion"] = version
    written = api.registry.update(target.resource, new, dry_run=is_dry_run(request))
    return json_answer(scale_of(written))


def _workload(api: Api, target: Target) -> KubeObject:
    found = api.registry.find(target.resource, target.key_namespace, target.name)
    if found is None:
        raise status.not_found(target.resource, target.name, subresource="scale")
    return found


def _replicas(scale_object: KubeObject) -> int:
    spec: Any = scale_object.get("spec") or {}
    replicas = spec.get("replicas", 0) if isinstance(spec, dict) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: spec.replicas must be a whole '
            "number"
        )
    return replicas
