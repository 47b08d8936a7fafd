"""What is measured on a cluster: one function a row or a group of rows, each for any `Side`.

Times of several sides are taken in turns, so that a busy moment of the machine meets both.
"""

import contextlib
import gc
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.cluster_client import STRATEGIC, ApiFailure
from bench.cluster_place import APPS, CORE, LIMIT_S, NAMESPACE, deployment, get_deployment, settled
from bench.cluster_sides import Side
from rundrill.responder.kubectl import find_kubectl

_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Of many samples: the median and the value that 99 in 100 do not pass."""

    p50: float
    p99: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        ordered = sorted(samples)
        last = len(ordered) - 1
        return cls(p50=statistics.median(ordered), p99=ordered[min(last, int(len(ordered) * 0.99))])


def requests(sides: Sequence[Side], rounds: int = _ROUNDS) -> Mapping[str, list[Spread]]:
    """GET of a pod, LIST of all, LIST as Table and a strategic PATCH, by one connection a side.

    Row to a spread for each side, in milliseconds.
    """
    lines = [_Line(side) for side in sides]
    calls: Mapping[str, tuple[int, Callable[[_Line, int], float]]] = {
        "GET pod": (400, lambda line, _: line.get()),
        "LIST pods": (60, lambda line, _: line.list()),
        "LIST pods as Table": (60, lambda line, _: line.list(_TABLE)),
        "PATCH deployment": (60, lambda line, number: line.patch(number)),
    }
    found: dict[str, list[Spread]] = {}
    for row, (times, call) in calls.items():
        samples: list[list[float]] = [[] for _ in sides]
        for turn in range(rounds):
            for line, mine in zip(lines, samples, strict=True):
                with _no_collection():
                    mine += [call(line, turn * times + number) for number in range(times)]
        found[row] = [Spread.of(mine) for mine in samples]
    for line in lines:
        line.connection.close()
    return found


class _Line:
    def __init__(self, side: Side) -> None:
        self.connection = side.connect()
        self.connection.request("POST", f"{APPS}/deployments", deployment("patched", 0))
        pods = self.connection.json("GET", f"{CORE}/pods")["items"]
        self._pod = f"{CORE}/pods/{pods[0]['metadata']['name']}"

    def get(self) -> float:
        return self.connection.timed("GET", self._pod)

    def list(self, accept: str = "") -> float:
        return self.connection.timed("GET", f"{CORE}/pods?limit=500", accept=accept)

    def patch(self, number: int) -> float:
        body = {"metadata": {"annotations": {"number": str(number)}}}
        path = f"{APPS}/deployments/patched"
        return self.connection.timed("PATCH", path, body, content=STRATEGIC)


def create_to_watch_event(side: Side, times: int = 30) -> Spread:
    """Milliseconds from sending a create to reading its event on another connection."""
    writer, reader = side.connect(), side.connect()
    version = writer.json("GET", f"{CORE}/configmaps")["metadata"]["resourceVersion"]
    arrived: dict[str, float] = {}
    came = threading.Condition()

    def read() -> None:
        path = f"{CORE}/configmaps?watch=true&resourceVersion={version}"
        with reader.watch(path) as events:
            for event in events:
                now = time.perf_counter()
                with came:
                    arrived[event["object"]["metadata"]["name"]] = now
                    came.notify()
                if f"w{times - 1}" in arrived:
                    return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    samples = []
    for number in range(times):
        name = f"w{number}"
        began = time.perf_counter()
        writer.request("POST", f"{CORE}/configmaps", {"metadata": {"name": name}})
        with came:
            if not came.wait_for(lambda name=name: name in arrived, LIMIT_S):  # type: ignore[misc]
                raise TimeoutError(f"no watch event of {name}")
        samples.append((arrived[name] - began) * 1000)
    thread.join(LIMIT_S)
    writer.request("DELETE", f"{CORE}/configmaps")
    writer.close()
    return Spread.of(samples)


class Kubectl:
    """Real kubectl with a discovery cache of its own, warm after its first command."""

    def __init__(self, side: Side, folder: Path) -> None:
        self._path = str(find_kubectl())
        self._env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "KUBECACHEDIR": str(folder / side.name.replace(" ", "-")),
            "KUBECONFIG": str(side.kubeconfig),
        }

    def seconds(self, *arguments: str, text: str | None = None) -> float:
        began = time.perf_counter()
        done = subprocess.run(
            [self._path, *arguments],
            env=self._env,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.perf_counter() - began
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)} failed: {done.stderr[-500:]}")
        return took


def kubectl_get_pods(sides: Sequence[Side], times: int = 15) -> list[tuple[float, float]]:
    """For each side the median milliseconds of `kubectl get pods`, and those beyond kubectl's
    own start (`kubectl version --client`)."""
    with tempfile.TemporaryDirectory(prefix="bench-kubectl-") as folder:
        commands = [Kubectl(side, Path(folder)) for side in sides]
        whole: list[list[float]] = [[] for _ in sides]
        own: list[float] = []
        for kubectl in commands:
            kubectl.seconds("get", "pods", "-n", NAMESPACE)
        for _ in range(times):
            for kubectl, mine in zip(commands, whole, strict=True):
                mine.append(kubectl.seconds("get", "pods", "-n", NAMESPACE))
                own.append(kubectl.seconds("version", "--client"))
    start = statistics.median(own)
    return [
        (statistics.median(mine) * 1000, (statistics.median(mine) - start) * 1000) for mine in whole
    ]


def apply_to_ready(side: Side, name: str, replicas: int, version: str = "v1") -> float:
    """Seconds from the start of `kubectl apply` until the Deployment has settled. Its pods are
    probed every second, so that it is not the probe's period that is measured."""
    manifest = deployment(name, replicas, version=version, probe_every_s=1)
    generation = 0
    with contextlib.suppress(ApiFailure):
        generation = get_deployment(side, name)["metadata"]["generation"]
    with tempfile.TemporaryDirectory(prefix="bench-kubectl-") as folder:
        kubectl = Kubectl(side, Path(folder))
        kubectl.seconds("get", "deployments", "-n", NAMESPACE)
        watcher = side.connect()
        query = f"watch=true&fieldSelector=metadata.name%3D{name}"
        began = time.perf_counter()
        with watcher.watch(f"{APPS}/deployments?{query}") as events:
            kubectl.seconds("apply", "-n", NAMESPACE, "-f", "-", text=json.dumps(manifest))
            for event in events:
                obj = event["object"]
                if obj["metadata"]["generation"] > generation and settled(obj):
                    return time.perf_counter() - began
    raise TimeoutError(f"the watch of {name} ended before it settled")


