"""Another client holds every connection that the database has to give.

Pools that are open go on working, so that nobody notices until a pod restarts. With `cut: "true"`
the sessions of everybody else are ended first, as a fail-over does it: then nobody gets back in.
Nor does an administrator: psql is refused as well, and that is the evidence.
"""

from collections.abc import Mapping
from typing import ClassVar

from rundrill.faults import database, greedy_client
from rundrill.faults.database import Database
from rundrill.faults.fault import Original, Permission
from rundrill.faults.greedy_client import APPLICATION, GreedyClient
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import LOOKS, Increase
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster


class PoolExhausted:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        *database.PARAMETERS,
        *greedy_client.PARAMETERS,
        *SERVICE,
        FaultParameter(
            name="failed",
            help='the counter of connections that the service did not get: name{label="value"}',
        ),
        FaultParameter(
            name="cut",
            help="whether the sessions of others are ended first",
            default="true",
            kind="choice",
            choices=("true", "false"),
        ),
    )
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        *database.PERMISSIONS,
        *greedy_client.PERMISSIONS,
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._database = Database(cluster, parameters)
        self._cut = parameters["cut"] == "true"
        cut = {"CUT_OTHERS": "true"} if self._cut else {}
        self._client = GreedyClient(cluster, parameters, {"HOLD": "connections", **cut})
        self._service = service_pods(cluster, parameters)
        self._failed = counter(parameters, "failed")
        self._since = Increase(self._service, self._failed)
        self._recent = Increase(self._service, self._failed)

    def original(self) -> Original:
        self._client.require_absent()
        return {}

    def inject(self) -> str:
        self._since.look()
        self._recent.look()
        return f"{self._client.start()}: it takes every connection of the database"

    def landed(self) -> str | None:
        if self._database.sessions(APPLICATION) is not None:
            return None
        refused = "the database refuses every further connection, psql in its own pod included"
        if not self._cut:
            return refused
        self._since.look()
        for pod, (count,) in self._since.by_pod.items():
            if count:
                return f"{refused}; {pod} counted {count:g} more of {self._failed.text}"
        return None

    def missing(self) -> str:
        held = self._database.sessions(APPLICATION)
        if held is None:
            return f"the database is full, and no pod of the service counted {self._failed.text}"
        state = self._client.state()
        return f"the client holds {held} connections and there are more; its pod: {state}"

    def harm(self) -> str | None:
        unready = self._service.unready()
        if unready is not None:
            return unready
        self._recent.look()
        (failed,) = self._recent.recent
        if failed:
            return f"{failed:g} connections failed in the last {LOOKS} looks"
        if self._database.sessions(APPLICATION) is None:
            return "the database has no connection left: the next pod that starts gets none"
        return None

    def undo(self, original: Original) -> None:  # noqa: ARG002 - there was nothing before
        self._client.stop()

    def undone(self, original: Original) -> str | None:  # noqa: ARG002 - there was nothing before
        if self._client.state() is not None or self._database.sessions(APPLICATION) != 0:
            return None
        if self._service.unready() is not None:
            return None
        return "the client is gone, the database gives connections, every pod is ready"
