"""What two clusters may say differently of the same state: names, times, addresses, ids. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"  # the letters of generated names
_RULES = [
    (re.compile(pattern), with_)
    for pattern, with_ in (
        (r"/\S*/kubectl-edit-\w+\.(yaml|json)", "<file>"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|[+-]\d\d:?\d\d))?", "<time>"),
        (r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "<time>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
        (rf"(?<=[a-z0-9])-{_SAFE}{{8,10}}-{_SAFE}{{5}}\b", "-<hash>-<id>"),
        (rf"(?<=[a-z0-9])-{_SAFE}{{8,10}}\b", "-<hash>"),
        (rf"(?<=pod-template-hash[=:]){_SAFE}{{8,10}}\b", "<hash>"),
        # A Job's pods, by the names of the suite's Jobs: not every word of five letters is an id.
        (rf"\b(done|failed|late|made|running)-{_SAFE}{{5}}\b", r"\1-<id>"),
        (rf"\bdefault-token-{_SAFE}{{5}}\b", "<token>"),
        (rf"\bkube-api-access-{_SAFE}{{5}}\b", "<token>"),
        (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "<ip>"),
        (r"(?<=resource version )\d+", "<version>"),
        (rf"(?<=[a-z])-{_SAFE}{{5}}\b", "-<id>"),
        (r'(?<=resourceVersion\\":\\")\d+', "<version>"),
    )
]
_CONTAINER = re.compile(r"\b[a-z-]+://(sha256:)?[0-9a-f]{64}\b|[a-z][\w./-]*@sha256:[0-9a-f]{64}\b")
# Chance: whether a readiness probe comes too early, 1.20's controllers meet each other, its mounts
# wait, its runtime still has a log that is followed; and what kubectl logs of its own connections.
_INCIDENTAL = re.compile(
    r"Unhealthy|FailedToUpdateEndpoint|FailedMount|Error: No such container|"
    r"^[EIW]\d{4} [\d:.]+ +\d+ (reflector|v3)\.go:"
)
_AGE = re.compile(r"(?<![=\w.-])\d+[dhms](\d+[hms])?(?![\w.])")
_VOLATILE = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink", "generateName"}
)
_BLANKS = re.compile(r"[ \t]{2,}|\t")
_DIFF_HEADER = re.compile(r"^(diff |--- |\+\+\+ |@@ )")
_SKEW = re.compile(r"(?i)warning: version difference between client")
_BUILD = re.compile(r"(v<n>\.<n>\.<n>)[-+][\w.<>-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How an output is read besides the usual: see the fields."""

    lines: str = "list"
    """`set`: neither the order of the lines nor how often one comes counts."""
    only_first: bool = False
    """Of several objects that are alike only the first counts."""
    last_line: bool = False
    """What came before depends on the speed of the cluster."""
    exit_only: bool = False
    """The text is that of a program or of the container runtime, not of the cluster."""
    ignored: bool = False
    """It depends on the speed of the cluster whether there is any."""
    digits: bool = False
    """Measured numbers: any will do."""
    rows: bool = False
    """A watch's Table: what each object was seen to be, in order, without repetitions."""
    without: str = ""
    """Lines with this pattern show a state that is only seen by chance."""
    diff: bool = False
    """A unified diff, whose file names are temporary ones."""


def normalise(text: str, form: Form, node: str) -> str:
    if form.ignored:
        return ""
    if form.exit_only:
        return "<text>" if text.strip() else ""
    # Before the node's name is: ids may begin with it.
    text = _CONTAINER.sub("<container>", text)
    if node:
        text = re.sub(rf"\b{re.escape(node)}\b", "<node>", text)
    document = _document(text)
    if document is not None:
        if form.only_first and document.get("items"):
            document["items"] = document["items"][:1]
        text = yaml.safe_dump(_stable(document), sort_keys=True, width=1000, allow_unicode=True)
        return _replaced(_without(text, form))
    if form.only_first:
        text = text.split("\n\n\n")[0]
    text = _without(text, form)
    if form.rows:
        text = _by_object(text)
    return "\n".join(_lines(_replaced(text), form))


def _without(text: str, form: Form) -> str:
    if not form.without:
        return text
    return "\n".join(line for line in text.splitlines() if not re.search(form.without, line))


def _lines(text: str, form: Form) -> list[str]:
    # A tenth of a core, 100m, is no age.
    lines = [line if "cpu" in line else _AGE.sub("<age>", line) for line in text.splitlines()]
    lines = [_BLANKS.sub("  ", line).rstrip() for line in lines]
    lines = [line for line in lines if not _SKEW.match(line)]
    lines = _events_sorted([line for line in lines if not _INCIDENTAL.search(line)])
    if form.diff:
        lines = [line for line in lines if not _DIFF_HEADER.match(line)]
    if form.digits:
        lines = [_BUILD.sub(r"\1", re.sub(r"\d+", "<n>", line)) for line in lines]
    if form.last_line:
        lines = lines[-1:]
    if form.lines == "set":
        lines = sorted(set(lines))
    return lines


def _by_object(text: str) -> str:
    """The lines of each object together; alike ones in a row once; objects in any order."""
    objects: dict[str, list[str]] = {}
    for line in text.splitlines():
        seen = objects.setdefault(line.split(" ")[0], [])
        plain = _BLANKS.sub("  ", _AGE.sub("<age>", _replaced(line))).rstrip()
        if plain not in seen[-1:]:
            seen.append(plain)
    return "\n".join(line for lines in sorted(objects.values()) for line in lines)


def _events_sorted(lines: list[str]) -> list[str]:
    """At the end of a `describe`: those of one second stand in any order."""
    for number, line in enumerate(lines):
        if line.startswith("Events:"):
            return lines[: number + 1] + sorted(set(lines[number + 1 :]))
    return lines


def _replaced(text: str) -> str:
    for pattern, with_ in _RULES:
        text = pattern.sub(with_, text)
    return text


def _document(text: str) -> dict[str, Any] | None:
    """The object of `-o yaml` and `-o json`."""
    if text.startswith("apiVersion:"):
        document = yaml.safe_load(text)
        return document if isinstance(document, dict) else None
    if text.startswith("{\n"):
        document = json.loads(text)
        return document if isinstance(document, dict) and "apiVersion" in document else None
    return None


def _stable(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {
            name: "<hash>" if name == "pod-template-hash" else _stable(item, name)
            for name, item in value.items()
            if name not in _VOLATILE
        }
    if isinstance(value, list):
        items = [_stable(item) for item in value]
        if key == "conditions":  # their order is that in which a controller came to them
            items.sort(key=lambda item: str(item.get("type")))
        return items
    return value
