"""Deletes pods without grace, again and again, from a thread of its own.

It ends with its process, and after its time: nothing that kills outlives a killed runner.
"""

import threading
from typing import Final

from rundrill.base.clock import Clock, MonotonicClock
from rundrill.faults.workload import Workload
from rundrill.target.cluster import Cluster, ClusterError

_AT_ONCE: Final = "?gracePeriodSeconds=0"
_REFUSALS: Final = 2
"""Rounds in a row: an API server that is busy for one of them is no failure of the fault."""


class RepeatedKill:
    """Up to `count` pods of a workload at a time, ready ones first."""

    def __init__(
        self,
        cluster: Cluster,
        workload: Workload,
        *,
        count: int,
        interval_s: float,
        duration_s: float,
        clock: Clock | None = None,
    ) -> None:
        self._cluster = cluster
        self._workload = workload
        self.count = count
        self._interval_s = interval_s
        self._duration_s = duration_s
        self._clock = clock or MonotonicClock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._refused: list[ClusterError] = []
        self._over = False
        self.killed = 0
        """How many pods so far."""

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def require(self) -> None:
        """Raises `ClusterError` when nothing is killed any more although nobody stopped it.

        What recovers then says nothing about what was done for it.
        """
        if len(self._refused) >= _REFUSALS:
            last = self._refused[-1]
            raise ClusterError(
                f"nothing of {self._workload.text} is killed any more: {last}", last.code
            )
        if self._over:
            raise ClusterError(
                f"the killing of {self._workload.text} is over after {self._duration_s:g} s"
            )

    def start(self) -> None:
        """Kills once, then goes on in the background. Raises `ClusterError`."""
        until = self._clock.now() + self._duration_s
        self.strike()
        self._stop.clear()
        self._refused.clear()
        self._over = False
        self._thread = threading.Thread(
            target=self._go_on, args=(until,), name="repeated-kill", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Returns when no further pod is killed; harmless when it does not run."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def strike(self) -> None:
        """One round."""
        pods = sorted(self._workload.pods(), key=lambda pod: (not pod.ready, pod.name))
        for pod in pods[: self.count]:
            path = f"/api/v1/namespaces/{self._workload.namespace}/pods/{pod.name}"
            self._cluster.delete(path + _AT_ONCE)
            self.killed += 1

    def _go_on(self, until: float) -> None:
        while (left_s := until - self._clock.now()) > self._interval_s:
            if self._stop.wait(self._interval_s):
                return
            try:
                self.strike()
            except ClusterError as error:
                self._refused.append(error)
            else:
                self._refused.clear()
        self._over = not self._stop.wait(left_s)
