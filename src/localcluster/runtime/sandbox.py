"""What the containers of one pod have in common: address, folders, volumes, base environment."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from localcluster import kinds
from localcluster.images.image import Surroundings
from localcluster.journal import ID_VARIABLE
from localcluster.network.names import Destination, rewrite
from localcluster.objects import KubeObject
from localcluster.runtime import environment
from localcluster.runtime.last_words import LastWords
from localcluster.runtime.node import Node
from localcluster.runtime.paths import relocate
from localcluster.runtime.volumes import Volumes

# What a program may need to run on this machine at all; nothing else of ours reaches a pod.
_INHERITED: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "SYSTEMROOT")
_KINDS: Final = {"configmap": kinds.CONFIG_MAPS, "secret": kinds.SECRETS}


class Sandbox:
    """`pod` is the object as last seen; the worker keeps it fresh."""

    def __init__(self, node: Node, pod: KubeObject) -> None:
        self.node = node
        self.pod = pod
        meta = pod["metadata"]
        self.uid: str = meta["uid"]
        self.name: str = meta["name"]
        self.namespace: str = meta["namespace"]
        self.folder = node.pods_folder / self.uid
        self.ip = node.block.pods.take(self.uid)
        self.volumes = Volumes(
            pod,
            self.folder / "volumes",
            claims=node.volumes_folder,
            token=node.token,
            find=self._find,
            rewrite=self.address_names,
        )

    @property
    def shown(self) -> str:
        """As the kubelet prints a pod."""
        return f"{self.name}_{self.namespace}({self.uid})"

    def container_folder(self, name: str) -> Path:
        folder: Path = self.folder / "containers" / name
        return folder

    def prepare(self) -> None:
        """Makes the pod's folders; raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("home", "tmp"):
            (self.folder / name).mkdir(exist_ok=True)
        # A container may ask for itself at localhost; here it lives at its pod's address.
        curlrc = f'connect-to = "localhost::{self.ip}:"\nconnect-to = "127.0.0.1::{self.ip}:"\n'
        (self.folder / "home" / ".curlrc").write_text(curlrc)

    def close(self) -> None:
        """Gives back the addresses and removes the folders."""
        self.node.network.release(self.uid)
        self.node.block.pods.release(self.uid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def address_names(self, text: str) -> str:
        """Names of Services in the text by this pod's own addresses for them."""
        return rewrite(text, lambda name: self.node.network.edge(self.uid, name).address)

    def surroundings(
        self, container: Mapping[str, Any], image_env: Mapping[str, str]
    ) -> Surroundings:
        """Raises `environment.ConfigError` when a ConfigMap, Secret or key is missing."""
        mounts = self.volumes.mounts(container)
        words = LastWords(container, self.container_folder(container["name"]))
        mounts[words.path] = words.file
        base = {**self._base_env(), **image_env}
        # The status of the object may be older than the address.
        pod = {**self.pod, "status": self._addressed_status()}
        made = environment.container_env(container, pod, self._texts, base)
        env = {
            key: value if base.get(key) == value else self.localize(value, mounts)
            for key, value in made.items()
        }
        return Surroundings(
            pod_ip=self.ip,
            ports=ports_of(container),
            env=env,
            mounts=mounts,
            volume=self.own_volume(container["name"]),
        )

    def localize(self, text: str, mounts: Mapping[str, Path]) -> str:
        return self.address_names(relocate(text, mounts))

    def own_volume(self, container: str) -> Path:
        """What a container without a mount keeps: its ordinal's for a StatefulSet's pod."""
        owners = self.pod["metadata"].get("ownerReferences") or ()
        if any(owner.get("kind") == "StatefulSet" for owner in owners):
            folder = self.node.volumes_folder / self.namespace / f"{self.name}.{container}"
        else:
            folder = self.folder / "data" / container
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _base_env(self) -> dict[str, str]:
        home = str(self.folder / "home")
        search = [str(Path(sys.executable).parent), *os.environ.get("PATH", os.defpath).split(":")]
        env = {
            "PATH": ":".join(dict.fromkeys(search)),
            "HOME": home,
            "CURL_HOME": home,
            "TMPDIR": str(self.folder / "tmp"),
            "HOSTNAME": self.pod["spec"].get("hostname") or self.name,
            "LANG": "C.UTF-8",
            "POD_IP": self.ip,
            ID_VARIABLE: self.node.cluster_id,
            "KUBERNETES_SERVICE_HOST": self.node.block.node_address,
            "KUBERNETES_SERVICE_PORT": str(self.node.block.api_port),
        }
        env.update({key: os.environ[key] for key in _INHERITED if key in os.environ})
        if self.pod["spec"].get("enableServiceLinks", True):
            services = [
                service
                for service in self.node.registry.list(kinds.SERVICES, self.namespace)
                if service["spec"].get("clusterIP") != self.node.block.node_address
            ]
            env.update(environment.service_links(services, self._link))
        return env

    def _link(self, service: KubeObject) -> str:
        meta = service["metadata"]
        destination = Destination(namespace=meta["namespace"], service=meta["name"])
        return self.node.network.edge(self.uid, destination).address

    def _addressed_status(self) -> KubeObject:
        status: KubeObject = dict(self.pod.get("status") or {})
        status["podIP"] = self.ip
        status["hostIP"] = self.node.block.node_address
        return status

    def _find(self, kind: str, name: str) -> KubeObject | None:
        return self.node.registry.find(_KINDS[kind], self.namespace, name)

    def _texts(self, kind: str, name: str) -> Mapping[str, str] | None:
        return environment.texts_of(self._find(kind, name))


def ports_of(container: Mapping[str, Any]) -> dict[str, int]:
    """By name, or by number as text when a port has none; the first one first."""
    return {
        port.get("name") or str(port["containerPort"]): int(port["containerPort"])
        for port in container.get("ports") or ()
    }


Changed = Callable[[], None]
