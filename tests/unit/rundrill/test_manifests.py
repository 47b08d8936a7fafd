"""Manifests to what they hold: plain files, lists, kustomizations, and mistakes."""

from pathlib import Path

import pytest

from rundrill.errors import TargetError
from rundrill.manifests import ManifestError, read_manifests
from rundrill.responder import find_kubectl

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: books, labels: {team: a}}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: web, image: "shop:1", ports: [{containerPort: 8000}]}
        - {name: proxy, image: "envoy:1"}
      initContainers:
        - {name: migrate, image: "shop:1"}
"""


def test_a_workload_with_its_pods_containers_and_ports(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "shop.yaml").write_text(DEPLOYMENT, encoding="utf-8")
    (tmp_path / "values.yaml").write_text("replicas: 3\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("{{", encoding="utf-8")
    resources = read_manifests(tmp_path, None)
    (shop,) = resources.objects
    assert (shop.kind, shop.namespace, shop.name) == ("Deployment", "books", "shop")
    assert shop.pod_labels == {"app": "shop"}
    assert shop.containers == ("web", "proxy", "migrate")
    assert shop.images == ("shop:1", "envoy:1", "shop:1")
    assert (shop.ports, shop.replicas) == ((8000,), 3)
    assert resources.pods_with({"app": "shop"}, "books") == [shop]
    assert resources.pods_with({"app": "shop"}, "other") == []


def test_lists_cron_jobs_and_pods_that_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        """\
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Pod, metadata: {name: one, labels: {a: b}}, spec: {containers: []}}
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db, namespace: data}
    spec: {replicas: 2, template: {metadata: {labels: {app: db}}}}
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: nightly, namespace: data}
    spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}}}}}}
""",
        encoding="utf-8",
    )
    resources = read_manifests(path, None)
    assert resources.namespaces == {"default", "data"}
    assert resources.has_pod("one", "default")
    assert resources.has_pod("db-1", "data")
    assert not resources.has_pod("db-2", "data")
    assert not resources.has_pod("db-1", "default")
    assert [one.name for one in resources.pods_with({"app": "nightly"}, None)] == ["nightly"]


def test_a_kustomization_is_built_by_kubectl(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(DEPLOYMENT, encoding="utf-8")
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [shop.yaml]\nnamespace: other\nnamePrefix: new-\n", encoding="utf-8"
    )
    (shop,) = read_manifests(tmp_path, find_kubectl()).objects
    assert (shop.namespace, shop.name) == ("other", "new-shop")
    with pytest.raises(TargetError, match="needs kubectl"):
        read_manifests(tmp_path, None)
    (tmp_path / "shop.yaml").unlink()
    with pytest.raises(ManifestError, match="kubectl kustomize"):
        read_manifests(tmp_path, find_kubectl())


def test_a_mistake_has_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("apiVersion: v1\nkind: [\n", encoding="utf-8")
    with pytest.raises(ManifestError) as wrong:
        read_manifests(tmp_path, None)
    assert (wrong.value.path, wrong.value.line) == (path, 3)


def test_a_chart_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("kind: {{ .Values.kind }}\n", encoding="utf-8")
    with pytest.raises(ManifestError) as wrong:
        read_manifests(tmp_path, None)
    assert "rendered" in (wrong.value.fix or "")


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no Kubernetes object"):
        read_manifests(tmp_path, None)
    with pytest.raises(ManifestError, match="no manifests"):
        read_manifests(tmp_path / "none", None)
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifests(tmp_path, None)
