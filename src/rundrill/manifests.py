"""Manifests on disk, or the objects of a cluster, to `Resources`. No secret is kept.

A folder with a kustomization is built by `kubectl kustomize`, any other is read file by file.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from rundrill.errors import RundrillError, TargetError
from rundrill.resources import WORKLOADS, Resource, Resources

KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_NAMES_ONLY: Final = (
    r'jsonpath={range .items[*]}{.metadata.namespace}{"\t"}{.metadata.name}{"\t"}'
    r'{.metadata.labels}{"\n"}{end}'
)
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_BUDGET_S: Final = 60


class ManifestError(RundrillError):
    """The manifests cannot be read."""


def read_manifests(folder: Path, kubectl: Path | None) -> Resources:
    """Raises `ManifestError`, or `TargetError` where kubectl is needed and there is none."""
    if not folder.exists():
        raise ManifestError("there are no manifests", path=folder, fix="name a folder or a file")
    if folder.is_dir() and any((folder / name).is_file() for name in KUSTOMIZATIONS):
        texts: Iterable[tuple[Path, str]] = [(folder, _kustomize(folder, kubectl))]
    else:
        files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        texts = [(path, _text(path)) for path in files if path.suffix in _SUFFIXES]
    objects = tuple(_resource(found) for path, text in texts for found in _documents(text, path))
    if not objects:
        raise ManifestError(
            "no Kubernetes object is in there", path=folder, fix="name the folder that is applied"
        )
    return Resources(source=str(folder), objects=objects)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """Which cluster is asked, and with which kubectl."""

    kubectl: Path
    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def name(self) -> str:
        if self.context is not None:
            return f"context {self.context}"
        return "the current context" if self.kubeconfig is None else str(self.kubeconfig)

    def get(self, kind: str, output: str) -> "subprocess.CompletedProcess[str]":
        everywhere = [] if kind == "Namespace" else ["--all-namespaces"]
        return _run(
            [
                str(self.kubectl),
                *([] if self.kubeconfig is None else [f"--kubeconfig={self.kubeconfig}"]),
                *([] if self.context is None else [f"--context={self.context}"]),
                *("--request-timeout=20s", "get", kind.lower(), *everywhere, "-o", output),
            ]
        )


def read_cluster(
    access: ClusterAccess, kinds: Iterable[str]
) -> tuple[Resources, Mapping[str, str]]:
    """What a cluster holds of these kinds, and why it does not say so of some.

    Raises `TargetError` when it cannot be asked at all: then not even its namespaces are known.
    """
    objects: list[Resource] = []
    unknown: dict[str, str] = {}
    wanted = {"Namespace", *kinds}
    for kind in sorted(wanted):
        answer = access.get(kind, _NAMES_ONLY if kind == "Secret" else "json")
        if answer.returncode == 0:
            objects += _secrets(answer.stdout) if kind == "Secret" else _items(kind, answer.stdout)
            continue
        unknown[kind] = _last(answer.stderr)
        if kind == "Namespace":
            raise TargetError(
                f"{access.name}: its namespaces cannot be listed: {unknown[kind]}",
                fix="name a context whose user may list them, or use --manifests",
            )
    known = frozenset(wanted - set(unknown))
    found = Resources(source=access.name, objects=tuple(objects), live=True, kinds=known)
    return found, unknown


def _secrets(text: str) -> Iterator[Resource]:
    """Of a secret only its name and labels were asked for."""
    for line in text.splitlines():
        namespace, name, labels = line.split("\t")
        yield Resource(
            kind="Secret",
            namespace=namespace,
            name=name,
            labels=json.loads(labels) if labels else {},
        )


def _items(kind: str, text: str) -> Iterator[Resource]:
    for item in json.loads(text or '{"items": []}')["items"]:
        yield _resource({**item, "kind": kind}, default_namespace="")


def _kustomize(folder: Path, kubectl: Path | None) -> str:
    if kubectl is None:
        raise TargetError(
            "its kustomization needs kubectl, and there is none",
            path=folder,
            fix="install kubectl, name one with --kubectl, or name a folder of plain manifests",
        )
    answer = _run([str(kubectl), "kustomize", str(folder)])
    if answer.returncode != 0:
        raise ManifestError(
            f"`kubectl kustomize` fails: {_last(answer.stderr)}",
            path=folder,
            fix="correct the kustomization",
        )
    return answer.stdout


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_BUDGET_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise TargetError(f"kubectl does not answer: {problem}", path=argv[0]) from problem


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else "it says nothing"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ManifestError(f"cannot be read: {problem}", path=path) from problem


def _documents(text: str, path: Path) -> Iterator[Mapping[str, Any]]:
    """The objects of a text, those of lists one by one; what is none (values files) is left out."""
    try:
        documents = list(yaml.load_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        raise ManifestError(
            f"is not YAML: {problem.problem}",
            path=path,
            line=None if mark is None else mark.line + 1,
            column=None if mark is None else mark.column + 1,
            fix="a chart's templates are no manifests: name the folder that they are rendered to"
            if "{{" in text
            else "correct it",
        ) from problem
    except yaml.YAMLError as problem:
        raise ManifestError(f"is not YAML: {problem}", path=path) from problem
    for document in documents:
        if not isinstance(document, dict) or "apiVersion" not in document:
            continue
        if str(document.get("kind", "")).endswith("List"):
            yield from (item for item in document.get("items") or () if isinstance(item, dict))
        elif document.get("kind") and isinstance(document.get("metadata"), dict):
            yield document


def _resource(found: Mapping[str, Any], default_namespace: str = "default") -> Resource:
    kind, metadata = str(found.get("kind", "")), _mapping(found.get("metadata"))
    spec = _mapping(found.get("spec"))
    if kind == "CronJob":
        spec = _mapping(_mapping(spec.get("jobTemplate")).get("spec"))
    template = _mapping(spec.get("template")) if kind in WORKLOADS else {}
    pod = spec if kind == "Pod" else _mapping(template.get("spec"))
    containers = [
        one
        for key in ("containers", "initContainers")
        for one in pod.get(key) or ()
        if isinstance(one, dict)
    ]
    namespace = "" if kind == "Namespace" else str(metadata.get("namespace") or default_namespace)
    replicas = spec.get("replicas")
    return Resource(
        kind=kind,
        namespace=namespace,
        name=str(metadata.get("name", "")),
        labels=_labels(metadata),
        pod_labels=_labels(_mapping(template.get("metadata"))),
        containers=tuple(str(one.get("name", "")) for one in containers),
        images=tuple(str(one.get("image", "")) for one in containers),
        ports=_ports(kind, spec, containers),
        replicas=replicas if isinstance(replicas, int) else None,
    )


def _ports(
    kind: str, spec: Mapping[str, Any], containers: Iterable[Mapping[str, Any]]
) -> tuple[int, ...]:
    if kind == "Service":
        found = [one.get("port") for one in spec.get("ports") or () if isinstance(one, dict)]
    else:
        found = [
            port.get("containerPort")
            for one in containers
            for port in one.get("ports") or ()
            if isinstance(port, dict)
        ]
    return tuple(port for port in found if isinstance(port, int))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _labels(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in _mapping(metadata.get("labels")).items()}
