"""A cluster of controllers on the real registry, with a fake clock and a fake kubelet."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from localcluster import kinds
from localcluster.controllers.deployment import DeploymentController
from localcluster.controllers.endpoints import EndpointsController
from localcluster.controllers.events import EventRecorder
from localcluster.controllers.replicaset import ReplicaSetController
from localcluster.controllers.scheduler import PodScheduler
from localcluster.controllers.statefulset import StatefulSetController
from localcluster.objects import KubeObject
from localcluster.registry import MemoryRegistry

NODE = "node"


class FakeScheduler:
    """The event loop's timers without its time."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = count()
        self._heap: list[tuple[float, int, _Timer]] = []

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> "_Timer":
        return self.call_later(0, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> "_Timer":
        timer = _Timer(callback, args)
        heapq.heappush(self._heap, (self._now + delay, next(self._order), timer))
        return timer

    def advance(self, seconds: float = 0.0) -> None:
        """Runs everything that is due within the next `seconds`."""
        until = self._now + seconds
        for _ in range(10_000):
            if not self._heap or self._heap[0][0] > until:
                self._now = until
                return
            at, _, timer = heapq.heappop(self._heap)
            self._now = max(self._now, at)
            timer.run()
        raise AssertionError("the controllers do not come to rest")


class _Timer:
    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._callback: Callable[..., Any] | None = callback
        self._args = args

    def cancel(self) -> None:
        self._callback = None

    def run(self) -> None:
        if self._callback is not None:
            self._callback(*self._args)


class Cluster:
    """What a test says to the cluster and asks of it, in few words."""

    def __init__(self) -> None:
        self.time = FakeScheduler()
        self.registry = MemoryRegistry(lambda: datetime.now(UTC))
        self.recorder = EventRecorder(self.registry, self.time, NODE)
        self.most_pods = 0
        self.fewest_ready = 10**6
        self.bad_images: set[str] = set()
        self.registry.create(kinds.NODES, {"metadata": {"name": NODE}})
        self.registry.create(kinds.NAMESPACES, {"metadata": {"name": "shop"}})
        for controller in (
            DeploymentController(self.registry, self.recorder, self.time),
            ReplicaSetController(self.registry, self.recorder, self.time),
            StatefulSetController(self.registry, self.recorder, self.time),
            EndpointsController(self.registry, self.time),
            PodScheduler(self.registry, self.recorder, self.time, NODE),
        ):
            controller.start()

    # The fake kubelet

    def settle(self, rounds: int = 60) -> None:
        """Controllers and kubelet by turns; the kubelet makes one pod ready a turn."""
        for _ in range(rounds):
            self.time.advance()
            if not self._kubelet():
                self.time.advance()
                return

    def _kubelet(self) -> bool:
        self.most_pods = max(self.most_pods, len(self.pods()))
        for pod in self.pods():
            meta = pod["metadata"]
            if "deletionTimestamp" in meta:
                self.registry.delete(kinds.PODS, "shop", meta["name"], grace_period_s=0)
                return True
            image = pod["spec"]["containers"][0]["image"]
            if pod["spec"].get("nodeName") and not ready(pod) and image not in self.bad_images:
                self.set_ready(meta["name"])
                return True
        return False

    def set_ready(self, name: str, *, is_ready: bool = True, restarts: int = 0) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

        def change(pod: KubeObject) -> None:
            number = int(pod["metadata"]["uid"][:2], 16)
            pod["status"] = {
                **(pod.get("status") or {}),
                "phase": "Running",
                "podIP": pod.get("status", {}).get("podIP", f"127.9.1.{number or 1}"),
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if is_ready else "False",
                        "lastTransitionTime": now,
                    }
                ],
                "containerStatuses": [
                    {
                        "name": "app",
                        "image": "i",
                        "imageID": "",
                        "ready": is_ready,
                        "restartCount": restarts,
                    }
                ],
            }

        self.registry.modify(kinds.PODS, "shop", name, change, status=True)

    # Questions

    def pods(self, **labels: str) -> list[KubeObject]:
        return list(
            self.registry.list(kinds.PODS, "shop", lambda found: labels.items() <= found.items())
        )

    def sets(self) -> dict[str, int]:
        """Image of each ReplicaSet and its replicas."""
        return {
            each["spec"]["template"]["spec"]["containers"][0]["image"]: each["spec"]["replicas"]
            for each in self.registry.list(kinds.REPLICA_SETS, "shop")
        }

    def revisions(self) -> dict[str, str]:
        """Image of each ReplicaSet and its revision."""
        return {
            each["spec"]["template"]["spec"]["containers"][0]["image"]: each["metadata"][
                "annotations"
            ]["deployment.kubernetes.io/revision"]
            for each in self.registry.list(kinds.REPLICA_SETS, "shop")
        }

    def deployment(self, name: str = "web") -> KubeObject:
        return self.registry.get(kinds.DEPLOYMENTS, "shop", name)

    def condition(self, kind: str) -> tuple[str, str]:
        conditions = self.deployment().get("status", {}).get("conditions") or ()
        found = next(each for each in conditions if each["type"] == kind)
        return found["status"], found["reason"]

    def events(self, reason: str) -> list[str]:
        return [
            event["message"]
            for event in self.registry.list(kinds.EVENTS, "shop")
            if event["reason"] == reason
        ]

    # Commands

    def deploy(self, image: str = "v1", replicas: int = 3, **spec: Any) -> None:
        self.registry.create(
            kinds.DEPLOYMENTS,
            {
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": template(image, app="web"),
                    **spec,
                },
            },
        )

    def change(self, change: Callable[[KubeObject], None], name: str = "web") -> None:
        self.registry.modify(kinds.DEPLOYMENTS, "shop", name, change)

    def release(self, image: str) -> None:
        def change(obj: KubeObject) -> None:
            obj["spec"]["template"]["spec"]["containers"][0]["image"] = image

        self.change(change)

    def scale(self, replicas: int) -> None:
        def change(obj: KubeObject) -> None:
            obj["spec"]["replicas"] = replicas

        self.change(change)


def template(image: str, **labels: str) -> KubeObject:
    return {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": image,
                    "ports": [{"name": "http", "containerPort": 8080}],
                }
            ]
        },
    }


def ready(pod: KubeObject) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in pod.get("status", {}).get("conditions") or ()
    )


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def pod_template() -> Callable[..., KubeObject]:
    return template
