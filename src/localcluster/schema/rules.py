"""What the API server refuses beyond wrong types: names, ranges, references, immutability.

The rules kept are those a drill or its author can run into; the real server has many more.
"""

import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from localcluster import kinds, selectors, status
from localcluster.objects import KubeObject, Resource
from localcluster.schema.autoscaler_rules import check_autoscaler
from localcluster.schema.job_rules import check_cron_job, check_job, unchanged_job
from localcluster.schema.metadata_rules import (
    check_labels,
    check_metadata,
    check_selector,
    quoted,
)
from localcluster.schema.pod_rules import (
    check_pod_spec,
    check_port,
    check_port_name,
    not_negative,
    only_added_tolerations,
)
from localcluster.schema.service_rules import check_service
from localcluster.status import Cause, invalid_value, required, unsupported

_DATA_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_WORKLOADS: Final = (kinds.DEPLOYMENTS, kinds.REPLICA_SETS, kinds.STATEFUL_SETS)
_LARGEST: Final = 2**31 - 1
_MOST_CAUSES: Final = 100  # a million bad labels are not told one by one
_LARGEST_DATA: Final = 1024 * 1024
_POD_MUTABLE: Final = ("activeDeadlineSeconds", "tolerations")
_STATEFUL_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
POD_IS_FROZEN: Final = Cause(
    reason="FieldValueForbidden",
    message="Forbidden: pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
    "was previously negative)",
    field="spec",
)


def check_create(resource: Resource, obj: KubeObject) -> None:
    """422 with every wrong field; expects defaults to be set."""
    _refuse(resource, obj, _check(resource, obj))


def check_update(resource: Resource, new: KubeObject, old: KubeObject) -> None:
    """As `check_create`, and for what must not change."""
    causes = _check(resource, new)
    if (unchanged := _IMMUTABLE.get(resource)) is not None:
        causes = itertools.chain(causes, unchanged(new, old))
    _refuse(resource, new, causes)


def _refuse(resource: Resource, obj: KubeObject, causes: Iterator[Cause]) -> None:
    told = list(itertools.islice(causes, _MOST_CAUSES))
    if told:
        raise status.invalid(resource, obj["metadata"]["name"], told)


def _check(resource: Resource, obj: KubeObject) -> Iterator[Cause]:
    yield from check_metadata(resource, obj["metadata"])
    if (check := _RULES.get(resource)) is not None:
        yield from check(obj)


def _pod(obj: KubeObject) -> Iterator[Cause]:
    spec = obj.get("spec", {})
    yield from check_pod_spec(spec, "spec")
    if "activeDeadlineSeconds" in spec and not 1 <= spec["activeDeadlineSeconds"] <= _LARGEST:
        shown = str(spec["activeDeadlineSeconds"])
        text = f"must be between 1 and {_LARGEST}, inclusive"
        yield invalid_value("spec.activeDeadlineSeconds", shown, text)


def go_map(labels: Mapping[str, str] | None) -> str:
    """A map of strings as Go prints it: keys in order."""
    if labels is None:
        return "map[string]string(nil)"
    pairs = ", ".join(f'"{key}":"{labels[key]}"' for key in sorted(labels))
    return f"map[string]string{{{pairs}}}"


def _workload(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from not_negative(spec, "replicas", "spec")
    for field in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from not_negative(spec, field, "spec")
    template = spec["template"]
    labels = template["metadata"].get("labels")
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        kind = obj["kind"].lower()
        shown = _go_selector(selector)
        yield invalid_value("spec.selector", shown, f"empty selector is invalid for {kind}")
    wrong = list(check_selector(selector, "spec.selector"))
    yield from wrong
    if not wrong and not selectors.from_selector(selector)(labels or {}):
        yield invalid_value(
            "spec.template.metadata.labels",
            go_map(labels),
            "`selector` does not match template `labels`",
        )
    yield from check_labels(labels or {}, "spec.template.labels")
    # The API server leaves a StatefulSet's template unread: its pods are refused, one by one.
    if obj.get("kind") != "StatefulSet":
        yield from check_pod_spec(template["spec"], "spec.template.spec")
    if "activeDeadlineSeconds" in template["spec"]:
        yield Cause(
            reason="FieldValueForbidden",
            message="Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
            field="spec.template.spec.activeDeadlineSeconds",
        )
    policy = template["spec"].get("restartPolicy", "Always")
    if policy != "Always":
        yield unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def _stateful_set(obj: KubeObject) -> Iterator[Cause]:
    yield from _workload(obj)
    spec = obj["spec"]
    policy = spec["podManagementPolicy"]
    if policy not in ("OrderedReady", "Parallel"):
        text = "must be 'OrderedReady' or 'Parallel'"
        yield invalid_value("spec.podManagementPolicy", quoted(policy), text)
    strategy = spec["updateStrategy"]
    kind, rolling = strategy["type"], strategy.get("rollingUpdate")
    if kind not in ("OnDelete", "RollingUpdate"):
        text = "must be 'RollingUpdate' or 'OnDelete'"
        yield invalid_value("spec.updateStrategy", go_fields(strategy), text)
    elif kind == "OnDelete" and rolling is not None:
        text = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid_value("spec.updateStrategy.rollingUpdate", go_fields(rolling), text)
    elif rolling is not None:
        yield from not_negative(rolling, "partition", "spec.updateStrategy.rollingUpdate")


def go_fields(value: object) -> str:
    """A structure in an error message: JSON, as current releases print it."""
    return json.dumps(value, separators=(",", ":"))


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
    most = rolling.get("maxUnavailable", 0)
    if isinstance(most, str) and re.fullmatch(r"[0-9]+%", most) and int(most[:-1]) > 100:
        field = "spec.strategy.rollingUpdate.maxUnavailable"
        yield invalid_value(field, quoted(most), "must not be greater than 100%")
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
        text = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
            "'1%',  or '93%', regex used for validation is '[0-9]+%')"
        )
        yield invalid_value(field, quoted(value), text)
    if isinstance(value, int) and value < 0:
        yield invalid_value(field, str(value), "must be greater than or equal to 0")


