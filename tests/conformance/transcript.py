"""Scenarios, and what a cluster answers to them: the same literal commands for every cluster."""

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from normalise import Form, normalise

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "conformance"
SETTLE_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command with how it is run and read; `settle` waits for pods and records nothing."""

    run: str = ""
    form: Form = field(default_factory=Form)
    editor: str = ""
    stdin: str = ""
    until: str = ""
    settle: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    namespace: str
    steps: tuple[Step, ...]

    @property
    def commands(self) -> list[Step]:
        return [step for step in self.steps if step.settle is None]


def load_scenarios() -> list[Scenario]:
    return [_scenario(path) for path in sorted((HERE / "scenarios").glob("*.yaml"))]


def _scenario(path: Path) -> Scenario:
    document = yaml.safe_load(path.read_text())
    steps = tuple(_step(entry) for entry in document["steps"])
    return Scenario(name=path.stem, namespace=document["namespace"], steps=steps)


def _step(entry: Any) -> Step:
    if isinstance(entry, str):
        return Step(run=entry)
    if "settle" in entry:
        return Step(settle=entry["settle"])
    own = {key: entry.pop(key) for key in ("run", "editor", "stdin", "until") if key in entry}
    return Step(**own, form=Form(**entry))


@dataclass(frozen=True, slots=True)
class Cluster:
    """Somebody's cluster, by its kubeconfig."""

    kubeconfig: Path
    scratch: Path
    is_ours: bool
    """The embedded one, for which the list of differences holds."""

    def kubectl(
        self, command: str, *, editor: str = "", stdin: str = "", check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        words = shlex.split(command, posix="{" not in command or "'" in command)
        words = [word.strip('"') if word.startswith('"') else word for word in words]
        done = subprocess.run(
            [_kubectl(), *words[1:]],
            cwd=HERE / "manifests",
            env={
                **os.environ,
                "KUBECONFIG": str(self.kubeconfig),
                "KUBECACHEDIR": str(self.scratch / "cache"),
                "KUBE_EDITOR": editor or "false",
                "TZ": "UTC",
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done

    def play(self, scenario: Scenario) -> list[dict[str, Any]]:
        """One record a command: command, exit, stdout, stderr; normalised."""
        namespace = scenario.namespace
        self.kubectl(f"kubectl delete namespace {namespace} --ignore-not-found --timeout=120s")
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
        try:
            return [
                record
                for step in scenario.steps
                if (record := self._record(step, namespace, node)) is not None
            ]
        finally:
            self.kubectl(f"kubectl delete namespace {namespace} --wait=false")

    def _record(self, step: Step, namespace: str, node: str) -> dict[str, Any] | None:
        if step.settle is not None:
            self._settle(namespace, step.settle["selector"], step.settle["pods"])
            return None
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while True:
            done = self.kubectl(step.run, editor=step.editor, stdin=step.stdin)
            if not step.until or done.stdout.startswith(step.until):
                break
            assert time.monotonic() < deadline, f"{step.run} never gave {step.until}"
            _nap()
        return {
            "command": step.run,
            "exit": done.returncode,
            "stdout": normalise(done.stdout, step.form, node),
            "stderr": normalise(done.stderr, step.form, node),
        }

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
    def _until(true: Any, what: str, within_s: float) -> None:
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
            addresses = [a for subset in item.get("subsets", []) for a in subset["addresses"]]
            return len(addresses) == pods


def _nap() -> None:
    time.sleep(0.1)  # noqa: TID251 - polling a cluster, with a deadline


def _kubectl() -> str:
    beside = Path(sys.executable).with_name("kubectl")
    return os.environ.get("KUBECTL") or (str(beside) if beside.exists() else "kubectl")


def read_golden(name: str) -> list[dict[str, Any]]:
    path = GOLDEN / f"{name}.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else []


def write_golden(name: str, records: list[dict[str, Any]]) -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = yaml.dump(records, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
    (GOLDEN / f"{name}.yaml").write_text(text)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, so that a golden file reads as a terminal."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
