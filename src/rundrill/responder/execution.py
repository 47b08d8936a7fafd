"""Runs one command: no shell, no terminal, bounded in time and output, nothing left behind."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from rundrill.base.clock import Clock
from rundrill.runbook.wordset import word_set

OUTPUT_LIMIT_BYTES: Final = 64 * 1024
GRACE_S: Final = 2.0
"""Between SIGTERM and SIGKILL."""
_LEASH: Final = Path(__file__).with_name("leash.py")
_LOOK_S: Final = 0.05
_PAUSE_S: Final = 0.005
_KEPT: Final = word_set(
    "PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TZ HTTP_PROXY HTTPS_PROXY NO_PROXY"
    " http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR"
)
_KEPT_PREFIXES: Final = ("AWS_", "AZURE_", "CLOUDSDK_", "GOOGLE_")
"""What the credential plugins of a kubeconfig need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """`exit_code` is None when the command was stopped at its limit."""

    exit_code: int | None
    duration_s: float
    stdout: str
    stderr: str


def environment(inherited: Mapping[str, str], *, kubeconfig: Path, cache: Path) -> dict[str, str]:
    """What a command sees: the drill's kubeconfig, and nothing that changes what kubectl does.

    `KUBECTL_*`, `KUBE_EDITOR`, another `KUBECONFIG` and a personal kuberc (which can turn one
    verb into another) would make the runbook's text mean something else. kubectl keeps what it
    discovers in `cache`, and a copy of an edit that was refused: a cluster that is gone tomorrow
    leaves nothing in the user's home or among his temporary files.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {
        **kept,
        "KUBECONFIG": str(kubeconfig),
        "KUBECACHEDIR": str(cache),
        "TMPDIR": str(cache),
        "KUBERC": "off",
    }


def run(argv: Sequence[str], *, env: Mapping[str, str], limit_s: float, clock: Clock) -> Completed:
    """Runs `argv` to its end or to `limit_s`, whichever comes first.

    Whatever it started in its process group is gone when this returns or raises. Raises
    `OSError` when it cannot be started.
    """
    started = clock.now()
    with _started(argv, env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        outputs = {process.stdout: _Output(), process.stderr: _Output()}
        ended = _drain(process, outputs, deadline=started + limit_s, clock=clock)
        if not ended:
            _stop(process, outputs, clock=clock)
        duration_s = clock.now() - started
        return Completed(
            exit_code=process.returncode if ended else None,
            duration_s=duration_s,
            stdout=outputs[process.stdout].text(),
            stderr=outputs[process.stderr].text(),
        )


@contextmanager
def _started(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The process in a group of its own, which is killed on the way out."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()


class _Output:
    """Keeps the first `OUTPUT_LIMIT_BYTES` and counts the rest."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._dropped = 0

    def take(self, data: bytes) -> None:
        room = OUTPUT_LIMIT_BYTES - len(self._kept)
        self._kept += data[:room]
        self._dropped += len(data) - min(len(data), room)

    def text(self) -> str:
        text = self._kept.decode("utf-8", "replace")
        if self._dropped:
            text += f"\n[cut here: {self._dropped} more bytes]"
        return text


def _drain(
    process: subprocess.Popen[bytes],
    outputs: Mapping[IO[bytes], _Output],
    *,
    deadline: float,
    clock: Clock,
) -> bool:
    """Reads until the process has ended (True) or the deadline is past (False)."""
    with selectors.DefaultSelector() as selector:
        for pipe, output in outputs.items():
            selector.register(pipe, selectors.EVENT_READ, output)
        while process.poll() is None:
            left_s = deadline - clock.now()
            if left_s <= 0:
                return False
            if not _read_ready(selector, wait_s=min(_LOOK_S, left_s)):
                # It closed its outputs: most often it is about to end.
                clock.sleep(min(_PAUSE_S, left_s))
        # What it left in the pipes; a child of its own may hold them open and go on writing.
        deadline = clock.now() + GRACE_S
        while _read_ready(selector, wait_s=0.0) and clock.now() < deadline:
            pass
    return True


def _read_ready(selector: selectors.BaseSelector, *, wait_s: float) -> bool:
    """Reads what there is within `wait_s`; False when there is nothing left to read from.

    With no time to wait, it is also False when nothing is there now.
    """
    if not selector.get_map():
        return False
    ready = selector.select(wait_s)
    for key, _ in ready:
        data = os.read(key.fd, 65536)
        key.data.take(data)
        if not data:
            selector.unregister(key.fileobj)
    return bool(ready) or wait_s > 0


def _stop(
    process: subprocess.Popen[bytes], outputs: Mapping[IO[bytes], _Output], *, clock: Clock
) -> None:
    _signal_group(process, signal.SIGTERM)
    if not _drain(process, outputs, deadline=clock.now() + GRACE_S, clock=clock):
        _signal_group(process, signal.SIGKILL)
        _drain(process, outputs, deadline=clock.now() + GRACE_S, clock=clock)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
