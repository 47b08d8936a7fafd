"""Label and field selectors: text or LabelSelector objects to predicates. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from localcluster import kinds, label_text, status
from localcluster.objects import KubeObject, Resource

LabelTest = Callable[[Mapping[str, str]], bool]
FieldTest = Callable[[KubeObject], bool]


def parse_labels(text: str) -> LabelTest:
    """`app=web,tier in (a,b),!old` as a predicate over labels; 400 for what cannot be read."""
    tests = [_label_test(found) for found in label_text.requirements(text)]
    return lambda labels: all(test(labels) for test in tests)


def _label_test(found: label_text.Requirement) -> LabelTest:
    match found.operator:
        case "exists":
            return requirement(found.key, "Exists", [])
        case "!":
            return requirement(found.key, "DoesNotExist", [])
        case "gt" | "lt":
            return _compare(found.key, found.operator, int(found.values[0]))
        case "notin" | "!=":
            return requirement(found.key, "NotIn", found.values)
    return requirement(found.key, "In", found.values)


def _compare(key: str, operator: str, bound: int) -> LabelTest:
    def test(labels: Mapping[str, str]) -> bool:
        try:
            value = int(labels[key])
        except (KeyError, ValueError):
            return False
        return value > bound if operator == "gt" else value < bound

    return test


def requirement(key: str, operator: str, values: Sequence[str]) -> LabelTest:
    """One `matchExpressions` entry. A key that is absent satisfies NotIn, as on the real server."""
    wanted = frozenset(values)
    match operator:
        case "In":
            return lambda labels: labels.get(key) in wanted
        case "NotIn":
            return lambda labels: labels.get(key) not in wanted
        case "Exists":
            return lambda labels: key in labels
        case "DoesNotExist":
            return lambda labels: key not in labels
    raise status.bad_request(f'"{operator}" is not a valid label selector operator')


def from_selector(selector: Mapping[str, Any] | None) -> LabelTest:
    """A LabelSelector object: None selects nothing, an empty one everything."""
    if selector is None:
        return lambda _labels: False
    tests = [
        requirement(key, "In", [value])
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    tests += [
        requirement(term["key"], term["operator"], term.get("values") or [])
        for term in selector.get("matchExpressions") or []
    ]
    return lambda labels: all(test(labels) for test in tests)


def from_labels(selector: Mapping[str, str] | None) -> LabelTest:
    """A plain map, as Services have it: an empty one selects nothing."""
    if not selector:
        return lambda _labels: False
    return from_selector({"matchLabels": selector})


# What may be selected by, beyond metadata.name and metadata.namespace, and its path.
_FIELDS: Final[Mapping[Resource, Sequence[str]]] = {
    kinds.PODS: (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    kinds.EVENTS: (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    kinds.NAMESPACES: ("status.phase",),
    kinds.NODES: ("spec.unschedulable",),
    kinds.SECRETS: ("type",),
    kinds.REPLICA_SETS: ("status.replicas",),
    kinds.JOBS: ("status.successful",),
    kinds.SERVICES: ("spec.clusterIP", "spec.type"),
}
_RENAMED: Final = {
    "source": "source.component",
    "status.podIPs": "status.podIP",
    "status.successful": "status.succeeded",
    "regarding.kind": "involvedObject.kind",
    "regarding.namespace": "involvedObject.namespace",
    "regarding.name": "involvedObject.name",
    "regarding.uid": "involvedObject.uid",
}
# What may stand before and after the sign; a backslash takes the meaning from the sign after it.
_FIELD_TERM: Final = re.compile(r"((?:\\.|[^\\=!]|!(?!=))*)(==|!=|=)(.*)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([\\,=])")
_FIELD_TERMS: Final = re.compile(r"(?:\\.|[^\\,])+", re.DOTALL)


def parse_fields(resource: Resource, text: str) -> FieldTest:
    """`status.phase=Running,metadata.name!=a` as a predicate over objects; 400 if unsupported."""
    stored = kinds.stored_as(resource)
    allowed = {"metadata.name", "metadata.namespace", *_FIELDS.get(stored, ())}
    if stored is not resource:
        allowed |= {field for field in _RENAMED if field.startswith("regarding.")}
    terms = _FIELD_TERMS.findall(text)
    tests = [_field_term(term, allowed, text) for term in terms]
    return lambda obj: all(test(obj) for test in tests)


def _field_term(term: str, allowed: set[str], whole: str) -> FieldTest:
    match = _FIELD_TERM.fullmatch(term)
    if match is None:
        raise status.bad_request(f"invalid selector: '{whole}'; can't understand '{term}'")
    field, sign, escaped = match.groups()
    plain = re.sub(r"\\.", "", escaped)
    for character in "\\,=":
        if character in plain:
            raise status.bad_request(
                f"invalid field selector: unescaped character in value: {ord(character)}"
            )
    if field not in allowed:
        raise status.bad_request(f"field label not supported: {field}")
    wanted = _ESCAPED.sub(r"\1", escaped)
    path = _RENAMED.get(field, field).split(".")
    negated = sign == "!="
    return lambda obj: (_text_at(obj, path) == wanted) is not negated


def _text_at(obj: KubeObject, path: Sequence[str]) -> str:
    value: Any = obj
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        # An unset flag selects as false and an unset number as zero, as in the Go structures.
        return {"unschedulable": "false", "hostNetwork": "false", "replicas": "0"}.get(path[-1], "")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
