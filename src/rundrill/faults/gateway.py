"""A payment gateway that misbehaves: what the three gateway faults share.

The gateway is a simulator, told to misbehave through the API server's proxy to each of its pods.
What it was told is in its memory: a pod that restarts has forgotten it, and then nobody can tell
whether the service got rid of the fault. `missing` and `harm` say so.

Harm is what customers suffer: a payment through this gateway that comes to nothing. A vendor is
not ours to repair. When the service accepts such payments in another way (its fallback), it is
rid of the fault although the gateway is as ill as before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import LOOKS, Increase
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, Pod

PARAMETERS: Final = (
    FaultParameter(name="namespace", help="the namespace of the gateway's pods"),
    FaultParameter(name="selector", help="the labels of the gateway's pods"),
    FaultParameter(
        name="port",
        help="where they serve /admin/behaviour",
        kind="whole number",
        low=1,
        high=65535,
    ),
    *SERVICE,
    FaultParameter(
        name="failed",
        help='the counter of the service that grows when it meets the fault: name{label="value"}',
    ),
    FaultParameter(
        name="unserved", help="the counter of payments through this gateway that came to nothing"
    ),
    FaultParameter(
        name="served", help="the counter of payments through this gateway that were accepted"
    ),
)


class GatewayFault:
    """`behaviour` is what the gateway's pods are told, by the fields of /admin/behaviour."""

    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("list",), resource="pods"),
        Permission(verbs=("get", "update"), resource="pods/proxy"),
        *WATCH_SERVICE,
    )

    def __init__(
        self, cluster: Cluster, parameters: Mapping[str, object], behaviour: Mapping[str, Any]
    ) -> None:
        self._cluster = cluster
        self._namespace = str(parameters["namespace"])
        self._selector = str(parameters["selector"])
        self._port = str(parameters["port"])
        self._behaviour = dict(behaviour)
        service = service_pods(cluster, parameters)
        self._failed = counter(parameters, "failed")
        self._since = Increase(service, self._failed)
        self._recent = Increase(
            service, counter(parameters, "unserved"), counter(parameters, "served")
        )
        self._injected = False

    def original(self) -> Original:
        pods = self._pods()
        if not pods:
            raise ClusterError(f"no pod matches {self._selector} in {self._namespace}")
        behaviours = [self._read(pod) for pod in pods]
        if any(behaviour != behaviours[0] for behaviour in behaviours):
            raise ClusterError(f"the pods of {self._selector} do not all behave alike")
        return {"behaviour": behaviours[0]}

    def inject(self) -> str:
        self._since.look()
        self._recent.look()
        for pod in self._pods():
            self._set(pod, self._behaviour)
        self._injected = True
        return f"pods {self._selector} in {self._namespace} were told: {_words(self._behaviour)}"

    def landed(self) -> str | None:
        if self._well():
            return None
        self._since.look()
        for pod, (count,) in self._since.by_pod.items():
            if count:
                return f"{pod} counted {count:g} more of {self._failed.text}"
        return None

    def missing(self) -> str:
        well = self._well()
        if well:
            return f"{', '.join(well)} behave as before: they did not obey, or have restarted"
        return f"no pod of the service counted {self._failed.text}: nobody met the fault"

    def harm(self) -> str | None:
        if not self._injected:
            return None
        well = self._well()
        if well:
            raise ClusterError(
                f"{', '.join(well)} restarted and forgot the fault:"
                " whether the service was rid of it cannot be told"
            )
        self._recent.look()
        unserved, served = self._recent.recent
        if unserved:
            return f"{unserved:g} payments came to nothing in the last {LOOKS} looks"
        if not served:
            return f"no payment was accepted in the last {LOOKS} looks"
        return None

    def undo(self, original: Original) -> None:
        self._injected = False
        for pod in self._pods():
            if self._read(pod) != original["behaviour"]:
                self._set(pod, original["behaviour"])

    def undone(self, original: Original) -> str | None:
        pods = self._pods()
        if not pods or any(self._read(pod) != original["behaviour"] for pod in pods):
            return None
        if any(not pod.ready for pod in pods):
            return None
        return f"every pod of {self._selector} says: {_words(original['behaviour'])}"

    def _pods(self) -> Sequence[Pod]:
        found = self._cluster.pods(self._namespace, self._selector)
        return [pod for pod in found if not pod.terminating]

    def _well(self) -> Sequence[str]:
        """The pods that do not misbehave as they were told."""
        return [
            pod.name
            for pod in self._pods()
            if not self._behaviour.items() <= self._read(pod).items()
        ]

    def _read(self, pod: Pod) -> dict[str, Any]:
        return self._cluster.get(self._path(pod))

    def _set(self, pod: Pod, behaviour: Mapping[str, Any]) -> None:
        self._cluster.replace(self._path(pod), behaviour)

    def _path(self, pod: Pod) -> str:
        return (
            f"/api/v1/namespaces/{self._namespace}/pods/{pod.name}:{self._port}"
            "/proxy/admin/behaviour"
        )


def _words(behaviour: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in behaviour.items())
