"""What writes may and may not do to an object; the answers are those of a real 1.20.2."""

import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from localcluster import kinds, kubeconfig
from localcluster.objects import KubeObject

InCluster = Callable[[Callable[[Any], Awaitable[None]]], None]
Manifests = Mapping[str, Callable[..., KubeObject]]
MAPS = "/api/v1/namespaces/default/configmaps"
ONE = f"{MAPS}/c"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"
POD = "/api/v1/namespaces/default/pods/p"
MERGE = {"Content-Type": "application/merge-patch+json"}

OTHER_UID = {"preconditions": {"uid": "x"}}
OTHER_VERSION = {"preconditions": {"resourceVersion": "1"}}
REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("DELETE", ONE, OTHER_UID, 409, "the UID in the precondition (x) does not match"),
    ("DELETE", ONE, OTHER_VERSION, 409, 'on ConfigMap "c": the ResourceVersion in the precon'),
    ("DELETE", ONE, {"dryRun": ["No"]}, 422, 'dryRun: Unsupported value: []string{"No"}'),
    ("DELETE", f"{ONE}?dryRun=No", None, 422, 'DeleteOptions.meta.k8s.io "" is invalid: dryRun'),
    (
        "DELETE",
        ONE,
        {"propagationPolicy": "Foo"},
        422,
        '"Foreground", "Background", "Orphan", "nil"',
    ),
    (
        "DELETE",
        ONE,
        {"propagationPolicy": "Orphan", "orphanDependents": True},
        422,
        "orphanDependents and deletionPropagation cannot be both set",
    ),
    ("DELETE", f"{MAPS}?labelSelector=a,,b", None, 400, "found ',', expected: identifier"),
    ("POST", f"{MAPS}?dryRun=x", {}, 422, 'CreateOptions.meta.k8s.io "" is invalid: dryRun'),
    ("POST", f"{MAPS}?fieldManager={'x' * 130}", {}, 422, "fieldManager: Too long"),
    ("POST", f"{MAPS}?fieldManager=%00", {}, 422, "invalid character U+0000 (at position 0)"),
    ("POST", f"{MAPS}?fieldValidation=x", {}, 422, 'fieldValidation: Unsupported value: "x"'),
    ("POST", "/api/v1/configmaps", {"metadata": {"name": "x"}}, 405, "does not allow this method"),
    ("POST", MAPS, {"metadata": {"name": "c"}}, 409, 'configmaps "c" already exists'),
    ("POST", MAPS, {"metadata": {"name": "x", "resourceVersion": "5"}}, 400, "should not be set"),
    ("PUT", ONE, {"metadata": {}}, 400, "the name of the object (c based on URL) was undeterm"),
    ("PUT", ONE, {"metadata": {"name": "d"}}, 400, "(d) does not match the name on the URL (c)"),
    ("PUT", ONE, {"metadata": {"name": "c", "uid": "x"}}, 409, "Precondition failed: UID in pre"),
    ("PUT", ONE, {"metadata": {"name": "c", "resourceVersion": "1"}}, 409, "has been modified"),
    ("PATCH", ONE, {"metadata": {"name": None}}, 400, "was undeterminable: name must be provided"),
    ("PATCH", ONE, {"metadata": None}, 400, "was undeterminable: name must be provided"),
    ("PATCH", ONE, {"metadata": {"name": "x"}}, 400, "does not match the name on the URL"),
    (
        "PATCH",
        ONE,
        {"metadata": {"uid": "x"}},
        422,
        'metadata.uid: Invalid value: "x": field is im',
    ),
    ("PATCH", ONE, {"kind": "Secret"}, 422, "kind must stay ConfigMap"),
    (
        "PATCH",
        ONE,
        {"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}},
        422,
        "metadata.deletionTimestamp: Invalid value: 2020-01-01 00:00:00 +0000 UTC: field is imm",
    ),
    ("PATCH", POD, {"spec": {"nodeName": "other"}}, 422, "pod updates may not change fields"),
    ("GET", f"{MAPS}/a%2fb", None, 404, "could not find the requested resource"),
    ("GET", "/api/v1/namespaces/default//configmaps", None, 404, "could not find the requested"),
    ("GET", f"{POD}/log/x", None, 404, "could not find the requested resource"),
]


def prepare(cluster: Any, manifests: Manifests) -> None:
    cluster.registry.create(kinds.CONFIG_MAPS, {"metadata": {"name": "c"}})
    cluster.registry.create(kinds.PODS, manifests["pod"]())
    cluster.registry.create(kinds.DEPLOYMENTS, manifests["deployment"]())


