"""What the API server refuses beyond wrong types: names, ranges, references, immutability.

The rules kept are those a drill or its author can run into; the real server has many more.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from localcluster import kinds, selectors, status
from localcluster.objects import KubeObject, Resource
from localcluster.schema.metadata_rules import check_labels, check_metadata, quoted
from localcluster.schema.pod_rules import check_pod_spec, check_port, not_negative
from localcluster.status import Cause, duplicate, invalid_value, required, unsupported

_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_WORKLOADS: Final = (kinds.DEPLOYMENTS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS)
_LARGEST_DATA: Final = 1024 * 1024
_POD_MUTABLE: Final = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_STATEFUL_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def check_create(resource: Resource, obj: KubeObject) -> None:
    """422 with every wrong field; expects defaults to be set."""
    _refuse(resource, obj, list(_check(resource, obj)))


def check_update(resource: Resource, new: KubeObject, old: KubeObject) -> None:
    """As `check_create`, and for what must not change."""
    causes = list(_check(resource, new))
    if (unchanged := _IMMUTABLE.get(resource)) is not None:
        causes += unchanged(new, old)
    _refuse(resource, new, causes)


def _refuse(resource: Resource, obj: KubeObject, causes: list[Cause]) -> None:
    if causes:
        raise status.invalid(resource, obj["metadata"]["name"], causes)


def _check(resource: Resource, obj: KubeObject) -> Iterator[Cause]:
    yield from check_metadata(resource, obj["metadata"])
    if (check := _RULES.get(resource)) is not None:
        yield from check(obj)


def _pod(obj: KubeObject) -> Iterator[Cause]:
    yield from check_pod_spec(obj.get("spec", {}), "spec")


def go_map(labels: Mapping[str, str] | None) -> str:
    """A map of strings as Go prints it: keys in order."""
    if labels is None:
        return "map[string]string(nil)"
    pairs = ", ".join(f'"{key}":"{labels[key]}"' for key in sorted(labels))
    return f"map[string]string{{{pairs}}}"


def _workload(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from not_negative(spec, "replicas", "spec")
    yield from not_negative(spec, "minReadySeconds", "spec")
    template = spec["template"]
    labels = template["metadata"].get("labels")
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        kind = obj["kind"].lower()
        shown = _go_selector(selector)
        yield invalid_value("spec.selector", shown, f"empty selector is invalid for {kind}")
    if not selectors.from_selector(selector)(labels or {}):
        yield invalid_value(
            "spec.template.metadata.labels",
            go_map(labels),
            "`selector` does not match template `labels`",
        )
    yield from check_labels(labels or {}, "spec.template.labels")
    claims = spec.get("volumeClaimTemplates") or ()
    yield from check_pod_spec(template["spec"], "spec.template.spec", claims)
    policy = template["spec"].get("restartPolicy", "Always")
    if policy in ("OnFailure", "Never"):
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def _deployment(obj: KubeObject) -> Iterator[Cause]:
    yield from _workload(obj)
    strategy = obj["spec"]["strategy"]
    kind = strategy["type"]
    if kind not in ("Recreate", "RollingUpdate"):
        yield unsupported("spec.strategy.type", kind, ("Recreate", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate") or {}
    if kind == "Recreate" and rolling:
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: may not be specified when strategy `type` is 'Recreate'",
            field="spec.strategy.rollingUpdate",
        )
    for field in ("maxSurge", "maxUnavailable"):
        yield from _check_share(rolling.get(field, 1), f"spec.strategy.rollingUpdate.{field}")
    if rolling and all(rolling.get(f) in (0, "0%") for f in ("maxSurge", "maxUnavailable")):
        yield invalid_value(
            "spec.strategy.rollingUpdate.maxUnavailable",
            str(rolling["maxUnavailable"]),
            "may not be 0 when `maxSurge` is 0",
        )
    deadline = obj["spec"]["progressDeadlineSeconds"]
    if deadline <= obj["spec"].get("minReadySeconds", 0):
        yield invalid_value(
            "spec.progressDeadlineSeconds", str(deadline), "must be greater than minReadySeconds"
        )


def _check_share(value: object, field: str) -> Iterator[Cause]:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
        text = "a valid percent string must be a numeric string followed by an ending '%'"
        yield invalid_value(field, quoted(value), text)
    if isinstance(value, int) and value < 0:
        yield invalid_value(field, str(value), "must be greater than or equal to 0")


def _job(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    for field in ("completions", "parallelism", "backoffLimit"):
        yield from not_negative(spec, field, "spec")
    pod = spec["template"]["spec"]
    yield from check_pod_spec(pod, "spec.template.spec")
    if pod.get("restartPolicy") == "Always":
        yield required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _service(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    types = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    if spec["type"] not in types:
        yield unsupported("spec.type", spec["type"], types)
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    names: set[str] = set()
    for index, port in enumerate(ports):
        where = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield required(f"{where}.name")
        elif name in names:
            yield duplicate(f"{where}.name", name)
        names.add(name)
        yield from check_port(port.get("port", 0), f"{where}.port")
        if port["protocol"] not in ("SCTP", "TCP", "UDP"):
            yield unsupported(f"{where}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))
        yield from check_port(port.get("targetPort"), f"{where}.targetPort")
    yield from check_labels(spec.get("selector") or {}, "spec.selector")


def _data(obj: KubeObject) -> Iterator[Cause]:
    size = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            size += len(value)
            if not _DATA_KEY.fullmatch(key) or key in (".", ".."):
                yield invalid_value(
                    f"{field}[{key}]",
                    quoted(key),
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' "
                    "(e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation "
                    "is '[-._a-zA-Z0-9]+')",
                )
    if size > _LARGEST_DATA:
        yield Cause(
            reason="FieldValueTooLong",
            message=f"Too long: may not be more than {_LARGEST_DATA} bytes",
            field="",
        )


def _network_policy(obj: KubeObject) -> Iterator[Cause]:
    for index, kind in enumerate(obj["spec"]["policyTypes"]):
        if kind not in ("Egress", "Ingress"):
            yield unsupported(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))


def _autoscaler(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    for field in ("minReplicas", "maxReplicas"):
        value = spec.get(field, 0)
        if value < 1:
            yield invalid_value(f"spec.{field}", str(value), "must be greater than 0")
    if spec.get("maxReplicas", 0) < spec["minReplicas"]:
        yield invalid_value(
            "spec.maxReplicas",
            str(spec.get("maxReplicas", 0)),
            "must be greater than or equal to `minReplicas`",
        )


_RULES: Final[Mapping[Resource, Callable[[KubeObject], Iterator[Cause]]]] = {
    kinds.CONFIG_MAPS: _data,
    kinds.DEPLOYMENTS: _deployment,
    kinds.HORIZONTAL_POD_AUTOSCALERS: _autoscaler,
    kinds.JOBS: _job,
    kinds.NETWORK_POLICIES: _network_policy,
    kinds.PODS: _pod,
    kinds.REPLICA_SETS: _workload,
    kinds.SECRETS: _data,
    kinds.SERVICES: _service,
    kinds.STATEFUL_SETS: _workload,
}


def _go_selector(selector: KubeObject) -> str:
    expressions = selector.get("matchExpressions")
    shown = "[]v1.LabelSelectorRequirement(nil)"
    if expressions:
        listed = ", ".join(
            f'v1.LabelSelectorRequirement{{Key:"{e["key"]}", Operator:"{e["operator"]}"}}'
            for e in expressions
        )
        shown = f"[]v1.LabelSelectorRequirement{{{listed}}}"
    labels = go_map(selector.get("matchLabels"))
    return f"v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:{shown}}}"


def _same_selector(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    selector = new["spec"].get("selector")
    if selector is not None and selector != old["spec"].get("selector"):
        yield invalid_value("spec.selector", _go_selector(selector), "field is immutable")


def _same_stateful_spec(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    if _without(new["spec"], _STATEFUL_MUTABLE) != _without(old["spec"], _STATEFUL_MUTABLE):
        quoted_fields = ", ".join(f"'{field}'" for field in _STATEFUL_MUTABLE[:-1])
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: updates to statefulset spec for fields other than "
            f"{quoted_fields} and '{_STATEFUL_MUTABLE[-1]}' are forbidden",
            field="spec",
        )


def _without(spec: KubeObject, fields: tuple[str, ...]) -> KubeObject:
    return {key: value for key, value in spec.items() if key not in fields}


def _same_pod_spec(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    allowed: tuple[str, ...] = _POD_MUTABLE
    if not old["spec"].get("nodeName"):
        allowed = (*allowed, "nodeName")  # scheduling writes it here: there is no binding
    if _frozen(new["spec"], allowed) != _frozen(old["spec"], allowed):
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
            "was previously negative)",
            field="spec",
        )


def _frozen(spec: KubeObject, allowed: tuple[str, ...]) -> KubeObject:
    frozen = _without(spec, allowed)
    for kind in ("containers", "initContainers"):
        if kind in frozen:
            frozen[kind] = [_without(container, ("image",)) for container in frozen[kind]]
    return frozen


def _same_service_address(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    before, after = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if before and after != before and new["spec"]["type"] != "ExternalName":
        shown = f'["{after or ""}"]'
        yield invalid_value("spec.clusterIPs[0]", shown, "may not change once set")


def _same_data(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    if old.get("immutable"):
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                yield Cause(
                    reason="FieldValueForbidden",
                    message="Forbidden: field is immutable when `immutable` is set",
                    field=field,
                )


_IMMUTABLE: Final[Mapping[Resource, Callable[[KubeObject, KubeObject], Iterator[Cause]]]] = {
    kinds.CONFIG_MAPS: _same_data,
    kinds.DEPLOYMENTS: _same_selector,
    kinds.JOBS: _same_selector,
    kinds.PODS: _same_pod_spec,
    kinds.REPLICA_SETS: _same_selector,
    kinds.SECRETS: _same_data,
    kinds.SERVICES: _same_service_address,
    kinds.STATEFUL_SETS: _same_stateful_spec,
}
