"""The database asked from inside its own pod, by psql, as an administrator would."""

from collections.abc import Mapping
from typing import Final

from rundrill.faults.fault import Permission
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError

PARAMETERS: Final = (
    FaultParameter(name="namespace", help="the namespace of the database"),
    FaultParameter(name="pod", help="the pod of the database, with psql in it"),
    FaultParameter(name="user", help="its superuser", default="postgres"),
    FaultParameter(name="database", help="the name of the database"),
)
# A WebSocket is opened by a GET; since 1.35 the server asks for `create` as well.
PERMISSIONS: Final = (Permission(verbs=("get", "create"), resource="pods/exec"),)
FULL: Final = ("too many clients already", "remaining connection slots are reserved")
"""How PostgreSQL refuses a connection beyond `max_connections` (SQLSTATE 53300)."""
CUT: Final = (
    "terminating connection due to administrator command",
    "server closed the connection unexpectedly",
)
"""What psql says when its session is ended while it asks, as a client that takes every connection
does to all others (SQLSTATE 57P01; without it while the session is still being set up)."""
_TRIES: Final = 3


class Database:
    """One PostgreSQL. Raises `ClusterError` when psql cannot be run or fails."""

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._cluster = cluster
        self._namespace = str(parameters["namespace"])
        self._pod = str(parameters["pod"])
        self._user = str(parameters["user"])
        self._database = str(parameters["database"])

    def number(self, sql: str) -> int | None:
        """The one number that a query gives; None when the server has no connection left.

        A session that was cut off is neither: it asks again.
        """
        command = ["psql", "-U", self._user, "-d", self._database, "-At", "-c", sql]
        for _ in range(_TRIES):
            done = self._cluster.execute(self._namespace, self._pod, command)
            if done.exit_code == 0 or not any(words in done.stderr for words in CUT):
                break
        if done.exit_code != 0:
            if any(words in done.stderr for words in FULL):
                return None
            raise ClusterError(
                f"psql in {self._namespace}/{self._pod} ended with {done.exit_code}:"
                f" {done.stderr.strip()[:300]}"
            )
        text = done.stdout.strip()
        if not text.isdecimal():
            raise ClusterError(f"psql in {self._namespace}/{self._pod} said {text[:80]!r}")
        return int(text)

    def sessions(self, application: str) -> int | None:
        """How many sessions an application has; None when the server has no connection left."""
        name = application.replace("'", "''")
        return self.number(
            f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"  # noqa: S608 - quoted above
        )
