"""A command that runs until it is interrupted: a watch, a port-forward."""

import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORWARDING = r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+\n"


class Background:
    """Output goes to files, so that it never has to wait for a reader."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, cwd=cwd, env=env
        )

    def wait_for(self, pattern: str, within_s: float) -> re.Match[str] | None:
        """The match in its output; None when it ended without one."""
        deadline = time.monotonic() + within_s
        while True:
            ended = self._child.poll() is not None
            if found := re.search(pattern, _content(self._out)):
                return found
            if ended:
                return None
            if time.monotonic() >= deadline:
                said = _content(self._out) + _content(self._err)
                raise AssertionError(f"waited {within_s:.0f} s for {pattern}; there was {said!r}")
            time.sleep(0.05)  # noqa: TID251 - polling another process, with a deadline

    def interrupt(self) -> tuple[int, str, str]:
        """Exit code (negative: the signal), stdout, stderr."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        try:
            code = self._child.wait(timeout=20)
            return code, _content(self._out), _content(self._err)
        finally:
            self.close()

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        self._out.close()
        self._err.close()


def fetch_through(forward: Background, path: str, within_s: float) -> str:
    """What a GET through a port-forward answers: status and the first line. Empty: it ended."""
    found = forward.wait_for(_FORWARDING, within_s)
    if found is None:
        return ""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}{path}", timeout=20) as answer:
            return _said(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _said(error.code, error.read())
    except OSError:
        return "no answer\n"


def _said(status: int, body: bytes) -> str:
    """The body was read to its end: closed before, kubectl may find its connection reset."""
    first = body.decode().partition("\n")[0].strip()
    return f"HTTP {status} {first}\n"


def _content(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")
