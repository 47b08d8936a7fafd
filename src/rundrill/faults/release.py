"""A new revision of a Deployment, as a deploy pipeline rolls it out: an image and its settings."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rundrill.faults.fault import Original, Permission
from rundrill.faults.workload import Workload
from rundrill.plan.build import FaultParameter
from rundrill.target.cluster import Cluster, ClusterError, Pod

PARAMETERS: Final = (
    FaultParameter(name="namespace", help="the namespace of the Deployment"),
    FaultParameter(name="deployment", help="the Deployment to release to"),
    FaultParameter(name="container", help="the container whose image changes"),
    FaultParameter(name="image", help="the image of the bad release"),
)
PERMISSIONS: Final = (
    Permission(verbs=("get", "list", "patch"), group="apps", resource="deployments"),
    Permission(verbs=("list",), group="apps", resource="statefulsets"),
    Permission(verbs=("list",), resource="pods"),
)


class Release:
    """What the undo brings back is the whole list of containers, whatever was changed in it."""

    def __init__(self, cluster: Cluster, parameters: Mapping[str, object]) -> None:
        self.container = str(parameters["container"])
        self.image = str(parameters["image"])
        self.workload = Workload(
            cluster, "deployment", str(parameters["namespace"]), str(parameters["deployment"])
        )

    def original(self) -> Original:
        containers = self._containers()
        names = [item["name"] for item in containers]
        if self.container not in names:
            raise ClusterError(
                f"{self.workload.text} has no container {self.container!r}, only {', '.join(names)}"
            )
        return {"containers": containers}

    def roll_out(self, variables: Mapping[str, str], limits: Mapping[str, str]) -> str:
        """With these environment variables and resource limits beside those there are."""
        container: dict[str, Any] = {"name": self.container, "image": self.image}
        if variables:
            container["env"] = [{"name": name, "value": text} for name, text in variables.items()]
        if limits:
            container["resources"] = {"limits": dict(limits)}
        self.workload.change({"template": {"spec": {"containers": [container]}}})
        told = ", ".join(f"{name}={text}" for name, text in {**variables, **limits}.items())
        return (
            f"{self.workload.text} in {self.workload.namespace}: image of {self.container} set to"
            f" {self.image}{f', {told}' if told else ''}"
        )

    def pods(self) -> Sequence[Pod]:
        """Those that run it and are not on their way out."""
        return [pod for pod in self.workload.pods() if pod.images.get(self.container) == self.image]

    def undo(self, original: Original) -> None:
        if self._containers() != original["containers"]:
            self.workload.replace({"template": {"spec": {"containers": original["containers"]}}})

    def undone(self, original: Original) -> str | None:
        if self._containers() != original["containers"]:
            return None
        image = next(
            item["image"] for item in original["containers"] if item["name"] == self.container
        )
        if image != self.image and self.pods():
            return None
        if not self.workload.rollout().complete:
            return None
        return f"every pod of {self.workload.text} runs {image} and is available"

    def _containers(self) -> list[dict[str, Any]]:
        containers: list[dict[str, Any]] = self.workload.spec()["template"]["spec"]["containers"]
        return containers
