"""Many times the usual traffic, from a client inside the cluster.

It is proven by what the service itself counts. Harm is not the traffic but what each pod has to
bear of it: with enough of them a surge is no longer one. It ends by itself after its duration, as
surges do; what recovers after that says nothing about what was done for it.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from rundrill.base.clock import Clock, MonotonicClock
from rundrill.faults.fault import Original, Permission
from rundrill.faults.parameters import SERVICE, WATCH_SERVICE, counter, service_pods
from rundrill.faults.service_pods import Increase
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, object_path

NAME: Final = "rundrill-surge-client"
LABELS: Final = {"app": NAME, "app.kubernetes.io/managed-by": "rundrill"}
OVER_S: Final = 3.0
"""How long the service's count must show it."""
SHARE: Final = 0.9
"""Of the asked rate that must arrive: arrivals are counted when they are answered."""
BEARABLE: Final = 1.5
"""Times its usual share that a pod may have: halfway to where the alert on it begins to matter."""


class TrafficSurge:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace for the client"),
        FaultParameter(name="image", help="the client", default="rundrill/surge-client:1.0.0"),
        FaultParameter(name="url", help="the service as pods reach it: http://host:port"),
        FaultParameter(
            name="usual", help="the usual traffic", kind="number", unit="requests/min", low=1
        ),
        FaultParameter(
            name="times", help="how many times the usual there is then", kind="number",
            low=1.5, high=1000,
        ),
        FaultParameter(
            name="duration", help="it ends by itself after this time", kind="duration",
            low=1, default="2h", compressed=True,
        ),
        *SERVICE,
        FaultParameter(name="requests", help='the counter of requests: name{label="value"}'),
    )  # fmt: skip
    PERMISSIONS: ClassVar[tuple[Permission, ...]] = (
        Permission(verbs=("get", "create", "delete"), resource="pods"),
        Permission(
            verbs=("get", "create", "delete"),
            group="networking.k8s.io",
            resource="networkpolicies",
        ),
        *WATCH_SERVICE,
    )

    def __init__(
        self, cluster: Cluster, parameters: Mapping[str, object], clock: Clock | None = None
    ) -> None:
        self._cluster = cluster
        self._clock = clock or MonotonicClock()
        self._namespace = str(parameters["namespace"])
        self._image = str(parameters["image"])
        self._url = str(parameters["url"])
        self._usual = float(str(parameters["usual"]))
        self._times = float(str(parameters["times"]))
        self._duration_s = float(str(parameters["duration"]))
        self._pod = f"/api/v1/namespaces/{self._namespace}/pods/{NAME}"
        self._policy = object_path("networkpolicy", self._namespace, NAME)
        self._service = service_pods(cluster, parameters)
        self._requests = counter(parameters, "requests")
        self._counted: Increase | None = None
        self._since = 0.0
        self._rate = 0.0
        self._share = 0.0
        self._looked: deque[tuple[float, float]] = deque()
        self._felt = Increase(self._service, self._requests)

    def original(self) -> Original:
        if self._phase() is not None:
            raise ClusterError(
                f"pod {NAME} is in {self._namespace} already; `rundrill recover` removes it"
            )
        self._share = self._usual / max(1, len(self._service.list()))
        return {}

    def inject(self) -> str:
        self._cluster.create(self._policy, self._policy_body())
        self._cluster.create(self._pod, self._pod_body())
        return f"pod {NAME} created in {self._namespace}: {self._extra:g} requests a minute more"

    def landed(self) -> str | None:
        if self._phase() != "Running":
            return None
        now = self._clock.now()
        if self._counted is None or now - self._since > 2 * OVER_S:
            # Anew from time to time: the seconds in which it started are no surge yet.
            self._counted, self._since = Increase(self._service, self._requests), now
        self._counted.look()
        lasted_s = self._clock.now() - self._since
        if lasted_s < OVER_S:
            return None
        self._rate = sum(count for (count,) in self._counted.by_pod.values()) * 60 / lasted_s
        if self._rate < SHARE * self._times * self._usual:
            return None
        return f"the service counted {self._rate:.0f} requests a minute, {self._usual:g} are usual"

    def missing(self) -> str:
        return (
            f"the service counted {self._rate:.0f} requests a minute; pod {NAME}:"
            f" {self._phase() or 'not there'}"
        )

    def harm(self) -> str | None:
        """Raises `ClusterError` when the surge is over: what is well then proves nothing."""
        phase = self._phase()
        if phase in ("Succeeded", "Failed"):
            raise ClusterError(f"the surge is over: pod {NAME} has ended ({phase})")
        return self._service.unready() or self._too_much()

    def _too_much(self) -> str | None:
        """What each pod has to bear, over the last seconds."""
        self._felt.look()
        now = self._clock.now()
        self._looked.append((now, sum(count for (count,) in self._felt.by_pod.values())))
        while len(self._looked) > 2 and now - self._looked[1][0] >= OVER_S:
            self._looked.popleft()
        (since, then), (_, counted) = self._looked[0], self._looked[-1]
        if now - since < OVER_S:
            return "what each pod bears is not known yet" if self._phase() else None
        pods = len(self._service.list())
        each = (counted - then) * 60 / (now - since) / max(1, pods)
        if each <= BEARABLE * self._share:
            return None
        return f"{pods} pods bear {each:.0f} requests a minute each, {self._share:.0f} are usual"

    def undo(self, original: Original) -> None:  # noqa: ARG002 - there was nothing before
        self._cluster.delete(self._pod)
        self._cluster.delete(self._policy)

    def undone(self, original: Original) -> str | None:  # noqa: ARG002 - there was nothing before
        if self._phase() is not None or self._service.unready() is not None:
            return None
        return f"pod {NAME} is gone, every pod of the service is ready"

    @property
    def _extra(self) -> float:
        """Requests a minute beside the usual ones."""
        return self._usual * (self._times - 1)

    def _phase(self) -> str | None:
        """None when there is no such pod."""
        try:
            return str(self._cluster.get(self._pod).get("status", {}).get("phase"))
        except ClusterError as error:
            if error.code == 404:
                return None
            raise

    def _policy_body(self) -> Mapping[str, Any]:
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": NAME, "namespace": self._namespace, "labels": LABELS},
            "spec": {
                "podSelector": {"matchLabels": {"app": NAME}},
                "policyTypes": ["Egress"],
                "egress": [{}],
            },
        }

    def _pod_body(self) -> Mapping[str, Any]:
        variables = {"TARGET_URL": self._url, "RATE_PER_MIN": f"{self._extra:g}"}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": NAME, "namespace": self._namespace, "labels": LABELS},
            "spec": {
                "automountServiceAccountToken": False,
                "activeDeadlineSeconds": max(1, round(self._duration_s)),
                "terminationGracePeriodSeconds": 1,
                "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
                "containers": [
                    {
                        "name": "client",
                        "image": self._image,
                        "env": [{"name": key, "value": text} for key, text in variables.items()],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }
