"""What is served: aggregated and legacy discovery, and the version. Pure."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from localcluster import kinds
from localcluster.objects import KubeObject, Resource

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_ALL_VERBS: Final = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
_NO_COLLECTION: Final = (kinds.NAMESPACES, kinds.SERVICES)


@dataclass(frozen=True, slots=True)
class _Subresource:
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


_WRITABLE: Final = ("get", "patch", "update")
_OWN_KIND: Final = _Subresource("", _WRITABLE)
_PROXIED: Final = ("create", "delete", "get", "patch", "update")
_SUBRESOURCES: Final[Mapping[tuple[str, str], _Subresource]] = {
    ("nodes", "proxy"): _Subresource("NodeProxyOptions", ("get",)),
    ("pods", "eviction"): _Subresource("Eviction", ("create",), "policy", "v1"),
    ("pods", "exec"): _Subresource("PodExecOptions", ("create", "get")),
    ("pods", "log"): _Subresource("Pod", ("get",)),
    ("pods", "portforward"): _Subresource("PodPortForwardOptions", ("create", "get")),
    ("pods", "proxy"): _Subresource("PodProxyOptions", _PROXIED),
    ("services", "proxy"): _Subresource("ServiceProxyOptions", _PROXIED),
}
_SCALE: Final = _Subresource("Scale", _WRITABLE, "autoscaling", "v1")

# Answered without being stored: (resource, verbs).
_VIRTUAL: Final[Sequence[tuple[Resource, tuple[str, ...]]]] = (
    (
        Resource(
            group="authorization.k8s.io",
            version="v1",
            plural="selfsubjectaccessreviews",
            singular="selfsubjectaccessreview",
            kind="SelfSubjectAccessReview",
            namespaced=False,
        ),
        ("create",),
    ),
    (
        Resource(
            group="metrics.k8s.io",
            version="v1beta1",
            plural="nodes",
            singular="",
            kind="NodeMetrics",
            namespaced=False,
        ),
        ("get", "list"),
    ),
    (
        Resource(
            group="metrics.k8s.io",
            version="v1beta1",
            plural="pods",
            singular="",
            kind="PodMetrics",
            namespaced=True,
        ),
        ("get", "list"),
    ),
)


def _verbs(resource: Resource) -> tuple[str, ...]:
    if resource in _NO_COLLECTION:
        return tuple(verb for verb in _ALL_VERBS if verb != "deletecollection")
    return _ALL_VERBS


def _served() -> list[tuple[Resource, tuple[str, ...]]]:
    """By group: the core group, then those of the table, then the virtual ones."""
    found = [(resource, _verbs(resource)) for resource in kinds.RESOURCES]
    return [*found, *_VIRTUAL]


def _groups() -> dict[tuple[str, str], list[tuple[Resource, tuple[str, ...]]]]:
    return {
        key: list(entries)
        for key, entries in groupby(_served(), key=lambda e: (e[0].group, e[0].version))
    }


def group_versions() -> list[tuple[str, str]]:
    """("", "v1"), ("apps", "v1") and so on."""
    return list(_groups())


def _subresources(resource: Resource) -> list[tuple[str, _Subresource]]:
    found = []
    for name in resource.subresources:
        known = _SUBRESOURCES.get((resource.plural, name), _SCALE if name == "scale" else _OWN_KIND)
        found.append((name, known))
    return found


def aggregated(*, core: bool) -> KubeObject:
    """APIGroupDiscoveryList of `/api` (core) or of `/apis`."""
    versions: dict[str, list[dict[str, Any]]] = {}
    for (group, version), entries in _groups().items():
        if (group == "") is core:
            resources = [_aggregated_entry(r, verbs) for r, verbs in entries]
            entry = {"version": version, "resources": resources, "freshness": "Current"}
            versions.setdefault(group, []).append(entry)
    items = [
        {"metadata": {"name": group} if group else {}, "versions": listed}
        for group, listed in versions.items()
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_entry(resource: Resource, verbs: tuple[str, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _gvk(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    subresources = [
        {
            "subresource": name,
            "responseKind": _gvk(
                sub.group or resource.group, sub.version or resource.version, _kind(sub, resource)
            ),
            "verbs": list(sub.verbs),
        }
        for name, sub in _subresources(resource)
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry


def _gvk(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}


def _kind(sub: _Subresource, resource: Resource) -> str:
    return sub.kind or resource.kind


def api_versions(address: str) -> KubeObject:
    """Legacy `/api`; `address` is the server's host and port."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list() -> KubeObject:
    """Legacy `/apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name) for name in dict.fromkeys(group for group, _ in _groups()) if name],
    }


def _group(group: str) -> dict[str, Any]:
    """Of its versions the first one is preferred, as in the table of kinds."""
    served = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for name, version in _groups()
        if name == group
    ]
    return {"name": group, "versions": served, "preferredVersion": served[0]}


def api_group(group: str) -> KubeObject | None:
    """Legacy `/apis/GROUP`."""
    if any(name == group for name, _ in _groups()):
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
    return None


def resource_list(group: str, version: str) -> KubeObject | None:
    """Legacy `/api/v1` and `/apis/GROUP/VERSION`."""
    entries = _groups().get((group, version))
    if entries is None:
        return None
    listed: list[dict[str, Any]] = []
    for resource, verbs in entries:
        listed.append(_legacy_entry(resource, verbs))
        listed.extend(_legacy_subresources(resource))
    body: KubeObject = {"kind": "APIResourceList"}
    if group:
        body["apiVersion"] = "v1"
    body["groupVersion"] = f"{group}/{version}" if group else version
    body["resources"] = sorted(listed, key=lambda entry: entry["name"])
    return body


def _legacy_entry(resource: Resource, verbs: tuple[str, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return entry


def _legacy_subresources(resource: Resource) -> list[dict[str, Any]]:
    found = []
    for name, sub in _subresources(resource):
        entry: dict[str, Any] = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": _kind(sub, resource),
            "verbs": list(sub.verbs),
        }
        if sub.group:
            entry |= {"group": sub.group, "version": sub.version}
        found.append(entry)
    return found


def version_info(git_version: str) -> KubeObject:
    """`/version`. `git_version` is `v1.37.0` with a suffix that says what serves it."""
    major, minor = git_version.removeprefix("v").split(".")[:2]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": f"python{platform.python_version()}",
        "platform": f"{platform.system().lower()}/{machine.lower()}",
    }
