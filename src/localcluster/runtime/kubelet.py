"""The node's agent: starts and ends the pods bound to it, and answers for their processes."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from localcluster import kinds
from localcluster.interfaces import ExecSession
from localcluster.metrics import cadvisor, kube_state
from localcluster.objects import ApiError, KubeObject, WatchEvent
from localcluster.runtime import exec as execution
from localcluster.runtime import logs
from localcluster.runtime.container import Container
from localcluster.runtime.node import NODE_NAME, Node
from localcluster.runtime.pod import PodWorker
from localcluster.runtime.refusals import exec_refused
from localcluster.runtime.states import Waiting
from localcluster.schema.quantity import parse_quantity

_LOG: Final = logging.getLogger(__name__)
# A kubelet notices a changed ConfigMap with its periodic sync.
_REFRESH_S: Final = 60.0
_STOP_LIMIT_S: Final = 10.0


class Kubelet:
    """Implements `interfaces.Runtime`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._workers: dict[str, PodWorker] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._stopping = False
        self._ending: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        registry = self._node.registry
        registry.subscribe(kinds.PODS, self._pod_changed)
        registry.subscribe(kinds.CONFIG_MAPS, lambda event: self._data_changed("configmap", event))
        registry.subscribe(kinds.SECRETS, lambda event: self._data_changed("secret", event))

    async def stop(self) -> None:
        """Ends all pods: with their grace, but no longer than ten seconds in all."""
        self._stopping = True
        # Those whose object is gone already are still ending their processes.
        tasks = [*self._ending, *(worker.shut_down() for worker in self._workers.values())]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_LIMIT_S)
            for worker in self._workers.values():
                worker.kill()
            if late:
                await asyncio.wait(late, timeout=_STOP_LIMIT_S)
        self._node.meter.close()

    def workers(self) -> Sequence[PodWorker]:
        return list(self._workers.values())

    # Following the objects

    def _pod_changed(self, event: WatchEvent) -> None:
        if self._stopping:
            return
        pod = event.object
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if event.type == "DELETED":
            if worker is not None:
                self._gone(uid, worker)
            return
        if worker is None:
            if pod["spec"].get("nodeName") == NODE_NAME and _is_live(pod):
                self._begin(uid, pod)
            return
        if _downward(worker.sandbox.pod) != _downward(pod):
            delay = _REFRESH_S / self._node.compress
            asyncio.get_running_loop().call_later(delay, worker.refresh_downward)
        worker.sandbox.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
            self._keep(worker.terminate(grace))

    def _begin(self, uid: str, pod: KubeObject) -> None:
        worker = PodWorker(self._node, pod)
        self._workers[uid] = worker
        self._by_name[(pod["metadata"]["namespace"], pod["metadata"]["name"])] = uid
        worker.start()

    def _gone(self, uid: str, worker: PodWorker) -> None:
        del self._workers[uid]
        name = (worker.sandbox.namespace, worker.sandbox.name)
        if self._by_name.get(name) == uid:
            del self._by_name[name]
        self._keep(worker.forget())

    def _keep(self, task: "asyncio.Task[None]") -> None:
        # The loop itself holds tasks only weakly.
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _data_changed(self, kind: str, event: WatchEvent) -> None:
        # One that is gone leaves its files as they were.
        if event.type == "DELETED" or not self._workers:
            return
        meta = event.object["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        asyncio.get_running_loop().call_later(
            _REFRESH_S / self._node.compress, self._refresh, namespace, kind, name
        )

    def _refresh(self, namespace: str, kind: str, name: str) -> None:
        for worker in self._workers.values():
            if worker.sandbox.namespace == namespace:
                worker.refresh_volumes(kind, name)

    # Answering for processes

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
    ) -> AsyncIterator[bytes]:
        found = self._container(namespace, pod, container)
        path = found.log_path(previous=previous)
        if path is None:
            if previous:
                raise _bad_request(
                    f'previous terminated container "{found.name}" in pod "{pod}" not found'
                )
            raise _bad_request(
                f'container "{found.name}" in pod "{pod}" is waiting to start:'
                f" {_waiting_reason(found)}"
            )
        selection = logs.Selection(
            tail_lines=tail_lines, since_s=since_s, timestamps=timestamps, limit_bytes=limit_bytes
        )
        return logs.read(path, selection, found.log if follow and not previous else None)

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        argv: Sequence[str],
        *,
        stdin: bool,
        tty: bool,
    ) -> ExecSession:
        found = self._container(namespace, pod, container)
        if not found.running or found.inside is None:
            raise ApiError(
                404,
                "NotFound",
                f'unable to upgrade connection: container not found ("{found.name}")',
            )
        if not argv:
            raise _bad_request("you must specify at least one command for the container")
        try:
            return execution.start(found.inside, argv, stdin=stdin, tty=tty)
        except OSError as error:
            refused = exec_refused(argv[0], error, secrets.token_hex(32))
            raise ApiError(
                500,
                "InternalError",
                f"Internal error occurred: error executing command in container: {refused}",
            ) from error

    def pod_metrics(self, namespace: str, pod: str) -> Mapping[str, tuple[float, int]] | None:
        worker = self._worker(namespace, pod)
        if worker is None:
            return None
        return {
            container.name: (container.metered.cores, container.metered.memory_bytes)
            for container in worker.containers
            if container.metered is not None
        } or None

    def kube_state_metrics(self) -> str:
        return kube_state.render(self._node.registry)

    def cadvisor_metrics(self) -> str:
        usages = [
            cadvisor.Usage(
                namespace=worker.sandbox.namespace,
                pod=worker.sandbox.name,
                uid=worker.sandbox.uid,
                container=container.name,
                image=container.spec["image"],
                cpu_s=container.metered.cpu_s,
                memory_bytes=container.metered.memory_bytes,
                limit_bytes=container.metered.limit_bytes,
                peak_bytes=container.metered.peak_bytes,
                started_at=container.started_since,
                oom_kills=container.oom_kills,
            )
            for worker in self._workers.values()
            for container in worker.containers
            if container.metered is not None
        ]
        return cadvisor.render(usages, self._machine())

    def _machine(self) -> cadvisor.Machine | None:
        node = self._node.registry.find(kinds.NODES, "", NODE_NAME)
        if node is None:
            return None
        facts, capacity = node["status"]["nodeInfo"], node["status"]["capacity"]
        return cadvisor.Machine(
            cores=int(capacity["cpu"]),
            memory_bytes=int(parse_quantity(str(capacity["memory"]))),
            machine_id=facts["machineID"],
            system_uuid=facts["systemUUID"],
            boot_id=facts["bootID"],
        )

    def _worker(self, namespace: str, pod: str) -> PodWorker | None:
        uid = self._by_name.get((namespace, pod))
        return None if uid is None else self._workers.get(uid)

    def _container(self, namespace: str, pod: str, name: str | None) -> Container:
        obj = self._node.registry.get(kinds.PODS, namespace, pod)
        worker = self._worker(namespace, pod)
        if worker is None:
            raise _bad_request(f"pod {pod} does not have a host assigned")
        if name is None:
            default = (obj["metadata"].get("annotations") or {}).get(
                "kubectl.kubernetes.io/default-container"
            )
            if default is None and len(worker.mains) > 1:
                names = " ".join(container.name for container in worker.mains)
                raise _bad_request(
                    f"a container name must be specified for pod {pod}, choose one of: [{names}]"
                )
            name = default or worker.mains[0].name
        for container in worker.containers:
            if container.name == name:
                return container
        raise _bad_request(f"container {name} is not valid for pod {pod}")


def _is_live(pod: KubeObject) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _downward(pod: KubeObject) -> tuple[object, object]:
    """What a downwardAPI volume may show and that may change while the pod runs."""
    return pod["metadata"].get("labels"), pod["metadata"].get("annotations")


def _waiting_reason(container: Container) -> str:
    if isinstance(container.state, Waiting):
        return container.state.reason
    return "ContainerCreating"


def _bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)
