"""The embedded cluster as a target: started for one drill, or left up for several.

It is a program of its own; we start it, give it the manifests, and speak kubeconfig.
"""

import json
import select
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rundrill.base import processes
from rundrill.base.clock import Clock
from rundrill.errors import TargetError
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.program import run_program
from rundrill.target.ready import await_ready

START_BUDGET_S = 60.0
READY_BUDGET_S = 120.0
STOP_GRACE_S = 20.0
STATUS_BUDGET_S = 20.0
METADATA = "rundrill.json"

Say = Callable[[str], None]


class LocalTarget:
    """The embedded cluster in `folder`."""

    name = "local"

    def __init__(
        self,
        folder: Path,
        *,
        scratch: Path,
        manifests: Path,
        images: Path,
        kubectl: Path,
        clock: Clock,
        say: Say,
    ) -> None:
        self._folder = folder
        self._scratch = scratch
        self._manifests = manifests
        self._images = images
        self._kubectl = kubectl
        self._clock = clock
        self._say = say
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def kubeconfig(self) -> Path:
        return self._folder / "kubeconfig"

    @property
    def _log(self) -> Path:
        """Kept only when the cluster did not start: then it says why."""
        return self._folder.parent / f"{self._folder.name}.log"

    def running(self) -> float | None:
        """The compression of a cluster that was left up here; None when there is none.

        Raises `TargetError` when one is there and does not answer: it is not gone.
        """
        path = self._folder / METADATA
        if not path.exists():
            return None
        try:
            compression = float(json.loads(path.read_text(encoding="utf-8"))["compression"])
            self._cluster().version()
        except (OSError, ValueError, LookupError, TypeError, TargetError, ClusterError) as error:
            if self._ended():
                return None
            raise TargetError(
                f"the embedded cluster is up and cannot be used: {error}",
                path=self._folder,
                fix="try again, or end it: rundrill down",
            ) from error
        return compression

    def _ended(self) -> bool:
        """Whether the server's process is gone, as the cluster's own program tells it.

        Raises `TargetError` when that cannot be told.
        """
        told = self._run(
            [
                sys.executable, "-m", "localcluster", "status",
                f"--state={self._folder}", "--json",
            ],
            STATUS_BUDGET_S,
            codes=(0, 1),
        )  # fmt: skip
        try:
            return bool(json.loads(told)["status"] == "not running")
        except (ValueError, LookupError, TypeError) as error:
            raise TargetError(
                f"the embedded cluster's status is no JSON object: {error}", path=self._folder
            ) from error

    def up(self, *, compression: float, keep: bool) -> Cluster:
        """Starts the cluster, deploys the service and waits until all of it is ready.

        With `keep` it stays up until `down`; otherwise it ends when this process does, even by
        SIGKILL. Raises `TargetError`.
        """
        self._say(f"starting the embedded cluster, its timers divided by {compression:g}")
        options = [
            f"--state={self._folder}",
            f"--images={self._images}",
            f"--compress={compression:g}",
        ]
        if keep:
            self._run([sys.executable, "-m", "localcluster", "up", *options], START_BUDGET_S)
            metadata = json.dumps({"compression": compression})
            (self._folder / METADATA).write_text(metadata, encoding="utf-8")
        else:
            self._serve(options)
        cluster = self._cluster()
        self._say(f"deploying {self._manifests.name} manifests")
        apply = [str(self._kubectl), "apply", "-k", str(self._manifests)]
        self._run(apply, START_BUDGET_S)
        self._wait_ready(cluster)
        return cluster

    def service_url(self, cluster: Cluster, *, namespace: str, service: str, port: int) -> str:
        return cluster.service_url(namespace, service, port)

    def down(self) -> str | None:
        """Ends the cluster and all of its pods; reaps what a killed one left.

        Gives why it could not be ended, None when it is gone.
        """
        if self._server is not None:
            self._say("stopping the embedded cluster")
            if self._server.stdin is not None:
                with suppress(OSError):
                    self._server.stdin.close()
            processes.end(self._server, grace_s=STOP_GRACE_S, clock=self._clock)
            if self._server.stdout is not None:
                self._server.stdout.close()
            self._server = None
        self._log.unlink(missing_ok=True)
        if self._folder.exists():
            command = [sys.executable, "-m", "localcluster", "down", f"--state={self._folder}"]
            try:
                self._run(command, STOP_GRACE_S * 2)
            except TargetError as error:
                return error.problem
            with suppress(OSError):
                (self._folder / METADATA).unlink(missing_ok=True)
                self._folder.rmdir()
        return None

    def not_down(self, failure: str) -> TargetError:
        """What `down` gave, as one message."""
        return TargetError(
            f"the embedded cluster is not down: {failure}",
            path=self.kubeconfig,
            fix="run `rundrill down` again",
        )

    def _cluster(self) -> Cluster:
        return Cluster(self.kubeconfig, scratch=self._scratch)

    def _serve(self, options: list[str]) -> None:
        log = self._log
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "localcluster", "serve", *options, "--lifeline"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Ctrl-C is for us: the cluster must live until the fault is undone.
                start_new_session=True,
            )
        output = self._server.stdout
        assert output is not None
        ready, _, _ = select.select([output], [], [], START_BUDGET_S)
        line = output.readline() if ready else b""
        if not line.startswith(b"ready"):
            processes.end(self._server, grace_s=2.0, clock=self._clock)
            self._server = None
            told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise TargetError(
                "the embedded cluster did not start" + (f": {told[-1]}" if told else ""),
                path=log,
                fix="the log says why" if told else "start it by hand: localcluster serve",
            )

    def _wait_ready(self, cluster: Cluster) -> None:
        self._say("waiting until everything is ready")
        await_ready(
            cluster,
            namespaces=None,
            budget_s=READY_BUDGET_S,
            clock=self._clock,
            path=self._manifests,
            fix="`kubectl describe` and `kubectl logs` on a cluster left up with `rundrill up`",
        )

    def _run(self, command: list[str], budget_s: float, *, codes: tuple[int, ...] = (0,)) -> bytes:
        """What it wrote. Raises `TargetError` for an exit code that is not one of `codes`."""
        try:
            done = run_program(
                command, kubeconfig=self.kubeconfig, scratch=self._scratch, budget_s=budget_s
            )
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"`{' '.join(command[1:4])}` took over {budget_s:g} s") from error
        if done.returncode not in codes:
            told = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
            raise TargetError(
                f"`{Path(command[0]).name} {' '.join(command[1:4])}` failed: {told[-2000:]}",
                path=self._manifests if "apply" in command else None,
            )
        return done.stdout
