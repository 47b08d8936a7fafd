"""deploy/images.yaml as containers."""

from pathlib import Path

import pytest

from rundrill.errors import TargetError
from rundrill.images.build import derived, repository
from rundrill.images.catalogue import CatalogueImage, read_catalogue

ROOT = Path(__file__).parents[3]


def test_a_name_runs_the_same_as_on_the_embedded_cluster() -> None:
    images = {image.name: image for image in read_catalogue(ROOT / "deploy" / "images.yaml")}
    assert images["rundrill/payments:1.1.0"] == CatalogueImage(
        name="rundrill/payments:1.1.0",
        command=("python", "-m", "payments.service"),
        env=(("SERVICE_VERSION", "1.1.0"), ("REQUIRED_SETTINGS", "SETTLEMENT_ACCOUNT")),
    )
    assert dict(images["rundrill/payments:1.2.0"].env)["DEFECT"] == "leak"
    assert images["rundrill/auth:1.0.0"].env == ()


def test_its_dockerfile_says_only_what_the_name_adds() -> None:
    image = CatalogueImage(
        name="team/app:1", command=("python", "-m", "app"), env=(("ODD", 'a "b" $HOME \\'),)
    )
    assert derived(image) == (
        "FROM rundrill/service:build\n"
        'ENV ODD="a \\"b\\" \\$HOME \\\\"\n'
        'CMD ["python", "-m", "app"]\n'
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('{image: a, tag: "1", command: [/bin/app]}', "no image is built for the program"),
        ('{image: a, tag: "1", command: []}', "`command` is empty"),
        ('{image: a, tag: "1", command: ["{python}", "{port:http}"]}', "{port:http} has a value"),
        (
            '{image: a, tag: "1", command: ["{python}"], env: {X: "{pod_ip}:1"}}',
            "{pod_ip} has a value",
        ),
        ('{image: a, tag: "1"}', "`command` is missing"),
        ('{image: a, comand: ["{python}"], command: ["{python}"]}', "unknown key `comand`"),
    ],
)
def test_what_can_be_no_container_is_told_with_its_line(
    tmp_path: Path, entry: str, problem: str
) -> None:
    path = tmp_path / "images.yaml"
    path.write_text(f"# mine\n- {entry}\n", encoding="utf-8")
    with pytest.raises(TargetError) as raised:
        read_catalogue(path)
    assert problem in str(raised.value)
    assert f"{path}:2" in str(raised.value)


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("postgres:18", "postgres"),
        ("docker.io/library/postgres:18", "postgres"),
        ("valkey/valkey:9.1", "valkey/valkey"),
        ("registry.example:5000/team/app", "registry.example:5000/team/app"),
        ("team/app@sha256:0123", "team/app"),
    ],
)
def test_a_repository_is_an_image_without_its_tag(image: str, name: str) -> None:
    assert repository(image) == name
