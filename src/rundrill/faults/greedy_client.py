"""A pod that takes from the database and gives nothing back, and the policy that lets it in.

Its image is one of the simulators; what it holds, it gives back when it ends. It takes again what
it lost, so that a restart of the database does not end the fault. `activeDeadlineSeconds` ends it
on clusters that heed it, should everybody have forgotten about it.
"""

from collections.abc import Mapping
from typing import Any, Final

from rundrill.errors import ExperimentError
from rundrill.faults.fault import Permission
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, object_path

NAME: Final = "rundrill-greedy-client"
APPLICATION: Final = "greedy-client"
"""Its application_name in pg_stat_activity."""
LONGEST_S: Final = 4 * 3600
MANAGED: Final = {"app.kubernetes.io/managed-by": "rundrill"}

PARAMETERS: Final = (
    FaultParameter(name="image", help="the greedy client", default="rundrill/greedy-client:1.0.0"),
    FaultParameter(name="url", help="the database as pods reach it: postgresql://user@host/name"),
    FaultParameter(name="secret", help="the Secret with its password and the key there: name/KEY"),
)
PERMISSIONS: Final = (
    Permission(verbs=("get", "create", "delete"), resource="pods"),
    Permission(verbs=("create", "delete"), group="networking.k8s.io", resource="networkpolicies"),
)


class GreedyClient:
    """One pod in the database's namespace. `variables` say what it takes."""

    def __init__(
        self, cluster: Cluster, parameters: Mapping[str, object], variables: Mapping[str, str]
    ) -> None:
        self._cluster = cluster
        self._namespace = str(parameters["namespace"])
        self._image = str(parameters["image"])
        self._url = str(parameters["url"])
        self._secret, slash, self._key = str(parameters["secret"]).partition("/")
        if not slash:
            raise ExperimentError(
                f"the fault's parameter `secret` is {self._secret!r}", fix="write it as name/KEY"
            )
        self._variables = dict(variables)
        self._pod = f"/api/v1/namespaces/{self._namespace}/pods/{NAME}"
        self._policy = object_path("networkpolicy", self._namespace, NAME)

    def require_absent(self) -> None:
        """Raises `ClusterError` when one is there, of another run."""
        if self.state() is not None:
            raise ClusterError(
                f"pod {NAME} is in {self._namespace} already; `rundrill recover` removes it"
            )

    def start(self) -> str:
        self._cluster.create(self._policy, self._policy_body())
        self._cluster.create(self._pod, self._pod_body())
        return f"pod {NAME} created in {self._namespace}"

    def stop(self) -> None:
        """Harmless when there is none."""
        self._cluster.delete(self._pod)
        self._cluster.delete(self._policy)

    def state(self) -> str | None:
        """Its phase, and why it waits; None when there is no such pod."""
        try:
            status = self._cluster.get(self._pod).get("status", {})
        except ClusterError as error:
            if error.code == 404:
                return None
            raise
        for container in status.get("containerStatuses") or ():
            waiting = container.get("state", {}).get("waiting")
            if waiting:
                return f"waiting: {waiting.get('reason')} {waiting.get('message', '')}".strip()
        return str(status.get("phase"))

    def _policy_body(self) -> Mapping[str, Any]:
        # Both ends of one way, whatever else is denied in that namespace.
        client: Mapping[str, Any] = {"podSelector": {"matchLabels": {"app": NAME}}}
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": NAME, "namespace": self._namespace, "labels": MANAGED},
            "spec": {
                "podSelector": {},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": [client]}],
                "egress": [
                    {"to": [{"podSelector": {}}]},
                    {"ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]},
                ],
            },
        }

    def _pod_body(self) -> Mapping[str, Any]:
        plain = {"DATABASE_URL": self._url, **self._variables}
        password = {"secretKeyRef": {"name": self._secret, "key": self._key}}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": NAME,
                "namespace": self._namespace,
                "labels": {"app": NAME, **MANAGED},
            },
            "spec": {
                "automountServiceAccountToken": False,
                "activeDeadlineSeconds": LONGEST_S,
                "terminationGracePeriodSeconds": 1,
                "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
                "containers": [
                    {
                        "name": "client",
                        "image": self._image,
                        "env": [
                            *({"name": key, "value": value} for key, value in plain.items()),
                            {"name": "DATABASE_PASSWORD", "valueFrom": password},
                        ],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }
