"""A server in the background: started and waited for, told to end and waited for. Blocking."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from localcluster.errors import InputError
from localcluster.state import Server, StateDir

EXIT_BAD_INPUT: Final = 2
_UP_LIMIT_S: Final = 60.0
_DOWN_LIMIT_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.02


class ServerRefused(Exception):  # noqa: N818 - what the server said, to be told as it is
    """The server ended with bad input; the text is its own message."""


def start(state: StateDir, options: Sequence[str]) -> Path:
    """Starts `localcluster serve` with these options and returns the kubeconfig once it is ready.

    Raises `InputError`, `ServerRefused`, or `KeyboardInterrupt` when told to stop; then nothing
    of the server is left.
    """
    fresh = not state.is_ours
    state.make()
    # Held by both from here on, so that no other command sees a directory that nobody holds.
    state.claim()
    try:
        with _stop_signals_as_interrupt():
            return _start(state, options, fresh=fresh)
    except KeyboardInterrupt:
        state.reap()
        if fresh:
            state.clear()
        raise
    finally:
        state.release()


def _start(state: StateDir, options: Sequence[str], *, fresh: bool) -> Path:
    lock = str(state.lock_fd)
    command = [sys.executable, "-m", "localcluster", "serve", "--state", str(state.path)]
    with state.log.open("ab") as log:
        began = log.tell()
        server = subprocess.Popen(
            [*command, "--lock-fd", lock, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd="/",
            pass_fds=[state.lock_fd],
        )
    assert server.stdout is not None
    try:
        line = _first_line(server.stdout.fileno(), _UP_LIMIT_S)
        if line.startswith("ready "):
            # It goes on without us.
            server.returncode = 0
            return Path(line.removeprefix("ready "))
        if line == "":
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=5)
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()
        server.stdout.close()
    raise _why(state, server.returncode, began, fresh=fresh)


def _why(state: StateDir, code: int, began: int, *, fresh: bool) -> Exception:
    said = ""
    with contextlib.suppress(FileNotFoundError):  # `down` came in between
        said = state.log.read_bytes()[began:].decode(errors="replace").strip()
    if fresh and code == EXIT_BAD_INPUT:
        state.clear()
    if code == EXIT_BAD_INPUT and said:
        return ServerRefused(said)
    return InputError(
        f"the cluster did not become ready ({_how_it_ended(code)})",
        place=state.log,
        fix=f"its log ends with: {said.splitlines()[-1] if said else '(nothing)'}",
    )


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return "told to stop while it started" if code == 0 else f"exit code {code}"


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


@contextlib.contextmanager
def _stop_signals_as_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP to a waiting `up` end the server that it waits for, as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(state: StateDir) -> None:
    """Ends the server, its pods and whatever is left of both; nothing to end is no error.

    Raises `InputError`.
    """
    deadline = time.monotonic() + _DOWN_LIMIT_S
    while state.is_ours:
        server = state.server()
        if server is not None and server.alive:
            _stop(server, state, deadline)
        try:
            # A server that is just starting holds the directory before it says who it is.
            state.claim(wait_s=_LOOK_EVERY_S)
        except InputError:
            if time.monotonic() >= deadline:
                raise
            continue
        except FileNotFoundError:
            return  # another `down` has removed it
        try:
            state.reap()
            state.clear()
        finally:
            state.release()


def _stop(server: Server, state: StateDir, deadline: float) -> None:
    try:
        os.kill(server.pid, signal.SIGTERM)
        while server.alive and time.monotonic() < deadline:
            select.select([], [], [], _LOOK_EVERY_S)
        if server.alive:
            os.kill(server.pid, signal.SIGKILL)
        while server.alive:
            select.select([], [], [], _LOOK_EVERY_S)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise InputError(
            f"the cluster belongs to another user (process {server.pid})",
            place=state.path,
            fix="run this as the user who started it",
        ) from error
