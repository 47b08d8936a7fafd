"""What the API server refuses in a pod's specification."""

import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from localcluster.objects import KubeObject
from localcluster.schema.container_rules import (
    check_environment,
    check_hooks,
    check_resource_name,
)
from localcluster.schema.metadata_rules import (
    check_label_name,
    check_labels,
    check_subdomain,
    quoted,
)
from localcluster.schema.quantity import parse_quantity
from localcluster.status import Cause, duplicate, invalid_value, required, unsupported

_PORT_TEXT: Final = "must be between 1 and 65535, inclusive"
_PORT_NAME: Final = re.compile("[-a-z0-9]+")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
# Lt and Gt are there in current releases, for those who ask for them.
_OPERATORS: Final = ("", "Equal", "Exists", "Gt", "Lt")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_LARGEST_ID: Final = 2**31 - 1
_HANDLERS: Final = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")


def check_pod_spec(
    spec: KubeObject, path: str, claims: Iterable[KubeObject] = ()
) -> Iterator[Cause]:
    """`path` is where the specification stands: `spec` or `spec.template.spec`.

    `claims` are a StatefulSet's claim templates: each of its pods gets a volume of that name.
    """
    volumes = _volume_names(spec) | {claim["metadata"].get("name", "") for claim in claims}
    yield from _check_volumes(spec, f"{path}.volumes")
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            where = f"{path}.{kind}[{index}]"
            yield from _check_container(container, where, volumes)
            name = container.get("name", "")
            if name and name in names:
                yield duplicate(f"{where}.name", name)
            names.add(name)
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    yield from _check_policies(spec, path)
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        yield from _check_toleration(toleration, f"{path}.tolerations[{index}].operator")
    yield from _check_identity(spec, path)


def _check_policies(spec: KubeObject, path: str) -> Iterator[Cause]:
    policy = spec.get("restartPolicy", "Always")
    if policy not in ("Always", "OnFailure", "Never"):
        yield unsupported(f"{path}.restartPolicy", policy, ("Always", "OnFailure", "Never"))
    dns = spec.get("dnsPolicy", "ClusterFirst")
    if dns not in _DNS_POLICIES:
        yield unsupported(f"{path}.dnsPolicy", dns, _DNS_POLICIES)


def _check_identity(spec: KubeObject, path: str) -> Iterator[Cause]:
    """What the pod calls itself, and where and as whom it runs."""
    yield from check_labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    for field in ("hostname", "subdomain"):
        if spec.get(field):
            yield from check_label_name(spec[field], f"{path}.{field}")
    for field in ("serviceAccountName", "nodeName"):
        if spec.get(field):
            yield from check_subdomain(spec[field], f"{path}.{field}")
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        yield from _check_alias(alias, f"{path}.hostAliases[{index}].ip")
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        yield from _check_id(spec.get("securityContext") or {}, field, f"{path}.securityContext")


def _check_alias(alias: KubeObject, field: str) -> Iterator[Cause]:
    try:
        ipaddress.ip_address(alias.get("ip", ""))
    except ValueError:
        yield invalid_value(field, quoted(alias.get("ip", "")), "must be valid IP address")


def _check_id(context: KubeObject, field: str, path: str) -> Iterator[Cause]:
    if field in context and not 0 <= context[field] <= _LARGEST_ID:
        text = f"must be between 0 and {_LARGEST_ID}, inclusive"
        yield invalid_value(f"{path}.{field}", str(context[field]), text)


def _check_toleration(toleration: KubeObject, field: str) -> Iterator[Cause]:
    operator = toleration.get("operator", "")
    effect = toleration.get("effect", "")
    if effect not in ("", *_EFFECTS):
        yield unsupported(f"{field.removesuffix('operator')}effect", effect, _EFFECTS)
    if operator == "Exists" and toleration.get("value"):
        text = "value must be empty when `operator` is 'Exists'"
        yield invalid_value(field, json.dumps(toleration, separators=(",", ":")), text)
    if not toleration.get("key") and operator != "Exists":
        yield invalid_value(
            field,
            quoted(operator),
            'operator must be Exists when `key` is empty, which means "match all values and all '
            'keys"',
        )
    elif operator not in _OPERATORS:
        yield unsupported(field, operator, ("Equal", "Exists"))


def only_added_tolerations(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    """A pod keeps the tolerations it has; how long each holds may change."""

    def kept(toleration: KubeObject) -> KubeObject:
        return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}

    there = [kept(toleration) for toleration in new.get("tolerations") or ()]
    if any(kept(toleration) not in there for toleration in old.get("tolerations") or ()):
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: existing toleration can not be modified except its "
            "tolerationSeconds",
            field="spec.tolerations",
        )


def not_negative(holder: KubeObject, field: str, path: str) -> Iterator[Cause]:
    value = holder.get(field)
    if isinstance(value, int) and value < 0:
        yield invalid_value(f"{path}.{field}", str(value), "must be greater than or equal to 0")


def check_port(value: Any, field: str) -> Iterator[Cause]:
    if isinstance(value, int) and not 1 <= value <= 65535:
        yield invalid_value(field, str(value), _PORT_TEXT)


