"""A command in a pseudo-terminal: what a person sees who types."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

RESIZE = "<resize>"
_SIZE, _RESIZED = (24, 80), (40, 120)


def run_in_terminal(
    command: Sequence[str],
    keys: Sequence[tuple[str, str]],
    *,
    cwd: Path,
    env: Mapping[str, str],
    within_s: float,
) -> tuple[int, str]:
    """Exit code, and all that appeared. `keys`: pairs of a pattern to wait for and what to type.

    Raises `AssertionError` when a pattern does not appear or the command does not end in time.
    """
    ours, theirs = pty.openpty()
    _resize(ours, _SIZE)
    child = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env, close_fds=True
    )
    os.close(theirs)
    try:
        return _talk(child, ours, keys, time.monotonic() + within_s)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def _talk(
    child: subprocess.Popen[bytes], ours: int, keys: Sequence[tuple[str, str]], deadline: float
) -> tuple[int, str]:
    seen, read_until = "", 0
    left = list(keys)
    while True:
        if left and (found := re.search(left[0][0], seen[read_until:])):
            read_until += found.end()
            typed = left.pop(0)[1]
            if typed == RESIZE:
                _resize(ours, _RESIZED)
                # This is not the child's controlling terminal, so the kernel tells it nothing.
                child.send_signal(signal.SIGWINCH)
            else:
                os.write(ours, typed.encode())
            continue
        assert time.monotonic() < deadline, f"waited for {left or 'the end'}; there was {seen!r}"
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(ours, 65536)
        except OSError:  # how Linux tells that the other side is closed
            data = b""
        if not data:
            return child.wait(timeout=10), seen.replace("\r\n", "\n")
        seen += data.decode(errors="replace")


def _resize(terminal: int, size: tuple[int, int]) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
