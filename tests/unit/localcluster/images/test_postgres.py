"""The postgres image: what it starts, and PostgreSQL itself accepting it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.images.image import ImageProblem, Launch, Surroundings
from localcluster.images.postgres import PostgresImage, binaries, remove_shared_memory

IMAGE = PostgresImage(name="postgres")


def _surroundings(volume: Path, **env: str) -> Surroundings:
    return Surroundings(
        pod_ip="127.0.0.1", ports={}, env={"PATH": "/usr/bin", **env}, mounts={}, volume=volume
    )


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    remove_shared_memory(tmp_path / "pgdata")


def _run_steps(launch: Launch) -> None:
    for step in launch.steps:
        subprocess.run(
            step.argv,
            input=step.input,
            check=True,
            capture_output=True,
            preexec_fn=launch.become,
            timeout=60,
        )


def test_without_a_password_it_refuses_as_the_docker_image_does(volume: Path) -> None:
    with pytest.raises(ImageProblem, match="superuser password is not specified"):
        IMAGE.launch(_surroundings(volume), [], [])


def test_it_sets_up_a_data_folder_once(volume: Path) -> None:
    near = _surroundings(volume, POSTGRES_PASSWORD="it's", POSTGRES_DB='odd"name')
    launch = IMAGE.launch(near, [], ["-c", "max_connections=20"])
    assert launch.argv[-2:] == ("-c", "max_connections=20")
    _run_steps(launch)
    assert (volume / "pgdata" / "PG_VERSION").read_text().startswith("18")
    assert IMAGE.launch(near, [], []).steps == ()
    single = (str(binaries() / "postgres"), "--single", "-D", str(volume / "pgdata"), "postgres")
    asked = subprocess.run(
        single,
        input=b"SELECT datname FROM pg_database;\n",
        capture_output=True,
        check=True,
        preexec_fn=launch.become,
        timeout=60,
    )
    assert b'odd"name' in asked.stdout


def test_another_command_replaces_the_server(volume: Path) -> None:
    launch = IMAGE.launch(_surroundings(volume), ["sleep", "1"], [])
    assert (launch.argv, launch.steps) == (("sleep", "1"), ())


def test_commands_in_the_pod_find_the_server_and_its_password(volume: Path) -> None:
    env = IMAGE.exec_env(_surroundings(volume, POSTGRES_PASSWORD="s"))
    assert (env["PGHOST"], env["PGPASSWORD"]) == ("127.0.0.1", "s")
    assert env["PATH"].split(":")[0] == str(binaries())


def test_a_mounted_folder_takes_the_data(tmp_path: Path) -> None:
    near = Surroundings(
        pod_ip="127.0.0.1",
        ports={},
        env={"POSTGRES_HOST_AUTH_METHOD": "trust"},
        mounts={"/var/lib/postgresql/data": tmp_path / "claim"},
        volume=tmp_path / "own",
    )
    launch = IMAGE.launch(near, [], [])
    assert launch.argv[2] == str(tmp_path / "claim" / "pgdata")
