"""The command line: up, down, status, kubeconfig, serve."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from localcluster.errors import InputError
from localcluster.state import StateDir

_UP_LIMIT_S: Final = 60.0
_DOWN_LIMIT_S: Final = 30.0
_EXIT_BAD_INPUT: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0; 1 when `status` finds no running cluster; 2 for bad input."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except InputError as error:
        sys.stderr.write(f"localcluster: {error}\n")
        return _EXIT_BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcluster",
        description="A kubectl-compatible cluster whose pods are local processes.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", _up, "start a cluster in the background and print its kubeconfig's path"),
        ("serve", _serve, "run a cluster in the foreground"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        _state_argument(command)
        command.add_argument(
            "--images",
            metavar="FILE",
            type=Path,
            action="append",
            default=[],
            help="a catalogue of images (YAML); may be given several times",
        )
        command.add_argument(
            "--compress",
            metavar="N",
            type=_factor,
            default=1.0,
            help="divide the cluster's own timers (back-off, grace periods) by N",
        )
        command.add_argument(
            "--port", metavar="P", type=_port, help="the API's port (default: 6443)"
        )
        if name == "serve":
            command.add_argument(
                "--lifeline",
                action="store_true",
                help="end when standard input ends, so that no parent is outlived",
            )
    for name, run, text in (
        ("down", _down, "end the cluster and remove everything it made"),
        ("status", _status, "tell whether the cluster runs"),
        ("kubeconfig", _kubeconfig, "print the path of the kubeconfig"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        _state_argument(command)
    return parser


def _state_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state", metavar="DIR", type=Path, required=True, help="where the cluster has its files"
    )


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    # Imported here: the other commands need none of the server, and start in no time.
    from localcluster.serve import Options, serve  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

    def on_ready(kubeconfig: Path) -> None:
        sys.stdout.write(f"ready {kubeconfig}\n")
        sys.stdout.flush()

    asyncio.run(
        serve(
            Options(
                state=options.state,
                images=options.images,
                compress=options.compress,
                port=options.port,
                lifeline_fd=0 if options.lifeline else None,
            ),
            on_ready,
        )
    )
    return 0


def _up(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    fresh = not state.is_ours
    state.make()
    command = [sys.executable, "-m", "localcluster", "serve", "--state", str(state.path)]
    for path in options.images:
        command += ["--images", str(path.absolute())]
    command += ["--compress", str(options.compress)]
    if options.port is not None:
        command += ["--port", str(options.port)]
    with state.log.open("ab") as log:
        start = log.tell()
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    assert server.stdout is not None
    line = _first_line(server.stdout.fileno(), _UP_LIMIT_S)
    if line.startswith("ready "):
        sys.stdout.write(line.removeprefix("ready ") + "\n")
        # It goes on without us.
        server.returncode = 0
        return 0
    if line == "" and server.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(timeout=5)
    if server.poll() is None:
        server.terminate()
        server.wait()
    said = state.log.read_bytes()[start:].decode(errors="replace").strip()
    code = server.returncode
    if fresh and code == _EXIT_BAD_INPUT:
        state.clear()
    if code == _EXIT_BAD_INPUT and said:
        sys.stderr.write(said + "\n")
        return code
    raise InputError(
        f"the cluster did not become ready (exit code {code})",
        place=state.log,
        fix=f"its log ends with: {said.splitlines()[-1] if said else '(nothing)'}",
    )


def _first_line(fd: int, within_s: float) -> str:
    """Until the newline; what came by then when the pipe ends or the time is over."""
    deadline = time.monotonic() + within_s
    data = b""
    while b"\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            break
        chunk = os.read(fd, 4096)
        if not chunk:
            break
        data += chunk
    return data.decode(errors="replace").strip()


def _down(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    if not state.is_ours:
        return 0
    server = state.server()
    if server is not None and server.alive:
        os.kill(server.pid, signal.SIGTERM)
        deadline = time.monotonic() + _DOWN_LIMIT_S
        while server.alive and time.monotonic() < deadline:
            select.select([], [], [], 0.02)
        if server.alive:
            os.kill(server.pid, signal.SIGKILL)
            while server.alive:
                select.select([], [], [], 0.02)
    state.reap()
    state.clear()
    return 0


def _status(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    server = state.server()
    if server is None or not server.alive:
        left = " (a killed server left files: run down)" if state.journal.exists() else ""
        sys.stdout.write(f"not running{left}\n")
        return 1
    word = "ready" if server.ready else "starting"
    facts = {
        "status": word,
        "pid": server.pid,
        "address": server.address,
        "kubeconfig": str(state.kubeconfig),
        "memory_limits": server.memory,
    }
    sys.stdout.write(json.dumps(facts) + "\n")
    return 0


def _kubeconfig(options: argparse.Namespace) -> int:
    state = StateDir(options.state)
    server = state.server()
    if server is None or not server.alive or not server.ready:
        raise InputError(
            "no cluster runs in this state directory",
            place=state.path,
            fix=f"start one: localcluster up --state {state.path}",
        )
    sys.stdout.write(f"{state.kubeconfig}\n")
    return 0
