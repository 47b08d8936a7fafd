"""What tests with containers need of this machine, or one line that says why they do not run.

`$RUNDRILL_LOCAL_BASE` names the base that images are built from; by default it is the one of the
real cluster beside us. With `$RUNDRILL_REQUIRE_CONTAINERS`, as in CI where there is one, these
tests fail instead of skipping.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from rundrill.images.build import Builder, Sources
from rundrill.images.docker import Docker
from rundrill.images.manifests import named_images
from rundrill.responder import find_kubectl

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("RUNDRILL_LOCAL_BASE", "realkube/debian-python:local")
_PULL_BUDGET_S = 300.0


def docker(*words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=check)


def missing(what: str) -> NoReturn:
    reason = f"no container images: {what}"
    if os.environ.get("RUNDRILL_REQUIRE_CONTAINERS"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def builder() -> Builder:
    """Builds from the local base, on a Docker that answers."""
    if shutil.which("docker") is None:
        missing("docker is not installed")
    if docker("version", check=False).returncode != 0:
        missing("the Docker daemon does not answer")
    return Builder(Sources(root=ROOT), docker=Docker(), say=print, base=BASE, local=True)


@pytest.fixture(scope="session")
def foreign_images(builder: Builder) -> frozenset[str]:
    """The images that the manifests name beside ours: stand-ins where there is a local base, or
    their publishers'."""
    named = named_images(ROOT / "deploy" / "overlays" / "real", find_kubectl())
    wanted = named - {image.name for image in builder.catalogue}
    if docker("image", "inspect", BASE, check=False).returncode == 0:
        builder.build_stand_ins(wanted)
        return wanted
    for image in sorted(wanted):
        if docker("image", "inspect", image, check=False).returncode != 0:
            _pull(image)
    return wanted


def _pull(image: str) -> None:
    command = ["docker", "pull", "--quiet", image]
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PULL_BUDGET_S)
    except subprocess.SubprocessError as error:
        told = getattr(error, "stderr", None) or str(error)
        missing(f"there is no local base {BASE}, and {image} does not come: {str(told).strip()}")
