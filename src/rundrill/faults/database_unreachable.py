"""The policy that lets the service reach its database lets nothing through any more.

As when somebody edits the wrong rule. NetworkPolicies only ever allow, so one that denies is made
by emptying the one that allows, in a namespace where everything else is denied. What becomes of
connections that are open already is up to the network: many keep them. The annotation asks the
embedded cluster to drop their packets too; elsewhere it means nothing.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import LOOKS, Increase
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, object_path

OPEN_CONNECTIONS: Final = "localcluster.rundrill.dev/open-connections"


class DatabaseUnreachable:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace of the policy"),
        FaultParameter(name="policy", help="the policy that lets the service reach the database"),
        *SERVICE,
        FaultParameter(
            name="timed-out",
            help='the counter of connections that timed out: name{label="value"}',
        ),
        FaultParameter(name="failed", help="the counter of everything that fails there"),
    )
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(
            verbs=("get", "create", "patch"),
            group="networking.k8s.io",
            resource="networkpolicies",
        ),
        *WATCH_SERVICE,
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._cluster = cluster
        self._name = str(parameters["policy"])
        self._path = object_path("networkpolicy", str(parameters["namespace"]), self._name)
        self._service = service_pods(cluster, parameters)
        self._timed_out = counter(parameters, "timed-out")
        self._since = Increase(self._service, self._timed_out)
        self._recent = Increase(self._service, counter(parameters, "failed"))

    def original(self) -> Original:
        policy = self._cluster.get(self._path)
        if not policy["spec"].get("egress"):
            raise ClusterError(f"networkpolicy/{self._name} lets nothing out already")
        meta = policy["metadata"]
        kept = {key: meta[key] for key in ("name", "namespace", "labels") if key in meta}
        annotations = dict(meta.get("annotations") or {})
        return {"metadata": {**kept, "annotations": annotations}, "spec": policy["spec"]}

    def inject(self) -> str:
        self._since.look()
        self._recent.look()
        self._cluster.merge_patch(
            self._path,
            {"metadata": {"annotations": {OPEN_CONNECTIONS: "drop"}}, "spec": {"egress": []}},
        )
        return f"networkpolicy/{self._name}: its egress rules were emptied"

    def landed(self) -> str | None:
        """In every pod: a policy that reaches some of them is another fault."""
        self._since.look()
        counts = {pod: count for pod, (count,) in self._since.by_pod.items()}
        if not counts or not all(counts.values()):
            return None
        told = ", ".join(f"{pod} {count:g}" for pod, count in counts.items())
        return f"connections to the database time out ({self._timed_out.text}): {told}"

    def missing(self) -> str:
        counts = {pod: count for pod, (count,) in self._since.by_pod.items()}
        if not any(counts.values()):
            return (
                f"no pod counted {self._timed_out.text}: this cluster does not enforce policies,"
                " another policy lets the pods out, or their open connections are kept"
            )
        return f"not every pod counted {self._timed_out.text}: {counts}"

    def harm(self) -> str | None:
        unready = self._service.unready()
        if unready is not None:
            return unready
        self._recent.look()
        (failed,) = self._recent.recent
        return f"{failed:g} failures in the last {LOOKS} looks" if failed else None

    def undo(self, original: Original) -> None:
        now = self._now()
        if now is None:
            body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **original}
            self._cluster.create(self._path, body)
        elif not self._restored(now, original):
            before = original["metadata"]["annotations"].get(OPEN_CONNECTIONS)
            self._cluster.merge_patch(
                self._path,
                {
                    "metadata": {"annotations": {OPEN_CONNECTIONS: before}},
                    "spec": original["spec"],
                },
            )

    def undone(self, original: Original) -> str | None:
        now = self._now()
        if now is None or not self._restored(now, original):
            return None
        if self._service.unready() is not None:
            return None
        return f"networkpolicy/{self._name} is as it was; every pod reaches the database: ready"

    def _now(self) -> dict[str, Any] | None:
        try:
            return self._cluster.get(self._path)
        except ClusterError as error:
            if error.code == 404:
                return None
            raise

    def _restored(self, now: Mapping[str, Any], original: Original) -> bool:
        annotations = now["metadata"].get("annotations") or {}
        before = original["metadata"]["annotations"].get(OPEN_CONNECTIONS)
        return bool(now["spec"] == original["spec"] and annotations.get(OPEN_CONNECTIONS) == before)
