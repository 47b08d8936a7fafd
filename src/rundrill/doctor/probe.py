"""Real pods that try what a cluster enforces, in a namespace of the doctor's own.

In this order, so that a denial is one: the server is reached before there is a policy; then those
who are to be denied try, and one who is not; the memory pod beside them. The namespace is removed
whatever happens; one that a killed doctor left is told by the next.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.doctor import probe_pods
from rundrill.doctor.images import REFUSED
from rundrill.session import uninterrupted
from rundrill.target.cluster import Cluster, ClusterError

BUDGET_S: Final = 60.0
IMAGE_BUDGET_S: Final = 30.0
_EVERY_S: Final = 0.5
_PATHS: Final = {
    "Service": "/api/v1/namespaces/{}/services/{}",
    "Pod": "/api/v1/namespaces/{}/pods/{}",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a probe pod's container ended; without `exit_code` it did not, and `reason` says what
    kept it."""

    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """`events` are what the cluster said of the memory pod. `images` maps each image to "" when a
    pod of it began, else to why none did. `left` is why the namespace is still there."""

    image: str
    memory: Ended
    before: Ended
    denied: Mapping[str, Ended]
    after: Ended
    events: Sequence[str]
    images: Mapping[str, str]
    took_s: float
    left: str = ""


@dataclass(slots=True)
class _Space:
    name: str
    left: str = field(default="")


def leftovers(cluster: Cluster) -> Sequence[str]:
    """Namespaces that a killed doctor left. Raises `ClusterError`."""
    listed = cluster.get(f"/api/v1/namespaces?labelSelector={probe_pods.LABEL}")
    return [str(item["metadata"]["name"]) for item in listed["items"]]


def probe(cluster: Cluster, *, image: str, images: Sequence[str], clock: Clock) -> Probed:
    """`image` holds `python3`; of each of `images` a pod is started. Raises `ClusterError`."""
    began = clock.now()
    with _namespace(cluster, clock) as space:
        pods = _Pods(cluster, space.name, clock)
        pods.make(probe_pods.service())
        pods.make(probe_pods.memory_pod(image))
        pods.make(probe_pods.server_pod(image))
        for number, one in enumerate(images):
            pods.make(probe_pods.image_pod(f"image-{number}", one))
        pods.make(probe_pods.client_pod("before", image, role="free"))
        before = pods.ended("before")
        denied: dict[str, Ended] = {}
        if before.exit_code == probe_pods.CONNECTED:
            for policy in probe_pods.policies():
                pods.make(policy)
            for role in ("no-ingress", "no-egress"):
                pods.make(probe_pods.client_pod(role, image, role=role))
            denied = {role: pods.ended(role) for role in ("no-ingress", "no-egress")}
            pods.make(probe_pods.client_pod("after", image, role="free"))
            after = pods.ended("after")
        else:
            after = Ended(exit_code=None, reason="not tried")
        memory = pods.ended("memory")
        events = pods.events("memory")
        found = {one: pods.image(f"image-{number}") for number, one in enumerate(images)}
    return Probed(
        image=image,
        memory=memory,
        before=before,
        denied=denied,
        after=after,
        events=events,
        images=found,
        took_s=clock.now() - began,
        left=space.left,
    )


