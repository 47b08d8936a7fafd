"""Label and field selectors: text or LabelSelector objects to predicates. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from localcluster import kinds, status
from localcluster.objects import KubeObject, Resource

LabelTest = Callable[[Mapping[str, str]], bool]
FieldTest = Callable[[KubeObject], bool]

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_SET: Final = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALS: Final = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTS: Final = re.compile(rf"(!?)\s*({_KEY})")
_COMPARES: Final = re.compile(rf"({_KEY})\s*([<>])\s*(-?\d+)")


def parse_labels(text: str) -> LabelTest:
    """`app=web,tier in (a,b),!old` as a predicate over labels; 400 for what cannot be read."""
    tests = [_label_term(term, text) for term in _split(text)]
    return lambda labels: all(test(labels) for test in tests)


def _split(text: str) -> list[str]:
    """At commas outside of parentheses."""
    terms = re.findall(r"(?:[^,(]|\([^)]*\)?)+", text)
    return [stripped for term in terms if (stripped := term.strip())]


def _label_term(term: str, whole: str) -> LabelTest:
    if match := _SET.fullmatch(term):
        values = [value.strip() for value in match[3].split(",")]
        return requirement(match[1], "In" if match[2] == "in" else "NotIn", values)
    if match := _EQUALS.fullmatch(term):
        return requirement(match[1], "NotIn" if match[2] == "!=" else "In", [match[3]])
    if match := _COMPARES.fullmatch(term):
        return _compare(match[1], match[2], int(match[3]))
    if match := _EXISTS.fullmatch(term):
        return requirement(match[2], "DoesNotExist" if match[1] else "Exists", [])
    raise status.bad_request(
        f'unable to parse requirement: cannot read "{term}" in the label selector "{whole}"'
    )


def _compare(key: str, sign: str, bound: int) -> LabelTest:
    def test(labels: Mapping[str, str]) -> bool:
        try:
            value = int(labels[key])
        except (KeyError, ValueError):
            return False
        return value > bound if sign == ">" else value < bound

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
    "status.successful": "status.succeeded",
    "regarding.kind": "involvedObject.kind",
    "regarding.namespace": "involvedObject.namespace",
    "regarding.name": "involvedObject.name",
    "regarding.uid": "involvedObject.uid",
}
_FIELD_TERM: Final = re.compile(r"([^=!]+?)\s*(==|=|!=)\s*(.*)", re.DOTALL)


def parse_fields(resource: Resource, text: str) -> FieldTest:
    """`status.phase=Running,metadata.name!=a` as a predicate over objects; 400 if unsupported."""
    stored = kinds.stored_as(resource)
    allowed = {"metadata.name", "metadata.namespace", *_FIELDS.get(stored, ())}
    if stored is not resource:
        allowed |= {field for field in _RENAMED if field.startswith("regarding.")}
    tests = [_field_term(term, allowed, text) for term in text.split(",") if term.strip()]
    return lambda obj: all(test(obj) for test in tests)


def _field_term(term: str, allowed: set[str], whole: str) -> FieldTest:
    match = _FIELD_TERM.fullmatch(term.strip())
    if match is None:
        raise status.bad_request(f"invalid selector: '{whole}'; can't understand '{term}'")
    field, sign, wanted = match.groups()
    if field not in allowed:
        raise status.bad_request(
            f'Unable to find "{whole}" that match field selector: '
            f'field label not supported: "{field}"'
        )
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
