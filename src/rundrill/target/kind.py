"""A kind cluster as a target: made for one day of drills, or left up for several.

Its kubeconfig is a file of its own; the user's is never written to. What is made here is noted
before it is made, so that `down` finds also what a killed run left.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import yaml

from rundrill.base.clock import Clock
from rundrill.errors import MachineError, TargetError
from rundrill.images.build import Builder, Sources
from rundrill.images.docker import Docker
from rundrill.target.cluster import Cluster, ClusterError, object_path
from rundrill.target.program import run_program
from rundrill.target.ready import await_ready

NAME: Final = "rundrill"
"""Of the cluster, as `kind get clusters` lists it."""
NOTE: Final = "kind.json"
ASK_BUDGET_S: Final = 30.0
CREATE_BUDGET_S: Final = 600.0
NODES_READY_S: Final = 180
LOAD_BUDGET_S: Final = 600.0
APPLY_BUDGET_S: Final = 60.0
READY_BUDGET_S: Final = 300.0
_UNPULLED: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull"})

Say = Callable[[str], None]


class KindTarget:
    """The kind cluster `rundrill`, whose kubeconfig is in `folder`.

    `config` is kind's own file, `manifests` the kustomization to apply, `sources` what the images
    are built from, on `base_image` instead of Docker Hub's Python when it is given.
    """

    name = "kind"

    def __init__(
        self,
        folder: Path,
        *,
        scratch: Path,
        config: Path,
        manifests: Path,
        sources: Sources,
        kubectl: Path,
        clock: Clock,
        say: Say,
        base_image: str | None = None,
    ) -> None:
        self._folder = folder
        self._scratch = scratch
        self._config = config
        self._manifests = manifests
        self._sources = sources
        self._kubectl = kubectl
        self._clock = clock
        self._say = say
        self._base_image = base_image

    @property
    def kubeconfig(self) -> Path:
        return self._folder / "kubeconfig"

    def running(self) -> float | None:
        """1, since no timer of it can be divided, of a cluster that was left up here; else None.

        Raises `TargetError` when one is there and does not answer, and `MachineError` when that
        cannot be told.
        """
        if not self._is_noted() or NAME not in self._clusters():
            return None
        try:
            Cluster(self.kubeconfig, scratch=self._scratch).version()
        except (TargetError, ClusterError) as error:
            raise TargetError(
                f"the kind cluster is up and cannot be used: {error}",
                path=self.kubeconfig,
                fix="see `docker ps`, or end it: rundrill down --target kind",
            ) from error
        return 1.0

    def up(self, *, compression: float, keep: bool) -> Cluster:
        """Builds the images, makes the cluster, deploys and waits until all of it is ready.

        `compression` divides nothing of the cluster, and `keep` changes nothing: it is `down` that
        ends it. Raises `TargetError` and `MachineError`.
        """
        del compression, keep
        docker = Docker()
        docker.require_answer()
        if NAME in self._clusters():
            raise TargetError(
                f"there is a kind cluster named {NAME} already",
                path=self._folder,
                fix="rundrill down --target kind"
                if self._is_noted()
                else f"it was not made from this folder; if nobody needs it: kind delete cluster"
                f" --name {NAME}",
            )
        # First what can fail without leaving a cluster behind.
        builder = Builder(self._sources, docker=docker, say=self._say, base=self._base_image)
        images = builder.build_service()
        self._create()
        self._load(images)
        self._say(f"deploying {self._manifests.name} manifests")
        self._run(
            [str(self._kubectl), "apply", "-k", str(self._manifests)],
            APPLY_BUDGET_S,
            what="the manifests were not applied",
            path=self._manifests,
        )
        cluster = Cluster(self.kubeconfig, scratch=self._scratch)
        self._wait_ready(cluster)
        return cluster

    def service_url(self, cluster: Cluster, *, namespace: str, service: str, port: int) -> str:
        """Where this machine reaches a Service: through its NodePort and the port that `config`
        maps to it. Raises `TargetError`, and `ClusterError` without an answer."""
        spec = cluster.get(object_path("service", namespace, service))["spec"]
        node_ports = {entry["port"]: entry.get("nodePort") for entry in spec["ports"]}
        mapped = self._mapped(node_ports.get(port))
        if mapped is None:
            raise TargetError(
                f"port {port} of the Service {namespace}/{service} is not reached from here",
                path=self._config,
                fix=f"give it a NodePort in {self._manifests}, and map that under"
                " extraPortMappings here",
            )
        return f"http://{mapped}"

    def down(self) -> str | None:
        """Deletes the cluster that was made here, with everything in it.

        Gives why it could not be deleted, None when it is gone.
        """
        if not self._is_noted():
            return None
        self._say("deleting the kind cluster")
        try:
            # Of a cluster that is gone already kind says the same.
            self._run(
                [
                    self._kind(), "delete", "cluster",
                    "--name", NAME, "--kubeconfig", str(self.kubeconfig),
                ],
                CREATE_BUDGET_S,
                what="kind did not delete it",
            )  # fmt: skip
            for path in (self.kubeconfig, self._note):
                path.unlink(missing_ok=True)
        except (TargetError, MachineError) as error:
            return error.problem
        except OSError as error:
            return str(error)
        with suppress(OSError):
            self._folder.rmdir()
        return None

    def not_down(self, failure: str) -> TargetError:
        """What `down` gave, as one message."""
        return TargetError(
            f"the kind cluster is not down: {failure}",
            path=self.kubeconfig,
            fix=f"run `rundrill down --target kind` again, or: kind delete cluster --name {NAME}",
        )

    @property
    def _note(self) -> Path:
        return self._folder / NOTE

    def _is_noted(self) -> bool:
        return self._note.exists()

    def _kind(self) -> str:
        found = shutil.which("kind")
        if found is None:
            raise MachineError(
                "kind is not installed",
                path="PATH",
                fix="install it (kind.sigs.k8s.io/docs/user/quick-start), or use --target local",
            )
        return found

    def _clusters(self) -> Sequence[str]:
        """The names of all kind clusters of this machine's Docker."""
        told = self._run(
            [self._kind(), "get", "clusters"], ASK_BUDGET_S, what="kind tells no clusters"
        )
        return told.decode("utf-8", "replace").split()

    def _create(self) -> None:
        self._say(f"creating the kind cluster {NAME}; its node image is pulled the first time")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._note.write_text(json.dumps({"cluster": NAME}), encoding="utf-8")
        except OSError as error:
            raise MachineError(
                f"cannot be written: {error.strerror}", path=self._folder, fix="set RUNDRILL_HOME"
            ) from error
        self._run(
            [
                self._kind(), "create", "cluster",
                "--name", NAME,
                "--config", str(self._config),
                "--kubeconfig", str(self.kubeconfig),
                "--wait", f"{NODES_READY_S}s",
            ],
            CREATE_BUDGET_S,
            what="kind made no cluster",
            path=self._config,
            fix="a port may be taken, or the node image not be pulled: kind's own words say which",
        )  # fmt: skip

    def _load(self, images: Sequence[str]) -> None:
        self._say(f"loading {len(images)} images into its nodes")
        self._run(
            [self._kind(), "load", "docker-image", *images, "--name", NAME],
            LOAD_BUDGET_S,
            what="the images were not loaded",
            # https://github.com/kubernetes-sigs/kind/issues/3795
            fix="`content digest ... not found` is Docker's containerd image store: switch it off,"
            " or load them by `docker image save --platform` and `kind load image-archive`",
        )

    def _wait_ready(self, cluster: Cluster) -> None:
        self._say("waiting until everything is ready")
        try:
            await_ready(
                cluster,
                namespaces=None,
                budget_s=READY_BUDGET_S,
                clock=self._clock,
                path=self._manifests,
                fix="`kubectl describe` and `kubectl logs` on a cluster left up with `rundrill up`",
            )
        except TargetError as error:
            unpulled = _unpulled(cluster)
            if not unpulled:
                raise
            raise TargetError(
                f"its nodes cannot pull {', '.join(unpulled)}",
                path=self._manifests,
                fix="see that the nodes reach the registry (`docker exec rundrill-worker crictl"
                " pull IMAGE`), or name another under `images` in the overlay",
            ) from error

    def _mapped(self, node_port: int | None) -> str | None:
        """`host:port` of this machine that kind maps to a NodePort."""
        try:
            config = yaml.safe_load(self._config.read_text(encoding="utf-8"))
            mappings = [
                mapping
                for node in config.get("nodes") or []
                for mapping in node.get("extraPortMappings") or []
            ]
            for mapping in mappings:
                if node_port is not None and mapping["containerPort"] == node_port:
                    address = mapping.get("listenAddress") or "127.0.0.1"
                    return f"{address.replace('0.0.0.0', '127.0.0.1')}:{mapping['hostPort']}"  # noqa: S104 - read, not bound
        except (OSError, UnicodeDecodeError) as error:
            raise TargetError(f"cannot be read: {error}", path=self._config) from error
        except (yaml.YAMLError, AttributeError, TypeError, LookupError) as error:
            raise TargetError(
                f"is no configuration of kind: {error}",
                path=self._config,
                fix="kind.sigs.k8s.io/docs/user/configuration says what it holds",
            ) from error
        return None

    def _run(
        self,
        command: Sequence[str],
        budget_s: float,
        *,
        what: str,
        path: Path | None = None,
        fix: str | None = None,
    ) -> bytes:
        """What it wrote. Raises `TargetError` that begins with `what`."""
        shown = f"`{Path(command[0]).name} {' '.join(command[1:3])}`"
        try:
            done = run_program(
                command, kubeconfig=self.kubeconfig, scratch=self._scratch, budget_s=budget_s
            )
        except subprocess.TimeoutExpired as error:
            raise TargetError(
                f"{what}: {shown} took over {budget_s:g} s", path=path, fix=fix
            ) from error
        except OSError as error:
            raise TargetError(
                f"{what}: {shown} cannot be run: {error.strerror}", path=path, fix=fix
            ) from error
        if done.returncode != 0:
            told = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
            lines = " | ".join(line.strip() for line in told.splitlines()[-6:])
            raise TargetError(
                f"{what}: {lines or f'exit code {done.returncode}'}", path=path, fix=fix
            )
        return done.stdout


def _unpulled(cluster: Cluster) -> Sequence[str]:
    """The images that pods wait for in vain."""
    try:
        pods = cluster.get("/api/v1/pods")["items"]
    except ClusterError:
        return []
    return sorted(
        {
            str(status["image"])
            for pod in pods
            for status in pod.get("status", {}).get("containerStatuses") or []
            if (status.get("state", {}).get("waiting") or {}).get("reason") in _UNPULLED
        }
    )
