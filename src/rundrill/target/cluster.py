"""The API server of the target, through the official client's transport and credentials.

Foreign JSON stops here: callers get the few values they need. The client's typed models are not
used, since one field they do not like makes a whole list unreadable.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import urllib3
from kubernetes import config as kube_config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException

from rundrill.errors import TargetError
from rundrill.model import PodQuery
from rundrill.target.execution import Executed, execute

TIMEOUT_S = 5.0
AVAILABLE = "availableReplicas"
MARKER_LABEL = "rundrill.dev/fault"
"""On the ConfigMap that says, for as long as it lasts, which drill's fault is in this cluster."""
_PATHS = {
    "configmap": "/api/v1/namespaces/{namespace}/configmaps/{name}",
    "cronjob": "/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}",
    "daemonset": "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "horizontalpodautoscaler": (
        "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"
    ),
    "ingress": "/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses/{name}",
    "job": "/apis/batch/v1/namespaces/{namespace}/jobs/{name}",
    "networkpolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/{name}",
    "persistentvolumeclaim": "/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}",
    "poddisruptionbudget": "/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{name}",
    "service": "/api/v1/namespaces/{namespace}/services/{name}",
    "statefulset": "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
}
DECLARED: frozenset[tuple[str, str]] = frozenset(
    ("" if path.startswith("/api/") else path.split("/")[2], path.split("/")[-2])
    for path in _PATHS.values()
)
"""Group and resource of each kind that a snapshot holds."""
_OLDER: Mapping[str, tuple[str, ...]] = {
    "cronjob": ("batch/v1", "batch/v1beta1"),
    "horizontalpodautoscaler": ("autoscaling/v2", "autoscaling/v1"),
    "poddisruptionbudget": ("policy/v1", "policy/v1beta1"),
}
"""What serves a kind on a cluster that does not serve it at the version of its path (1.20)."""