@pytest.mark.parametrize(("method", "path", "body", "code", "told"), REFUSED)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    method: str,
    path: str,
    body: Any,
    code: int,
    told: str,
    in_cluster: InCluster,
    manifests: Manifests,
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        before = cluster.registry.resource_version
        headers = MERGE if method == "PATCH" else {}
        found, answer = await cluster.ask(method, path, body, headers=headers)
        assert (found, answer["status"]) == (code, "Failure"), answer
        assert told in answer["message"]
        assert cluster.registry.resource_version == before

    in_cluster(scenario)


@pytest.mark.parametrize(
    "meta",
    [
        {"uid": None},
        {"creationTimestamp": None},
        {"creationTimestamp": "2020-01-01T00:00:00Z"},
        {"generation": 7},
        {"resourceVersion": None},
        {"selfLink": "/x"},
        {"namespace": None},
    ],
)
def test_what_the_server_keeps_is_kept_whatever_a_patch_says(
    meta: KubeObject, in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        _, before = await cluster.ask("GET", WEB)
        code, after = await cluster.ask("PATCH", WEB, {"metadata": meta}, headers=MERGE)
        assert (code, after) == (200, before)

    in_cluster(scenario)


def test_nulls_in_maps_and_lists_are_zero_values(in_cluster: InCluster) -> None:
    async def scenario(cluster: Any) -> None:
        body = {"metadata": {"name": "n", "labels": {"a": None}}, "data": {"x": None, "y": "1"}}
        code, answer = await cluster.ask("POST", MAPS, body)
        assert (code, answer["data"]) == (201, {"x": "", "y": "1"})
        assert answer["metadata"]["labels"] == {"a": ""}

    in_cluster(scenario)


def test_annotations_of_a_deployment_count_for_its_generation_and_labels_do_not(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        generations = []
        for meta in ({"annotations": {"a": "b"}}, {"labels": {"a": "b"}}, {"annotations": None}):
            _, answer = await cluster.ask("PATCH", WEB, {"metadata": meta}, headers=MERGE)
            generations.append(answer["metadata"]["generation"])
        assert generations == [2, 2, 3]
        # Its controller notes the revision together with the status.
        annotated = {"metadata": {"annotations": {"revision": "1"}}, "status": {"replicas": 1}}
        _, answer = await cluster.ask("PATCH", f"{WEB}/status", annotated, headers=MERGE)
        assert answer["metadata"]["generation"] == 3
        assert answer["metadata"]["annotations"] == {"revision": "1"}

    in_cluster(scenario)


def test_a_pod_that_is_bound_to_its_node_keeps_its_generation(
    in_cluster: InCluster, manifests: Manifests
) -> None:
    async def scenario(cluster: Any) -> None:
        pod = manifests["pod"]()
        del pod["spec"]["nodeName"]
        cluster.registry.create(kinds.PODS, pod)
        cluster.registry.modify(
            kinds.PODS, "default", "p", lambda obj: obj["spec"].update(nodeName="local")
        )
        _, answer = await cluster.ask("GET", POD)
        assert (answer["spec"]["nodeName"], answer["metadata"]["generation"]) == ("local", 1)
        image = {"spec": {"containers": [{**answer["spec"]["containers"][0], "image": "x:2"}]}}
        _, answer = await cluster.ask("PATCH", POD, image, headers=MERGE)
        assert answer["metadata"]["generation"] == 2

    in_cluster(scenario)


def test_a_pod_keeps_its_tolerations(in_cluster: InCluster, manifests: Manifests) -> None:
    async def scenario(cluster: Any) -> None:
        prepare(cluster, manifests)
        _, before = await cluster.ask("GET", POD)
        code, _ = await cluster.ask("PATCH", POD, {"spec": {"tolerations": []}}, headers=MERGE)
        assert code == 200  # those against failing nodes come back by themselves
        more = [*before["spec"]["tolerations"], {"key": "k", "operator": "Exists"}]
        code, _ = await cluster.ask("PATCH", POD, {"spec": {"tolerations": more}}, headers=MERGE)
        assert code == 200
        code, answer = await cluster.ask(
            "PATCH", POD, {"spec": {"tolerations": more[:-1]}}, headers=MERGE
        )
        assert (code, answer["details"]["causes"][0]["field"]) == (422, "spec.tolerations")

    in_cluster(scenario)


def test_the_kubeconfig_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    before = os.umask(0)
    try:
        kubeconfig.write(path, server="https://127.0.0.1:1", certificate="x", token="t")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
