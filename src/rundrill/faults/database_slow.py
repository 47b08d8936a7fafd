"""Statements hang: behind a lock that another client holds, or on a way that became long.

`by: lock` works everywhere: a pod takes the lock and keeps it, as a migration that nobody ended.
`by: latency` is an annotation of the database's Service, which the embedded cluster heeds.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Protocol

from rundrill.errors import ExperimentError
from rundrill.faults import database, greedy_client
from rundrill.faults.database import Database
from rundrill.faults.fault import Original, Permission
from rundrill.faults.greedy_client import APPLICATION, GreedyClient
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import LOOKS, Counter, Increase, ServicePods
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, object_path

LATENCY: Final = "localcluster.rundrill.dev/latency"
_WAITING: Final = f"""
SELECT count(*) FROM pg_stat_activity waiting, pg_stat_activity holding
WHERE holding.pid = ANY(pg_blocking_pids(waiting.pid))
  AND holding.application_name = '{APPLICATION}'
"""  # noqa: S608 - the name is a constant


class DatabaseSlow:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *database.PARAMETERS,
        *greedy_client.PARAMETERS,
        *SERVICE,
        FaultParameter(
            name="by",
            help="what makes them slow",
            default="lock",
            kind="choice",
            choices=("lock", "latency"),
        ),
        FaultParameter(name="table", help="with a lock: the table", default=""),
        FaultParameter(name="service", help="with latency: the database's Service", default=""),
        FaultParameter(
            name="latency",
            help="with latency: added to each round trip",
            default="300ms",
            kind="duration",
            low=0.001,
            high=300,
        ),
        FaultParameter(
            name="responses",
            help="with latency: the service's histogram of response times, without _sum",
            default="",
        ),
        FaultParameter(
            name="failed",
            help='the counter of statements that did not end in time: name{label="value"}',
        ),
    )
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        *database.PERMISSIONS,
        *greedy_client.PERMISSIONS,
        Permission(verbs=("get", "patch"), resource="services"),
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        service = service_pods(cluster, parameters)
        self._means = _MEANS[str(parameters["by"])](cluster, parameters, service)
        self._service = service
        self._recent = Increase(service, counter(parameters, "failed"))

    def original(self) -> Original:
        return self._means.original()

    def inject(self) -> str:
        self._recent.look()
        return self._means.inject()

    def landed(self) -> str | None:
        return self._means.landed()

    def missing(self) -> str:
        return self._means.missing()

    def harm(self) -> str | None:
        unready = self._service.unready()
        if unready is not None:
            return unready
        self._recent.look()
        (failed,) = self._recent.recent
        if failed:
            return f"{failed:g} statements did not end in time in the last {LOOKS} looks"
        return self._means.harm()

    def undo(self, original: Original) -> None:
        self._means.undo(original)

    def undone(self, original: Original) -> str | None:
        evidence = self._means.undone(original)
        if evidence is None or self._service.unready() is not None:
            return None
        return f"{evidence}; every pod is ready"


class _Means(Protocol):
    """One way to make statements slow; what it promises is what `Fault` does."""

    def original(self) -> Original: ...
    def inject(self) -> str: ...
    def landed(self) -> str | None: ...
    def missing(self) -> str: ...
    def harm(self) -> str | None: ...
    def undo(self, original: Original) -> None: ...
    def undone(self, original: Original) -> str | None: ...


class _Lock:
    def __init__(
        self,
        cluster: Cluster,
        parameters: Mapping[str, object],
        service: ServicePods,  # noqa: ARG002 - what it does is seen in the database
    ) -> None:
        self._table = str(parameters["table"])
        if not self._table:
            raise ExperimentError("the fault's parameter `table` is missing", fix="name a table")
        self._database = Database(cluster, parameters)
        variables = {"HOLD": "lock", "LOCK_TABLE": self._table}
        self._client = GreedyClient(cluster, parameters, variables)

    def original(self) -> Original:
        self._client.require_absent()
        return {}

    def inject(self) -> str:
        return f"{self._client.start()}: it locks the table {self._table}"

    def landed(self) -> str | None:
        waiting = self._waiting()
        if not waiting:
            return None
        return f"pg_stat_activity: {waiting} statements wait for a lock that {APPLICATION} holds"

    def missing(self) -> str:
        held = self._database.sessions(APPLICATION)
        return f"no statement waits for it; it has {held} sessions, its pod: {self._client.state()}"

    def harm(self) -> str | None:
        waiting = self._waiting()
        return f"{waiting} statements wait for its lock" if waiting else None

    def undo(self, original: Original) -> None:  # noqa: ARG002 - there was nothing before
        self._client.stop()

    def undone(self, original: Original) -> str | None:  # noqa: ARG002 - there was nothing before
        if self._client.state() is not None or self._database.sessions(APPLICATION) != 0:
            return None
        return "the client is gone, and its lock with it"

    def _waiting(self) -> int | None:
        return self._database.number(_WAITING)


class _Latency:
    def __init__(
        self, cluster: Cluster, parameters: Mapping[str, object], service: ServicePods
    ) -> None:
        self._cluster = cluster
        self._seconds = float(str(parameters["latency"]))
        self._text = f"{round(self._seconds * 1000)}ms"
        for name in ("service", "responses"):
            if not parameters[name]:
                raise ExperimentError(f"the fault's parameter `{name}` is missing with latency")
        self._name = str(parameters["service"])
        self._path = object_path("service", str(parameters["namespace"]), self._name)
        counters = [Counter.parse(f"{parameters['responses']}_{end}") for end in ("sum", "count")]
        self._since = Increase(service, *counters)
        self._recent = Increase(service, *counters)

    def original(self) -> Original:
        return {"latency": self._annotation()}

    def inject(self) -> str:
        self._since.look()
        self._recent.look()
        self._annotate(self._text)
        return f"service/{self._name}: {self._text} on each round trip"

    def landed(self) -> str | None:
        self._since.look()
        mean = _mean(self._since.total)
        if mean is None or mean < self._seconds:
            return None
        return f"the service's answers take {mean:.2f} s on average since then"

    def missing(self) -> str:
        mean = _mean(self._since.total)
        if mean is None:
            return "the service answered nothing"
        return f"answers take {mean:.2f} s: this cluster does not heed the annotation {LATENCY}"

    def harm(self) -> str | None:
        self._recent.look()
        mean = _mean(self._recent.recent)
        if mean is None:
            return f"the service answered nothing in the last {LOOKS} looks"
        if mean > self._seconds / 2:
            return f"answers took {mean:.2f} s on average in the last {LOOKS} looks"
        return None

    def undo(self, original: Original) -> None:
        if self._annotation() != original["latency"]:
            self._annotate(original["latency"])

    def undone(self, original: Original) -> str | None:
        if self._annotation() != original["latency"]:
            return None
        return f"service/{self._name} has its way back"

    def _annotation(self) -> str | None:
        meta = self._cluster.get(self._path)["metadata"]
        found = (meta.get("annotations") or {}).get(LATENCY)
        return None if found is None else str(found)

    def _annotate(self, value: str | None) -> None:
        self._cluster.merge_patch(self._path, {"metadata": {"annotations": {LATENCY: value}}})


def _mean(sum_and_count: tuple[float, ...]) -> float | None:
    seconds, count = sum_and_count
    return seconds / count if count else None


_MEANS: Final[Mapping[str, Callable[[Cluster, Mapping[str, object], ServicePods], _Means]]] = {
    "lock": _Lock,
    "latency": _Latency,
}
