"""A kind cluster as target, with a `kind` and a `docker` that only note how they were called.

The API server behind the kubeconfig that the fake writes is the embedded cluster's.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_programs import FakePrograms
from fakes import FakeClock

from rundrill.base.clock import MonotonicClock
from rundrill.errors import MachineError, RundrillError, TargetError
from rundrill.images.build import Sources
from rundrill.responder import find_kubectl
from rundrill.target import kind
from rundrill.target.kind import KindTarget

ROOT = Path(__file__).parents[3]
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "registry.invalid/nobody:1"}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: {namespace}}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{name: http, port: 8080, nodePort: {node_port}}}, {{name: more, port: 8081}}]
---
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster in which nothing is deployed."""
    state = tmp_path_factory.mktemp("kind") / "cluster"
    command = [sys.executable, "-m", "localcluster"]
    subprocess.run([*command, "up", f"--state={state}"], check=True, capture_output=True)
    yield state / "kubeconfig"
    subprocess.run([*command, "down", f"--state={state}"], check=True, capture_output=True)


@pytest.fixture
def fake(api: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    programs = FakePrograms(tmp_path / "bin")
    programs.kubeconfig(api)
    monkeypatch.setenv("PATH", str(programs.folder))
    return programs


def manifests(folder: Path, namespace: str, *, replicas: int = 0, node_port: int = 30080) -> Path:
    path = folder / "overlay"
    path.mkdir(exist_ok=True)
    text = WORKLOAD.format(namespace=namespace, replicas=replicas, node_port=node_port)
    (path / "all.yaml").write_text(text, encoding="utf-8")
    (path / "kustomization.yaml").write_text("resources: [all.yaml]\n", encoding="utf-8")
    return path


def target(folder: Path, overlay: Path | None = None, *, clock: Any = None) -> KindTarget:
    (folder / "scratch").mkdir(exist_ok=True)
    return KindTarget(
        folder / "home" / "kind",
        scratch=folder / "scratch",
        config=ROOT / "kind-config.yaml",
        manifests=overlay or folder,
        sources=Sources(root=ROOT),
        kubectl=find_kubectl(),
        clock=clock or FakeClock(),
        say=lambda _: None,
    )


def asked(fake: FakePrograms, program: str) -> list[str]:
    return [line for line in fake.lines() if line.startswith(program)]


def test_from_nothing_to_ready_and_back(fake: FakePrograms, tmp_path: Path) -> None:
    overlay = manifests(tmp_path, "whole")
    ours = target(tmp_path, overlay, clock=MonotonicClock())
    assert ours.running() is None
    cluster = ours.up(compression=1, keep=True)
    assert "deployment/whole/web" in cluster.rollouts()
    assert ours.running() == 1.0
    create, load = (asked(fake, f"kind {word}")[-1] for word in ("create", "load"))
    assert f"--config {ROOT / 'kind-config.yaml'} --kubeconfig {ours.kubeconfig}" in create
    assert "rundrill/payments:1.0.0" in load
    assert "rundrill/surge-client:1.0.0" in load
    assert "postgres" not in load  # its nodes pull it
    # What can fail without a cluster comes first.
    lines = fake.lines()
    builds = [n for n, line in enumerate(lines) if line.startswith("docker build")]
    assert max(builds) < lines.index(create) < lines.index(load)
    assert ours.kubeconfig.parent.stat().st_mode & 0o777 == 0o700

    url = ours.service_url(cluster, namespace="whole", service="web", port=8080)
    assert url == "http://127.0.0.1:18080"
    with pytest.raises(TargetError, match=r"(?s)kind-config.yaml: port 8081 .* extraPortMappings"):
        ours.service_url(cluster, namespace="whole", service="web", port=8081)

    assert ours.down() is None
    assert not ours.kubeconfig.parent.exists()
    assert ours.running() is None
    delete = asked(fake, "kind delete")
    assert delete == [f"kind delete cluster --name rundrill --kubeconfig {ours.kubeconfig}"]
    assert ours.down() is None
    assert asked(fake, "kind delete") == delete  # nothing of ours is left to delete


@pytest.mark.parametrize(
    ("failing", "message", "wanted"),
    [
        (
            "docker version",
            "Cannot connect to the Docker daemon",
            ["Docker daemon does not answer", "fix: start Docker"],
        ),
        ("kind get", "permission denied", ["kind tells no clusters: permission denied"]),
        (
            "docker build",
            "python:3.13-slim: pull access denied",
            ["rundrill/service:build: the image was not built", "pull access denied", "fix: see"],
        ),
        (
            "kind create",
            'ERROR: failed to create cluster: failed to pull image "kindest/node"',
            ["kind-config.yaml: kind made no cluster", "failed to pull image", "a port may be"],
        ),
        (
            "kind load",
            "ctr: content digest sha256:12: not found",
            ["the images were not loaded", "content digest", "kind load image-archive"],
        ),
    ],
)
def test_each_step_that_fails_is_one_message_and_leaves_what_down_ends(
    fake: FakePrograms, tmp_path: Path, failing: str, message: str, wanted: list[str]
) -> None:
    fake.failures({failing: message})
    ours = target(tmp_path, manifests(tmp_path, "failing"))
    with pytest.raises(RundrillError) as raised:
        ours.up(compression=1, keep=True)
    for words in wanted:
        assert words in str(raised.value)
    fake.failures({})
    made = bool(asked(fake, "kind create"))
    assert ours.down() is None
    assert bool(asked(fake, "kind delete")) is made
    assert (fake.folder / "clusters").read_text() == ""
    assert not (tmp_path / "home" / "kind").exists()


def test_manifests_that_are_refused_are_told(fake: FakePrograms, tmp_path: Path) -> None:
    overlay = manifests(tmp_path, "refused")
    (overlay / "all.yaml").unlink()
    ours = target(tmp_path, overlay)
    with pytest.raises(TargetError, match="the manifests were not applied") as raised:
        ours.up(compression=1, keep=False)
    assert str(overlay) in str(raised.value)
    assert ours.down() is None


def test_an_image_that_its_nodes_cannot_pull_is_named(
    fake: FakePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "READY_BUDGET_S", 3.0)
    ours = target(
        tmp_path, manifests(tmp_path, "unpulled", replicas=1, node_port=30081),
        clock=MonotonicClock(),
    )  # fmt: skip
    with pytest.raises(TargetError, match=r"(?s)cannot pull registry.invalid/nobody:1.*fix:"):
        ours.up(compression=1, keep=False)
    kubectl = [str(find_kubectl()), "--kubeconfig", str(ours.kubeconfig)]
    subprocess.run([*kubectl, "delete", "namespace", "unpulled"], check=True, capture_output=True)
    assert ours.down() is None


@pytest.mark.parametrize("program", ["docker", "kind"])
def test_a_program_that_is_missing_is_told_before_anything_is_made(
    fake: FakePrograms, tmp_path: Path, program: str
) -> None:
    (fake.folder / program).unlink()
    ours = target(tmp_path)
    assert ours.running() is None  # nothing of ours is there, whatever is installed
    with pytest.raises(MachineError, match=rf"(?s){program} is not installed.*--target local"):
        ours.up(compression=1, keep=True)
    assert ours.down() is None
    assert not (tmp_path / "home").exists()


def test_a_cluster_of_somebody_else_with_our_name_is_left_alone(
    fake: FakePrograms, tmp_path: Path
) -> None:
    fake.clusters("other", "rundrill")
    ours = target(tmp_path)
    assert ours.running() is None
    with pytest.raises(TargetError, match=r"(?s)named rundrill already.*not made from this folder"):
        ours.up(compression=1, keep=True)
    assert ours.down() is None
    assert asked(fake, "kind delete") == []
    assert not (tmp_path / "home").exists()


def test_what_a_killed_up_left_is_told_and_deleted(fake: FakePrograms, tmp_path: Path) -> None:
    """Killed while kind was at work: noted, and without a kubeconfig."""
    ours = target(tmp_path)
    ours.kubeconfig.parent.mkdir(parents=True)
    (ours.kubeconfig.parent / kind.NOTE).write_text("{}")
    assert ours.running() is None  # kind had made nothing yet
    fake.clusters("rundrill")
    with pytest.raises(TargetError, match=r"(?s)cannot be used.*rundrill down --target kind"):
        ours.running()
    with pytest.raises(TargetError, match=r"(?s)already.*fix: rundrill down --target kind"):
        ours.up(compression=1, keep=True)
    assert ours.down() is None
    assert asked(fake, "kind delete") != []
    assert ours.running() is None


def test_a_cluster_that_is_not_deleted_stays_noted(fake: FakePrograms, tmp_path: Path) -> None:
    ours = target(tmp_path)
    ours.kubeconfig.parent.mkdir(parents=True)
    (ours.kubeconfig.parent / kind.NOTE).write_text("{}")
    fake.failures({"kind delete": "Cannot connect to the Docker daemon"})
    failure = ours.down()
    assert failure == "kind did not delete it: Cannot connect to the Docker daemon"
    assert "kind delete cluster --name rundrill" in str(ours.not_down(failure))
    (fake.folder / "kind").unlink()
    assert ours.down() == "kind is not installed"
    assert (ours.kubeconfig.parent / kind.NOTE).exists()


def test_a_program_that_never_answers_is_told(
    fake: FakePrograms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "ASK_BUDGET_S", 0.2)
    (fake.folder / "kind").write_text("#!/bin/sh\nexec /bin/sleep 30\n", encoding="utf-8")
    with pytest.raises(TargetError, match=r"kind tells no clusters: `kind get clusters` took over"):
        target(tmp_path).up(compression=1, keep=True)


@pytest.mark.parametrize(
    "text",
    ["nodes: 7", "[", "nodes: [{extraPortMappings: [{}]}]", "- a", "\N{REPLACEMENT CHARACTER}"],
)
def test_a_kind_config_that_is_none_is_told(fake: FakePrograms, tmp_path: Path, text: str) -> None:
    path = tmp_path / "kind.yaml"
    path.write_text(text, encoding="utf-8")
    ours = target(tmp_path)
    ours._config = path
    with pytest.raises(TargetError, match="is no configuration of kind"):
        ours._mapped(30080)
    path.unlink()
    with pytest.raises(TargetError, match="cannot be read"):
        ours._mapped(30080)


def test_the_config_has_what_the_overlay_and_the_target_count_on() -> None:
    config = yaml.safe_load((ROOT / "kind-config.yaml").read_text(encoding="utf-8"))
    assert config["name"] == kind.NAME
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert config["networking"]["apiServerAddress"] == "127.0.0.1"
    (mapping,) = config["nodes"][0]["extraPortMappings"]
    assert mapping["listenAddress"] == "127.0.0.1"
    overlay = ROOT / "deploy" / "overlays" / "kind"
    rendered = subprocess.run(
        [str(find_kubectl()), "kustomize", str(overlay)], capture_output=True, check=True
    )
    ports = [
        port["nodePort"]
        for item in yaml.safe_load_all(rendered.stdout)
        if item["kind"] == "Service" and item["spec"].get("type") == "NodePort"
        for port in item["spec"]["ports"]
    ]
    assert ports == [mapping["containerPort"]]
