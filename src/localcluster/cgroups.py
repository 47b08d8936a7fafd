"""Control groups of a cluster's own: where they may be made, and their removal. Blocking.

They are made below a group that its owner names in `LOCALCLUSTER_CGROUP`, or below the root of
the memory hierarchy when this process itself is in that root: then nobody has put it anywhere. Any
other group that merely can be written belongs to somebody else (systemd, a container engine, a
sandbox), who counts on finding its processes where it put them, and on being able to remove the
group when they have ended; neither taking processes out of it nor making groups in it is safe.
No control file is ever written in a group that was not made here, but for the one that was named.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

VARIABLE: Final = "LOCALCLUSTER_CGROUP"
_NAME: Final = "localcluster-"


def own_place(
    memberships: str, mounts: str, *, root: Callable[[Path], bool] | None = None
) -> tuple[Path | None, str]:
    """The root of the memory hierarchy if this process is in it; else None, and whose it is in.

    `memberships` and `mounts` are the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`;
    `root` tells a hierarchy's true root from one that only looks so inside of a container.
    """
    is_root = root or _is_true_root
    for line in memberships.splitlines():
        _, controllers, path = line.split(":", 2)
        version = 2 if not controllers else 1
        if version == 1 and "memory" not in controllers.split(","):
            continue
        place = _mounted(mounts, version)
        if place is None or (version == 2 and not _hands_out_memory(place)):
            continue
        if path != "/" or not is_root(place):
            return None, f"this process is in the control group {path}, which is somebody else's"
        return place, ""
    return None, "there is no control group hierarchy with memory"


def _mounted(mounts: str, version: int) -> Path | None:
    for line in mounts.splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.partition(" ")
        wanted = kind == "cgroup2" if version == 2 else kind == "cgroup" and _has_memory(options)
        if wanted:
            return Path(head.split()[4])
    return None


def _has_memory(options: str) -> bool:
    return "memory" in options.rpartition(" ")[2].split(",")


def _hands_out_memory(place: Path) -> bool:
    """On version 2: whether groups below have memory limits already. It is not for us to say so."""
    with contextlib.suppress(OSError):
        return "memory" in (place / "cgroup.subtree_control").read_text().split()
    return False


def _is_true_root(place: Path) -> bool:
    """Files that the kernel has in the root alone (version 1), or everywhere else (version 2)."""
    if (place / "cgroup.controllers").exists():
        return not (place / "cgroup.type").exists()
    return (place / "release_agent").exists()


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
