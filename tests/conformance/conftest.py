"""Which cluster the suite runs against: an embedded one of its own, or that of a kubeconfig."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import realkube

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from chance import BY_CHANCE  # noqa: E402 - the folder is no package
from clients import find_kubectls  # noqa: E402 - the folder is no package
from golden import recorded_releases  # noqa: E402 - the folder is no package
from players import Transcripts  # noqa: E402 - the folder is no package
from transcript import Cluster  # noqa: E402 - the folder is no package

IMAGES = (
    "conformance/web:v1",
    "conformance/web:v2",
    "conformance/crash:v1",
    "conformance/sleep:v1",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.conformance)
            item.add_marker(pytest.mark.timeout(900))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if BY_CHANCE:
        terminalreporter.section("said once by the real cluster, and played again")
        terminalreporter.line("\n".join(BY_CHANCE))


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    chosen = _chosen(request.config)
    scratch = tmp_path_factory.mktemp("conformance")
    if not chosen:
        with_local = local_cluster(scratch)
    elif chosen == "realkube":
        with_local = _real(scratch)
    else:
        with_local = iter([Cluster(Path(chosen).absolute(), scratch, False, find_kubectls()[0])])
    yield from with_local


@pytest.fixture(scope="session")
def local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The embedded cluster, also when the suite runs against another one."""
    if cluster.is_ours:
        yield cluster
    else:
        yield from local_cluster(tmp_path_factory.mktemp("beside"))


def _chosen(config: pytest.Config) -> str:
    return config.getoption("--kubeconfig", default=None) or os.environ.get(
        "RUNDRILL_CONFORMANCE_KUBECONFIG", ""
    )


def local_cluster(
    scratch: Path, images: Path = HERE / "images.yaml", *more: str
) -> Iterator[Cluster]:
    """A new embedded one, for as long as the caller iterates."""
    state = scratch / "state"
    command = [sys.executable, "-m", "localcluster"]
    up = [*command, "up", "--state", str(state), "--images", str(images), *more]
    done = subprocess.run(up, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    try:
        yield Cluster(Path(done.stdout.strip()), scratch, True, find_kubectls()[0])
    finally:
        subprocess.run([*command, "down", "--state", str(state)], check=True)


def _real(scratch: Path) -> Iterator[Cluster]:
    with realkube.running(scratch) as kubeconfig:
        for image in IMAGES:
            _make_image(image, scratch / "image")
        yield Cluster(kubeconfig, scratch, False, find_kubectls()[0])


def _make_image(image: str, folder: Path) -> None:
    known = ["docker", "image", "inspect", "--format", "{{.Id}}", image]
    if subprocess.run(known, capture_output=True, check=False).returncode == 0:
        return
    folder.mkdir()
    # The label keeps the images apart: alike, they would have one id and name.
    (folder / "Dockerfile").write_text(f"FROM realkube/debian-python:local\nLABEL image={image}\n")
    subprocess.run([realkube.FOLDER / "image.sh", "--add", image, folder], check=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def transcripts(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Transcripts]:
    """Of the scenarios whose tests were chosen."""
    update = request.config.getoption("--update-golden", default=False)
    wanted = {
        (params["client"].release, params["scenario"].name): (params["client"], params["scenario"])
        for item in request.session.items
        if "scenario" in (params := getattr(item, "callspec", _NONE).params)
        and (update or params["client"].release in recorded_releases())
    }
    played = Transcripts(cluster, list(wanted.values()), update=update)
    yield played
    played.close()


class _NONE:
    params: ClassVar[dict[str, Any]] = {}