def _data(obj: KubeObject) -> Iterator[Cause]:
    size = 0
    for key in sorted(set(obj.get("data") or ()) & set(obj.get("binaryData") or ())):
        yield invalid_value(f"data[{key}]", quoted(key), "duplicate of key present in binaryData")
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            size += len(value)
            if key in (".", ".."):
                yield invalid_value(f"{field}[{key}]", quoted(key), f"must not be '{key}'")
            elif not _DATA_KEY.fullmatch(key):
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
            field="[]",
        )


def _network_policy(obj: KubeObject) -> Iterator[Cause]:
    spec = obj["spec"]
    yield from check_selector(spec.get("podSelector"), "spec.podSelector")
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            yield from _policy_rule(rule, f"spec.{direction}[{index}]", side)
    for index, kind in enumerate(spec["policyTypes"]):
        if kind not in ("Egress", "Ingress"):
            yield unsupported(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress"))


def _policy_rule(rule: KubeObject, path: str, side: str) -> Iterator[Cause]:
    for index, port in enumerate(rule.get("ports") or ()):
        where = f"{path}.ports[{index}]"
        if port["protocol"] not in ("SCTP", "TCP", "UDP"):
            yield unsupported(f"{where}.protocol", port["protocol"], ("SCTP", "TCP", "UDP"))
        yield from check_port(port.get("port"), f"{where}.port")
        yield from check_port_name(port.get("port"), f"{where}.port")
    for index, peer in enumerate(rule.get(side) or ()):
        where = f"{path}.{side}[{index}]"
        selectors_given = [key for key in ("podSelector", "namespaceSelector") if key in peer]
        for key in selectors_given:
            yield from check_selector(peer[key], f"{where}.{key}")
        if "ipBlock" in peer:
            yield from _check_block(peer["ipBlock"], f"{where}.ipBlock")
        if not selectors_given and "ipBlock" not in peer:
            yield required(where, "must specify a peer")
        elif selectors_given and "ipBlock" in peer:
            yield Cause(
                reason="FieldValueForbidden",
                message="Forbidden: may not specify both ipBlock and another peer",
                field=where,
            )


def _check_block(block: KubeObject, path: str) -> Iterator[Cause]:
    try:
        network = ipaddress.ip_network(block.get("cidr", ""), strict=False)
    except ValueError:
        yield invalid_value(f"{path}.cidr", quoted(block.get("cidr", "")), "not a valid CIDR")
        return
    for index, text in enumerate(block.get("except") or ()):
        where = f"{path}.except[{index}]"
        try:
            hole = ipaddress.ip_network(text, strict=False)
        except ValueError:
            yield invalid_value(where, quoted(text), "not a valid CIDR")
            continue
        inside = hole != network and hole[0] in network and hole[-1] in network
        if not inside:
            yield invalid_value(where, quoted(text), "must be a strict subset of `cidr`")


# What a Secret of a type has to hold.
_SECRET_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret(obj: KubeObject) -> Iterator[Cause]:
    yield from _data(obj)
    data = obj.get("data") or {}
    for key in _SECRET_KEYS.get(obj.get("type") or "", ()):
        if key not in data:
            yield required(f"data[{key}]", "")
    if obj.get("type") == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        yield required("data[username]")
        yield required("data[password]")


_RULES: Final[Mapping[Resource, Callable[[KubeObject], Iterator[Cause]]]] = {
    kinds.CONFIG_MAPS: _data,
    kinds.CRON_JOBS: check_cron_job,
    kinds.DEPLOYMENTS: _deployment,
    kinds.HORIZONTAL_POD_AUTOSCALERS: check_autoscaler,
    kinds.JOBS: check_job,
    kinds.NETWORK_POLICIES: _network_policy,
    kinds.PODS: _pod,
    kinds.REPLICA_SETS: _workload,
    kinds.SECRETS: _secret,
    kinds.SERVICES: check_service,
    kinds.STATEFUL_SETS: _stateful_set,
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
        allowed = (*allowed, "nodeName")  # scheduling writes it here; a client cannot
    if old["spec"].get("terminationGracePeriodSeconds", 0) < 0:
        allowed = (*allowed, "terminationGracePeriodSeconds")
    yield from only_added_tolerations(new["spec"], old["spec"])
    if _frozen(new["spec"], allowed) != _frozen(old["spec"], allowed):
        yield POD_IS_FROZEN


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


def _same_secret(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    if new.get("type") != old.get("type"):
        yield invalid_value("type", quoted(new.get("type", "")), "field is immutable")
    yield from _same_data(new, old)


def _same_data(new: KubeObject, old: KubeObject) -> Iterator[Cause]:
    if old.get("immutable"):
        if not new.get("immutable"):
            yield Cause(
                reason="FieldValueForbidden",
                message="Forbidden: field is immutable when `immutable` is set",
                field="immutable",
            )
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
    kinds.JOBS: unchanged_job,
    kinds.PODS: _same_pod_spec,
    kinds.REPLICA_SETS: _same_selector,
    kinds.SECRETS: _same_secret,
    kinds.SERVICES: _same_service_address,
    kinds.STATEFUL_SETS: _same_stateful_spec,
}
