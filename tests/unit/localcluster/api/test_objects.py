"""Reading and writing objects over HTTP."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from localcluster import kinds
from localcluster.objects import KubeObject

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def test_an_object_is_created_read_and_listed(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        code, made = await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        assert code == 201
        assert made["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == "25%"
        _, read = await cluster.ask("GET", f"{DEPLOYMENTS}/web")
        assert read == made
        _, listed = await cluster.ask("GET", DEPLOYMENTS)
        assert (listed["kind"], listed["apiVersion"]) == ("DeploymentList", "apps/v1")
        assert listed["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        item = {**listed["items"][0], "kind": "Deployment", "apiVersion": "apps/v1"}
        assert item == made
        _, everywhere = await cluster.ask("GET", "/apis/apps/v1/deployments")
        assert everywhere["items"] == listed["items"]

    in_cluster(scenario)


def test_tables_are_sent_to_those_who_ask(in_cluster: InCluster, manifests: Manifests) -> None:
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}

    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        for path, include in ((PODS, "Metadata"), (f"{PODS}/p", "None"), (PODS, "Object")):
            _, table = await cluster.ask("GET", f"{path}?includeObject={include}", headers=accept)
            assert table["kind"] == "Table"
            row = table["rows"][0]
            assert row["cells"][0] == "p"
            kind = row.get("object", {}).get("kind")
            assert (
                kind
                == {"Metadata": "PartialObjectMetadata", "None": None, "Object": "Pod"}[include]
            )
        code, _ = await cluster.ask("GET", f"{PODS}?includeObject=Some", headers=accept)
        assert code == 400
        code, _ = await cluster.ask("GET", PODS, headers={"Accept": "text/html"})
        assert code == 406

    in_cluster(scenario)


def test_metadata_alone_is_sent_to_those_who_ask(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    form = "application/json;as={};g=meta.k8s.io;v=v1"

    async def scenario(cluster: Any) -> None:
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        headers = {"Accept": form.format("PartialObjectMetadataList")}
        _, listed = await cluster.ask("GET", PODS, headers=headers)
        assert (listed["kind"], set(listed["items"][0])) == (
            "PartialObjectMetadataList",
            {"metadata"},
        )
        headers = {"Accept": form.format("PartialObjectMetadata")}
        _, one = await cluster.ask("GET", f"{PODS}/p", headers=headers)
        assert set(one) == {"kind", "apiVersion", "metadata"}

    in_cluster(scenario)


def test_lists_are_narrowed_by_selectors(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        for name, tier in (("a", "front"), ("b", "back")):
            cluster.registry.create(kinds.PODS, manifests["pod"](name, tier=tier))

        async def names(query: str) -> list[str]:
            _, listed = await cluster.ask("GET", f"{PODS}?{query}")
            return [item["metadata"]["name"] for item in listed["items"]]

        assert await names("labelSelector=tier%3Dfront") == ["a"]
        assert await names("labelSelector=tier+notin+(front)&limit=500") == ["b"]
        assert await names("fieldSelector=metadata.name%3Db,status.phase%3DPending") == ["b"]
        assert await names("fieldSelector=status.phase%3DRunning") == []

    in_cluster(scenario)


def test_patches_of_every_kind_change_the_object(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        path = f"{DEPLOYMENTS}/web"
        container = {"name": "main", "env": [{"name": "B", "value": "2"}]}
        patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
        _, answer = await cluster.ask("PATCH", path, patch, headers=STRATEGIC)
        env = answer["spec"]["template"]["spec"]["containers"][0]["env"]
        assert [entry["name"] for entry in env] == ["B", "A"]
        assert answer["metadata"]["generation"] == 2
        _, answer = await cluster.ask("PATCH", path, {"spec": {"replicas": 3}}, headers=MERGE)
        assert answer["spec"]["replicas"] == 3
        operations = [{"op": "replace", "path": "/spec/replicas", "value": 5}]
        headers = {"Content-Type": "application/json-patch+json"}
        _, answer = await cluster.ask("PATCH", path, operations, headers=headers)
        assert (answer["spec"]["replicas"], answer["metadata"]["generation"]) == (5, 4)

    in_cluster(scenario)


def test_a_patch_with_a_stale_version_is_a_conflict(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        patch = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}
        code, _ = await cluster.ask("PATCH", f"{DEPLOYMENTS}/web", patch, headers=MERGE)
        assert code == 409

    in_cluster(scenario)


def test_an_apply_patch_creates_and_merges(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        path = f"{DEPLOYMENTS}/web?fieldManager=me"
        code, _ = await cluster.ask("PATCH", path, manifests["deployment"](), headers=APPLY)
        assert code == 201
        patch = manifests["deployment"](replicas=4)
        code, answer = await cluster.ask("PATCH", path, patch, headers=APPLY)
        assert (code, answer["spec"]["replicas"]) == (200, 4)

    in_cluster(scenario)


def test_status_is_written_through_its_own_path(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        path = f"{DEPLOYMENTS}/web"
        status = {"status": {"replicas": 2}}
        _, answer = await cluster.ask("PATCH", path, status, headers=MERGE)
        assert answer["status"] == {}
        _, answer = await cluster.ask("PATCH", f"{path}/status", status, headers=MERGE)
        assert answer["status"]["replicas"] == 2
        full = {**manifests["deployment"](replicas=9), "status": {"replicas": 3}}
        _, answer = await cluster.ask("PUT", f"{path}/status", full)
        assert (answer["status"]["replicas"], answer["spec"]["replicas"]) == (3, 1)
        _, answer = await cluster.ask("GET", f"{path}/status")
        assert answer["status"]["replicas"] == 3

    in_cluster(scenario)


def test_scale_reads_and_writes_replicas(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        path = f"{DEPLOYMENTS}/web/scale"
        _, scale = await cluster.ask("GET", path)
        assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 1)
        assert scale["status"]["selector"] == "app=web"
        _, scale = await cluster.ask("PATCH", path, {"spec": {"replicas": 8}}, headers=MERGE)
        assert scale["spec"]["replicas"] == 8
        code, _ = await cluster.ask(
            "PUT", path, {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 2}}
        )
        assert code == 409
        code, answer = await cluster.ask("PATCH", path, {"spec": {"replicas": -1}}, headers=MERGE)
        assert (code, answer["reason"]) == (422, "Invalid")
        assert cluster.registry.get(kinds.DEPLOYMENTS, "default", "web")["spec"]["replicas"] == 8

    in_cluster(scenario)


def test_unknown_fields_are_refused_warned_of_or_dropped(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    wrong = {**manifests["deployment"]()}
    wrong["spec"]["replicsa"] = 3

    async def scenario(cluster: Any) -> None:
        code, answer = await cluster.ask("POST", f"{DEPLOYMENTS}?fieldValidation=Strict", wrong)
        assert code == 400
        assert answer["message"] == (
            'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
            'unknown field "spec.replicsa"'
        )
        async with cluster.client.post(
            DEPLOYMENTS, json=wrong, headers={"Authorization": "Bearer a-token"}
        ) as warned:
            assert warned.headers["Warning"] == r'299 - "unknown field \"spec.replicsa\""'
            assert "replicsa" not in (await warned.json())["spec"]
        patch = {"spec": {"replicsa": 3}}
        path = f"{DEPLOYMENTS}/web?fieldValidation="
        code, answer = await cluster.ask("PATCH", f"{path}Strict", patch, headers=MERGE)
        assert code == 422
        assert 'strict decoding error: unknown field "spec.replicsa"' in answer["message"]
        code, _ = await cluster.ask("PATCH", f"{path}Ignore", patch, headers=MERGE)
        assert code == 200
        code, _ = await cluster.ask("PATCH", f"{path}Sometimes", patch, headers=MERGE)
        assert code == 422

    in_cluster(scenario)


def test_a_dry_run_changes_nothing(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        code, shown = await cluster.ask(
            "POST", f"{DEPLOYMENTS}?dryRun=All", manifests["deployment"]()
        )
        assert (code, shown["spec"]["revisionHistoryLimit"]) == (201, 10)
        assert not cluster.registry.list(kinds.DEPLOYMENTS)
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        version = cluster.registry.resource_version
        path = f"{DEPLOYMENTS}/web"
        patch = {"spec": {"replicas": 7}}
        _, shown = await cluster.ask("PATCH", f"{path}?dryRun=All", patch, headers=MERGE)
        assert shown["spec"]["replicas"] == 7
        await cluster.ask("PATCH", f"{path}/scale?dryRun=All", patch, headers=MERGE)
        await cluster.ask("DELETE", path, {"dryRun": ["All"]})
        assert cluster.registry.resource_version == version

    in_cluster(scenario)


def test_deletion_answers_and_obeys_preconditions(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        await cluster.ask("POST", DEPLOYMENTS, manifests["deployment"]())
        path = f"{DEPLOYMENTS}/web"
        code, _ = await cluster.ask("DELETE", path, {"preconditions": {"resourceVersion": "1"}})
        assert code == 409
        code, answer = await cluster.ask("DELETE", path, {"preconditions": {"uid": "other"}})
        assert (code, answer["reason"]) == (409, "Conflict")
        code, answer = await cluster.ask("DELETE", path)
        assert (code, answer["status"], answer["details"]["kind"]) == (
            200,
            "Success",
            "deployments",
        )
        cluster.registry.create(kinds.PODS, manifests["pod"]())
        _, answer = await cluster.ask("DELETE", f"{PODS}/p?gracePeriodSeconds=3")
        assert answer["metadata"]["deletionGracePeriodSeconds"] == 3
        _, answer = await cluster.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
        assert answer["kind"] == "Pod"
        assert not cluster.registry.list(kinds.PODS)

    in_cluster(scenario)


def test_a_collection_is_deleted_by_selector(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        for name in ("a", "b", "c"):
            cluster.registry.create(kinds.PODS, manifests["pod"](name, keep=str(name == "b")))
        _, answer = await cluster.ask("DELETE", f"{PODS}?labelSelector=keep%3DFalse")
        assert [item["metadata"]["name"] for item in answer["items"]] == ["a", "c"]
        left = [
            p for p in cluster.registry.list(kinds.PODS) if "deletionTimestamp" not in p["metadata"]
        ]
        assert [pod["metadata"]["name"] for pod in left] == ["b"]

    in_cluster(scenario)


def test_an_eviction_asks_the_budget(in_cluster: InCluster, manifests: Manifests) -> None:
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}

    async def scenario(cluster: Any) -> None:
        for name in ("a", "b"):
            pod = cluster.registry.create(kinds.PODS, manifests["pod"](name, app="web"))
            cluster.registry.update_status(kinds.PODS, {**pod, "status": ready})
        budget = {
            "metadata": {"name": "keep-half", "namespace": "default"},
            "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}},
        }
        cluster.registry.create(kinds.POD_DISRUPTION_BUDGETS, budget)
        code, _ = await cluster.ask("POST", f"{PODS}/a/eviction", eviction)
        assert code == 201
        code, answer = await cluster.ask("POST", f"{PODS}/b/eviction", eviction)
        assert (code, answer["reason"]) == (429, "TooManyRequests")
        assert "keep-half needs 1 healthy pods and has 1" in str(answer["details"])

    in_cluster(scenario)


def test_events_are_one_thing_under_two_names(in_cluster: InCluster) -> None:
    event = {
        "metadata": {"name": "e", "namespace": "default"},
        "regarding": {"kind": "Pod", "name": "p"},
        "note": "it happened",
        "reason": "Happened",
        "type": "Normal",
        "eventTime": "2026-01-01T01:00:00+01:00",
        "reportingController": "me",
    }

    async def scenario(cluster: Any) -> None:
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        code, made = await cluster.ask("POST", path, event)
        assert (code, made["note"]) == (201, "it happened")
        assert made["eventTime"] == "2026-01-01T00:00:00.000000Z"
        _, core = await cluster.ask("GET", "/api/v1/namespaces/default/events/e")
        assert (core["message"], core["involvedObject"]["name"]) == ("it happened", "p")
        _, listed = await cluster.ask("GET", f"{path}?fieldSelector=regarding.name%3Dp")
        assert listed["items"][0]["note"] == "it happened"

    in_cluster(scenario)


def test_everything_is_allowed_to_whom_holds_the_token(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        code, answer = await cluster.ask("POST", path, {"spec": {"resourceAttributes": {}}})
        assert (code, answer["status"]["allowed"]) == (201, True)

    in_cluster(scenario)
