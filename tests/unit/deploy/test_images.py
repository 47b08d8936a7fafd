"""Every image that is named anywhere is built from something, with what its program imports."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rundrill.faults import FAULTS
from rundrill.images.build import LOAD, STAND_INS, repository
from rundrill.images.catalogue import read_catalogue
from rundrill.images.manifests import named_images
from rundrill.responder import find_kubectl

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
DISTRIBUTIONS = {"prometheus_client": "prometheus-client", "starlette": "fastapi",
                 "pydantic": "fastapi", "gevent": "locust"}  # fmt: skip
"""What is imported to who brings it, where the names differ."""


def overlays() -> list[str]:
    return sorted(path.name for path in (DEPLOY / "overlays").iterdir())


def rendered(overlay: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(find_kubectl()), "kustomize", str(DEPLOY / "overlays" / overlay)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("overlay", overlays())
def test_every_image_of_the_manifests_has_a_build(overlay: str) -> None:
    built = {image.name for image in read_catalogue(DEPLOY / "images.yaml")}
    named = named_images(DEPLOY / "overlays" / overlay, find_kubectl())
    foreign = named - built
    assert {repository(image) for image in foreign} == set(STAND_INS)


def test_every_image_of_a_fault_and_of_an_experiment_has_a_build() -> None:
    built = {image.name for image in read_catalogue(DEPLOY / "images.yaml")}
    of_faults = {
        parameter.default
        for fault in FAULTS.values()
        for parameter in fault.PARAMETERS
        if parameter.name == "image" and parameter.default
    }
    of_experiments = {
        found
        for path in (ROOT / "experiments").glob("*.yaml")
        for found in re.findall(r"image: *(\S+)", path.read_text(encoding="utf-8"))
    }
    assert of_faults | of_experiments <= built
    assert {"rundrill/greedy-client:1.0.0", "rundrill/surge-client:1.0.0"} <= of_faults
    assert "rundrill/payments:1.1.0" in of_experiments


@pytest.mark.parametrize(("folder", "package"), [("service", "src/payments"), ("load", "load")])
def test_an_image_has_what_its_program_imports_in_the_ranges_of_the_project(
    folder: str, package: str
) -> None:
    requirements = (DEPLOY / "container" / folder / "requirements.txt").read_text(encoding="utf-8")
    lines = {line for line in requirements.splitlines() if not line.startswith("#")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    known = {*project["dependencies"], *project["optional-dependencies"]["local"]}
    assert lines <= known
    brought = {re.split(r"[<>=]", line)[0] for line in lines}
    imported = {
        name
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
    }
    foreign = imported - sys.stdlib_module_names - {Path(package).name}
    # uvicorn loads its parser by name.
    loaded_by_name = {"httptools"} if folder == "service" else set()
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} | loaded_by_name == brought


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []


@pytest.mark.parametrize("folder", ["service", "load"])
def test_an_image_of_ours_is_nobody_and_takes_another_base(folder: str) -> None:
    text = (DEPLOY / "container" / folder / "Dockerfile").read_text(encoding="utf-8")
    last = text.rpartition("FROM ")[2]
    assert last.startswith("${BASE_IMAGE}")
    assert "\nUSER 10001:10001\n" in last
    assert re.search(r"^ARG BASE_IMAGE=python:3\.\d+-slim$", text, re.MULTILINE)
    assert LOAD.startswith("rundrill/load:")


@pytest.mark.parametrize("overlay", ["kind", "real"])
@pytest.mark.parametrize("version", ["1.25", "1.37"])
def test_every_object_of_an_overlay_is_valid(overlay: str, version: str) -> None:
    for item in rendered(overlay):
        if item["kind"] != "APIService":  # of the aggregation layer, not in the schemas
            kubernetes_validate.validate(item, version, strict=True)


def test_every_pod_of_ours_runs_from_a_read_only_root_as_nobody() -> None:
    built = {image.name for image in read_catalogue(DEPLOY / "images.yaml")}
    seen = set()
    for item in rendered("real"):
        if item["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = item["spec"]["template"]["spec"]
        for container in pod["containers"]:
            if container["image"] in built:
                seen.add(container["image"])
                assert pod["securityContext"]["runAsNonRoot"] is True
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["imagePullPolicy"] == "IfNotPresent"
    assert len(seen) == 4


def test_a_real_cluster_gets_no_credentials() -> None:
    for overlay in ("real", "real-prometheus-operator"):
        assert "Secret" not in {item["kind"] for item in rendered(overlay)}
