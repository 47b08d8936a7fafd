"""A cluster in memory: the shipped manifests, controllers that act at once, and pods that fail.

It answers the API's own paths with the API's own JSON, so that `Cluster` itself is under test too.
What it knows of pods: an image or a setting with which they cannot start, one that leaks, one that
burns CPU; a database that is away; and that a pod that is new has forgotten what it was told.
"""

import itertools
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from localcluster import kinds
from localcluster.api.strategic import StrategicMerge
from localcluster.objects import Resource
from localcluster.schema.definitions import definitions
from rundrill.faults.fault import Permission
from rundrill.target.cluster import Cluster, ClusterError
from rundrill.target.execution import Executed

Objects = dict[tuple[str, str, str, str], dict[str, Any]]
"""Group, plural, namespace, name to the object."""

CALM = {"latency_ms": 0.0, "error_ratio": 0.0, "error_status": 500, "hang": "no"}
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
RESOURCES: Mapping[tuple[str, str], Resource] = {
    (resource.group, resource.plural): resource for resource in kinds.RESOURCES
}
WORKLOADS = ("deployments", "statefulsets")
PODS = ("", "pods")


class KilledError(BaseException):
    """The process that asked is no more. No `except Exception` notices."""


class World:
    """All objects. `heeds` False is a cluster where nothing that is written has an effect."""

    def __init__(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        self.lock = threading.RLock()
        self.objects: Objects = {}
        self.heeds = True
        self.deaths = 0
        """How many pods were killed: whoever talked to one of them noticed."""
        self.asked: int | None = None
        """What all pods of a workload share between two looks; None gives each its own."""
        self.history: dict[str, list[Any]] = {}
        self._numbers = itertools.count(1)
        self._reads = itertools.count(1)
        for item in manifests:
            group, _, _ = item["apiVersion"].rpartition("/")
            resource = next(
                r for r in kinds.RESOURCES if r.kind == item["kind"] and r.group == group
            )
            meta = item["metadata"]
            key = (group, resource.plural, meta.get("namespace", ""), meta["name"])
            self.objects[key] = json.loads(json.dumps(item))
        self.reconcile()

    def of(self, group: str, plural: str, namespace: str) -> list[dict[str, Any]]:
        return [
            item
            for (g, p, n, _), item in sorted(self.objects.items(), key=lambda entry: entry[0])
            if (g, p) == (group, plural) and namespace in ("", n)
        ]

    def reconcile(self) -> None:
        """What the controllers and the kubelet would do, all of it, now."""
        for (group, plural, namespace, name), item in list(self.objects.items()):
            if plural in WORKLOADS:
                self._reconcile(group, plural, namespace, name, item)
        for service in self.of("", "services", ""):
            self._find_endpoints(service["metadata"], service["spec"].get("selector") or {})

    def _find_endpoints(self, meta: Mapping[str, Any], selector: Mapping[str, str]) -> None:
        """The ready pods that a Service selects."""
        ready = [
            {"ip": pod["metadata"]["uid"]}
            for pod in self.of(*PODS, meta["namespace"])
            if selector.items() <= pod["metadata"]["labels"].items() and pod["status"].get("ready")
        ]
        subsets = [{"addresses": ready}] if selector and ready else []
        where = {"name": meta["name"], "namespace": meta["namespace"]}
        self.objects["", "endpoints", meta["namespace"], meta["name"]] = {
            "metadata": where,
            "subsets": subsets,
        }

    def _reconcile(
        self, group: str, plural: str, namespace: str, name: str, item: dict[str, Any]
    ) -> None:
        template, wanted = item["spec"]["template"], int(item["spec"].get("replicas", 1))
        history = self.history.setdefault(f"{plural}/{namespace}/{name}", [])
        if template not in history[-1:]:
            history[:] = [*(old for old in history if old != template), template]
        mine = [p for p in self.of(*PODS, namespace) if p["metadata"].get("owner") == name]
        new = [pod for pod in mine if pod["template"] == template]
        old = [pod for pod in mine if pod["template"] != template]
        while len(new) < (wanted if not old else min(wanted, 1)):
            new.append(self._start(namespace, name, template, ordinal=plural == "statefulsets"))
        self._see(namespace, mine + new)
        if old and all(pod["status"]["ready"] for pod in new):  # the surge has proved itself
            for pod in old:
                self._remove(pod)
            old = []
            while len(new) < wanted:
                new.append(self._start(namespace, name, template, ordinal=False))
        for pod in new[wanted:]:
            self._remove(pod)
        kept = [*old, *new[:wanted]]
        self._see(namespace, kept)
        ready = sum(pod["status"]["ready"] for pod in kept)
        item["metadata"].setdefault("generation", 1)
        item["status"] = {
            "replicas": len(kept),
            "updatedReplicas": len(new[:wanted]),
            "availableReplicas": ready,
            "readyReplicas": ready,
            "observedGeneration": item["metadata"]["generation"],
        }

    def _start(self, namespace: str, owner: str, template: Any, *, ordinal: bool) -> dict[str, Any]:
        number = next(self._numbers)
        name = f"{owner}-0" if ordinal else f"{owner}-{number:04d}"
        pod = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": template["metadata"]["labels"],
                "uid": str(number),
                "owner": owner,
            },
            "spec": template["spec"],
            "template": template,
            "behaviour": dict(CALM),
            "served": 0,
            "status": {},
        }
        self.objects["", "pods", namespace, name] = pod
        return pod

    def _remove(self, pod: Mapping[str, Any]) -> None:
        meta = pod["metadata"]
        self.objects.pop(("", "pods", meta["namespace"], meta["name"]), None)

    def _see(self, namespace: str, pods: Iterable[dict[str, Any]]) -> None:
        """The status of pods, by what they run and are told when they start."""
        config = self.objects.get(("", "configmaps", namespace, "payment-service-config"))
        timeout = ((config or {}).get("data") or {}).get("DATABASE_TIMEOUT_S", "2")
        for pod in pods:
            image = pod["spec"]["containers"][0]["image"]
            # A pod reads its settings when it starts; what has started well goes on.
            bad = image.endswith("payments:1.1.0") or not (
                timeout.isdigit() or pod["status"].get("ready") or "payments" not in image
            )
            ended = None
            if bad:
                ended = {"exitCode": 1, "reason": "Error"}
            elif image.endswith("payments:1.2.0"):
                ended = {"exitCode": 137, "reason": "OOMKilled"}
            running: dict[str, Any] = {"running": {}}
            pod["status"] = {
                "phase": "Running",
                "ready": not bad,
                "conditions": [{"type": "Ready", "status": str(not bad)}],
                "containerStatuses": [
                    {
                        "name": container["name"],
                        "restartCount": 0 if ended is None else 2,
                        "started": not bad,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}} if bad else running,
                        "lastState": {} if ended is None else {"terminated": ended},
                    }
                    for container in pod["spec"]["containers"]
                ],
            }

    def metrics(self, pod: dict[str, Any]) -> str:
        """What a pod of the service tells; every look is a second of work later."""
        owner = pod["metadata"]["owner"]
        sharing = [p for p in self.of(*PODS, "") if p["metadata"].get("owner") == owner]
        pod["served"] += 50 if self.asked is None else self.asked // len(sharing)
        failing = any(
            not self._ready(namespace, app)
            for namespace, app in (
                ("database", "postgresql"),
                ("production", "redis"),
                ("production", "auth-service"),
            )
        )
        image = pod["spec"]["containers"][0]["image"]
        count = self.deaths + (next(self._reads) if failing else 0)
        leaked = (5 << 20) * (pod["served"] // 50) if image.endswith("payments:1.2.0") else 0
        cost = 0.05 if image.endswith("payments:1.3.0") else 0.01
        return "".join(
            f"{name} {value}\n"
            for name, value in {
                'payments_db_errors_total{kind="connect"}': count,
                'payments_cache_requests_total{result="error"}': count,
                'payments_auth_requests_total{outcome="connect"}': count,
                "payments_http_requests_total": pod["served"],
                "process_cpu_seconds_total": pod["served"] * cost,
                "process_resident_memory_bytes": (70 << 20) + leaked,
            }.items()
        )

    def _ready(self, namespace: str, app: str) -> bool:
        return any(
            pod["status"]["ready"]
            for pod in self.of(*PODS, namespace)
            if pod["metadata"]["labels"].get("app") == app
        )

    # ------------------------------------------------------------ what runbooks do

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        self.objects["apps", "deployments", namespace, name]["spec"]["replicas"] = replicas
        self.reconcile()

    def roll_back(self, namespace: str, name: str) -> None:
        history = self.history[f"deployments/{namespace}/{name}"]
        if len(history) > 1:
            item = self.objects["apps", "deployments", namespace, name]
            item["spec"]["template"] = json.loads(json.dumps(history[-2]))
        self.reconcile()

    def restart(self, namespace: str, name: str) -> None:
        template = self.objects["apps", "deployments", namespace, name]["spec"]["template"]
        template = json.loads(json.dumps(template))
        annotations = template["metadata"].setdefault("annotations", {})
        annotations["kubectl.kubernetes.io/restartedAt"] = str(next(self._numbers))
        self.objects["apps", "deployments", namespace, name]["spec"]["template"] = template
        self.reconcile()

    def delete_pods(self, namespace: str, app: str) -> None:
        for pod in self.of(*PODS, namespace):
            if pod["metadata"]["labels"].get("app") == app:
                self._remove(pod)
        self.reconcile()

    def set_config(self, namespace: str, name: str, key: str, value: str) -> None:
        self.objects["", "configmaps", namespace, name]["data"][key] = value
        self.reconcile()

    # ------------------------------------------------------------ what must not be left over

    def loose(self) -> Mapping[str, object]:
        """What no declared object tells: pods that nobody owns, and what pods were told."""
        pods = self.of(*PODS, "")
        return {
            "nobody's pods": [p["metadata"]["name"] for p in pods if "owner" not in p["metadata"]],
            "told": [p["metadata"]["name"] for p in pods if p.get("behaviour", CALM) != CALM],
            "not ready": [p["metadata"]["name"] for p in pods if not p["status"].get("ready")],
        }


class ModelCluster(Cluster):
    """One client of a world. It dies after `requests`, and with `permissions` may do no more."""

    def __init__(
        self,
        world: World,
        *,
        permissions: Sequence[Permission] | None = None,
        parameters: Mapping[str, object] | None = None,
        requests: int | None = None,
    ) -> None:
        # Not the client's own: there is no kubeconfig.
        self.world = world
        self._permissions = permissions
        self._parameters = parameters or {}
        self.left = requests

    def execute(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        timeout_s: float = 5.0,
    ) -> Executed:
        del container, timeout_s
        for verb in ("get", "create"):
            self._require(verb, "", "pods/exec", namespace)
        if ("", "pods", namespace, pod) not in self.world.objects:
            raise ClusterError(f"exec in {namespace}/{pod}: there is no such pod", 404)
        assert argv[0] == "psql"
        clients = self.world.loose()["nobody's pods"]
        return Executed(exit_code=0, stdout=f"{len(list(clients))}\n", stderr="")  # type: ignore[call-overload]

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: str | None = None,
        timeout_s: float = 5.0,
    ) -> str:
        del timeout_s
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        group = "" if parts[0] == "api" else parts[1]
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace, parts = (parts[1], parts[2:]) if parts[0] == "namespaces" else ("", parts)
        plural, name, sub = parts[0], (parts[1:2] or [""])[0], parts[2:]
        name = name.partition(":")[0]
        verb = VERBS.get(method) or ("get" if name else "list")
        self._require(verb, group, "/".join([plural, *sub[:1]]), namespace)
        with self.world.lock:
            if method != "GET":
                self._count()
            try:
                if sub:
                    return self._proxy(method, (group, plural, namespace, name), sub[1:], body)
                if verb == "list":
                    wanted = parse_qs(url.query).get("labelSelector", [""])[0]
                    found = [i for i in self.world.of(group, plural, namespace) if _fits(i, wanted)]
                    return json.dumps({"items": found})
                return self._one(method, (group, plural, namespace, name), body, content)
            finally:
                if method != "GET":
                    self.world.reconcile()

    def _one(
        self,
        method: str,
        key: tuple[str, str, str, str],
        body: Mapping[str, Any] | None,
        content: str | None,
    ) -> str:
        if method == "POST":
            assert body is not None
            key = (*key[:3], str(body["metadata"]["name"]))
            if key in self.world.objects:
                raise ClusterError(f"{key} exists", 409)
            if self.world.heeds:
                item = json.loads(json.dumps(body))
                item.setdefault("status", {"phase": "Running", "ready": True})
                self.world.objects[key] = item
            return "{}"
        if key not in self.world.objects:
            raise ClusterError(f"{method} {key}: 404", 404)
        item = self.world.objects[key]
        if method == "GET":
            return json.dumps(item)
        if not self.world.heeds:
            return "{}"
        if method == "DELETE":
            del self.world.objects[key]
            self.world.deaths += key[:2] == PODS
        elif method == "PUT":
            assert body is not None
            self.world.objects[key] = json.loads(json.dumps(body))
        elif content == "application/merge-patch+json":
            self.world.objects[key] = merged(json.loads(json.dumps(item)), body)
        else:
            assert content == "application/strategic-merge-patch+json"
            schema = definitions().of(RESOURCES[key[:2]])
            patch = json.loads(json.dumps(body))
            self.world.objects[key] = StrategicMerge(definitions()).apply(item, patch, schema)
        return "{}"

    def _proxy(
        self,
        method: str,
        key: tuple[str, str, str, str],
        rest: Sequence[str],
        body: Mapping[str, Any] | None,
    ) -> str:
        pod = self.world.objects.get(key)
        if pod is None or not pod["status"]["ready"]:
            raise ClusterError(f"{method} {key}: 502", 502)
        if list(rest) == ["metrics"]:
            return self.world.metrics(pod)
        assert list(rest) == ["admin", "behaviour"]
        if method == "PUT" and self.world.heeds:
            assert body is not None
            pod["behaviour"] = {**pod["behaviour"], **body}
        return json.dumps(pod["behaviour"])

    def _count(self) -> None:
        if self.left is not None:
            if self.left == 0:
                raise KilledError
            self.left -= 1

    def _require(self, verb: str, group: str, resource: str, namespace: str) -> None:
        """A role with the fault's permissions would allow it."""
        if self._permissions is None:
            return
        assert any(
            verb in one.verbs
            and (one.group, one.resource) == (group, resource)
            and self._parameters[one.namespace] == namespace
            for one in self._permissions
        ), f"not among the fault's PERMISSIONS: {verb} {group}/{resource} in {namespace}"


def _fits(item: Mapping[str, Any], selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    return all(
        labels.get(key) == value
        for key, _, value in (part.partition("=") for part in selector.split(",") if part)
    )


def merged(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7386, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
