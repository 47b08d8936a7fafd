"""What a drill asks of whatever it runs on."""

from pathlib import Path
from typing import Protocol

from rundrill.errors import TargetError
from rundrill.target.cluster import Cluster


class Target(Protocol):
    """The embedded cluster, a kind cluster, a context of the kubeconfig."""

    @property
    def name(self) -> str:
        """As the report tells it."""

    @property
    def kubeconfig(self) -> Path:
        """All that a drill knows of it. There from `up` to `down`."""

    def running(self) -> float | None:
        """By what the timers of a target that is up already are divided; None when it must be
        brought up."""

    def up(self, *, compression: float, keep: bool) -> Cluster:
        """Until the service is ready. Raises `TargetError`."""

    def service_url(self, cluster: Cluster, *, namespace: str, service: str, port: int) -> str:
        """Where the load reaches the service from this machine. Raises `TargetError` and
        `ClusterError`."""

    def down(self) -> str | None:
        """Why it could not be ended; None when it is gone."""

    def not_down(self, failure: str) -> TargetError:
        """What `down` gave, as one message."""
