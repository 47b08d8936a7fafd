"""The two seams of the cluster.

`Registry` is the one way to read and write objects, for the HTTP API and for the controllers
alike, so that both see the same generations, defaults, conflicts and watches. `Runtime` is what
the API asks of the pods' processes. Everything runs in one asyncio loop; `Registry` is
synchronous, so a read and the write after it cannot be interleaved.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from localcluster.objects import KubeObject, Resource, WatchEvent


class Registry(Protocol):
    """Objects with the semantics of the API server. All methods raise `ApiError`.

    Returned objects belong to the store: copy before changing.
    """

    @property
    def resource_version(self) -> int: ...

    def create(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """Sets uid, creationTimestamp, generateName, defaults, generation 1; 409 AlreadyExists."""
        ...

    def get(self, resource: Resource, namespace: str, name: str) -> KubeObject:
        """`namespace` is empty for cluster-scoped resources. 404 NotFound."""
        ...

    def find(self, resource: Resource, namespace: str, name: str) -> KubeObject | None: ...

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        labels: Callable[[Mapping[str, str]], bool] | None = None,
    ) -> Sequence[KubeObject]:
        """All namespaces when `namespace` is None; ordered by namespace and name."""
        ...

    def update(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """Replaces all but status; bumps generation when the spec changed.

        409 Conflict when `metadata.resourceVersion` is given and stale. An update that changes
        nothing keeps the resourceVersion and emits nothing.
        """
        ...

    def update_status(self, resource: Resource, obj: KubeObject) -> KubeObject:
        """Replaces status alone; the same rules."""
        ...

    def modify(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[KubeObject], None],
        *,
        status: bool = False,
    ) -> KubeObject | None:
        """For controllers: applies `change` to a copy and writes it; None when it is gone."""
        ...

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        grace_period_s: int | None = None,
        propagation: str = "Background",
    ) -> KubeObject:
        """Pods get deletionTimestamp and wait for the kubelet (`grace_period_s=0` removes at once);
        others go at once unless finalizers hold them. Dependents go by owner reference."""
        ...

    def subscribe(self, resource: Resource, handler: Callable[[WatchEvent], None]) -> None:
        """For controllers: called in order, in the loop, after every change (and at once with
        ADDED for what exists)."""
        ...

    def watch(
        self, resource: Resource, namespace: str | None, since: int | None
    ) -> AsyncIterator[WatchEvent]:
        """Every change after `since`, gap-free; 410 Expired when the log no longer reaches back."""
        ...


class ExecSession(Protocol):
    """A process started in a pod's surroundings."""

    def write_stdin(self, data: bytes) -> None: ...
    def close_stdin(self) -> None: ...
    def resize(self, columns: int, rows: int) -> None: ...
    def output(self) -> AsyncIterator[tuple[int, bytes]]:
        """(1, stdout) and (2, stderr) as they come, until the process has ended."""
        ...

    async def wait(self) -> int: ...
    def kill(self) -> None: ...


class Runtime(Protocol):
    """The pods' processes, as the API's subresources need them. All raise `ApiError`."""

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        *,
        previous: bool,
        follow: bool,
        tail_lines: int | None,
        since_s: float | None,
        timestamps: bool,
        limit_bytes: int | None,
    ) -> AsyncIterator[bytes]: ...

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        argv: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
    ) -> ExecSession: ...

    def pod_metrics(self, namespace: str, pod: str) -> Mapping[str, tuple[float, int]] | None:
        """Container to (CPU cores used over the last window, memory bytes); None when unknown."""
        ...

    def kube_state_metrics(self) -> str:
        """Prometheus text with the names and labels of kube-state-metrics."""
        ...

    def cadvisor_metrics(self) -> str:
        """Prometheus text with the names and labels of cAdvisor, as the kubelet exposes them."""
        ...