def check_port_name(value: Any, field: str) -> Iterator[Cause]:
    """A port given by its name: an IANA service name."""
    if not isinstance(value, str):
        return
    if len(value) > 15:
        yield invalid_value(field, quoted(value), "must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(value):
        yield invalid_value(
            field,
            quoted(value),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        )
    elif not any(character.isalpha() for character in value):
        yield invalid_value(field, quoted(value), "must contain at least one letter (a-z)")
    if "--" in value:
        yield invalid_value(field, quoted(value), "must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        yield invalid_value(field, quoted(value), "must not begin or end with a hyphen")


def _volume_names(spec: KubeObject) -> set[str]:
    return {volume.get("name", "") for volume in spec.get("volumes") or ()}


def _check_volumes(spec: KubeObject, path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        name = volume.get("name", "")
        where = f"{path}[{index}].name"
        if not name:
            yield required(where)
        elif name in seen:
            yield duplicate(where, name)
        else:
            yield from check_label_name(name, where)
        seen.add(name)
        for kind, key in (("configMap", "name"), ("secret", "secretName")):
            if kind in volume and not volume[kind].get(key):
                yield required(f"{path}[{index}].{kind}.{key}")
        if "hostPath" in volume and not volume["hostPath"].get("path"):
            yield required(f"{path}[{index}].hostPath.path")
        sources = [kind for kind in volume if kind != "name"]
        for extra in sources[1:]:
            yield Cause(
                reason="FieldValueForbidden",
                message="Forbidden: may not specify more than 1 volume type",
                field=f"{path}[{index}].{extra}",
            )


def _check_container(container: KubeObject, path: str, volumes: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if name:
        yield from check_label_name(name, f"{path}.name")
    else:
        yield required(f"{path}.name")
    if not container.get("image"):
        yield required(f"{path}.image")
    policy = container.get("imagePullPolicy", "Always")
    if policy not in ("Always", "IfNotPresent", "Never"):
        yield unsupported(f"{path}.imagePullPolicy", policy, ("Always", "IfNotPresent", "Never"))
    yield from _check_ports(container, path)
    yield from check_environment(container, path)
    yield from check_hooks(container, path)
    message = container.get("terminationMessagePolicy", "File")
    if message not in ("FallbackToLogsOnError", "File"):
        text = "must be 'File' or 'FallbackToLogsOnError'"
        yield invalid_value(f"{path}.terminationMessagePolicy", quoted(message), text)
    yield from _check_mounts(container, path, volumes)
    for probe in _PROBES:
        if probe in container:
            yield from _check_probe(container[probe], f"{path}.{probe}")
    yield from _check_resources(container.get("resources") or {}, f"{path}.resources")


def _check_ports(container: KubeObject, path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        if not port.get("containerPort"):
            yield required(f"{where}.containerPort")
        else:
            yield from check_port(port["containerPort"], f"{where}.containerPort")
        protocol = port.get("protocol", "TCP")
        if protocol not in ("SCTP", "TCP", "UDP"):
            yield unsupported(f"{where}.protocol", protocol, ("SCTP", "TCP", "UDP"))
        if "hostPort" in port:
            yield from check_port(port["hostPort"], f"{where}.hostPort")
        name = port.get("name")
        if name:
            yield from check_port_name(name, f"{where}.name")
            if name in names:
                yield duplicate(f"{where}.name", name)
            names.add(name)


def _check_mounts(container: KubeObject, path: str, volumes: set[str]) -> Iterator[Cause]:
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        where = f"{path}.volumeMounts[{index}]"
        name = mount.get("name", "")
        if not name:
            yield required(f"{where}.name")
        elif name not in volumes:
            yield Cause(
                reason="FieldValueNotFound",
                message=f"Not found: {quoted(name)}",
                field=f"{where}.name",
            )
        target = mount.get("mountPath", "")
        if not target:
            yield required(f"{where}.mountPath")
        elif target in paths:
            yield invalid_value(f"{where}.mountPath", quoted(target), "must be unique")
        paths.add(target)


def _check_probe(probe: KubeObject, path: str) -> Iterator[Cause]:
    handlers = [name for name in _HANDLERS if name in probe]
    if not handlers:
        yield required(path, "must specify a handler type")
    for extra in handlers[1:]:
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: may not specify more than 1 handler type",
            field=f"{path}.{extra}",
        )
    if "httpGet" in probe:
        if "port" in probe["httpGet"]:
            yield from check_port(probe["httpGet"]["port"], f"{path}.httpGet.port")
            yield from check_port_name(probe["httpGet"]["port"], f"{path}.httpGet.port")
        else:
            yield required(f"{path}.httpGet.port")
    if "tcpSocket" in probe:
        yield from check_port(probe["tcpSocket"].get("port", 0), f"{path}.tcpSocket.port")
        yield from check_port_name(probe["tcpSocket"].get("port"), f"{path}.tcpSocket.port")
    if "exec" in probe and not probe["exec"].get("command"):
        yield required(f"{path}.exec.command")
    fields = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold")
    for field in (*fields, "successThreshold"):
        yield from not_negative(probe, field, path)
    if not path.endswith("readinessProbe") and probe.get("successThreshold", 1) != 1:
        shown = str(probe["successThreshold"])
        yield invalid_value(f"{path}.successThreshold", shown, "must be 1")


def _check_resources(resources: KubeObject, path: str) -> Iterator[Cause]:
    limits: Mapping[str, str] = resources.get("limits") or {}
    requests: Mapping[str, str] = resources.get("requests") or {}
    amounts = {}
    for kind, given in (("limits", limits), ("requests", requests)):
        for name, text in given.items():
            yield from check_resource_name(name, f"{path}.{kind}[{name}]")
            try:
                amounts[kind, name] = parse_quantity(text)
            except ValueError as error:
                yield invalid_value(f"{path}.{kind}[{name}]", quoted(text), str(error))
                continue
            if amounts[kind, name] < 0:
                yield invalid_value(
                    f"{path}.{kind}[{name}]", quoted(text), "must be greater than or equal to 0"
                )
    for name, text in requests.items():
        limit, request = amounts.get(("limits", name)), amounts.get(("requests", name))
        if limit is not None and request is not None and request > limit:
            yield invalid_value(
                f"{path}.requests",
                quoted(text),
                f"must be less than or equal to {name} limit of {limits[name]}",
            )
