"""What the API server adds to a pod, or to the pod in a template."""

import random
from collections.abc import Iterator
from typing import Any, Final

from localcluster.objects import KubeObject

_FILE_MODE: Final = 0o644
_MODED_VOLUMES: Final = ("configMap", "downwardAPI", "projected", "secret")
_TOLERATED: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def containers_of(spec: KubeObject) -> Iterator[KubeObject]:
    """Init containers first, as they run."""
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()


def default_pod_spec(spec: KubeObject) -> None:
    """For pods and templates alike."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    for container in containers_of(spec):
        _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def default_pod(pod: KubeObject) -> None:
    """For a pod itself: what admission would add, too."""
    spec = pod.setdefault("spec", {})
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    account = spec.setdefault("serviceAccountName", spec.get("serviceAccount") or "default")
    spec.setdefault("serviceAccount", account)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    _tolerate_failing_nodes(spec)
    for container in containers_of(spec):
        resources = container["resources"]
        for name, limit in (resources.get("limits") or {}).items():
            resources.setdefault("requests", {}).setdefault(name, limit)
    _default_token_volume(spec)
    pod_status = pod.setdefault("status", {})
    pod_status.setdefault("phase", "Pending")
    pod_status.setdefault("qosClass", qos_class(spec))


def _tolerate_failing_nodes(spec: KubeObject) -> None:
    """For five minutes, unless the pod says something itself."""
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATED:
        if not any(
            toleration.get("key", key) == key
            and toleration.get("effect", "NoExecute") == "NoExecute"
            for toleration in tolerations
        ):
            always = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append({**always, "tolerationSeconds": 300})


def _default_token_volume(spec: KubeObject) -> None:
    """The volume alone: nothing is mounted, since this cluster hands out no tokens. Clients
    written against real clusters count on every pod having one."""
    if spec.get("automountServiceAccountToken") is False:
        return
    volumes = spec.setdefault("volumes", [])
    if any(volume.get("name", "").startswith("kube-api-access-") for volume in volumes):
        return
    suffix = "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5))  # noqa: S311  a name
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    volumes.append(
        {
            "name": f"kube-api-access-{suffix}",
            "projected": {"defaultMode": _FILE_MODE, "sources": [token]},
        }
    )


def _default_container(container: KubeObject) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(container.get("image", "")))
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        _default_field_reference(variable.get("valueFrom") or {})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            _default_probe(container[probe])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _default_http_get(hook)


def _pull_policy(image: str) -> str:
    """Always for `latest`, also when it is only implied."""
    if "@" in image or not image:
        return "IfNotPresent"
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _default_probe(probe: KubeObject) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    _default_http_get(probe)
    if isinstance(probe.get("grpc"), dict):
        probe["grpc"].setdefault("service", "")


def _default_http_get(handler: KubeObject) -> None:
    if isinstance(handler.get("httpGet"), dict):
        handler["httpGet"].setdefault("path", "/")
        handler["httpGet"].setdefault("scheme", "HTTP")


def _default_field_reference(source: KubeObject) -> None:
    if isinstance(source.get("fieldRef"), dict):
        source["fieldRef"].setdefault("apiVersion", "v1")


def _default_volume(volume: KubeObject) -> None:
    if set(volume) <= {"name"}:
        volume["emptyDir"] = {}
    for kind in _MODED_VOLUMES:
        if isinstance(volume.get(kind), dict):
            volume[kind].setdefault("defaultMode", _FILE_MODE)
    if isinstance(volume.get("hostPath"), dict):
        volume["hostPath"].setdefault("type", "")
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default_field_reference(item)


def qos_class(spec: KubeObject) -> str:
    """Guaranteed, Burstable or BestEffort, from CPU and memory of all containers."""
    asked: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for container in containers_of(spec):
        resources = container.get("resources") or {}
        asked.append(resources.get("requests") or {})
        limits.append(resources.get("limits") or {})
    if not any("cpu" in item or "memory" in item for item in (*asked, *limits)):
        return "BestEffort"
    guaranteed = all(
        name in limit and request.get(name, limit[name]) == limit[name]
        for request, limit in zip(asked, limits, strict=True)
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if guaranteed else "Burstable"