class ClusterError(Exception):
    """The API server refused or did not answer. `code` is None when it did not answer."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """What a drill asks of a pod. Images, waiting reasons and exit codes are by container."""

    name: str
    namespace: str
    images: Mapping[str, str]
    ready: bool
    terminating: bool
    started: bool
    """Its startup probes have passed; it may have become unready, or hang, since."""
    restarts: int
    waiting: Mapping[str, str]
    last_exit_codes: Mapping[str, int]
    last_reasons: Mapping[str, str]
    """Why a container last ended, as its node tells it: OOMKilled, Error, Completed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How far a Deployment or StatefulSet has come."""

    wanted: int
    updated: int
    available: int
    total: int
    observed: bool

    @property
    def complete(self) -> bool:
        return self.observed and self.wanted == self.updated == self.available == self.total


class Cluster:
    """A kubeconfig context. Safe to use from several threads.

    The official client writes certificates into files of its own; they go to `scratch`, since a
    process that is killed cannot remove them.
    """

    def __init__(self, kubeconfig: Path, *, scratch: Path, context: str | None = None) -> None:
        configuration = Configuration()
        try:
            kube_config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig),
                context=context,
                client_configuration=configuration,
                persist_config=False,
                temp_file_path=str(scratch),
            )
            self._client = ApiClient(configuration)
        except (kube_config.ConfigException, OSError) as error:
            raise TargetError(
                f"not a usable kubeconfig: {error}",
                path=kubeconfig,
                fix="`kubectl --kubeconfig FILE config get-contexts` shows what it holds",
            ) from error

    @property
    def host(self) -> str:
        """The address of its API server, as a URL."""
        return str(self._client.configuration.host)

    def close(self) -> None:
        """Ends the connections that are kept open."""
        self._client.rest_client.pool_manager.clear()

    def get_text(self, path: str, *, timeout_s: float = TIMEOUT_S) -> str:
        """The body of a GET as text. Raises `ClusterError`."""
        return self._request("GET", path, timeout_s=timeout_s)

    def get(self, path: str) -> dict[str, Any]:
        body = json.loads(self._request("GET", path))
        if not isinstance(body, dict):
            raise ClusterError(f"GET {path}: not an object")
        return body

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        """A strategic merge patch."""
        self._request("PATCH", path, body=body, content="application/strategic-merge-patch+json")

    def merge_patch(self, path: str, body: Mapping[str, Any]) -> None:
        """A JSON merge patch (RFC 7386): null removes, a list replaces the whole list."""
        self._request("PATCH", path, body=body, content="application/merge-patch+json")

    def replace(self, path: str, body: Mapping[str, Any]) -> None:
        self._request("PUT", path, body=body, content="application/json")

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Creates the object whose own path is `path`."""
        self._request("POST", path.rpartition("/")[0], body=body, content="application/json")

    def delete(self, path: str) -> None:
        """Deletes the object, and in the background what it owns. Gone already is well too."""
        try:
            self._request("DELETE", path)
        except ClusterError as error:
            if error.code != 404:
                raise

    def may(self, *, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether this account may do it (SelfSubjectAccessReview); "" is the whole cluster.

        `resource` may be `pods/log`. Raises `ClusterError`.
        """
        name, _, part = resource.partition("/")
        attributes = {
            "verb": verb, "group": group, "resource": name, "subresource": part,
            "namespace": namespace,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: text for key, text in attributes.items() if text}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        text = self._request("POST", path, body=body, content="application/json")
        try:
            return json.loads(text)["status"]["allowed"] is True
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(f"POST {path}: no answer to the question: {text[:200]}") from error

    def declared(self, namespace: str) -> Mapping[str, Mapping[str, Any]]:
        """All that somebody declared in a namespace, as `kind/namespace/name`.

        What controllers make of it (pods, ReplicaSets, endpoints, a CronJob's Jobs) follows from
        it; Secrets are left out, since a drill has no business reading them, and the markers of
        drills under way. A kind that this cluster does not serve has no objects in it. Each object
        says its `apiVersion`: the one that served it.
        """
        found: dict[str, Mapping[str, Any]] = {}
        for kind in _PATHS:
            listed = self._listed(kind, namespace)
            # Items of a list carry neither.
            named = {
                "apiVersion": listed.get("apiVersion", ""),
                "kind": str(listed.get("kind", "")).removesuffix("List"),
            }
            for item in listed.get("items") or []:
                labels = item["metadata"].get("labels") or {}
                if not item["metadata"].get("ownerReferences") and MARKER_LABEL not in labels:
                    found[f"{kind}/{namespace}/{item['metadata']['name']}"] = {**named, **item}
        return found

    def _listed(self, kind: str, namespace: str) -> Mapping[str, Any]:
        """The list of a kind at the newest version that serves it; empty when none does."""
        for version in _OLDER.get(kind, ("",)):
            try:
                return self.get(_template(kind, version).format(namespace=namespace, name="")[:-1])
            except ClusterError as error:
                if error.code != 404:
                    raise
        return {}

    def objects(
        self, resource: Literal["pods", "deployments"], namespaces: Iterable[str]
    ) -> Sequence[Mapping[str, Any]]:
        """All of a resource in these namespaces, as the API lists them."""
        root = "/api/v1" if resource == "pods" else "/apis/apps/v1"
        return [
            item
            for namespace in namespaces
            for item in self.get(f"{root}/namespaces/{quote(namespace, safe='')}/{resource}")[
                "items"
            ]
        ]

    def pods(self, namespace: str, selector: str) -> Sequence[Pod]:
        """All pods that match, by name."""
        listed = self.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={quote(selector)}")
        return sorted((_pod(item) for item in listed["items"]), key=lambda pod: pod.name)

    def first_pod(self, query: PodQuery) -> str | None:
        """The first pod of a binding's query; a terminating one is about to vanish, so never."""
        pods = [pod for pod in self.pods(query.namespace, query.selector) if not pod.terminating]
        if query.prefer == "not-ready":
            pods.sort(key=lambda pod: pod.ready)
        return pods[0].name if pods else None

    def rollouts(self, namespace: str | None = None) -> Mapping[str, Rollout]:
        """Every Deployment and StatefulSet as `kind/namespace/name`."""
        found: dict[str, Rollout] = {}
        scope = "" if namespace is None else f"/namespaces/{namespace}"
        # Items of a list carry no kind, and 1.20's StatefulSets no availableReplicas.
        for kind, ready_key in (("deployment", AVAILABLE), ("statefulset", "readyReplicas")):
            for item in self.get(f"/apis/apps/v1{scope}/{kind}s")["items"]:
                meta = item["metadata"]
                found[f"{kind}/{meta['namespace']}/{meta['name']}"] = _rollout(item, ready_key)
        return found

    def execute(
        self,
        namespace: str,
        pod: str,
        argv: Sequence[str],
        *,
        container: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Executed:
        """Runs a command in a pod, as `kubectl exec` does. Raises `ClusterError`."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
        configuration, headers = self._client.configuration, dict[str, str]()
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        try:
            return execute(
                configuration,
                configuration.host + path,
                argv,
                container=container,
                headers=headers,
                timeout_s=timeout_s,
            )
        except (OSError, ApiException) as error:
            raise ClusterError(f"exec in {namespace}/{pod}: {error}") from error

    def rollout(self, namespace: str, deployment: str) -> Rollout:
        return _rollout(self.get(object_path("deployment", namespace, deployment)), AVAILABLE)

    def cluster_ip(self, namespace: str, service: str) -> str:
        return str(self.get(object_path("service", namespace, service))["spec"]["clusterIP"])

    def service_url(self, namespace: str, service: str, port: int) -> str:
        """As it is reached from where ClusterIPs are."""
        return f"http://{self.cluster_ip(namespace, service)}:{port}"

    def nodes(self) -> Sequence[str]:
        return [str(item["metadata"]["name"]) for item in self.get("/api/v1/nodes")["items"]]

    def version(self) -> str:
        return str(self.get("/version").get("gitVersion", "unknown"))

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> str:
        headers = {"Accept": "application/json, text/plain"}
        if content is not None:
            headers["Content-Type"] = content
        host = self._client.configuration.host
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                host + path,
                headers=headers,
                body=None if body is None else json.dumps(body),
                timeout=timeout_s,
                retries=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ApiException) as error:
            raise ClusterError(f"{method} {path}: no answer: {error}") from error
        text: str = response.data.decode("utf-8", "replace")
        if response.status >= 400:
            raise ClusterError(
                f"{method} {path}: {response.status} {_reason(text)}", response.status
            )
        return text


def object_path(kind: str, namespace: str, name: str, *, api_version: str = "") -> str:
    """The API path of `kind/namespace/name` as experiments write it. Raises `ClusterError`.

    `api_version` is the one that the object itself tells; one that does not serve the kind is
    ignored.
    """
    if kind not in _PATHS:
        raise ClusterError(f"no such kind of object here: {kind} (known: {', '.join(_PATHS)})")
    for part in (namespace, name):
        if part in ("", ".", "..") or "/" in part:  # it would name another path
            raise ClusterError(f"no name of an object: {kind}/{namespace}/{name}")
    return _template(kind, api_version).format(
        namespace=quote(namespace, safe=""), name=quote(name, safe="")
    )


def _template(kind: str, version: str) -> str:
    newest, *older = _OLDER.get(kind, ("",))
    return _PATHS[kind].replace(newest, version) if version in older else _PATHS[kind]


def _reason(text: str) -> str:
    try:
        return str(json.loads(text).get("message", text))[:500]
    except (ValueError, AttributeError):
        return text[:500]


def _pod(item: Mapping[str, Any]) -> Pod:
    status = item.get("status", {})
    containers = status.get("containerStatuses") or []
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
    last = {
        entry["name"]: ended
        for entry in containers
        for ended in [
            (entry.get("lastState") or {}).get("terminated")
            or (entry.get("state") or {}).get("terminated")
        ]
        if ended
    }
    return Pod(
        name=item["metadata"]["name"],
        namespace=item["metadata"]["namespace"],
        images={entry["name"]: entry["image"] for entry in item["spec"]["containers"]},
        ready=conditions.get("Ready") == "True",
        terminating="deletionTimestamp" in item["metadata"],
        started=bool(containers) and all(entry.get("started") for entry in containers),
        restarts=sum(int(entry.get("restartCount", 0)) for entry in containers),
        waiting={
            entry["name"]: str(entry["state"]["waiting"].get("reason", ""))
            for entry in containers
            if "waiting" in (entry.get("state") or {})
        },
        last_exit_codes={name: int(ended["exitCode"]) for name, ended in last.items()},
        last_reasons={name: str(ended.get("reason", "")) for name, ended in last.items()},
    )


def _rollout(item: Mapping[str, Any], ready_key: str) -> Rollout:
    status, meta = item.get("status") or {}, item["metadata"]
    return Rollout(
        wanted=int(item["spec"].get("replicas", 1)),
        updated=int(status.get("updatedReplicas", 0)),
        available=int(status.get(ready_key, 0)),
        total=int(status.get("replicas", 0)),
        observed=int(status.get("observedGeneration", 0)) >= int(meta.get("generation", 0)),
    )
