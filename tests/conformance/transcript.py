"""What a cluster answers to a scenario: the same literal commands for every cluster."""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from background import Background, fetch_through
from normalise import normalise
from scenario import Scenario, Step
from terminal import run_in_terminal

MANIFESTS = Path(__file__).parent / "manifests"
SETTLE_LIMIT_S = 120.0
_COMMAND_LIMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Kubectl:
    path: Path
    release: str
    """`1.37`."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Somebody's cluster, by its kubeconfig, spoken to with one kubectl."""

    kubeconfig: Path
    scratch: Path
    is_ours: bool
    """The embedded one, for which the list of differences holds."""
    client: Kubectl

    def kubectl(
        self, command: str, *, editor: str = "", stdin: str = "", check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.words(command),
            cwd=MANIFESTS,
            env=self.environment(editor),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_LIMIT_S,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done

    def words(self, command: str) -> list[str]:
        command = command.replace("<scratch>", str(self.scratch))
        words = shlex.split(command, posix="{" not in command or "'" in command)
        words = [word.strip('"') if word.startswith('"') else word for word in words]
        return [str(self.client.path), *words[1:]]

    def environment(self, editor: str = "") -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.scratch / f"cache-{self.client.release}"),
            "KUBE_EDITOR": editor or "false",
            "TMPDIR": str(self.scratch),  # where kubectl keeps edits that were refused
            "TERM": "xterm",
            "TZ": "UTC",
        }

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        """One record a command: command, exit, stdout, stderr; normalised."""
        namespace = scenario.namespace
        self.kubectl(f"kubectl delete namespace {namespace} --ignore-not-found --timeout=150s")
        self.kubectl(f"kubectl create -f namespaces/{namespace}.yaml", check=True)
        # A real cluster makes the account of the pods a little later than the namespace.
        self._until(
            lambda: (
                self.kubectl(f"kubectl get serviceaccount default -n {namespace}").returncode == 0
            ),
            f"the default service account of {namespace}",
            60,
        )
        node = self.kubectl("kubectl get nodes -o jsonpath={.items[0].metadata.name}").stdout
        running: dict[str, Background] = {}
        try:
            return [
                record
                for step in scenario.steps
                if (record := self._record(step, namespace, node, running)) is not None
            ]
        finally:
            for each in running.values():
                each.close()
            for command in scenario.lastly:
                self.kubectl(command.replace("<node>", node))
            self.kubectl(f"kubectl delete namespace {namespace} --wait=false")

    def _record(
        self, step: Step, namespace: str, node: str, running: dict[str, Background]
    ) -> dict[str, Any] | None:
        step = replace(step, run=step.run.replace("<node>", node))
        if step.settle is not None:
            self._settle(namespace, step.settle["selector"], step.settle["pods"])
            return None
        if step.start:
            running[step.start] = self._started(step)
            return None
        if step.wait:
            running[step.wait].wait_for(step.seen, SETTLE_LIMIT_S)
            return None
        if step.stop:
            exit_code, stdout, stderr = self._stopped(running.pop(step.stop), step)
        elif step.fetch:
            exit_code, stdout, stderr = self._fetched(step)
        elif step.keys is not None:
            exit_code, stdout = run_in_terminal(
                self.words(step.run),
                step.keys,
                cwd=MANIFESTS,
                env=self.environment(),
                within_s=60,
            )
            stderr = ""
        else:
            exit_code, stdout, stderr = self._run(step)
        return {
            "command": step.run.replace(node, "<node>") if node else step.run,
            "exit": exit_code,
            "stdout": normalise(stdout, step.form, node),
            "stderr": normalise(stderr, step.form, node),
        }

    def _run(self, step: Step) -> tuple[int, str, str]:
        deadline = time.monotonic() + SETTLE_LIMIT_S
        stdin = step.stdin
        if "<batch>" in stdin:
            stdin = stdin.replace("<batch>", self._version_of_cronjobs())
        while True:
            done = self.kubectl(step.run, editor=step.editor, stdin=stdin)
            if not step.until or re.match(step.until, done.stdout):
                return done.returncode, done.stdout, done.stderr
            assert time.monotonic() < deadline, f"{step.run} never gave {step.until}"
            _nap()

    def _version_of_cronjobs(self) -> str:
        served = self.kubectl("kubectl get --raw /apis/batch/v1", check=True).stdout
        return "batch/v1" if '"cronjobs"' in served else "batch/v1beta1"

    def _started(self, step: Step) -> Background:
        return Background(self.words(step.run), cwd=MANIFESTS, env=self.environment())

    def _stopped(self, background: Background, step: Step) -> tuple[int, str, str]:
        try:
            background.wait_for(step.seen, SETTLE_LIMIT_S)
        finally:
            answer = background.interrupt()
        return answer

    def _fetched(self, step: Step) -> tuple[int, str, str]:
        forward = self._started(step)
        try:
            got = fetch_through(forward, step.fetch, 30)
        finally:
            code, stdout, stderr = forward.interrupt()
        return code, stdout + got, stderr

    def _settle(self, namespace: str, selector: str, pods: int) -> None:
        def settled() -> bool:
            kinds = "pods,deployments,endpoints"
            done = self.kubectl(
                f"kubectl get {kinds} -n {namespace} -l {selector} -o json", check=True
            )
            items = json.loads(done.stdout)["items"]
            return sum(item["kind"] == "Pod" for item in items) == pods and all(
                _is_settled(item, pods) for item in items
            )

        self._until(settled, f"{pods} ready pods of {selector} in {namespace}", SETTLE_LIMIT_S)

    @staticmethod
    def _until(true: Callable[[], bool], what: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, f"waited {within_s:.0f} s for {what}"
            _nap()


def _is_settled(item: dict[str, Any], pods: int) -> bool:
    status = item.get("status", {})
    match item["kind"]:
        case "Pod":
            ready = {"type": "Ready", "status": "True"}.items()
            return "deletionTimestamp" not in item["metadata"] and any(
                ready <= condition.items() for condition in status.get("conditions", [])
            )
        case "Deployment":
            observed = status.get("observedGeneration") == item["metadata"]["generation"]
            counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas")}
            return observed and counts == {pods} and status.get("availableReplicas", 0) == pods
        case _:
            addresses = [
                a for subset in item.get("subsets", []) for a in subset.get("addresses", [])
            ]
            return len(addresses) == pods


def _nap() -> None:
    time.sleep(0.1)  # noqa: TID251 - polling a cluster, with a deadline
