"""What a cluster has from the start: its node, service accounts, and the API's own Service."""

import os
import platform
import sys
import uuid
from typing import Final

import psutil

from localcluster import kinds
from localcluster.interfaces import Registry
from localcluster.objects import KubeObject, Resource, WatchEvent
from localcluster.runtime.states import wall_time

_CA_MAP: Final = "kube-root-ca.crt"
_CONDITIONS: Final = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "sufficient PID available"),
)
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class Bootstrap:
    """Creates the fixed objects, and a default ServiceAccount in every namespace."""

    def __init__(
        self, registry: Registry, *, node: str, address: str, port: int, certificate: str
    ) -> None:
        self._registry = registry
        self._node = node
        self._address = address
        self._port = port
        self._certificate = certificate

    def start(self) -> None:
        self._registry.create(kinds.NODES, node_object(self._node, self._address))
        self._registry.subscribe(kinds.NAMESPACES, self._namespace_changed)
        self._create_api_service()

    def _namespace_changed(self, event: WatchEvent) -> None:
        meta = event.object["metadata"]
        if event.type != "ADDED" or "deletionTimestamp" in meta:
            return
        name = meta["name"]
        wanted: list[tuple[Resource, KubeObject]] = [
            (kinds.SERVICE_ACCOUNTS, {"metadata": {"name": "default", "namespace": name}}),
            (
                kinds.CONFIG_MAPS,
                {
                    "metadata": {"name": _CA_MAP, "namespace": name},
                    "data": {"ca.crt": self._certificate},
                },
            ),
        ]
        for resource, obj in wanted:
            if self._registry.find(resource, name, obj["metadata"]["name"]) is None:
                self._registry.create(resource, obj)

    def _create_api_service(self) -> None:
        name = {"name": "kubernetes", "namespace": "default"}
        labels = {"component": "apiserver", "provider": "kubernetes"}
        port = {"name": "https", "port": self._port, "protocol": "TCP", "targetPort": self._port}
        self._registry.create(
            kinds.SERVICES,
            {
                "metadata": {**name, "labels": labels},
                "spec": {"clusterIP": self._address, "ports": [port], "type": "ClusterIP"},
            },
        )
        self._registry.create(
            kinds.ENDPOINTS,
            {
                "metadata": {**name, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
                "subsets": [
                    {
                        "addresses": [{"ip": self._address}],
                        "ports": [{"name": "https", "port": self._port, "protocol": "TCP"}],
                    }
                ],
            },
        )


def node_object(name: str, address: str) -> KubeObject:
    """This machine as a Node."""
    memory = psutil.virtual_memory().total
    capacity = {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory // 1024}Ki",
        "ephemeral-storage": f"{psutil.disk_usage('/').total // 1024}Ki",
        "pods": "110",
    }
    machine = platform.machine()
    architecture = _ARCHITECTURES.get(machine, machine)
    system = "darwin" if sys.platform == "darwin" else "linux"
    labels = {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": system,
    }
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "capacity": capacity,
            "allocatable": dict(capacity),
            "conditions": _node_conditions(),
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": {
                "machineID": uuid.uuid4().hex,
                "systemUUID": str(uuid.uuid4()),
                "bootID": str(uuid.uuid4()),
                "kernelVersion": platform.release(),
                "osImage": f"{platform.system()} (localcluster)",
                "operatingSystem": system,
                "architecture": architecture,
                "containerRuntimeVersion": "localcluster://processes",
                "kubeletVersion": "v1.37.0",
                "kubeProxyVersion": "",
            },
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        },
    }


def _node_conditions() -> list[KubeObject]:
    now = wall_time()
    conditions = [
        (kind, status, reason, f"kubelet has {message}")
        for kind, status, reason, message in _CONDITIONS
    ]
    conditions.append(("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
    return [
        {
            "type": kind,
            "status": status,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in conditions
    ]
