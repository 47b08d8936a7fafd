"""What the API server refuses in a container's environment, hooks and resources."""

import re
from collections.abc import Iterator
from typing import Final

from localcluster.objects import KubeObject
from localcluster.schema.metadata_rules import quoted
from localcluster.status import Cause, invalid_value, required

_VARIABLE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_VARIABLE_TEXT: Final = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or "
    "'.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or "
    "'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')"
)
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_POD_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_SUBSCRIPTED: Final = re.compile(r"metadata\.(annotations|labels)\['.*'\]")
_STANDARD: Final = ("cpu", "memory", "ephemeral-storage")


def check_environment(container: KubeObject, path: str) -> Iterator[Cause]:
    for index, variable in enumerate(container.get("env") or ()):
        where = f"{path}.env[{index}]"
        name = variable.get("name", "")
        if not name:
            yield required(f"{where}.name")
        elif not _VARIABLE.fullmatch(name):
            yield invalid_value(f"{where}.name", quoted(name), _VARIABLE_TEXT)
        source = variable.get("valueFrom")
        if source is None:
            continue
        if not any(key in source for key in _SOURCES):
            names = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
            yield invalid_value(f"{where}.valueFrom", '""', f"must specify one of: {names}")
        elif variable.get("value"):
            text = "may not be specified when `value` is not empty"
            yield invalid_value(f"{where}.valueFrom", '""', text)
        yield from _check_source(source, f"{where}.valueFrom")


def _check_source(source: KubeObject, path: str) -> Iterator[Cause]:
    if "fieldRef" in source:
        field = source["fieldRef"].get("fieldPath", "")
        where = f"{path}.fieldRef.fieldPath"
        if not field:
            yield required(where)
        elif field not in _POD_FIELDS and not _SUBSCRIPTED.fullmatch(field):
            text = f"error converting fieldPath: field label not supported: {field}"
            yield invalid_value(where, quoted(field), text)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source and not source[kind].get("key"):
            yield required(f"{path}.{kind}.key")


def check_hooks(container: KubeObject, path: str) -> Iterator[Cause]:
    for hook, handler in (container.get("lifecycle") or {}).items():
        if isinstance(handler, dict) and not handler:
            yield required(f"{path}.lifecycle.{hook}", "must specify a handler type")


def check_resource_name(name: str, path: str) -> Iterator[Cause]:
    """The name of a limit or request of a container: `path` ends with it in brackets."""
    if name in _STANDARD or name.startswith("hugepages-") or "/" in name:
        return
    yield invalid_value(path, quoted(name), "must be a standard resource type or fully qualified")
    yield invalid_value(path, quoted(name), "must be a standard resource for containers")
