"""Image names, images files, and what they say is wrong."""

import sys
from pathlib import Path

import pytest

from localcluster.errors import InputError
from localcluster.images.catalogue import Catalogue, load, parse_reference
from localcluster.images.image import ImageProblem, Surroundings

SURROUNDINGS = Surroundings(
    pod_ip="127.9.1.1",
    ports={"http": 8080, "metrics": 9090},
    env={},
    mounts={},
    volume=Path("/nowhere"),
)

IMAGES = """
- image: shop/app
  command: ["{python}", "-m", "app", "--bind", "{pod_ip}:{port}"]
  env: {METRICS: "{pod_ip}:{port:metrics}", VERSION: any}
- image: shop/app
  tag: "1.1.0"
  command: ["false"]
  stop_signal: SIGINT
"""


def _load(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "images.yaml"
    path.write_text(text)
    return load([path])


@pytest.mark.parametrize(
    ("reference", "name", "tag"),
    [
        ("postgres", "postgres", "latest"),
        ("postgres:18", "postgres", "18"),
        ("docker.io/library/postgres:18", "postgres", "18"),
        ("docker.io/valkey/valkey:9.1", "valkey/valkey", "9.1"),
        ("registry:5000/team/app", "registry:5000/team/app", "latest"),
        ("registry:5000/team/app:1", "registry:5000/team/app", "1"),
        ("team/app:1@sha256:abc", "team/app", "1"),
    ],
)
def test_references_are_taken_apart(reference: str, name: str, tag: str) -> None:
    assert parse_reference(reference) == (name, tag)


def test_an_exact_tag_comes_before_an_entry_without_one(tmp_path: Path) -> None:
    catalogue = _load(tmp_path, IMAGES)
    plain, exact = catalogue.find("shop/app:1.0.0"), catalogue.find("shop/app:1.1.0")
    assert plain is not None
    assert exact is not None
    assert (plain.tag, exact.tag) == (None, "1.1.0")
    assert exact.stop_signal == 2
    assert catalogue.find("shop/other") is None


def test_postgres_and_the_cache_are_built_in() -> None:
    for reference in ("postgres:18", "valkey/valkey:9", "redis:7-alpine"):
        assert Catalogue().find(reference) is not None


def test_places_in_the_command_are_filled_in(tmp_path: Path) -> None:
    image = _load(tmp_path, IMAGES).find("shop/app")
    assert image is not None
    launch = image.launch(SURROUNDINGS, [], ["--more"])
    bind = ["--bind", "127.9.1.1:8080"]
    assert list(launch.argv) == [sys.executable, "-m", "app", *bind, "--more"]
    env = image.env(SURROUNDINGS.pod_ip, SURROUNDINGS.ports)
    assert env == {"METRICS": "127.9.1.1:9090", "VERSION": "any"}


def test_a_command_of_the_container_replaces_the_images_own(tmp_path: Path) -> None:
    image = _load(tmp_path, IMAGES).find("shop/app")
    assert image is not None
    assert image.launch(SURROUNDINGS, ["sleep"], ["5"]).argv == ("sleep", "5")


def test_a_port_that_the_container_lacks_is_its_failure(tmp_path: Path) -> None:
    image = _load(tmp_path, '- {image: a, command: ["{port:grpc}"]}').find("a")
    assert image is not None
    with pytest.raises(ImageProblem, match=r"needs \{port:grpc\}"):
        image.launch(SURROUNDINGS, [], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("image: a", "must be a list of images"),
        ("- {command: [a]}", "entry 1: needs an `image` name"),
        ("- {image: 'a:1', command: [a]}", "has a tag in it"),
        ("- {image: a, tag: 1.10, command: [a]}", "is a number to YAML"),
        ("- {image: a}", "needs a `command`"),
        ("- {image: a, command: ['{home}']}", "{home} is not known"),
        ("- {image: a, command: [[1]]}", "[1] is not a text"),
        ("- {image: a, command: [a], envs: {}}", "unknown key envs"),
        ("- {image: a, command: [a], env: [1]}", "`env` must be a mapping"),
        ("- {image: a, command: [a], stop_signal: SIGFOO}", "stop_signal SIGFOO is unknown"),
        ("- {image: a\n  x", "not YAML"),
    ],
)
def test_a_wrong_file_is_told_with_place_and_fix(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        _load(tmp_path, text)
    assert problem in str(error.value)
    assert "images.yaml" in str(error.value)
    assert "fix:" in str(error.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load([tmp_path / "none.yaml"])
