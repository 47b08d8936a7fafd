"""A new revision whose pods exit at start; the old pods keep serving.

The image is released as a deploy pipeline would do it, and is bad by itself: nothing is done to
the pods. With the image that already runs, nothing lands.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rundrill.faults.fault import Original
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, Pod, object_path

RESTARTS = 1
"""One restart proves that the container really ran and ended, not that it never started."""


class BadRelease:
    PARAMETERS: ClassVar[tuple[FaultParameter, ...]] = (
        FaultParameter(name="namespace", help="the namespace of the Deployment"),
        FaultParameter(name="deployment", help="the Deployment to release to"),
        FaultParameter(name="container", help="the container whose image changes"),
        FaultParameter(name="image", help="the image of the bad release"),
    )

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self._cluster = cluster
        self._namespace = str(parameters["namespace"])
        self._deployment = str(parameters["deployment"])
        self._container = str(parameters["container"])
        self._image = str(parameters["image"])
        self._path = object_path("deployment", self._namespace, self._deployment)

    def original(self) -> Original:
        spec = self._cluster.get(self._path)["spec"]
        images = {item["name"]: item["image"] for item in spec["template"]["spec"]["containers"]}
        if self._container not in images:
            raise ClusterError(
                f"deployment/{self._deployment} has no container {self._container!r},"
                f" only {', '.join(images)}"
            )
        return {"image": images[self._container]}

    def inject(self) -> str:
        self._set_image(self._image)
        return (
            f"deployment/{self._deployment} in {self._namespace}:"
            f" image of {self._container} set to {self._image}"
        )

    def landed(self) -> str | None:
        for pod in self._bad_pods():
            reason = pod.waiting.get(self._container)
            if reason == "CrashLoopBackOff" and pod.restarts >= RESTARTS:
                code = pod.last_exit_codes.get(self._container)
                return (
                    f"pod {pod.name} is in {reason} after {pod.restarts} restarts,"
                    f" last exit code {code}"
                )
        return None

    def missing(self) -> str:
        pods = self._bad_pods()
        if not pods:
            return f"no pod runs {self._image}"
        return "; ".join(
            f"pod {pod.name}: {'ready' if pod.ready else 'not ready'}, {pod.restarts} restarts,"
            f" waiting: {pod.waiting.get(self._container, 'no')}"
            for pod in pods
        )

    def harm(self) -> str | None:
        for pod in self._bad_pods():
            if not pod.ready and not pod.terminating:
                return f"pod {pod.name} is not ready after {pod.restarts} restarts"
        return None

    def undo(self, original: Original) -> None:
        spec = self._cluster.get(self._path)["spec"]["template"]["spec"]
        now = {item["name"]: item["image"] for item in spec["containers"]}
        if now.get(self._container) != original["image"]:
            self._set_image(str(original["image"]))

    def undone(self, original: Original) -> str | None:
        if self._bad_pods() and original["image"] != self._image:
            return None
        if not self._cluster.rollout(self._namespace, self._deployment).complete:
            return None
        return f"every pod of {self._deployment} runs {original['image']} and is available"

    def _bad_pods(self) -> Sequence[Pod]:
        spec = self._cluster.get(self._path)["spec"]
        pods = self._cluster.pods(self._namespace, _selector(spec))
        return [pod for pod in pods if pod.images.get(self._container) == self._image]

    def _set_image(self, image: str) -> None:
        containers = [{"name": self._container, "image": image}]
        self._cluster.patch(
            self._path, {"spec": {"template": {"spec": {"containers": containers}}}}
        )


def _selector(spec: Mapping[str, object]) -> str:
    selector = spec["selector"]
    assert isinstance(selector, dict)
    return ",".join(f"{key}={value}" for key, value in selector["matchLabels"].items())
