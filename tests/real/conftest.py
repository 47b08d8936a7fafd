"""Whole drills on a real cluster. Only where one is named (`--kubeconfig`): `make test-real`."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import realkube
from deployed import Deployed
from drills import TOP, Drill

HERE = Path(__file__).parent
BASE = "realkube/debian-python:local"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They are no part of a run without a cluster: not even as skipped tests."""
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.timeout(1200))
    if mine and not config.getoption("--kubeconfig"):
        items[:] = [item for item in items if item not in mine]
        config.hook.pytest_deselected(items=mine)


@pytest.fixture(scope="session")
def deployed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    scratch = tmp_path_factory.mktemp("real")
    named = request.config.getoption("--kubeconfig")
    if named == "realkube":
        with realkube.running(scratch) as kubeconfig:
            yield from _deployed(kubeconfig)
    else:
        yield from _deployed(Path(named).absolute())


def _deployed(kubeconfig: Path) -> Iterator[Deployed]:
    """Its images are built from what is on this machine: there is no registry."""
    build = [sys.executable, "-m", "rundrill.images", "build", "--local-base", BASE]
    done = subprocess.run(build, cwd=TOP, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    bare = Deployed(kubeconfig, "")
    context = bare.kubectl("config", "current-context").stdout.strip()
    there = Deployed(kubeconfig, context)
    try:
        applied = there.kubectl("apply", "-k", "deploy/overlays/local")
        assert applied.returncode == 0, applied.stderr
        yield there
    finally:
        spaces = ("production", "database", "gateways")
        there.kubectl("delete", "namespace", *spaces, "--ignore-not-found", "--wait=false")


@pytest.fixture
def real_drill(deployed: Deployed, tmp_path: Path) -> Iterator[Drill]:
    made = Drill(tmp_path)
    made.env["KUBECONFIG"] = str(deployed.kubeconfig)
    deployed.allow(tmp_path / "runbooks/payment-service/service.yaml")
    yield made
    made.end()
    deployed.kubectl("apply", "-k", "deploy/overlays/local")
