"""A new revision that never frees what it takes: it grows to its limit, is killed, begins again.

The image has the defect; an environment variable says how fast. A fresh start of every pod helps
as long as the leak takes to come back, so harm is measured: what of the release still grows.
"""

from collections import deque
from collections.abc import Mapping
from typing import ClassVar, Final

from rundrill.faults import release
from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.release import Release
from rundrill.faults.service_pods import LOOKS
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError

KILLED: Final = "OOMKilled"
GROWN_MIB: Final = 16
"""More than a release that is well takes for its first requests."""
_MIB: Final = 1 << 20


class MemoryLeak:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *release.PARAMETERS,
        FaultParameter(
            name="rate", help="how fast it leaks", kind="number", unit="MiB/s",
            low=0.001, high=1000, compressed=True,
        ),
        FaultParameter(
            name="variable", help="the variable that tells the release", default="LEAK_MIB_PER_S"
        ),
        *SERVICE,
        FaultParameter(
            name="memory", help="the metric of their memory in bytes",
            default="process_resident_memory_bytes",
        ),
    )  # fmt: skip
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        *release.PERMISSIONS,
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._release = Release(cluster, parameters)
        self._rate = float(str(parameters["rate"]))
        self._variable = str(parameters["variable"])
        self._service = service_pods(cluster, parameters)
        self._memory = counter(parameters, "memory")
        self._first: dict[str, float] = {}
        self._readings: dict[str, deque[float]] = {}

    def original(self) -> Original:
        return self._release.original()

    def inject(self) -> str:
        return self._release.roll_out({self._variable: f"{self._rate:g}"}, {})

    def landed(self) -> str | None:
        """It grows, or was killed for it. Not the kill alone: the alert comes before, and whoever
        follows it in time never sees one."""
        container = self._release.container
        pods = self._release.pods()
        told = self._read() if pods else {}
        for pod in pods:
            if pod.name in told:
                first = self._first.setdefault(pod.name, told[pod.name])
                grown = (told[pod.name] - first) / _MIB
                if grown >= GROWN_MIB:
                    now = told[pod.name] / _MIB
                    return f"pod {pod.name}: {now:.0f} MiB, {grown:.0f} more than at its first look"
            if pod.last_reasons.get(container) == KILLED and pod.restarts:
                return (
                    f"pod {pod.name}: {container} was {KILLED}, exit code"
                    f" {pod.last_exit_codes.get(container)}, {pod.restarts} restarts"
                )
        return None

    def missing(self) -> str:
        pods = self._release.pods()
        if not pods:
            return f"no pod runs {self._release.image}"
        memory = self._read()
        return f"no container was {KILLED}; " + "; ".join(
            f"pod {pod.name}: {memory.get(pod.name, 0) / _MIB:.0f} MiB, {pod.restarts} restarts"
            for pod in pods
        )

    def harm(self) -> str | None:
        pods = {pod.name: pod for pod in self._release.pods()}
        self._readings = {name: kept for name, kept in self._readings.items() if name in pods}
        if not pods:
            return None
        told = self._read()
        for name, value in told.items():
            if name in pods:
                self._readings.setdefault(name, deque(maxlen=LOOKS)).append(value)
        for name, pod in pods.items():
            kept = self._readings.get(name, ())
            if len(kept) < LOOKS:
                return (
                    f"pod {name} runs {self._release.image}, and not for long enough to tell more"
                )
            grown = (max(kept) - min(kept)) / _MIB
            # Half of what it leaks between two looks a second apart: looks may come late.
            if grown > self._rate * (LOOKS - 1) / 2:
                return (
                    f"pod {name} runs {self._release.image}: its memory grew by {grown:.0f} MiB in"
                    f" {LOOKS} looks, {pod.restarts} restarts"
                )
        return None

    def undo(self, original: Original) -> None:
        self._release.undo(original)

    def undone(self, original: Original) -> str | None:
        return self._release.undone(original)

    def _read(self) -> Mapping[str, float]:
        """Bytes of each pod that answers; one that starts does not."""
        try:
            _, told = self._service.read([self._memory])
        except ClusterError:  # none answers; who they are, the caller knows from their list
            return {}
        return {name: value for name, (value,) in told.items()}
