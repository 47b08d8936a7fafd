"""A container's environment, command and arguments, as the kubelet makes them. Pure.

Not known here: where the objects come from. `Lookup` finds ConfigMaps and Secrets.
"""

import base64
import binascii
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import psutil

from localcluster.objects import KubeObject
from localcluster.schema.quantity import parse_quantity

# kind ("configmap" or "secret") and name to its values as text; None when there is none.
Lookup = Callable[[str, str], Mapping[str, str] | None]

_REFERENCE: Final = re.compile(r"\$\$|\$\(([^()]+)\)")
_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(Exception):
    """What the kubelet shows as CreateContainerConfigError."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """`$(NAME)` by its value; an unknown name stays as it is and `$$` is a dollar sign."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return env.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def container_env(
    container: Mapping[str, Any], pod: KubeObject, lookup: Lookup, base: Mapping[str, str]
) -> dict[str, str]:
    """`base`, then envFrom, then env in its order; raises `ConfigError`."""
    env = dict(base)
    for source in container.get("envFrom") or ():
        env.update(_from_source(source, lookup, pod))
    for variable in container.get("env") or ():
        name = variable["name"]
        if source := variable.get("valueFrom"):
            value = _value_from(source, container, pod, lookup)
            if value is not None:
                env[name] = value
        else:
            env[name] = expand(variable.get("value") or "", env)
    return env


def texts_of(data: KubeObject | None) -> Mapping[str, str] | None:
    """The values of a ConfigMap or Secret object as text."""
    if data is None:
        return None
    return {key: value.decode(errors="replace") for key, value in bytes_of(data).items()}


def bytes_of(data: KubeObject) -> dict[str, bytes]:
    """The files that a ConfigMap or Secret object stands for."""
    if data.get("kind") == "Secret":
        return {key: _decoded(value) for key, value in (data.get("data") or {}).items()}
    files = {key: str(value).encode() for key, value in (data.get("data") or {}).items()}
    for key, value in (data.get("binaryData") or {}).items():
        files[key] = _decoded(value)
    return files


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value)
    except binascii.Error:
        return b""


def _from_source(source: Mapping[str, Any], lookup: Lookup, pod: KubeObject) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for kind, key in (("configmap", "configMapRef"), ("secret", "secretRef")):
        if reference := source.get(key):
            values = lookup(kind, reference["name"])
            if values is None:
                if reference.get("optional"):
                    return {}
                raise ConfigError(f'{kind} "{reference["name"]}" not found')
            return {prefix + name: value for name, value in values.items()}
    raise ConfigError(f"envFrom of pod {pod['metadata']['name']} names no source")


def _value_from(
    source: Mapping[str, Any], container: Mapping[str, Any], pod: KubeObject, lookup: Lookup
) -> str | None:
    if reference := source.get("fieldRef"):
        return field(reference["fieldPath"], pod)
    if reference := source.get("resourceFieldRef"):
        return resource(reference, container, pod)
    for kind, key in (("configmap", "configMapKeyRef"), ("secret", "secretKeyRef")):
        if reference := source.get(key):
            return _key_of(kind, reference, lookup, pod["metadata"]["namespace"])
    return None


def _key_of(kind: str, reference: Mapping[str, Any], lookup: Lookup, namespace: str) -> str | None:
    values = lookup(kind, reference["name"])
    if values is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind} "{reference["name"]}" not found')
    if reference["key"] not in values:
        if reference.get("optional"):
            return None
        kind_name = "ConfigMap" if kind == "configmap" else "Secret"
        raise ConfigError(
            f"couldn't find key {reference['key']} in {kind_name} {namespace}/{reference['name']}"
        )
    return values[reference["key"]]


def field(path: str, pod: KubeObject) -> str:
    """The downward API's fields; raises `ConfigError` for one that there is not."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    if match := _SUBSCRIPT.fullmatch(path):
        return str((meta.get(match[1]) or {}).get(match[2], ""))
    simple: dict[str, Any] = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.hostIP": status.get("hostIP", ""),
        "status.hostIPs": status.get("hostIP", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def resource(reference: Mapping[str, Any], container: Mapping[str, Any], pod: KubeObject) -> str:
    """A `resourceFieldRef`, in its divisor and rounded up. No limit means all of the machine."""
    if name := reference.get("containerName"):
        container = next(
            (each for each in pod["spec"]["containers"] if each["name"] == name), container
        )
    kind, _, what = reference["resource"].partition(".")
    value = ((container.get("resources") or {}).get(kind) or {}).get(what)
    if value is None:
        value = _machine(what) if kind == "limits" else "0"
    divisor = parse_quantity(str(reference.get("divisor") or "1")) or 1
    return str(math.ceil(parse_quantity(str(value)) / divisor))


def _machine(what: str) -> str:
    if what == "cpu":
        return str(os.cpu_count() or 1)
    return str(psutil.virtual_memory().total) if what == "memory" else "0"


def service_links(
    services: Iterable[KubeObject], address_of: Callable[[KubeObject], str]
) -> dict[str, str]:
    """`<SVC>_SERVICE_HOST`, `<SVC>_SERVICE_PORT` and the ports by name, for each Service."""
    env: dict[str, str] = {}
    for service in services:
        spec = service["spec"]
        ports: Sequence[Mapping[str, Any]] = spec.get("ports") or ()
        if spec.get("clusterIP") in (None, "", "None") or not ports:
            continue
        prefix = service["metadata"]["name"].upper().replace("-", "_")
        address = address_of(service)
        env[f"{prefix}_SERVICE_HOST"] = address
        env[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        env[f"{prefix}_PORT"] = f"tcp://{address}:{ports[0]['port']}"
        for port in ports:
            if port.get("name"):
                suffix = port["name"].upper().replace("-", "_")
                env[f"{prefix}_SERVICE_PORT_{suffix}"] = str(port["port"])
    return env
