"""The memory of one run of a container: always metered, and held to its limit if it has one."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from localcluster.runtime.memory_groups import CGROUP, POLLER, MemoryGroup
from localcluster.runtime.meter import Metered
from localcluster.runtime.node import Node
from localcluster.runtime.process import Child
from localcluster.schema.quantity import parse_quantity

_DISCARD_EVERY_S: Final = 0.05
_DISCARD_TRIES: Final = 100

# Type, reason and message of an Event about the container.
Event = Callable[[str, str, str], None]


class MemoryLimit:
    """`run_id` names the control group. Where there is none, the meter enforces the limit."""

    def __init__(self, node: Node, spec: Mapping[str, Any], run_id: str, event: Event) -> None:
        self._node = node
        self._name: str = spec["name"]
        limit = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
        self._shown = "" if limit is None else str(limit)
        self.bytes = None if limit is None else int(parse_quantity(self._shown))
        self._event = event
        self._group: MemoryGroup | None = None
        if node.memory_groups is not None and self.bytes is not None:
            self._group = node.memory_groups.create(run_id, self.bytes)
        self.metered: Metered | None = None
        self.exceeded = False

    @property
    def enter(self) -> Callable[[], None] | None:
        """What each of the run's processes calls between fork and exec."""
        return None if self._group is None else self._group.enter

    @property
    def kills(self) -> int:
        """How often the kernel has killed a process of this run for want of memory."""
        return 0 if self._group is None else self._group.kills

    def watch(self, child: Child) -> None:
        group = self._group
        self.metered = Metered(
            pid=child.pid,
            limit_bytes=self.bytes,
            on_exceeded=lambda used: self._kill(child, used),
            # It may have ended already, and then nothing is left to enforce.
            enforced_elsewhere=group is not None and group.holds(child.pid),
        )
        self._node.meter.add(self.metered)

    def close(self, pid: int | None = None) -> None:
        """The run is over: ends what it left behind and removes its group."""
        if pid is not None:
            self._node.meter.remove(pid)
        self.metered = None
        group, self._group = self._group, None
        if group is None:
            return
        if group.kills:
            self._tell(f"reached its memory limit of {self._shown}: killed ({CGROUP})")
        groups = self._node.memory_groups
        loop = asyncio.get_running_loop()

        def discard(tries: int) -> None:
            # What is left at the end goes with the cluster's own group.
            if groups is not None and not groups.discard(group) and tries:
                loop.call_later(_DISCARD_EVERY_S, discard, tries - 1)

        discard(_DISCARD_TRIES)

    def _kill(self, child: Child, used: int) -> None:
        if self.exceeded or child.code is not None:
            return
        self._tell(
            f"used {used // 1024}Ki, above its memory limit of {self._shown}: killed ({POLLER})"
        )
        child.kill_group()

    def _tell(self, what: str) -> None:
        self.exceeded = True
        self._event("Warning", "OOMKilling", f"Container {self._name} {what}")
