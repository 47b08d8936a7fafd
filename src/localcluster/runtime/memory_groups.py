"""A memory limit that the kernel holds: one control group for each run of a container.

Chosen once, at the start of the cluster: either there is a place for groups and it works, or the
meter polls. Whatever goes wrong later costs one container the kernel's enforcement, never its
start.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcluster import cgroups

_LOG: Final = logging.getLogger(__name__)
POLLER: Final = "enforced by poller"
CGROUP: Final = "enforced by cgroup"
_ROOM_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """The control files of one of the two versions. Optional ones may be missing."""

    limit: str
    optional: Mapping[str, str]  # file to text; {limit} stands for the limit
    kills: str


_V1: Final = _Version(
    limit="memory.limit_in_bytes",
    optional={"memory.memsw.limit_in_bytes": "{limit}"},
    kills="memory.oom_control",
)
_V2: Final = _Version(
    limit="memory.max",
    # All of a container's processes go together, as a kubelet has it.
    optional={"memory.swap.max": "0", "memory.oom.group": "1"},
    kills="memory.events",
)


class MemoryGroup:
    """One run's group. Every process of the run calls `enter` between fork and exec."""

    def __init__(self, path: Path, kills_file: str, fd: int) -> None:
        self.path = path
        self._kills = path / kills_file
        self._fd = fd

    def enter(self) -> None:
        """In the child. A failure is silent: `holds` tells of it, and the program starts."""
        with contextlib.suppress(OSError):
            os.write(self._fd, b"0")

    def holds(self, pid: int) -> bool:
        return pid in cgroups.processes(self.path)

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed here for want of memory."""
        with contextlib.suppress(OSError, ValueError):
            for line in self._kills.read_text().splitlines():
                name, _, number = line.partition(" ")
                if name == "oom_kill":
                    return int(number)
        return 0

    def end(self) -> None:
        """Nobody enters any more, and who is inside is killed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        cgroups.end(self.path)


class MemoryGroups:
    """Makes and removes groups below the cluster's own. `remove` may be tried again."""

    def __init__(
        self,
        root: Path,
        version: _Version,
        *,
        make: Callable[[Path], None] = Path.mkdir,
        remove: Callable[[Path], None] = Path.rmdir,
    ) -> None:
        self.root = root
        self._version = version
        self._make = make
        self._remove = remove

    def create(self, name: str, limit_bytes: int) -> MemoryGroup | None:
        """None when the kernel will not have it; the reason is logged."""
        path = self.root / name
        try:
            self._make(path)
        except OSError as error:
            _LOG.warning("no control group for %s: %s", name, error)
            return None
        try:
            cgroups.write(path, self._version.limit, str(limit_bytes))
            for file, text in self._version.optional.items():
                with contextlib.suppress(OSError):
                    cgroups.write(path, file, text.format(limit=limit_bytes))
            fd = os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            _LOG.warning("no memory limit by control group for %s: %s", name, error)
            with contextlib.suppress(OSError):
                self._remove(path)
            return None
        return MemoryGroup(path, self._version.kills, fd)

    def discard(self, group: MemoryGroup) -> bool:
        """Ends what is inside and removes the group; False while something is still ending."""
        group.end()
        try:
            self._remove(group.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


def _own_place() -> tuple[Path | None, str]:
    try:
        memberships = Path("/proc/self/cgroup").read_text()
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return None, "this machine has no control groups"
    return cgroups.own_place(memberships, mounts)


def choose(
    environment: Mapping[str, str],
    cluster_id: str,
    remember: Callable[[Path], None],
    *,
    make: Callable[[Path], None] = Path.mkdir,
    remove: Callable[[Path], None] = Path.rmdir,
    own_place: Callable[[], tuple[Path | None, str]] = _own_place,
) -> tuple[MemoryGroups | None, str]:
    """The groups, or None, and in words what enforces memory limits and why.

    Below the group that `environment` names; without one, below `own_place`.

    `remember` is told of the cluster's group before it is made, so that it is removed even when
    this server is killed in the next instant.
    """
    named = environment.get(cgroups.VARIABLE)
    if named:
        parent = Path(named)
    else:
        place, why_not = own_place()
        if place is None:
            return None, f"{POLLER} ({why_not}; {cgroups.VARIABLE} names none)"
        parent = place
    root = cgroups.named_for(parent, cluster_id)
    try:
        version = _version(parent)
        remember(root)
        make(root)
        if version is _V2:
            cgroups.write(root, "cgroup.subtree_control", "+memory")
    except OSError as error:
        with contextlib.suppress(OSError):
            remove(root)
        return None, f"{POLLER} ({parent} cannot be used: {error.strerror})"
    groups = MemoryGroups(root, version, make=make, remove=remove)
    tried = groups.create("try", _ROOM_BYTES)
    if tried is None or not groups.discard(tried):
        with contextlib.suppress(OSError):
            remove(root)
        return None, f"{POLLER} ({parent} takes no memory limits)"
    return groups, f"{CGROUP} ({root})"


def _version(parent: Path) -> _Version:
    """Raises `OSError` for a folder that is no control group with memory in it."""
    if (parent / _V1.limit).exists():
        return _V1
    controllers = (parent / "cgroup.controllers").read_text().split()
    if "memory" not in controllers:
        raise OSError(0, "it has no memory controller")
    # Refused while processes are in it: a group that was handed over is empty.
    if "memory" not in (parent / "cgroup.subtree_control").read_text().split():
        cgroups.write(parent, "cgroup.subtree_control", "+memory")
    return _V2
