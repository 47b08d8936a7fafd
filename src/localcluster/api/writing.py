"""POST, PUT and PATCH of objects and of their status."""

import json

from aiohttp import web

from localcluster import kinds, status
from localcluster.api.answers import read_json
from localcluster.api.context import Api, Target
from localcluster.api.conversion import shown, stored
from localcluster.api.intake import check_identity, decoded, is_dry_run, without_status
from localcluster.api.patches import APPLY, content_type, read_patch
from localcluster.api.reading import object_answer
from localcluster.objects import ApiError, KubeObject
from localcluster.schema.definitions import definitions
from localcluster.schema.rules import POD_IS_FROZEN
from localcluster.status import bad_request


async def create(request: web.Request, api: Api, target: Target) -> web.Response:
    dry_run = is_dry_run(request)
    body = check_identity(target, await _body(request))
    if target.resource is not kinds.NODES:  # a kubelet registers its node with its status
        body = without_status(target.resource, body)
    obj, warnings = decoded(request, target.resource, body)
    written = api.registry.create(target.resource, stored(target.resource, obj), dry_run=dry_run)
    return object_answer(request, api, target.resource, written, 201, warnings)


async def update(request: web.Request, api: Api, target: Target) -> web.Response:
    dry_run = is_dry_run(request)
    body = check_identity(target, await _body(request))
    if target.subresource == "status":
        current = api.registry.get(target.resource, target.key_namespace, target.name)
        # Only the status counts, and the rest of the body may be incomplete.
        whole = shown(target.resource, current)
        body = {**whole, "metadata": body["metadata"], "status": body.get("status") or {}}
    return _write(request, api, target, body, dry_run=dry_run)


async def patch(request: web.Request, api: Api, target: Target) -> web.Response:
    dry_run = is_dry_run(request)
    applies = content_type(request) == APPLY
    if applies and not request.query.get("fieldManager"):
        raise ApiError(
            422,
            "Invalid",
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required '
            "for apply patch",
        )
    body, apply = await read_patch(request, definitions().of(target.resource))
    current = api.registry.find(target.resource, target.key_namespace, target.name)
    if current is None and applies and not target.subresource:
        made = check_identity(target, body)
        obj, warnings = decoded(request, target.resource, without_status(target.resource, made))
        written = api.registry.create(
            target.resource, stored(target.resource, obj), dry_run=dry_run
        )
        return object_answer(request, api, target.resource, written, 201, warnings)
    current = api.registry.get(target.resource, target.key_namespace, target.name)
    patched = check_identity(target, apply(shown(target.resource, current)))
    _check_uid(target, patched["metadata"], current["metadata"])
    return _write(request, api, target, patched, dry_run=dry_run, patch_body=body)


def _check_uid(target: Target, meta: KubeObject, current: KubeObject) -> None:
    """A patch cannot ask for another object as a PUT can: it would change the uid."""
    if meta.get("uid") not in (None, "", current["uid"]):
        shown_uid = json.dumps(meta["uid"])
        cause = status.invalid_value("metadata.uid", shown_uid, "field is immutable")
        raise status.invalid(target.resource, current["name"], [cause])


def _write(
    request: web.Request,
    api: Api,
    target: Target,
    body: KubeObject,
    *,
    dry_run: bool,
    patch_body: object = None,
) -> web.Response:
    resource = target.resource
    if target.subresource != "status":
        body = without_status(resource, body)
    obj, warnings = decoded(request, resource, body, patch=patch_body)
    if resource is kinds.PODS and not target.subresource:
        _check_node(api, target, obj)
    write = api.registry.update_status if target.subresource else api.registry.update
    written = write(resource, stored(resource, obj), dry_run=dry_run)
    return object_answer(request, api, resource, written, 200, warnings)


def _check_node(api: Api, target: Target, pod: KubeObject) -> None:
    """A pod is put on its node by the scheduler, not by who writes the pod."""
    current = api.registry.get(target.resource, target.key_namespace, target.name)
    asked = pod.get("spec", {}).get("nodeName", "")
    if asked != current["spec"].get("nodeName", ""):
        raise status.invalid(target.resource, target.name, [POD_IS_FROZEN])


async def _body(request: web.Request) -> object:
    body = await read_json(request)
    if body is None:
        raise bad_request(
            "the object provided is unrecognized: couldn't get version/kind; json parse error: "
            "unexpected end of JSON input (<empty>)"
        )
    return body