def delete_to_replaced(side: Side, name: str) -> float:
    """Seconds from the delete of a pod until another one is Ready in its stead."""
    connection, watcher = side.connect(), side.connect()
    selector = f"labelSelector=app%3D{name}"
    pods = connection.json("GET", f"{CORE}/pods?{selector}")
    known = {pod["metadata"]["name"] for pod in pods["items"]}
    # A real cluster keeps the object of a pod that was deleted before for some seconds.
    staying = next(
        pod["metadata"]["name"]
        for pod in pods["items"]
        if "deletionTimestamp" not in pod["metadata"]
    )
    version = pods["metadata"]["resourceVersion"]
    began = time.perf_counter()
    path = f"{CORE}/pods?{selector}&watch=true&resourceVersion={version}"
    with watcher.watch(path) as events:
        connection.request("DELETE", f"{CORE}/pods/{staying}")
        for event in events:
            pod = event["object"]
            if pod["metadata"]["name"] not in known and _is_ready(pod):
                return time.perf_counter() - began
    raise TimeoutError("the watch of the pods ended before a pod was replaced")


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def idle_cpu(sides: Sequence[Side], seconds: float) -> list[float]:
    """Per cent of a core over the same `seconds` on every side."""
    before, began = [side.cpu_s() for side in sides], time.perf_counter()
    threading.Event().wait(seconds)
    took = time.perf_counter() - began
    return [100 * (side.cpu_s() - then) / took for side, then in zip(sides, before, strict=True)]


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """The client's own garbage collection is no matter of the server's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
