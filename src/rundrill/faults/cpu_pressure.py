"""A release of which every request costs more CPU, against a limit that leaves little room.

The CPU is really burnt, in the service's own pods, so that it is felt on every target and more
replicas share it. How near they are to their limit is for the steady state to say: it is one of
the service's own measures.
"""

from collections.abc import Mapping
from typing import ClassVar, Final

from rundrill.faults import release
from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.release import Release
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster

ENOUGH: Final = 30
"""Requests before their mean cost says something."""


class CpuPressure:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *release.PARAMETERS,
        FaultParameter(
            name="cost", help="CPU time that each request costs more",
            kind="duration", low=0.001, high=10,
        ),
        FaultParameter(name="limit", help="the CPU limit of the container from then on"),
        FaultParameter(
            name="variable", help="the variable that tells the release", default="BURN_CPU_S"
        ),
        *SERVICE,
        FaultParameter(
            name="cpu", help="the counter of their CPU seconds", default="process_cpu_seconds_total"
        ),
        FaultParameter(name="requests", help='the counter of requests: name{label="value"}'),
    )  # fmt: skip
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        *release.PERMISSIONS,
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._release = Release(cluster, parameters)
        self._cost_s = float(str(parameters["cost"]))
        self._limit = str(parameters["limit"])
        self._variable = str(parameters["variable"])
        self._service = service_pods(cluster, parameters)
        self._counters = (counter(parameters, "cpu"), counter(parameters, "requests"))
        self._first: dict[str, tuple[float, ...]] = {}
        self._means: dict[str, float] = {}

    def original(self) -> Original:
        return self._release.original()

    def inject(self) -> str:
        return self._release.roll_out({self._variable: f"{self._cost_s:g}"}, {"cpu": self._limit})

    def landed(self) -> str | None:
        pods = {pod.name for pod in self._release.pods()}
        if not pods:
            return None
        _, told = self._service.read(self._counters)
        for name in pods & told.keys():
            # Not from zero: to start costs CPU as well.
            cpu_s, requests = self._first.setdefault(name, told[name])
            count = told[name][1] - requests
            if count >= ENOUGH:
                self._means[name] = (told[name][0] - cpu_s) / count
                if self._means[name] >= self._cost_s:
                    return (
                        f"pod {name}: {self._means[name] * 1000:.0f} ms of CPU a request,"
                        f" over {count:g} requests"
                    )
        return None

    def missing(self) -> str:
        if not self._means:
            return f"no pod that runs {self._release.image} served {ENOUGH} requests"
        return "; ".join(
            f"pod {name}: {mean * 1000:.0f} ms of CPU a request"
            for name, mean in self._means.items()
        )

    def harm(self) -> str | None:
        return self._service.unready()

    def undo(self, original: Original) -> None:
        self._release.undo(original)

    def undone(self, original: Original) -> str | None:
        return self._release.undone(original)
