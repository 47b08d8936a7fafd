"""A cluster of the user's kubeconfig as a target. Nothing is installed in it and nothing ends it.

Its drills get a kubeconfig file of their own that holds this one context, so that no command of a
runbook can reach another cluster, whatever the user switches to meanwhile. It has the user's
credentials in it: readable by the user alone, and gone with the drill. It stays only where a
killed run needs it for the undo.
"""

import os
import re
import socket
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from rundrill.base.clock import Clock
from rundrill.base.wait import WaitTimeoutError, until
from rundrill.errors import TargetError
from rundrill.target.allowed import identity_of, require_sure
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.ready import await_ready

READY_BUDGET_S = 60.0
KUBECTL_BUDGET_S = 20.0
REACH_S = 5.0
FOLDER = "contexts"
"""Of the workplace, for the kubeconfigs of the clusters that drills run on."""

Say = Callable[[str], None]


class ContextTarget:
    """The context `context` of the kubeconfig that kubectl would use."""

    def __init__(
        self,
        context: str,
        *,
        home: Path,
        scratch: Path,
        namespaces: Collection[str],
        kubectl: Path,
        clock: Clock,
        say: Say,
        load_url: str | None = None,
        sure: str | None = None,
    ) -> None:
        self.name = f"context:{context}"
        self.context = context
        file_name = re.sub(r"[^\w.-]", "_", context)
        self.kubeconfig = home / FOLDER / f"{file_name}.kubeconfig"
        self._scratch = scratch
        self._namespaces = frozenset(namespaces)
        self._kubectl = kubectl
        self._clock = clock
        self._say = say
        self._load_url = load_url
        self._sure = sure

    def running(self) -> float | None:
        """None: what is up here is not known, and no timer of it is divided."""
        return None

    def up(self, *, compression: float, keep: bool) -> Cluster:
        """Takes the context's own kubeconfig and waits until the service is ready.

        `compression` changes nothing here. Raises `TargetError`, also for a cluster that looks like
        production where nobody said that it is meant.
        """
        del compression, keep
        cluster = self.connect()
        self.require_meant()
        self._say(f"on {self.name}: {cluster.host}, Kubernetes {self._version(cluster)}")
        await_ready(
            cluster,
            namespaces=self._namespaces,
            budget_s=READY_BUDGET_S,
            clock=self._clock,
            fix="nothing is installed here: deploy the service first, or see why it is not ready",
        )
        return cluster

    def connect(self) -> Cluster:
        """The cluster, by a kubeconfig that holds this context alone. Raises `TargetError`."""
        command = [
            str(self._kubectl), "config", "view",
            "--context", self.context, "--minify", "--flatten", "--raw",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=KUBECTL_BUDGET_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TargetError(f"kubectl could not be asked for {self.name}: {error}") from error
        if done.returncode != 0:
            told = done.stderr.decode("utf-8", "replace").strip()
            raise TargetError(
                f"there is no usable context {self.context!r}: {told[-500:]}",
                path=os.environ.get("KUBECONFIG") or "~/.kube/config",
                fix="`kubectl config get-contexts` shows what there is",
            )
        self._write(done.stdout)
        return Cluster(self.kubeconfig, scratch=self._scratch)

    def require_meant(self) -> None:
        """Raises `TargetError` for a connected cluster that looks like production where nobody said
        that it is meant."""
        config = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        require_sure(identity_of(config, self.context), sure=self._sure)

    def service_url(self, cluster: Cluster, *, namespace: str, service: str, port: int) -> str:
        """By the address that service.yaml names, else by the ClusterIP.

        Raises `TargetError` when nobody listens there: else the drill would be invalid, minutes
        later, and not say why.
        """
        url = self._load_url or cluster.service_url(namespace, service, port)
        place = urlsplit(url)
        failures: list[OSError] = []

        def reached() -> bool:
            try:
                socket.create_connection((place.hostname or "", place.port or 80), REACH_S).close()
            except OSError as error:
                failures.append(error)
                return False
            return True

        try:  # a node learns of new pods a little after they are ready
            until(reached, what=service, budget_s=REACH_S, every_s=0.5, clock=self._clock)
        except WaitTimeoutError as error:
            raise TargetError(
                f"the load cannot reach {service} from here, at {url}: {failures[-1]}",
                path=self.name,
                fix="name an address that it can, a NodePort for instance:"
                " `contexts:` in service.yaml, `load-url`",
            ) from error
        return url

    def down(self) -> str | None:
        """Forgets the credentials; the cluster itself is not ours to end."""
        try:
            self.kubeconfig.unlink(missing_ok=True)
            if self.kubeconfig.parent.is_dir() and not any(self.kubeconfig.parent.iterdir()):
                self.kubeconfig.parent.rmdir()
        except OSError as error:
            return str(error)
        return None

    def not_down(self, failure: str) -> TargetError:
        """What `down` gave, as one message."""
        return TargetError(
            f"a copy of your credentials is left: {failure}", path=self.kubeconfig, fix="delete it"
        )

    def _write(self, content: bytes) -> None:
        """Never readable by others, not even for a moment."""
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.kubeconfig.unlink(missing_ok=True)
        with open(
            self.kubeconfig, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as file:
            file.write(content)

    def _version(self, cluster: Cluster) -> str:
        try:
            return cluster.version()
        except ClusterError as error:
            raise TargetError(
                f"{self.name} does not answer: {error}",
                path=urlsplit(cluster.host).netloc,
                fix="see `kubectl --context " + self.context + " version`",
            ) from error
