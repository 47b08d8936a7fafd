"""Names, labels and annotations: what the API server accepts."""

import re
from collections.abc import Iterator
from typing import Final

from localcluster import kinds
from localcluster.objects import KubeObject, Resource
from localcluster.status import Cause, invalid_value, required

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_TEXT: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_WITH_PREFIX_TEXT: Final = (
    f"a qualified name {_QUALIFIED_TEXT.removeprefix('name part ')} with an optional DNS subdomain "
    "prefix and '/' (e.g. 'example.com/MyName')"
)
_FINALIZERS: Final = ("foregroundDeletion", "kubernetes", "orphan")
_LONGEST_ANNOTATIONS: Final = 256 * 1024


def quoted(text: object) -> str:
    return f'"{text}"'


def check_metadata(resource: Resource, meta: KubeObject) -> Iterator[Cause]:
    yield from _check_name(resource, meta["name"])
    yield from check_labels(meta.get("labels") or {}, "metadata.labels")
    annotations = meta.get("annotations") or {}
    for key in annotations:
        yield from _check_key(key, "metadata.annotations")
    for index, finalizer in enumerate(meta.get("finalizers") or []):
        yield from _check_key(finalizer, "metadata.finalizers")
        if "/" not in finalizer and finalizer not in _FINALIZERS:
            yield invalid_value(
                f"metadata.finalizers[{index}]",
                quoted(finalizer),
                "name is neither a standard finalizer name nor is it fully qualified",
            )
    size = sum(len(key) + len(value) for key, value in annotations.items())
    if size > _LONGEST_ANNOTATIONS:
        yield Cause(
            reason="FieldValueTooLong",
            message=f"Too long: may not be more than {_LONGEST_ANNOTATIONS} bytes",
            field="metadata.annotations",
        )


def _check_name(resource: Resource, name: str) -> Iterator[Cause]:
    if resource is kinds.SERVICES:
        yield from _matches(name, _LABEL_1035, _LABEL_1035_TEXT, 63, "metadata.name")
    elif resource is kinds.NAMESPACES:
        yield from check_label_name(name, "metadata.name")
    else:
        yield from _matches(name, _SUBDOMAIN, _SUBDOMAIN_TEXT, 253, "metadata.name")


def check_label_name(name: str, field: str) -> Iterator[Cause]:
    """A container's name, a namespace's: one DNS label."""
    yield from _matches(name, _LABEL, _LABEL_TEXT, 63, field)


def check_subdomain(name: str, field: str) -> Iterator[Cause]:
    """The name of most objects, where another one refers to it."""
    yield from _matches(name, _SUBDOMAIN, _SUBDOMAIN_TEXT, 253, field)


def _matches(
    text: str, pattern: re.Pattern[str], explanation: str, longest: int, field: str
) -> Iterator[Cause]:
    if len(text) > longest:
        yield invalid_value(field, quoted(text), f"must be no more than {longest} characters")
    if not pattern.fullmatch(text):
        yield invalid_value(field, quoted(text), explanation)


def check_labels(labels: KubeObject, field: str) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _check_key(key, field)
        if len(value) > 63:
            yield invalid_value(field, quoted(value), "must be no more than 63 characters")
        if value and not _QUALIFIED.fullmatch(value):
            yield invalid_value(field, quoted(value), _VALUE_TEXT)


def check_qualified_name(key: str) -> str:
    """What is wrong with the key of a label; empty when nothing is."""
    if key.count("/") > 1:
        return _WITH_PREFIX_TEXT
    return "; ".join(_problem(cause) for cause in _check_key(key, ""))


def check_label_value(value: str) -> str:
    """What is wrong with the value of a label; empty when nothing is."""
    return "; ".join(_problem(cause) for cause in check_labels({"a": value}, ""))


def _problem(cause: Cause) -> str:
    return cause.message.partition('": ')[2]


def check_selector(selector: KubeObject | None, field: str) -> Iterator[Cause]:
    """A LabelSelector: its labels, and its expressions with their operators and values."""
    if selector is None:
        return
    yield from check_labels(selector.get("matchLabels") or {}, f"{field}.matchLabels")
    for index, term in enumerate(selector.get("matchExpressions") or ()):
        where = f"{field}.matchExpressions[{index}]"
        operator, values = term.get("operator", ""), term.get("values") or ()
        if operator in ("In", "NotIn"):
            if not values:
                text = "must be specified when `operator` is 'In' or 'NotIn'"
                yield required(f"{where}.values", text)
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                yield Cause(
                    reason="FieldValueForbidden",
                    message="Forbidden: may not be specified when `operator` is 'Exists' or "
                    "'DoesNotExist'",
                    field=f"{where}.values",
                )
        else:
            yield invalid_value(
                f"{where}.operator", quoted(operator), "not a valid selector operator"
            )
        yield from _check_key(term.get("key", ""), f"{where}.key")


def _check_key(key: str, field: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        yield invalid_value(field, quoted(key), _WITH_PREFIX_TEXT)
        return
    if slash and not prefix:
        yield invalid_value(field, quoted(key), "prefix part must be non-empty")
    elif slash and not _SUBDOMAIN.fullmatch(prefix):
        yield invalid_value(field, quoted(key), f"prefix part {_SUBDOMAIN_TEXT}")
    if not name:
        yield invalid_value(field, quoted(key), "name part must be non-empty")
    elif len(name) > 63:
        yield invalid_value(field, quoted(key), "name part must be no more than 63 characters")
    if not _QUALIFIED.fullmatch(name):
        yield invalid_value(field, quoted(key), _QUALIFIED_TEXT)
