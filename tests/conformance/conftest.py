"""Which cluster the suite runs against: an embedded one of its own, or that of a kubeconfig."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from transcript import Cluster, Scenario, write_golden  # noqa: E402 - the folder is no package

REALKUBE = Path(os.environ.get("REALKUBE", HERE.parents[2] / "shared" / "realkube"))
IMAGES = (
    "conformance/web:v1",
    "conformance/web:v2",
    "conformance/crash:v1",
    "conformance/sleep:v1",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kubeconfig",
        help="run against this cluster; `realkube` starts the real one of $REALKUBE (root, Debian)",
    )
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the golden files from the cluster in use",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.conformance)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    chosen = _chosen(request.config)
    scratch = tmp_path_factory.mktemp("conformance")
    if not chosen:
        with_local = _local(scratch)
    elif chosen == "realkube":
        with_local = _real(scratch)
    else:
        with_local = iter([Cluster(Path(chosen).absolute(), scratch, is_ours=False)])
    yield from with_local


@pytest.fixture(scope="session")
def local(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The embedded cluster, also when the suite runs against another one."""
    if cluster.is_ours:
        yield cluster
    else:
        yield from _local(tmp_path_factory.mktemp("beside"))


def _chosen(config: pytest.Config) -> str:
    return config.getoption("--kubeconfig", default=None) or os.environ.get(
        "RUNDRILL_CONFORMANCE_KUBECONFIG", ""
    )


def _local(scratch: Path) -> Iterator[Cluster]:
    state = scratch / "state"
    command = [sys.executable, "-m", "localcluster"]
    up = [*command, "up", "--state", str(state), "--images", str(HERE / "images.yaml")]
    done = subprocess.run(up, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    try:
        yield Cluster(Path(done.stdout.strip()), scratch, is_ours=True)
    finally:
        subprocess.run([*command, "down", "--state", str(state)], check=True)


def _real(scratch: Path) -> Iterator[Cluster]:
    if not (REALKUBE / "up.sh").exists():
        pytest.skip(f"no real cluster in {REALKUBE}: set REALKUBE")
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        pytest.skip("the real cluster needs root on Debian")
    done = subprocess.run([REALKUBE / "up.sh"], stdout=subprocess.PIPE, text=True, check=True)
    try:
        for image in IMAGES:
            folder = scratch / "image"
            folder.mkdir(exist_ok=True)
            (folder / "Dockerfile").write_text(
                # The label keeps the images apart: alike, they would have one id and name.
                f"FROM realkube/debian-python:local\nLABEL image={image}\n"
            )
            subprocess.run([REALKUBE / "image.sh", "--add", image, folder], check=True)
            shutil.rmtree(folder)
        yield Cluster(Path(done.stdout.strip()), scratch, is_ours=False)
    finally:
        subprocess.run([REALKUBE / "down.sh"], check=True)


@dataclass
class Transcripts:
    """Each scenario is played once a session; its commands are tests of their own."""

    cluster: Cluster
    update: bool
    played: dict[str, list[dict[str, Any]] | BaseException] = field(default_factory=dict)

    def of(self, scenario: Scenario) -> list[dict[str, Any]]:
        if scenario.name not in self.played:
            try:
                records = self.cluster.play(scenario)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                self.played[scenario.name] = error
            else:
                self.played[scenario.name] = records
                if self.update:
                    write_golden(scenario.name, records)
        played = self.played[scenario.name]
        assert not isinstance(played, BaseException), f"{scenario.name} broke off: {played}"
        return played


@pytest.fixture(scope="session")
def transcripts(cluster: Cluster, request: pytest.FixtureRequest) -> Transcripts:
    return Transcripts(cluster, request.config.getoption("--update-golden", default=False))
