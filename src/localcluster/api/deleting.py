"""DELETE of one object, of a collection, and eviction."""

from typing import Any, Final

from aiohttp import web

from localcluster import disruption, kinds, status
from localcluster.api.answers import json_answer, number, read_json, success
from localcluster.api.context import Api, Target
from localcluster.api.conversion import shown
from localcluster.api.intake import is_dry_run
from localcluster.api.reading import found_objects, list_object
from localcluster.objects import ApiError, KubeObject, Resource
from localcluster.status import bad_request

# The kinds whose deletion answers with the object, also when it is gone at once.
_ANSWERS_OBJECT: Final = (
    kinds.PERSISTENT_VOLUME_CLAIMS,
    kinds.PODS,
    kinds.SERVICES,
    kinds.SERVICE_ACCOUNTS,
)
_POLICIES: Final = ("Foreground", "Background", "Orphan", "nil")
# A pod that does no work is evicted whatever the budgets say.
_IDLE: Final = ("Pending", "Succeeded", "Failed")


class _Options:
    """DeleteOptions from body and query; 400 or 422 for what makes no sense."""

    def __init__(self, request: web.Request, body: Any) -> None:
        if body is not None and not isinstance(body, dict):
            raise bad_request("DeleteOptions must be a JSON object")
        options: KubeObject = body or {}
        grace = options.get("gracePeriodSeconds")
        self.grace_period_s = number(request, "gracePeriodSeconds") if grace is None else grace
        if self.grace_period_s is not None and not isinstance(self.grace_period_s, int):
            raise bad_request("gracePeriodSeconds must be a whole number")
        policy = options.get("propagationPolicy") or request.query.get("propagationPolicy")
        if "orphanDependents" in options:
            if policy:
                text = "orphanDependents and deletionPropagation cannot be both set"
                cause = status.invalid_value("propagationPolicy", f'"{policy}"', text)
                raise status.invalid_options("DeleteOptions", [cause])
            policy = "Orphan" if options["orphanDependents"] else "Background"
        self.propagation = policy or "Background"
        if self.propagation not in _POLICIES:
            cause = status.unsupported("propagationPolicy", str(self.propagation), _POLICIES)
            raise status.invalid_options("DeleteOptions", [cause])
        preconditions = options.get("preconditions") or {}
        if not isinstance(preconditions, dict):
            raise bad_request("preconditions must be a JSON object")
        self.uid = preconditions.get("uid")
        self.version = preconditions.get("resourceVersion")
        self.dry_run = is_dry_run(request, options)


async def delete(request: web.Request, api: Api, target: Target) -> web.Response:
    options = _Options(request, await read_json(request))
    deleted = _delete(api, target.resource, target.key_namespace, target.name, options)
    return json_answer(_answer(api, target.resource, deleted))


def _delete(
    api: Api, resource: Resource, namespace: str, name: str, options: _Options
) -> KubeObject:
    found = api.registry.get(resource, namespace, name)
    if options.version not in (None, found["metadata"]["resourceVersion"]):
        raise status.conflict_of_kind(
            resource,
            name,
            f"the ResourceVersion in the precondition ({options.version}) does not match the "
            f"ResourceVersion in record ({found['metadata']['resourceVersion']}). The object might "
            "have been modified",
        )
    if options.dry_run:
        if options.uid not in (None, found["metadata"]["uid"]):
            raise status.wrong_uid(resource, name, str(options.uid), found["metadata"]["uid"])
        return found
    return api.registry.delete(
        resource,
        namespace,
        name,
        uid=options.uid,
        grace_period_s=options.grace_period_s,
        propagation=options.propagation,
    )


def _answer(api: Api, resource: Resource, deleted: KubeObject) -> KubeObject:
    meta = deleted["metadata"]
    current = api.registry.find(resource, meta.get("namespace", ""), meta["name"])
    still_there = current is not None and current["metadata"]["uid"] == meta["uid"]
    if still_there or resource in _ANSWERS_OBJECT:
        return shown(resource, deleted)
    details = {"name": meta["name"], "kind": resource.plural, "uid": meta["uid"]}
    if resource.group:
        details["group"] = resource.group
    return success(details)


async def delete_collection(request: web.Request, api: Api, target: Target) -> web.Response:
    if target.resource is kinds.NAMESPACES or target.resource is kinds.SERVICES:
        raise ApiError(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
            details={},
        )
    options = _Options(request, await read_json(request))
    options.uid = options.version = None
    deleted = []
    for obj in found_objects(request, api, target):
        meta = obj["metadata"]
        namespace = meta.get("namespace", "")
        if api.registry.find(target.resource, namespace, meta["name"]) is None:
            continue  # it went with one before it
        deleted.append(_delete(api, target.resource, namespace, meta["name"], options))
    version = str(api.registry.resource_version)
    return json_answer(list_object(target.resource, deleted, version))


async def evict(request: web.Request, api: Api, target: Target) -> web.Response:
    """A deletion that asks the disruption budgets first; 429 when one says no."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise bad_request("an Eviction must be a JSON object")
    pod = api.registry.get(kinds.PODS, target.key_namespace, target.name)
    _ask_budgets(api, pod)
    options = _Options(request, body.get("deleteOptions"))
    _delete(api, kinds.PODS, target.key_namespace, target.name, options)
    return json_answer(success(code=201), 201)


def _ask_budgets(api: Api, pod: KubeObject) -> None:
    if "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") in _IDLE:
        return
    namespace = pod["metadata"]["namespace"]
    budgets = [
        budget
        for budget in api.registry.list(kinds.POD_DISRUPTION_BUDGETS, namespace)
        if disruption.covers(budget, pod)
    ]
    if len(budgets) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource"
        raise ApiError(500, "InternalError", f"{text} does not support.")
    for budget in budgets:
        found = disruption.health(api.registry, budget)
        if not disruption.is_healthy(pod) and (
            0 < found.desired <= found.current
            or budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        ):
            return
        if not found.allowed:
            name = budget["metadata"]["name"]
            cause = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {name} needs {found.desired} healthy pods and "
                f"has {found.current} currently",
            }
            raise ApiError(
                429,
                "TooManyRequests",
                "Cannot evict pod as it would violate the pod's disruption budget.",
                details={"causes": [cause]},
            )