class _Pods:
    """Those of one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, clock: Clock) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._clock = clock

    def make(self, item: Mapping[str, Any]) -> None:
        path = _PATHS[item["kind"]].format(self._namespace, item["metadata"]["name"])

        def made() -> bool | None:
            try:
                self._cluster.create(path, item)
            except ClusterError as error:
                # A real cluster makes the namespace's account a little later than the namespace.
                if error.code == 403 and "serviceaccount" in str(error):
                    return None
                raise
            return True

        try:
            until(
                made,
                what=f"the account of namespace {self._namespace}",
                budget_s=BUDGET_S,
                every_s=_EVERY_S,
                clock=self._clock,
            )
        except WaitTimeoutError as error:
            raise ClusterError(str(error)) from error

    def ended(self, name: str) -> Ended:
        try:
            return until(
                lambda: ended(self._pod(name)),
                what=f"pod {name}",
                budget_s=BUDGET_S,
                every_s=_EVERY_S,
                clock=self._clock,
            )
        except WaitTimeoutError:
            return Ended(exit_code=None, reason=_waits_for(self._pod(name)))

    def image(self, name: str) -> str:
        """Why no pod of it began; "" when one did."""

        def began() -> str | None:
            pod = self._pod(name)
            return "" if has_image(pod) else refusal(pod)

        try:
            return until(
                began,
                what=f"pod {name}",
                budget_s=IMAGE_BUDGET_S,
                every_s=_EVERY_S,
                clock=self._clock,
            )
        except WaitTimeoutError:
            return _waits_for(self._pod(name))

    def events(self, pod: str) -> Sequence[str]:
        listed = self._cluster.get(f"/api/v1/namespaces/{self._namespace}/events")
        return [
            str(item.get("message") or "")
            for item in listed["items"]
            if (item.get("involvedObject") or {}).get("name") == pod
        ]

    def _pod(self, name: str) -> Mapping[str, Any]:
        return self._cluster.get(_PATHS["Pod"].format(self._namespace, name))


def ended(pod: Mapping[str, Any]) -> Ended | None:
    """Of a pod as the API shows it; None while it may still end."""
    state = _state(pod)
    if "terminated" in state:
        told = state["terminated"]
        return Ended(exit_code=int(told["exitCode"]), reason=str(told.get("reason") or ""))
    status = pod.get("status") or {}
    if status.get("phase") == "Failed":  # evicted, or past its deadline
        return Ended(exit_code=None, reason=str(status.get("reason") or "Failed"))
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in REFUSED or waiting.get("reason") == "CreateContainerError":
        return Ended(exit_code=None, reason=f"{waiting['reason']}: {waiting.get('message', '')}")
    return None


def has_image(pod: Mapping[str, Any]) -> bool:
    """What comes after the pull has been seen: running, ended, or a container that is refused."""
    state = _state(pod)
    waiting = (state.get("waiting") or {}).get("reason")
    return (
        "running" in state
        or "terminated" in state
        or waiting in ("CreateContainerError", "CreateContainerConfigError", "RunContainerError")
    )


def refusal(pod: Mapping[str, Any]) -> str | None:
    waiting = _state(pod).get("waiting") or {}
    if waiting.get("reason") in REFUSED:
        return f"{waiting['reason']}: {waiting.get('message') or 'nothing more is told'}"
    return None


def _state(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    return statuses[0].get("state") or {}


def _waits_for(pod: Mapping[str, Any]) -> str:
    waiting = _state(pod).get("waiting") or {}
    status = pod.get("status") or {}
    unmet = [
        str(one.get("message") or one.get("reason") or one["type"])
        for one in status.get("conditions") or ()
        if one.get("status") == "False"
    ]
    return str(waiting.get("reason") or (unmet or [status.get("phase", "not started")])[0])


@contextmanager
def _namespace(cluster: Cluster, clock: Clock) -> Iterator[_Space]:
    space = _Space(f"rundrill-doctor-{secrets.token_hex(3)}")
    path = f"/api/v1/namespaces/{space.name}"
    try:
        cluster.create(path, probe_pods.namespace(space.name))
        yield space
    finally:
        with uninterrupted():
            space.left = _removed(cluster, path, clock)


def _removed(cluster: Cluster, path: str, clock: Clock) -> str:
    """Why the namespace is still there; "" when it is gone."""

    def gone() -> bool | None:
        try:
            cluster.get(path)
        except ClusterError as error:
            return True if error.code == 404 else None
        return None

    name = path.rpartition("/")[2]
    try:
        cluster.delete(path)
        until(gone, what="the namespace", budget_s=BUDGET_S, every_s=_EVERY_S, clock=clock)
    except WaitTimeoutError:
        return f"namespace {name} is still being removed"
    except ClusterError as error:
        return f"namespace {name} could not be removed: {error}"
    return ""
