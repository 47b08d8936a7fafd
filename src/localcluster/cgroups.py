"""Control groups below one that was handed over, and their removal. Blocking; no event loop.

A group is used only when its owner names it in `LOCALCLUSTER_CGROUP`. A group that merely can be
written belongs to somebody else (systemd, a container engine, a sandbox), who counts on finding
its processes where it put them; taking processes out of it would break that.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VARIABLE: Final = "LOCALCLUSTER_CGROUP"
_NAME: Final = "localcluster-"


def named_for(parent: Path, cluster_id: str) -> Path:
    """The one group below `parent` that is this cluster's."""
    return parent / f"{_NAME}{cluster_id}"


def write(group: Path, file: str, text: str) -> None:
    """Into a control file, which is never created. Raises `OSError`."""
    fd = os.open(group / file, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def processes(group: Path) -> list[int]:
    """Empty when the group is gone.

    A process that this pid namespace cannot see is listed as 0, which as the target of a signal
    would mean our own process group: it is passed over.
    """
    try:
        listed = [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []
    return [pid for pid in listed if pid > 0]


def end(group: Path) -> None:
    """SIGKILL to everything in the group itself, never to this process."""
    for pid in processes(group):
        if pid != os.getpid():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def remove_tree(group: Path, cluster_id: str, *, within_s: float = 5.0) -> bool:
    """Ends all in a cluster's group and removes it with what is below; False when it stays.

    A path that does not carry this cluster's id is left alone.
    """
    if not cluster_id or group.name != f"{_NAME}{cluster_id}":
        return False
    deadline = time.monotonic() + within_s
    while True:
        for each in _deepest_first(group):
            end(each)
            with contextlib.suppress(OSError):
                each.rmdir()
        if not group.exists():
            return True
        if time.monotonic() > deadline:
            return False
        # What was sent SIGKILL leaves its group a moment later.
        time.sleep(0.02)  # noqa: TID251 - no event loop runs here


def _deepest_first(group: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for child in list(group.iterdir()):
            if child.is_dir() and not child.is_symlink():
                yield from _deepest_first(child)
    yield group
