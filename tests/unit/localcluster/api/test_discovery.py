"""Discovery, version and OpenAPI: against a real server's answers, and against each other."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds
from localcluster.api import discovery

GOLDEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "golden/kube-discovery.json").read_text(encoding="utf-8")
)["resources"]
InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]

# What today's server says otherwise than the recorded 1.20, or this one on purpose.
NEWER = {("v1", "pods/eviction")}  # policy/v1 today
NARROWER = {"nodes/proxy"}  # only the metrics are there, to be read


SERVED = {f"{group}/{version}".lstrip("/") for group, version in discovery.group_versions()}


@pytest.mark.parametrize("group_version", sorted(SERVED & set(GOLDEN)))
def test_resources_are_described_as_on_a_real_server(group_version: str) -> None:
    group, _, version = group_version.rpartition("/")
    ours = discovery.resource_list(group, version)
    assert ours is not None
    for entry in ours["resources"]:
        name = entry["name"]
        theirs = GOLDEN[group_version].get(name)
        if theirs is None or (group_version, name) in NEWER:
            continue
        if name in NARROWER:
            assert set(entry["verbs"]) < set(theirs["verbs"])
            continue
        theirs = {key: value for key, value in theirs.items() if key != "singularName"}
        theirs["verbs"] = [
            verb
            for verb in theirs["verbs"]
            if verb != "deletecollection" or "deletecollection" in entry["verbs"]
        ]
        compared = {key: value for key, value in entry.items() if key != "singularName"}
        assert compared == theirs


def test_both_forms_of_discovery_say_the_same() -> None:
    aggregated = [
        (group["metadata"].get("name", ""), version["version"], resource)
        for core in (True, False)
        for group in discovery.aggregated(core=core)["items"]
        for version in group["versions"]
        for resource in version["resources"]
    ]
    for group, version, resource in aggregated:
        legacy = discovery.resource_list(group, version)
        assert legacy is not None
        entries = {entry["name"]: entry for entry in legacy["resources"]}
        entry = entries[resource["resource"]]
        assert entry["kind"] == resource["responseKind"]["kind"]
        assert entry["verbs"] == resource["verbs"]
        for sub in resource.get("subresources", ()):
            name = f"{resource['resource']}/{sub['subresource']}"
            assert entries[name]["verbs"] == sub["verbs"]


def test_every_resource_is_found() -> None:
    for resource in kinds.RESOURCES:
        found = discovery.resource_list(resource.group, resource.version)
        assert found is not None
        assert resource.plural in {entry["name"] for entry in found["resources"]}
        assert kinds.by_kind(resource.api_version, resource.kind) is resource
        assert kinds.by_path(resource.group, resource.version, resource.plural) is resource


def test_aggregated_discovery_is_answered_when_asked_for(in_cluster: InCluster) -> None:
    accept = (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
    )

    async def scenario(cluster: Any) -> None:
        _, body = await cluster.ask("GET", "/apis", headers={"Accept": accept})
        assert body["kind"] == "APIGroupDiscoveryList"
        _, body = await cluster.ask("GET", "/api", headers={"Accept": accept})
        assert body["items"][0]["versions"][0]["version"] == "v1"
        _, body = await cluster.ask("GET", "/apis")
        assert body["kind"] == "APIGroupList"
        _, body = await cluster.ask("GET", "/api")
        assert body["versions"] == ["v1"]
        _, body = await cluster.ask("GET", "/apis/apps")
        assert body["preferredVersion"]["groupVersion"] == "apps/v1"
        _, body = await cluster.ask("GET", "/version")
        assert body["gitVersion"] == "v1.37.0+localcluster"
        _, body = await cluster.ask("GET", "/")
        assert "/api/v1" in body["paths"]

    in_cluster(scenario)


def test_every_openapi_document_is_whole(in_cluster: InCluster) -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(references(item) for item in value.values()))
        if isinstance(value, list):
            return set().union(*(references(item) for item in value))
        return set()

    async def scenario(cluster: Any) -> None:
        _, index = await cluster.ask("GET", "/openapi/v3")
        assert "apis/apps/v1" in index["paths"]
        for entry in index["paths"].values():
            code, document = await cluster.ask("GET", entry["serverRelativeURL"])
            assert code == 200
            schemas = document["components"]["schemas"]
            missing = {r.rpartition("/")[2] for r in references(document)} - set(schemas)
            assert not missing
            for path in document["paths"].values():
                if "patch" in path:
                    names = {parameter["name"] for parameter in path["patch"]["parameters"]}
                    assert "fieldValidation" in names
                    assert path["patch"]["x-kubernetes-group-version-kind"]["kind"]

    in_cluster(scenario)
