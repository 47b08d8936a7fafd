"""The images as containers, built from a local base: no registry, no network, nobody's rights."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rundrill.base.clock import MonotonicClock
from rundrill.base.wait import until
from rundrill.images.build import LOAD, Builder

from .conftest import BASE, docker, missing

SETTINGS = {
    "DATABASE_URL": "postgresql://postgres@127.0.0.1:1/payments",
    "CACHE_URL": "redis://127.0.0.1:1/0",
    "STRIPE_URL": "http://127.0.0.1:1",
    "PAYPAL_URL": "http://127.0.0.1:1",
    "AUTH_URL": "http://127.0.0.1:1",
}
LOCKED = ("--network=none", "--read-only", "--cap-drop=ALL", "--user=10001:10001")
pytestmark = pytest.mark.timeout(600)  # the first build downloads wheels


@pytest.fixture(scope="module")
def images(builder: Builder, foreign_images: frozenset[str]) -> list[str]:
    """All of them, built; those of others are there too."""
    if docker("image", "inspect", BASE, check=False).returncode != 0:
        missing(f"there is no local base {BASE} (RUNDRILL_LOCAL_BASE)")
    return [*builder.build_service(), builder.build_load()]


@contextmanager
def container(image: str, *words: str, command: tuple[str, ...] = ()) -> Iterator[str]:
    """Its id; it is gone afterwards."""
    made = docker("run", "--detach", *words, image, *command).stdout.strip()
    try:
        yield made
    finally:
        docker("rm", "--force", "--volumes", made)


def answered(inside: str, *words: str, budget_s: float = 30.0) -> str:
    """What a command inside writes, once it ends well."""
    told = docker("exec", inside, *words, check=False)

    def well() -> bool:
        nonlocal told
        told = docker("exec", inside, *words, check=False)
        return told.returncode == 0

    until(
        well, what=f"{words[0]} to end well", budget_s=budget_s, every_s=0.2, clock=MonotonicClock()
    )
    return told.stdout


def settings(values: dict[str, str]) -> list[str]:
    return [f"--env={key}={value}" for key, value in values.items()]


def fetch(url: str) -> tuple[str, ...]:
    """A command that needs no more than the image's own Python."""
    return (
        "python",
        "-c",
        f"import urllib.request as r; print(r.urlopen('{url}').read().decode())",
    )


@pytest.mark.parametrize("tag", ["1.0.0", "1.2.0", "1.3.0"])
def test_the_service_answers_as_nobody_from_a_read_only_root(images: list[str], tag: str) -> None:
    image = f"rundrill/payments:{tag}"
    assert image in images
    with container(image, *LOCKED, *settings(SETTINGS)) as inside:
        told = json.loads(answered(inside, *fetch("http://127.0.0.1:8080/healthz")))
        assert told == {"status": "alive"}
        metrics = answered(inside, *fetch("http://127.0.0.1:9090/metrics"))
        assert f'payments_build_info{{version="{tag}"}} 1.0' in metrics
        assert docker("exec", inside, "id", "-u").stdout.strip() == "10001"
        assert docker("exec", inside, "touch", "/app/x", check=False).returncode != 0
        assert docker("exec", inside, "touch", "/tmp/x", check=False).returncode != 0
        # It writes nothing: the same holds of the image's own file system.
        assert docker("diff", inside).stdout.strip() == ""


def test_the_bad_release_says_what_it_lacks_and_ends(images: list[str]) -> None:
    done = docker(
        "run", "--rm", *LOCKED, *settings(SETTINGS), "rundrill/payments:1.1.0", check=False
    )
    assert done.returncode == 1
    assert "SETTLEMENT_ACCOUNT is required by release 1.1.0" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["stripe-gateway", "paypal-gateway", "auth"])
def test_each_simulator_answers(images: list[str], name: str) -> None:
    with container(f"rundrill/{name}:1.0.0", *LOCKED) as inside:
        assert "alive" in answered(inside, *fetch("http://127.0.0.1:8080/healthz"))


@pytest.mark.parametrize(
    ("name", "lacks"), [("greedy-client", "DATABASE_URL"), ("surge-client", "TARGET_URL")]
)
def test_a_client_that_only_faults_start_says_what_it_needs(
    images: list[str], name: str, lacks: str
) -> None:
    done = docker("run", "--rm", *LOCKED, f"rundrill/{name}:1.0.0", check=False)
    assert done.returncode == 1
    assert lacks in done.stdout + done.stderr


def test_the_load_is_locust_with_our_file(images: list[str]) -> None:
    assert LOAD in images
    done = docker("run", "--rm", *LOCKED, "--tmpfs=/tmp", LOAD, "--list", check=False)
    assert (done.returncode, "Customers" in done.stdout) == (0, True), done.stderr


def test_the_stand_in_of_the_database_takes_its_official_settings(images: list[str]) -> None:
    """A password over the network, none inside; what is stored outlives the process."""
    words = ["--network=none", *settings({"POSTGRES_PASSWORD": "p'w", "POSTGRES_DB": "payments"})]
    query = ("psql", "-U", "postgres", "-d", "payments", "-At", "-c")
    with container("postgres:18", *words) as inside:
        answered(inside, "pg_isready", "-h", "127.0.0.1")
        docker("exec", inside, *query, "CREATE TABLE kept (n int)")
        over_tcp = ("psql", "-h", "127.0.0.1", "-U", "postgres", "-d", "payments", "-w", "-c")
        assert docker("exec", inside, *over_tcp, "SELECT 1", check=False).returncode != 0
        docker("exec", "--env=PGPASSWORD=p'w", inside, *over_tcp, "SELECT 1")
        docker("restart", "--time=20", inside)
        answered(inside, "pg_isready", "-h", "127.0.0.1")
        assert docker("exec", inside, *query, "SELECT count(*) FROM kept").stdout.strip() == "0"
        state: dict[str, Any] = json.loads(docker("inspect", inside).stdout)[0]["State"]
        assert state["Running"] is True
    refused = docker("run", "--rm", "--network=none", "postgres:18", check=False)
    assert refused.returncode == 1
    assert "POSTGRES_PASSWORD is not set" in refused.stderr


def test_the_stand_in_of_the_cache_takes_the_options_of_the_manifest(images: list[str]) -> None:
    command = ("--maxmemory", "48mb", "--maxmemory-policy", "allkeys-lru", "--save", "")
    with container("valkey/valkey:9.1", "--network=none", command=command) as inside:
        assert answered(inside, "valkey-cli", "PING").strip() == "PONG"
        told = docker("exec", inside, "valkey-cli", "CONFIG", "GET", "maxmemory").stdout
        assert told.split() == ["maxmemory", str(48 * 1024 * 1024)]
        assert docker("exec", inside, "cat", "/proc/1/comm").stdout.strip() == "redis-server"
        uid = docker("exec", inside, "stat", "-c", "%u", "/proc/1").stdout.strip()
        assert uid != "0"
