"""GET of one object and of a list, in the form that the client asked for."""

from collections.abc import Sequence

from aiohttp import web

from localcluster import selectors, status
from localcluster.api.answers import json_answer, wanted_form
from localcluster.api.context import Api, Target
from localcluster.api.conversion import shown
from localcluster.api.paging import Match, check_known, read_page, resource_version
from localcluster.api.tables import partial_metadata, table
from localcluster.objects import KubeObject, Resource


def matcher(request: web.Request, resource: Resource) -> Match:
    """Both selectors of the request and, for `/NAME?watch=true`, nothing else; 400."""
    labels_text = request.query.get("labelSelector", "")
    fields_text = request.query.get("fieldSelector", "")
    labels = selectors.parse_labels(labels_text) if labels_text else None
    fields = selectors.parse_fields(resource, fields_text) if fields_text else None

    def matches(obj: KubeObject) -> bool:
        if labels is not None and not labels(obj["metadata"].get("labels") or {}):
            return False
        return fields is None or fields(obj)

    return matches


def found_objects(request: web.Request, api: Api, target: Target) -> Sequence[KubeObject]:
    matches = matcher(request, target.resource)
    namespace = target.namespace if target.resource.namespaced else None
    return [obj for obj in api.registry.list(target.resource, namespace) if matches(obj)]


def check_version(request: web.Request, api: Api) -> int | None:
    """The resource version that the client has seen; 400, and 504 when it was never given out."""
    version = resource_version(request)
    check_known(version, api.registry.resource_version)
    return version


async def read_one(request: web.Request, api: Api, target: Target) -> web.Response:
    check_version(request, api)
    obj = api.registry.get(target.resource, target.key_namespace, target.name)
    return object_answer(request, api, target.resource, obj)


def object_answer(
    request: web.Request,
    api: Api,
    resource: Resource,
    obj: KubeObject,
    code: int = 200,
    warnings: Sequence[str] = (),
) -> web.Response:
    form = wanted_form(request)
    body = shown(resource, obj)
    if form == "Table":
        body = _as_table(request, api, resource, [obj], obj["metadata"]["resourceVersion"])
    elif form == "PartialObjectMetadata":
        body = partial_metadata(obj)
    return json_answer(body, code, warnings=warnings)


def _as_table(
    request: web.Request, api: Api, resource: Resource, objects: Sequence[KubeObject], version: str
) -> KubeObject:
    include = request.query.get("includeObject", "Metadata")
    if include not in ("None", "Metadata", "Object"):
        raise status.bad_request(f"unrecognized includeObject value: {include}")
    return table(resource, objects, api.now(), version=version, include=include)


async def read_list(request: web.Request, api: Api, target: Target) -> web.Response:
    form = wanted_form(request)
    matches = matcher(request, target.resource)
    selective = bool(request.query.get("labelSelector") or request.query.get("fieldSelector"))
    page = read_page(request, api, target, matches, selective=selective)
    version = page.metadata["resourceVersion"]
    if form == "Table":
        body = _as_table(request, api, target.resource, page.objects, version)
    else:
        body = list_object(target.resource, page.objects, version, form=form)
    body["metadata"] = page.metadata
    return json_answer(body)


def list_object(
    resource: Resource, objects: Sequence[KubeObject], version: str, *, form: str = ""
) -> KubeObject:
    """`PodList` and the like. Its items carry no kind, as those of the real server."""
    if form == "PartialObjectMetadata":
        kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [{"metadata": obj["metadata"]} for obj in objects]
    else:
        kind, api_version = f"{resource.kind}List", resource.api_version
        items = [_without_type(shown(resource, obj)) for obj in objects]
    return {
        "kind": kind,
        "apiVersion": api_version,
        "metadata": {"resourceVersion": version},
        "items": items,
    }


def _without_type(obj: KubeObject) -> KubeObject:
    return {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
