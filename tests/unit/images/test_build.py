"""Building images, with a `docker` that only notes what it was asked for."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from rundrill.errors import MachineError, RundrillError, TargetError
from rundrill.images import __main__ as program
from rundrill.images import wheels
from rundrill.images.build import LOAD, SERVICE, Builder, Sources
from rundrill.images.docker import STAND_IN, Docker
from rundrill.images.manifests import named_images

ROOT = Path(__file__).parents[3]
BASE = "team/base:local"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    programs = FakePrograms(tmp_path / "bin")
    programs.images({BASE: {}})
    monkeypatch.setenv("PATH", str(programs.folder))
    return programs


@pytest.fixture
def downloaded(monkeypatch: pytest.MonkeyPatch) -> list[wheels.BasePython]:
    """For which Python wheels were downloaded; none really is."""
    asked: list[wheels.BasePython] = []

    def download(requirements: Path, folder: Path, python: wheels.BasePython) -> None:
        assert requirements.is_file()
        folder.mkdir()
        (folder / "some.whl").touch()
        asked.append(python)

    monkeypatch.setattr(wheels, "download", download)
    return asked


def builder(
    said: list[str] | None = None, *, base: str | None = None, local: bool = False
) -> Builder:
    say = [].append if said is None else said.append
    return Builder(Sources(root=ROOT), docker=Docker(), say=say, base=base, local=local)


def builds(fake: FakePrograms) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for call in fake.calls():
        words = call["words"]
        assert isinstance(words, list)
        if words[0] == "build":
            found[words[words.index("--tag") + 1]] = call
    return found


def test_each_name_of_the_catalogue_is_built_from_one_image(fake: FakePrograms) -> None:
    names = builder().build_service()
    found = builds(fake)
    assert list(found) == [SERVICE, *names]
    assert "payments/service.py" in found[SERVICE]["files"]  # type: ignore[operator]
    assert not [name for name in found[SERVICE]["files"] if "__pycache__" in name]  # type: ignore[attr-defined]
    for name in names:
        assert found[name]["files"] == ["Dockerfile"]
        assert str(found[name]["dockerfile"]).startswith(f"FROM {SERVICE}\n")
    assert "--network=none" not in found[SERVICE]["words"]  # type: ignore[operator]


def test_from_a_local_base_nothing_is_fetched_inside_the_build(
    fake: FakePrograms, downloaded: list[wheels.BasePython]
) -> None:
    images = builder(base=BASE, local=True)
    images.build_service()
    images.build_load()
    for name in (SERVICE, LOAD):
        call = builds(fake)[name]
        words = call["words"]
        assert isinstance(words, list)
        assert f"--build-arg=BASE_IMAGE={BASE}" in words
        assert "--build-arg=PIP_OPTIONS=--no-index --find-links /build/wheels" in words
        assert "--network=none" in words
        assert "wheels/some.whl" in call["files"]  # type: ignore[operator]
    assert {python.version for python in downloaded} == {(3, 11, 2)}


def test_another_base_is_a_build_argument_and_may_fetch(fake: FakePrograms) -> None:
    builder(base="mirror.example/python:3.12").build_service()
    words = builds(fake)[SERVICE]["words"]
    assert isinstance(words, list)
    assert "--build-arg=BASE_IMAGE=mirror.example/python:3.12" in words
    assert "--network=none" not in words


def test_a_stand_in_says_so_and_replaces_nobodys_image(fake: FakePrograms) -> None:
    fake.images({BASE: {}, "valkey/valkey:9.1": {"maintainer": "somebody"}})
    said: list[str] = []
    built = builder(said, base=BASE, local=True).build_stand_ins(
        ["valkey/valkey:9.1", "postgres:18"]
    )
    assert built == ["postgres:18"]
    assert "valkey/valkey:9.1 is here already" in said
    words = builds(fake)["postgres:18"]["words"]
    assert isinstance(words, list)
    assert f"--label={STAND_IN}=postgres:18" in words
    # What was a stand-in already is built anew.
    fake.images({BASE: {}, "postgres:18": {STAND_IN: "postgres:18"}})
    assert builder(base=BASE, local=True).build_stand_ins(["postgres:18"]) == ["postgres:18"]


def test_an_image_without_a_stand_in_is_named(fake: FakePrograms) -> None:
    with pytest.raises(MachineError, match=r"(?s)mysql:9: there is no stand-in.*docker load"):
        builder(base=BASE, local=True).build_stand_ins(["mysql:9"])


@pytest.mark.parametrize(
    ("failures", "wanted"),
    [
        (
            {"docker version": "Cannot connect to the Docker daemon at unix:///x"},
            ["the Docker daemon does not answer: Cannot connect", "fix: start Docker"],
        ),
        (
            {"docker build": "pulling\nERROR: python:3.13-slim: not found"},
            [f"{SERVICE}: the image was not built", "not found", "--local-base IMAGE"],
        ),
        (
            {"docker build --tag rundrill/auth:1.0.0": "no space left on device"},
            ["rundrill/auth:1.0.0: the image was not built", "no space left on device"],
        ),
    ],
)
def test_each_failure_is_one_message(
    fake: FakePrograms, failures: dict[str, str], wanted: Sequence[str]
) -> None:
    fake.failures(failures)
    with pytest.raises(MachineError) as raised:
        builder().build_service()
    for words in wanted:
        assert words in str(raised.value)


def test_an_image_that_another_builder_keeps_is_told(fake: FakePrograms) -> None:
    fake.builds_elsewhere()
    with pytest.raises(MachineError, match=rf"(?s){SERVICE}: .*not in this Docker.*buildx use"):
        builder().build_service()


def test_a_local_base_that_is_not_here_is_named(fake: FakePrograms) -> None:
    with pytest.raises(MachineError, match=r"(?s)other:1: there is no such image.*docker image ls"):
        builder(base="other:1", local=True).build_service()


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"version": [3, 9, 2], "machine": "x86_64", "libc": ["glibc", "2.31"]}, "is 3.9.2 on"),
        ({"version": [3, 12, 1], "machine": "x86_64", "libc": ["", ""]}, "nothing that can be"),
        ("hello", "nothing that can be understood"),
    ],
)
def test_a_base_whose_python_will_not_do_is_told_before_any_download(
    fake: FakePrograms, downloaded: list[wheels.BasePython], told: object, problem: str
) -> None:
    fake.python(told)
    with pytest.raises(MachineError) as raised:
        builder(base=BASE, local=True).build_service()
    assert problem in str(raised.value)
    assert "Python 3.11 to 3.13" in str(raised.value)
    assert downloaded == []


def test_a_base_without_python_is_told(
    fake: FakePrograms, downloaded: list[wheels.BasePython]
) -> None:
    fake.failures({"docker run": 'exec: "python3": executable file not found in $PATH'})
    with pytest.raises(MachineError, match=rf"{BASE}: python3 does not run in it: exec"):
        builder(base=BASE, local=True).build_service()


def test_without_docker_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"(?s)docker is not installed.*--target local"):
        Docker()


def test_a_folder_without_the_sources_is_told(fake: FakePrograms, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"(?s)nothing to build images from.*context:NAME"):
        Builder(Sources(root=tmp_path), docker=Docker(), say=lambda _: None)


def test_wheels_are_chosen_for_the_python_of_the_base() -> None:
    options = wheels.BasePython(version=(3, 12, 4), machine="aarch64", glibc_minor=28).pip_options
    assert "--python-version=3.12.4" in options
    assert "--abi=cp312" in options
    platforms = [option for option in options if option.startswith("--platform=")]
    assert platforms[0] == "--platform=manylinux2014_aarch64"
    assert platforms[1] == "--platform=manylinux_2_28_aarch64"
    assert platforms[-1] == "--platform=manylinux_2_17_aarch64"


def test_a_download_that_fails_says_what_pip_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: Sequence[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        told = b"WARNING: x\nERROR: No matching distribution found for nothing\n"
        return subprocess.CompletedProcess(command, 1, b"", told)

    monkeypatch.setattr(subprocess, "run", run)
    python = wheels.BasePython(version=(3, 11, 2), machine="x86_64", glibc_minor=36)
    with pytest.raises(MachineError, match="No matching distribution found for nothing") as raised:
        wheels.download(tmp_path / "requirements.txt", tmp_path / "wheels", python)
    assert "WARNING" not in str(raised.value)


def test_the_program_prints_what_it_built_or_one_message(
    fake: FakePrograms, downloaded: list[wheels.BasePython], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["build", "--root", str(ROOT), "--local-base", BASE]) == 0
    assert set(capsys.readouterr().out.split()) == set(builds(fake)) - {SERVICE}
    fake.failures({"docker version": "Cannot connect"})
    assert program.main(["build", "--root", str(ROOT)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("rundrill.images: ")


def test_manifests_that_kubectl_refuses_are_told(tmp_path: Path) -> None:
    kubectl = Path(sys.executable).with_name("kubectl")
    with pytest.raises(RundrillError, match="the manifests cannot be built") as raised:
        named_images(tmp_path, kubectl)
    assert str(tmp_path) in str(raised.value)
